//! All observers together: shed traffic, promote, or wait, and why.

use super::{LossPolicy, ObserverState, Reason};
use jiff::Timestamp;
use planb_model::Text;
use planb_model::status::Verdict;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the data says, besides the observers. Both are needed to promote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataCheck {
    /// Whether the other site has something it can be restored from.
    pub recoverable: bool,
    /// Whether the active site's canaries have stopped arriving at the other
    /// side for longer than they ever should. While they arrive the site takes
    /// writes, whatever the observers say, and promoting would make two of it.
    pub canary_stale: bool,
}

/// What to do about a site, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// The verdict over all observers. DOWN is said by the quorum that sheds.
    pub verdict: Verdict,
    /// Whether traffic to the site should be shed.
    pub shed: bool,
    /// Whether the other site may be promoted. Never without `shed`.
    pub promote: bool,
    /// What it rests on, or what it waits for.
    pub reason: Reason,
    /// The reason in words.
    pub why: Text,
    /// Each observer's verdict.
    pub observers: BTreeMap<String, Verdict>,
    /// End of the first failed round of those who complain (of those who say
    /// DOWN, once the site is); where the detect phase begins.
    pub first_failure_at: Option<Timestamp>,
}

/// Judges a site by the observers of it.
///
/// `states` holds every configured observer. The quorums are numbers of the
/// policy and never shrink: an observer that is excluded, silent or missing
/// makes a decision harder, not easier.
pub fn judge(
    states: &BTreeMap<String, ObserverState>,
    policy: &LossPolicy,
    data: &DataCheck,
    now: Timestamp,
) -> Judgement {
    let observers: BTreeMap<String, Verdict> = states
        .iter()
        .map(|(name, state)| (name.clone(), state.verdict(policy, now)))
        .collect();
    let is_down = |name: &str| observers.get(name) == Some(&Verdict::Down);
    let down = count(observers.values().filter(|v| **v == Verdict::Down));
    let failing = count(states.iter().filter(|(n, s)| is_down(n) && s.is_failing()));
    let able = count(observers.values().filter(|v| **v != Verdict::Unknown));
    let complaints = observers
        .values()
        .any(|v| *v != Verdict::Up && *v != Verdict::Unknown);

    let shed = down >= policy.shed_needed();
    let quorum = failing >= policy.promote_needed();
    let promote = shed && quorum && data.recoverable && data.canary_stale;
    let reason = if promote {
        Reason::Lost { down }
    } else if shed && !quorum {
        Reason::TooFewToPromote {
            down: failing,
            needed: policy.promote_needed(),
        }
    } else if shed && !data.recoverable {
        Reason::NotRecoverable
    } else if shed {
        Reason::StillWriting
    } else if able < policy.shed_needed() {
        Reason::TooFewCanTell {
            able,
            needed: policy.shed_needed(),
        }
    } else if complaints {
        Reason::TooFewDown {
            down,
            needed: policy.shed_needed(),
        }
    } else {
        Reason::Well
    };
    Judgement {
        verdict: verdict_of(&reason),
        shed,
        promote,
        why: reason.text(count(states.values()), &excluded(states)),
        reason,
        first_failure_at: first_failure(states, &observers, shed),
        observers,
    }
}

fn verdict_of(reason: &Reason) -> Verdict {
    match reason {
        Reason::Well => Verdict::Up,
        Reason::TooFewCanTell { .. } => Verdict::Unknown,
        Reason::TooFewDown { .. } => Verdict::Suspect,
        Reason::TooFewToPromote { .. }
        | Reason::NotRecoverable
        | Reason::StillWriting
        | Reason::Lost { .. } => Verdict::Down,
    }
}

fn excluded(states: &BTreeMap<String, ObserverState>) -> Vec<&str> {
    states
        .iter()
        .filter(|(_, state)| state.is_excluded())
        .map(|(name, _)| name.as_str())
        .collect()
}

fn first_failure(
    states: &BTreeMap<String, ObserverState>,
    observers: &BTreeMap<String, Verdict>,
    shed: bool,
) -> Option<Timestamp> {
    states
        .iter()
        .filter(|(name, _)| match observers.get(*name) {
            Some(Verdict::Down) => true,
            Some(Verdict::Suspect) => !shed,
            _ => false,
        })
        .filter_map(|(_, state)| state.failing_since())
        .min()
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::properties::{POLICY, at, round, site};
    use super::*;
    use planb_model::Lang;

    const DATA: DataCheck = DataCheck {
        recoverable: true,
        canary_stale: true,
    };

    /// Observers after five rounds: `d` DOWN, `u` UP, `s` SUSPECT, `x` excluded,
    /// `r` DOWN but answered in its newest round, `.` never heard of.
    fn states(letters: &str) -> BTreeMap<String, ObserverState> {
        let mut states = BTreeMap::new();
        for (index, letter) in letters.chars().enumerate() {
            let mut state = ObserverState::new(site());
            for second in 1..=6 {
                let ok = match letter {
                    'u' => true,
                    's' => second < 4,
                    'r' => second == 6,
                    _ => false,
                };
                if letter != '.' {
                    state.apply(&round(second, ok, letter != 'x'), &POLICY);
                }
            }
            states.insert(
                format!("{}{index}", letter.to_string().replace('.', "n")),
                state,
            );
        }
        states
    }

    fn check(letters: &str, data: DataCheck, expected: Reason) -> Judgement {
        let judgement = judge(&states(letters), &POLICY, &data, at(6));
        assert_eq!(judgement.reason, expected, "{letters}");
        assert_eq!(judgement.promote, matches!(expected, Reason::Lost { .. }));
        judgement
    }

    #[test]
    fn three_of_five_shed_and_four_of_five_promote() {
        check("uuuuu", DATA, Reason::Well);
        check("duuuu", DATA, Reason::TooFewDown { down: 1, needed: 3 });
        check("suuuu", DATA, Reason::TooFewDown { down: 0, needed: 3 });
        check("dduuu", DATA, Reason::TooFewDown { down: 2, needed: 3 });
        let shed = check(
            "ddduu",
            DATA,
            Reason::TooFewToPromote { down: 3, needed: 4 },
        );
        assert!(shed.shed);
        assert_eq!(shed.verdict, Verdict::Down);
        assert_eq!(shed.first_failure_at, Some(at(1)));
        assert!(check("ddddu", DATA, Reason::Lost { down: 4 }).shed);
        check("ddddd", DATA, Reason::Lost { down: 5 });
    }

    #[test]
    fn excluded_and_silent_observers_never_lower_the_quorum() {
        let judgement = check("ddxxx", DATA, Reason::TooFewCanTell { able: 2, needed: 3 });
        assert_eq!(judgement.verdict, Verdict::Unknown);
        assert!(!judgement.shed);
        check("dd...", DATA, Reason::TooFewCanTell { able: 2, needed: 3 });
        check("dduxx", DATA, Reason::TooFewDown { down: 2, needed: 3 });
        check(
            "dddx.",
            DATA,
            Reason::TooFewToPromote { down: 3, needed: 4 },
        );
        check("xxxxx", DATA, Reason::TooFewCanTell { able: 0, needed: 3 });
    }

    #[test]
    fn promotion_needs_the_data_check() {
        let nothing_there = DataCheck {
            recoverable: false,
            ..DATA
        };
        assert!(check("ddddd", nothing_there, Reason::NotRecoverable).shed);
        let writing = DataCheck {
            canary_stale: false,
            ..DATA
        };
        assert!(check("ddddd", writing, Reason::StillWriting).shed);
    }

    #[test]
    fn a_site_that_answered_just_now_is_not_promoted_away_from() {
        let judgement = check(
            "dddrr",
            DATA,
            Reason::TooFewToPromote { down: 3, needed: 4 },
        );
        assert!(judgement.shed);
        check("ddddr", DATA, Reason::Lost { down: 5 });
    }

    #[test]
    fn a_quorum_of_zero_means_one() {
        let policy = LossPolicy {
            shed_quorum: 0,
            promote_quorum: 0,
            ..POLICY
        };
        let judgement = judge(&states("uuu"), &policy, &DATA, at(6));
        assert!(!judgement.shed && !judgement.promote);
        let judgement = judge(&BTreeMap::new(), &policy, &DATA, at(6));
        assert!(!judgement.shed && !judgement.promote);
        assert_eq!(judgement.verdict, Verdict::Unknown);
    }

    #[test]
    fn the_words_say_why_nothing_happened_and_who_is_excluded() {
        let judgement = check("dduux", DATA, Reason::TooFewDown { down: 2, needed: 3 });
        assert_eq!(
            judgement.why.get(Lang::En),
            "2 of 5 observers say DOWN, 3 are needed to shed traffic; \
             excluded because their own canary fails: x4"
        );
        assert_eq!(
            judgement.why.get(Lang::Ko),
            "관측자 5개 중 2개가 DOWN으로 판단했습니다. 트래픽을 차단하려면 3개가 필요합니다 \
             (자체 카나리 실패로 제외된 관측자: x4)"
        );
    }
}
