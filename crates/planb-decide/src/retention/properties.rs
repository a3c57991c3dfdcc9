//! Whatever the policy: what must stay stays.

use super::*;
use proptest::prelude::*;

const HOUR: i64 = 3_600;
const START: i64 = 1_700_000_000;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_second(START + hours * HOUR).expect("in range")
}

fn policies() -> impl Strategy<Value = RetentionPolicy> {
    let counts = (0..4u32, 0..4u32, 0..4u32, 0..4u32, 0..3u32);
    (counts, 0..200i64, 0..100i64).prop_map(|(counts, keep, immutable)| RetentionPolicy {
        keep_last: counts.0,
        daily: counts.1,
        weekly: counts.2,
        monthly: counts.3,
        yearly: counts.4,
        keep_for: Duration::from_secs((keep * HOUR) as u64),
        immutable_for: Duration::from_secs((immutable * HOUR) as u64),
    })
}

/// A vault in the order it was written: snapshots hours apart, and now and then
/// a new epoch.
fn vaults() -> impl Strategy<Value = (Vec<SnapshotFact>, Vec<ChainFact>, i64)> {
    let one = (1..60i64, 0..5u64, 0..6u8, any::<bool>(), 0..10u8);
    prop::collection::vec(one, 1..30).prop_map(|steps| {
        let (mut hours, mut epoch, mut seq) = (0, 1, 1);
        let mut chains: Vec<ChainFact> = Vec::new();
        let mut snapshots = Vec::new();
        for (n, (gap, log, new_epoch, verified, damage)) in steps.into_iter().enumerate() {
            hours += gap;
            seq += log;
            if new_epoch == 0 {
                (epoch, seq) = (epoch + 1, 1);
            }
            chains.retain(|c| c.epoch != Epoch(epoch));
            chains.push(ChainFact {
                epoch: Epoch(epoch),
                first: SegmentSeq::FIRST,
                last: SegmentSeq(seq + 3),
            });
            snapshots.push(SnapshotFact {
                id: format!("{n:03}"),
                epoch: Epoch(epoch),
                next_segment: SegmentSeq(seq),
                taken_at: at(hours),
                consistent_at: Some(at(hours)),
                whole: damage > 0,
                verified,
            });
        }
        (snapshots, chains, hours)
    })
}

fn stays(retained: &Retained, id: &str) -> bool {
    let found = retained.snapshots.iter().find(|s| s.id == id);
    matches!(&found.expect("decided").decision, Decision::Keep { reasons } if !reasons.is_empty())
}

fn has_log(retained: &Retained, s: &SnapshotFact) -> bool {
    let cut = retained.log.iter().find(|c| c.epoch == s.epoch);
    // With the segment before, which tells whether the log goes on.
    cut.is_none_or(|c| c.before < s.next_segment || s.next_segment <= SegmentSeq::FIRST)
}

/// What `right` keeps and `wrong` does not.
fn more(right: &Retained, wrong: &Retained, snapshots: &[SnapshotFact]) -> Option<String> {
    let gone = snapshots
        .iter()
        .find(|s| stays(right, &s.id) && !stays(wrong, &s.id));
    let cut = wrong.log.iter().find(|cut| {
        let of = right.log.iter().find(|c| c.epoch == cut.epoch);
        of.is_none_or(|c| c.before < cut.before)
    });
    gone.map(|s| format!("{s:?}"))
        .or_else(|| cut.map(|c| format!("{c:?}")))
}

proptest! {
    #[test]
    fn what_must_stay_stays(policy in policies(), vault in vaults(), later in 0..400i64) {
        let (snapshots, chains, end) = vault;
        let now = at(end + later);
        let retained = retain(&policy, &snapshots, &chains, now);
        prop_assert_eq!(retained.snapshots.len(), snapshots.len());

        let newest_first = || snapshots.iter().rev().filter(|s| s.whole);
        let always = [newest_first().next(), newest_first().find(|s| s.verified)];
        for must in always.into_iter().flatten() {
            prop_assert!(stays(&retained, &must.id), "{must:?}");
            prop_assert!(has_log(&retained, must), "{must:?} {:?}", retained.log);
        }
        // Every moment of the time that is kept can be restored as before.
        let keep = policy.keep_for.as_secs() as i64 / HOUR;
        for hours in (end + later - keep + 1).max(0)..=end + later {
            let base = newest_first().find(|s| s.consistent_at <= Some(at(hours)));
            if let Some(base) = base {
                prop_assert!(stays(&retained, &base.id), "{hours} {base:?}");
                prop_assert!(has_log(&retained, base), "{hours} {base:?}");
            }
        }
        for chain in &chains {
            let cut = retained.log.iter().find(|c| c.epoch == chain.epoch);
            prop_assert!(cut.is_none_or(|c| c.before <= chain.last), "the end of a chain stays");
        }
        for s in &snapshots {
            if now.duration_since(s.taken_at).as_secs() < policy.immutable_for.as_secs() as i64 {
                prop_assert!(stays(&retained, &s.id), "not deletable yet");
            }
        }
    }

    #[test]
    fn a_clock_that_is_behind_never_deletes_more(
        policy in policies(), vault in vaults(), later in 0..200i64, back in 1..1_000i64,
    ) {
        let (snapshots, chains, end) = vault;
        let right = retain(&policy, &snapshots, &chains, at(end + later));
        let behind = retain(&policy, &snapshots, &chains, at(end + later - back));
        prop_assert_eq!(more(&right, &behind, &snapshots), None);
    }

    #[test]
    fn a_clock_that_was_ahead_never_has_more_deleted(
        policy in policies(), vault in vaults(), later in 0..200i64, back in 0..200i64,
        ahead in prop::collection::vec((any::<bool>(), 0..3_000i64, 0..4u8), 30),
    ) {
        let (snapshots, chains, end) = vault;
        // Which day a snapshot is of only its own clock tells.
        let policy = RetentionPolicy { daily: 0, weekly: 0, monthly: 0, yearly: 0, ..policy };
        let mut told = snapshots.clone();
        for (s, (is_ahead, hours, whose)) in told.iter_mut().zip(ahead) {
            let ahead = SignedDuration::from_hours(if is_ahead { hours } else { 0 });
            // Of this machine, of the source, or of both.
            if whose != 0 {
                s.taken_at += ahead;
            }
            if whose != 1 {
                s.consistent_at = s.consistent_at.map(|at| at + ahead);
            }
        }
        let right = retain(&policy, &snapshots, &chains, at(end + later));
        let wrong = retain(&policy, &told, &chains, at(end + later - back));
        prop_assert_eq!(more(&right, &wrong, &snapshots), None);
    }

    #[test]
    fn whatever_clocks_said_the_newest_and_the_last_verified_stay(
        policy in policies(), vault in vaults(), now in -1_000..3_000i64,
        off in prop::collection::vec(-2_000..2_000i64, 30),
    ) {
        let (mut snapshots, chains, _) = vault;
        for (s, off) in snapshots.iter_mut().zip(off) {
            s.taken_at += SignedDuration::from_hours(off);
            s.consistent_at = Some(s.taken_at);
        }
        let retained = retain(&policy, &snapshots, &chains, at(now));
        let newest_first = || snapshots.iter().rev().filter(|s| s.whole);
        let always = [newest_first().next(), newest_first().find(|s| s.verified)];
        for must in always.into_iter().flatten() {
            prop_assert!(stays(&retained, &must.id), "{must:?}");
            prop_assert!(has_log(&retained, must), "{must:?} {:?}", retained.log);
        }
    }

    #[test]
    fn what_stayed_stays_when_it_is_asked_again(policy in policies(), vault in vaults()) {
        let (mut snapshots, chains, end) = vault;
        let now = at(end + 24);
        let first = retain(&policy, &snapshots, &chains, now);
        snapshots.retain(|s| stays(&first, &s.id));
        let second = retain(&policy, &snapshots, &chains, now);
        prop_assert!(snapshots.iter().all(|s| stays(&second, &s.id)));
    }
}

fn fact(n: u64, day: &str, verified: bool) -> SnapshotFact {
    let taken_at: Timestamp = format!("{day}T03:00:00Z").parse().expect("a day");
    SnapshotFact {
        id: format!("{n:02} {day}"),
        epoch: Epoch(1),
        next_segment: SegmentSeq(n * 100),
        taken_at,
        consistent_at: Some(taken_at),
        whole: true,
        verified,
    }
}

#[test]
fn days_weeks_months_and_years_keep_their_last_one_each() {
    let days = [
        "2024-12-30",
        "2025-01-31",
        "2025-12-31",
        "2026-01-30",
        "2026-01-31",
        "2026-02-01",
        "2026-02-02",
        "2026-02-03",
    ];
    let numbered = (1..).zip(days);
    let facts: Vec<_> = numbered.map(|(n, day)| fact(n, day, n == 1)).collect();
    let chains = [ChainFact {
        epoch: Epoch(1),
        first: SegmentSeq(1),
        last: SegmentSeq(900),
    }];
    let policy = RetentionPolicy {
        keep_last: 1,
        keep_for: Duration::ZERO,
        daily: 2,
        weekly: 2,
        monthly: 3,
        yearly: 2,
        immutable_for: Duration::ZERO,
    };
    let now = "2026-02-03T12:00:00Z".parse().expect("a time");
    let retained = retain(&policy, &facts, &chains, now);
    let kept: Vec<_> = retained
        .snapshots
        .iter()
        .map(|s| match &s.decision {
            Decision::Keep { reasons } => format!("{}: {reasons:?}", &s.id[3..]),
            Decision::Delete => format!("{}: goes", &s.id[3..]),
        })
        .collect();
    assert_eq!(
        kept,
        [
            "2026-02-03: [Newest, KeepLast, Daily, Weekly, Monthly, Yearly]",
            "2026-02-02: [Daily]",
            "2026-02-01: [Weekly]",
            "2026-01-31: [Monthly]",
            "2026-01-30: goes",
            "2025-12-31: [Monthly, Yearly]",
            "2025-01-31: goes",
            "2024-12-30: [LastVerified]",
        ]
    );
    // All log from the last verified one on stays.
    assert_eq!(retained.log[0].before, SegmentSeq(99));
}

fn reasons(retained: &Retained) -> Vec<String> {
    let of = |s: &SnapshotDecision| match &s.decision {
        Decision::Keep { reasons } => format!("{}: {reasons:?}", &s.id[..2]),
        Decision::Delete => format!("{}: goes", &s.id[..2]),
    };
    retained.snapshots.iter().map(of).collect()
}

fn decided(facts: &[SnapshotFact], policy: &RetentionPolicy, now: &str) -> Retained {
    let chains = [ChainFact {
        epoch: Epoch(1),
        first: SegmentSeq(1),
        last: SegmentSeq(900),
    }];
    let now = now.parse().expect("a time");
    retain(policy, facts, &chains, now)
}

const TWO_DAYS: RetentionPolicy = RetentionPolicy {
    keep_last: 1,
    keep_for: Duration::from_secs(2 * 24 * 3_600),
    daily: 3,
    weekly: 0,
    monthly: 0,
    yearly: 0,
    immutable_for: Duration::ZERO,
};

#[test]
fn one_of_a_time_to_come_stays_and_holds_nothing_else_back() {
    let days = ["01", "02", "03", "04", "05", "06", "07", "08"];
    let facts: Vec<_> = (1..)
        .zip(days)
        .map(|(n, day)| match n {
            3 => fact(n, "2027-06-01", false),
            _ => fact(n, &format!("2026-03-{day}"), false),
        })
        .collect();
    let retained = decided(&facts, &TWO_DAYS, "2026-03-08T12:00:00Z");
    assert_eq!(
        reasons(&retained),
        [
            "08: [Newest, KeepLast, KeepFor, Daily]",
            "07: [KeepFor, Daily]",
            "06: [ExactPoints, Daily]",
            "05: goes",
            "04: goes",
            "03: [TimeToCome]",
            "02: goes",
            "01: goes",
        ]
    );
    assert_eq!(retained.log[0].before, SegmentSeq(599));
    // It may be one of the last two days: then it has its log.
    let retained = decided(&facts[..4], &TWO_DAYS, "2026-03-04T12:00:00Z");
    assert_eq!(
        reasons(&retained),
        [
            "04: [Newest, KeepLast, KeepFor, Daily]",
            "03: [KeepFor, TimeToCome]",
            "02: [ExactPoints, Daily]",
            "01: [Daily]",
        ]
    );
}

#[test]
fn one_whose_clock_was_behind_is_no_older_than_the_one_before_it() {
    let days = ["2026-03-01", "2026-03-04", "2026-03-05", "2025-11-30"];
    let mut facts: Vec<_> = (1..)
        .zip(days)
        .map(|(n, day)| fact(n, day, false))
        .collect();
    facts.push(fact(5, "2026-03-06", false));
    let retained = decided(&facts, &TWO_DAYS, "2026-03-06T12:00:00Z");
    assert_eq!(
        reasons(&retained),
        [
            "05: [Newest, KeepLast, KeepFor, Daily]",
            "04: [KeepFor, Daily]",
            "03: [KeepFor, Daily]",
            "02: [ExactPoints, Daily]",
            "01: goes",
        ]
    );
    assert_eq!(retained.log[0].before, SegmentSeq(199));
}
