//! Properties of the judge over any history, and what its tests are made of.

use super::{DataCheck, LossPolicy, ObserverState, judge};
use jiff::Timestamp;
use planb_model::SiteName;
use planb_model::observation::{Observation, ProbeKind, ProbeResult};
use planb_model::status::Verdict;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

/// The defaults: 1 s × 5 failures, 3 of 5 to shed, 4 of 5 to promote.
pub(super) const POLICY: LossPolicy = LossPolicy {
    failures: 5,
    recoveries: 2,
    shed_quorum: 3,
    promote_quorum: 4,
    stale_after: Duration::from_secs(10),
};

pub(super) fn site() -> SiteName {
    SiteName::new("seoul").expect("a name")
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

pub(super) fn round(second: i64, ok: bool, own_canary_ok: bool) -> Observation {
    Observation {
        observer: "any".to_owned(),
        site: site(),
        at: at(second),
        probes: vec![ProbeResult {
            kind: ProbeKind::Http,
            took: Duration::from_millis(1),
            error: (!ok).then(|| "connection refused".to_owned()),
        }],
        own_canary_ok,
    }
}

/// Second, whether it answered, whether the own canary was well. Seconds come
/// in any order, repeated and with jumps.
type Round = (i64, bool, bool);

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let second = prop_oneof![8 => 1..30i64, 1 => 1000..1030i64];
    prop::collection::vec((second, any::<bool>(), prop::bool::weighted(0.9)), 0..40)
}

fn observers() -> impl Strategy<Value = Vec<Vec<Round>>> {
    prop::collection::vec(rounds(), 5)
}

fn fold(rounds: &[Round]) -> ObserverState {
    let mut state = ObserverState::new(site());
    for (second, ok, canary) in rounds {
        state.apply(&round(*second, *ok, *canary), &POLICY);
    }
    state
}

fn named(states: Vec<ObserverState>) -> BTreeMap<String, ObserverState> {
    (0..).map(|i| format!("o{i}")).zip(states).collect()
}

/// An observer that is certain that the site is down at `now`.
fn down_at(now: i64) -> ObserverState {
    fold(
        &(now - 4..=now)
            .map(|s| (s, false, true))
            .collect::<Vec<_>>(),
    )
}

fn up_at(now: i64) -> ObserverState {
    fold(&(now - 4..=now).map(|s| (s, true, true)).collect::<Vec<_>>())
}

fn data() -> impl Strategy<Value = DataCheck> {
    (any::<bool>(), any::<bool>()).prop_map(|(recoverable, canary_stale)| DataCheck {
        recoverable,
        canary_stale,
    })
}

proptest! {
    #[test]
    fn one_more_down_never_turns_anything_off(
        histories in observers(), data in data(), now in 5..40i64, which in 0..5usize,
    ) {
        let mut states = named(histories.iter().map(|h| fold(h)).collect());
        let before = judge(&states, &POLICY, &data, at(now));
        states.insert(format!("o{which}"), down_at(now));
        let after = judge(&states, &POLICY, &data, at(now));
        prop_assert!(after.shed >= before.shed);
        prop_assert!(after.promote >= before.promote);
    }

    #[test]
    fn a_single_observer_never_sheds(
        history in rounds(), data in data(), now in 5..40i64, quorum in 2..5u32,
    ) {
        let policy = LossPolicy { shed_quorum: quorum, promote_quorum: quorum, ..POLICY };
        let mut states = vec![up_at(now); 4];
        states.push(fold(&history));
        let judgement = judge(&named(states), &policy, &data, at(now));
        prop_assert!(!judgement.shed && !judgement.promote);
        let alone = named(vec![fold(&history)]);
        prop_assert!(!judge(&alone, &policy, &data, at(now)).shed);
    }

    #[test]
    fn an_excluded_observer_counts_like_none(
        histories in observers(), data in data(), now in 5..40i64, which in 0..5usize,
    ) {
        let mut states = named(histories.iter().map(|h| fold(h)).collect());
        let name = format!("o{which}");
        let mut excluded = down_at(now - 1);
        excluded.apply(&round(now, false, false), &POLICY);
        states.insert(name.clone(), excluded);
        let with = judge(&states, &POLICY, &data, at(now));
        prop_assert_eq!(with.observers[&name], Verdict::Unknown);
        states.remove(&name);
        let without = judge(&states, &POLICY, &data, at(now));
        prop_assert_eq!((with.shed, with.promote), (without.shed, without.promote));
    }

    #[test]
    fn flapping_below_the_threshold_never_sheds_or_promotes(
        runs in prop::collection::vec(0..5usize, 5 * 12), data in data(),
    ) {
        // Every observer: runs of at most four failures, each ended by a success.
        let mut states = Vec::new();
        let mut now = 0;
        for runs in runs.chunks(12) {
            let mut second = 0;
            let mut state = ObserverState::new(site());
            for run in runs {
                for failed in 0..=*run {
                    second += 1;
                    state.apply(&round(second, failed == *run, true), &POLICY);
                }
            }
            now = now.max(second);
            states.push((state, second));
        }
        for moment in 1..=now {
            let judgement = judge(
                &named(states.iter().map(|(s, _)| s.clone()).collect()),
                &POLICY, &data, at(moment),
            );
            prop_assert!(!judgement.shed && !judgement.promote);
        }
    }

    #[test]
    fn promotion_never_comes_without_shedding_and_a_quorum(
        histories in observers(), data in data(), now in 5..40i64,
    ) {
        let states = named(histories.iter().map(|h| fold(h)).collect());
        let judgement = judge(&states, &POLICY, &data, at(now));
        let down = judgement.observers.values().filter(|v| **v == Verdict::Down).count();
        prop_assert!(!judgement.promote || (judgement.shed && down >= 4));
        prop_assert!(!judgement.promote || (data.recoverable && data.canary_stale));
        prop_assert_eq!(judgement.shed, down >= 3);
    }

    #[test]
    fn a_late_or_repeated_round_changes_nothing(
        history in prop::collection::vec((any::<bool>(), any::<bool>()), 1..40),
        late in 0..=10i64, ok in any::<bool>(), canary in any::<bool>(),
    ) {
        let rounds: Vec<Round> = (1..).zip(&history).map(|(s, (o, c))| (s, *o, *c)).collect();
        let newest = rounds.last().map_or(0, |(second, _, _)| *second);
        let mut state = fold(&rounds);
        let before = state.clone();
        state.apply(&round(newest - late, ok, canary), &POLICY);
        prop_assert_eq!(state, before);
    }
}
