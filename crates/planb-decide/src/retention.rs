//! What a vault keeps and what goes.
//!
//! Deleting is the one thing in a vault that cannot be mended, so every doubt
//! keeps: a snapshot of a time to come, snapshots that cannot be read, a vault
//! without one whole snapshot.
//!
//! Clocks are wrong at times, the order of snapshots never is. Age alone asks a
//! clock: one that is behind now, or was ahead when a snapshot was taken, makes
//! things look younger, so that less goes, never more. One that was behind when a
//! snapshot was taken makes it look older; the snapshots before it tell how old it
//! is at most.

#[cfg(test)]
mod properties;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use planb_model::Epoch;
use planb_model::recovery::{Cut, Decision, Kept, RetentionPolicy, SegmentSeq, SnapshotDecision};
use std::collections::BTreeSet;
use std::time::Duration;

/// A snapshot in a vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFact {
    /// Its identifier.
    pub id: String,
    /// Epoch of its writer.
    pub epoch: Epoch,
    /// Where the log behind it goes on.
    pub next_segment: SegmentSeq,
    /// When taking it began.
    pub taken_at: Timestamp,
    /// A moment it may be restored for; `None` when that is not known.
    pub consistent_at: Option<Timestamp>,
    /// Whether its manifest can be read and its parts are there.
    pub whole: bool,
    /// Whether its newest verification passed.
    pub verified: bool,
}

/// The log of one epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainFact {
    /// The epoch.
    pub epoch: Epoch,
    /// The first segment that is there.
    pub first: SegmentSeq,
    /// The last one: the open end, or the closing segment.
    pub last: SegmentSeq,
}

/// What becomes of everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retained {
    /// Every snapshot, newest first.
    pub snapshots: Vec<SnapshotDecision>,
    /// Log that goes.
    pub log: Vec<Cut>,
}

/// Decides what stays under `policy`.
///
/// Always kept: the newest snapshot that is whole, the newest one that was
/// verified, what starts the log of the time that is kept for exact points, the
/// log behind all of these, and the last object of every chain.
pub fn retain(
    policy: &RetentionPolicy,
    snapshots: &[SnapshotFact],
    chains: &[ChainFact],
    now: Timestamp,
) -> Retained {
    let mut newest_first = snapshots.to_vec();
    newest_first.sort_by(|a, b| order(b).cmp(&order(a)));
    let mut kept: Vec<Vec<Kept>> = vec![Vec::new(); newest_first.len()];
    if newest_first.iter().all(|s| !s.whole) {
        kept.iter_mut()
            .for_each(|reasons| reasons.push(Kept::Newest));
        return Retained {
            snapshots: decisions(&newest_first, kept),
            log: Vec::new(),
        };
    }
    keep(policy, &newest_first, now, &mut kept);
    let log = chains
        .iter()
        .filter_map(|chain| cut(chain, &newest_first, &kept))
        .collect();
    Retained {
        snapshots: decisions(&newest_first, kept),
        log,
    }
}

fn order(s: &SnapshotFact) -> (Epoch, SegmentSeq, &str) {
    (s.epoch, s.next_segment, &s.id)
}

fn keep(
    policy: &RetentionPolicy,
    newest_first: &[SnapshotFact],
    now: Timestamp,
    kept: &mut [Vec<Kept>],
) {
    let whole: Vec<usize> = (0..newest_first.len())
        .filter(|i| newest_first[*i].whole)
        .collect();
    let mut first = |index: Option<usize>, why| {
        if let Some(index) = index {
            kept[index].push(why);
        }
    };
    first(whole.first().copied(), Kept::Newest);
    let verified = whole.iter().copied().find(|i| newest_first[*i].verified);
    first(verified, Kept::LastVerified);
    let taken = Taken::of(newest_first, now);
    let base = exact_points(policy, newest_first, &taken, now);
    first(base, Kept::ExactPoints);
    for index in whole.iter().take(policy.keep_last as usize) {
        kept[*index].push(Kept::KeepLast);
    }
    for (index, at) in taken.at_least.iter().enumerate() {
        if *at > now {
            kept[index].push(Kept::TimeToCome);
            // It may be as old as the one the exact points start from, and no older.
            if !policy.keep_for.is_zero() && base.is_none_or(|base| index < base) {
                kept[index].push(Kept::KeepFor);
            }
            continue;
        }
        let serves_from = newest_first[index]
            .consistent_at
            .map_or(*at, |c| c.max(*at));
        if is_younger(serves_from, policy.keep_for, now) {
            kept[index].push(Kept::KeepFor);
        }
        if is_younger(*at, policy.immutable_for, now) {
            kept[index].push(Kept::Immutable);
        }
    }
    let mut last_of_each = |count: u32, why, period: fn(Timestamp) -> (i16, i16)| {
        // By either time: a wrong one takes no other's place.
        for times in [&taken.told, &taken.at_least] {
            let mut seen = BTreeSet::new();
            for index in whole.iter().filter(|i| times[**i] <= now) {
                if seen.len() < count as usize && seen.insert(period(times[*index])) {
                    kept[*index].push(why);
                }
            }
        }
    };
    last_of_each(policy.daily, Kept::Daily, |at| {
        let date = date(at);
        (date.year(), date.day_of_year())
    });
    last_of_each(policy.weekly, Kept::Weekly, |at| {
        let week = date(at).iso_week_date();
        (week.year(), week.week().into())
    });
    last_of_each(policy.monthly, Kept::Monthly, |at| {
        (date(at).year(), date(at).month().into())
    });
    last_of_each(policy.yearly, Kept::Yearly, |at| (date(at).year(), 0));
}

/// When snapshots were taken, newest first.
struct Taken {
    /// By the clock of then.
    told: Vec<Timestamp>,
    /// Not before those that come before them, of a time to come excepted: one of
    /// these would make all after it young until that time.
    at_least: Vec<Timestamp>,
}

impl Taken {
    fn of(newest_first: &[SnapshotFact], now: Timestamp) -> Self {
        let told: Vec<Timestamp> = newest_first.iter().map(|s| s.taken_at).collect();
        let mut at_least = told.clone();
        let mut latest = Timestamp::MIN;
        for at in at_least.iter_mut().rev().filter(|at| **at <= now) {
            latest = latest.max(*at);
            *at = latest;
        }
        Self { told, at_least }
    }
}

/// The snapshot the oldest exact points that are kept start from.
fn exact_points(
    policy: &RetentionPolicy,
    newest_first: &[SnapshotFact],
    taken: &Taken,
    now: Timestamp,
) -> Option<usize> {
    if policy.keep_for.is_zero() {
        return None;
    }
    let serves = |i: &usize| {
        // It begins to be taken before its point.
        let at = newest_first[*i].consistent_at;
        let at = at.map(|at| at.max(taken.at_least[*i]));
        newest_first[*i].whole && at.is_some_and(|at| !is_younger(at, policy.keep_for, now))
    };
    (0..newest_first.len()).find(serves)
}

fn is_younger(at: Timestamp, age: Duration, now: Timestamp) -> bool {
    let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
    !age.is_zero() && now.duration_since(at) < age
}

fn date(at: Timestamp) -> jiff::civil::Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// The log of `chain` that no kept snapshot needs. A snapshot that is kept for
/// itself alone, such as the last one of a month, needs none.
fn cut(chain: &ChainFact, newest_first: &[SnapshotFact], kept: &[Vec<Kept>]) -> Option<Cut> {
    let needs_log = |why: &Kept| {
        use Kept::{ExactPoints, KeepFor, KeepLast, LastVerified, Newest};
        matches!(
            why,
            Newest | LastVerified | KeepLast | KeepFor | ExactPoints
        )
    };
    let of_chain = newest_first.iter().zip(kept);
    let needed = of_chain
        .filter(|(s, why)| s.epoch == chain.epoch && why.iter().any(needs_log))
        .map(|(s, _)| s.next_segment)
        .min();
    // The segment before tells whether the log goes on behind the snapshot.
    let before = needed.map_or(chain.last, |next| SegmentSeq(next.0.saturating_sub(1)));
    let before = before.min(chain.last);
    (before > chain.first).then_some(Cut {
        epoch: chain.epoch,
        before,
    })
}

fn decisions(newest_first: &[SnapshotFact], kept: Vec<Vec<Kept>>) -> Vec<SnapshotDecision> {
    let decided = newest_first.iter().zip(kept);
    decided
        .map(|(snapshot, mut reasons)| {
            reasons.sort();
            reasons.dedup();
            SnapshotDecision {
                id: snapshot.id.clone(),
                epoch: snapshot.epoch,
                taken_at: snapshot.taken_at,
                decision: match reasons.is_empty() {
                    true => Decision::Delete,
                    false => Decision::Keep { reasons },
                },
            }
        })
        .collect()
}
