//! What a vault keeps and what goes.
//!
//! Deleting is the one thing in a vault that cannot be mended, so every doubt
//! keeps: a clock that runs behind, snapshots that cannot be read, a vault
//! without one whole snapshot.

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
    /// Whether the clock is behind what the vault has seen. Then nothing goes.
    pub clock_behind: bool,
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
    let clock_behind = newest_first.iter().any(|s| s.taken_at > now);
    let mut kept: Vec<Vec<Kept>> = vec![Vec::new(); newest_first.len()];
    if clock_behind || newest_first.iter().all(|s| !s.whole) {
        let why = match clock_behind {
            true => Kept::ClockBehind,
            false => Kept::Newest,
        };
        kept.iter_mut().for_each(|reasons| reasons.push(why));
        return Retained {
            snapshots: decisions(&newest_first, kept),
            log: Vec::new(),
            clock_behind,
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
        clock_behind,
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
    first(
        exact_points(policy, newest_first, &whole, now),
        Kept::ExactPoints,
    );
    for index in whole.iter().take(policy.keep_last as usize) {
        kept[*index].push(Kept::KeepLast);
    }
    for (index, snapshot) in newest_first.iter().enumerate() {
        if is_younger(snapshot.taken_at, policy.keep_for, now) {
            kept[index].push(Kept::KeepFor);
        }
        if is_younger(snapshot.taken_at, policy.immutable_for, now) {
            kept[index].push(Kept::Immutable);
        }
    }
    let mut last_of_each = |count: u32, why, period: fn(Timestamp) -> (i16, i16)| {
        let mut seen = BTreeSet::new();
        for index in &whole {
            let period = period(newest_first[*index].taken_at);
            if seen.len() < count as usize && seen.insert(period) {
                kept[*index].push(why);
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

/// The snapshot the oldest exact points that are kept start from.
fn exact_points(
    policy: &RetentionPolicy,
    newest_first: &[SnapshotFact],
    whole: &[usize],
    now: Timestamp,
) -> Option<usize> {
    if policy.keep_for.is_zero() {
        return None;
    }
    let serves = |i: &usize| {
        let at = newest_first[*i].consistent_at;
        at.is_some_and(|at| !is_younger(at, policy.keep_for, now))
    };
    whole.iter().copied().find(serves)
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
        use Kept::{ClockBehind, ExactPoints, KeepFor, KeepLast, LastVerified, Newest};
        matches!(
            why,
            Newest | LastVerified | KeepLast | KeepFor | ExactPoints | ClockBehind
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
