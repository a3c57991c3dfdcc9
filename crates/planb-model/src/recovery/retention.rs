//! What is kept in a vault, what goes, and why.

use super::SegmentSeq;
use crate::Epoch;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long what is kept. Rules add up: a snapshot stays while any of them
/// wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RetentionPolicy {
    /// The newest this many snapshots; at least one is kept anyway.
    pub keep_last: u32,
    /// Snapshots, and the log for exact points, of this time.
    pub keep_for: Duration,
    /// The last snapshot of each of so many days (UTC) that have one.
    pub daily: u32,
    /// … of so many ISO weeks.
    pub weekly: u32,
    /// … of so many months.
    pub monthly: u32,
    /// … of so many years.
    pub yearly: u32,
    /// The store refuses to delete anything younger than this.
    pub immutable_for: Duration,
}

impl Default for RetentionPolicy {
    fn default() -> Self {
        Self {
            keep_last: 3,
            keep_for: Duration::from_secs(30 * 24 * 3_600),
            daily: 0,
            weekly: 0,
            monthly: 0,
            yearly: 0,
            immutable_for: Duration::ZERO,
        }
    }
}

/// Why a snapshot stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    /// It is the newest one that is whole.
    Newest,
    /// It is the newest one that was restored and found well.
    LastVerified,
    /// It is among the last ones.
    KeepLast,
    /// It is younger than the time things are kept for.
    KeepFor,
    /// Exact points of the time things are kept for start from it.
    ExactPoints,
    /// It is the last one of its day.
    Daily,
    /// It is the last one of its week.
    Weekly,
    /// It is the last one of its month.
    Monthly,
    /// It is the last one of its year.
    Yearly,
    /// The store does not let it be deleted yet.
    Immutable,
    /// It is of a time to come: the clock was ahead when it was taken, or is behind
    /// now. Nobody knows how old it is.
    TimeToCome,
}

/// Whether a snapshot stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "decision")]
pub enum Decision {
    /// It stays.
    Keep {
        /// Why; at least one reason.
        reasons: Vec<Kept>,
    },
    /// No rule wants it.
    Delete,
}

/// A snapshot and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotDecision {
    /// The snapshot.
    pub id: String,
    /// Epoch of its writer.
    pub epoch: Epoch,
    /// When taking it began.
    pub taken_at: Timestamp,
    /// Whether it stays.
    #[serde(flatten)]
    pub decision: Decision,
}

/// Log that goes: everything of an epoch before a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cut {
    /// The epoch.
    pub epoch: Epoch,
    /// The first segment that stays.
    pub before: SegmentSeq,
}

/// An object that stays because the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LockedObject {
    /// Its key.
    pub key: String,
    /// Until then, as the store tells; `None` when it tells no end, or only that
    /// deleting is not allowed.
    pub until: Option<Timestamp>,
}

/// What pruning did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PruneReport {
    /// Whether nothing was really deleted.
    pub dry_run: bool,
    /// Every snapshot, newest first.
    pub snapshots: Vec<SnapshotDecision>,
    /// Log that goes.
    pub log: Vec<Cut>,
    /// Objects deleted, in this order.
    pub deleted: Vec<String>,
    /// Their bytes.
    pub deleted_bytes: u64,
    /// Objects the store did not let go; they are tried again next time.
    pub locked: Vec<LockedObject>,
    /// Objects among `deleted` that are folded log, or its signatures.
    pub folded: u64,
    /// Objects among `deleted` that belonged to no snapshot: what a crash left.
    pub orphans: u64,
}
