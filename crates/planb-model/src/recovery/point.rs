//! What can be recovered: the snapshots of a vault, and the log behind each.

use super::{Engine, LogPosition, SegmentSeq, SignatureState, Verdict};
use crate::Epoch;
use jiff::Timestamp;
use serde::Serialize;

/// A snapshot in a vault, and how far its log leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotPoint {
    /// Its identifier; begins with the time it was begun.
    pub id: String,
    /// Epoch of its writer.
    pub epoch: Epoch,
    /// The segment that continues it; it may not exist yet.
    pub next_segment: SegmentSeq,
    /// Why it cannot be restored, as far as can be seen without reading parts.
    pub damage: Option<String>,
    /// What its manifest says; `None` when that cannot be read.
    pub facts: Option<SnapshotSummary>,
    /// The log behind it; `None` when there is none, or it does not go on.
    pub log: Option<LogRange>,
    /// The newest verification of it, if there was one.
    pub verified: Option<Verdict>,
    /// The newest look for signs of tampering, if there was one.
    pub clean: Option<Verdict>,
}

/// What a manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotSummary {
    /// What wrote it.
    pub engine: Engine,
    /// Version text of the database server or library.
    pub server_version: String,
    /// When taking it began.
    pub taken_at: Timestamp,
    /// No transaction in it was committed after this.
    pub consistent_at: Option<Timestamp>,
    /// Its place in the log.
    pub position: LogPosition,
    /// Number of objects.
    pub parts: u64,
    /// Bytes as stored.
    pub stored_bytes: u64,
    /// Bytes before compression.
    pub raw_bytes: u64,
    /// Number of user tables.
    pub tables: u64,
    /// Rows in them.
    pub rows: u64,
    /// Whether its objects are encrypted.
    pub encrypted: bool,
    /// Whether its manifest is signed.
    pub signature: SignatureState,
}

/// Log without a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogRange {
    /// Its first segment.
    pub first: SegmentSeq,
    /// Its last segment.
    pub last: SegmentSeq,
    /// Where it begins: the snapshot.
    pub from: Place,
    /// Where it ends.
    pub to: Place,
    /// Bytes as stored.
    pub stored_bytes: u64,
    /// Whether nothing can come after it in its epoch.
    pub ended: bool,
}

/// A place in the log with the time it was written at, by the writer's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub position: LogPosition,
}
