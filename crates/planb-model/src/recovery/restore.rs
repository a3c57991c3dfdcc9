//! What a restore would do, and what it reached.

use super::{Engine, LogPosition, Place, SegmentSeq};
use crate::Epoch;
use jiff::Timestamp;
use serde::Serialize;

/// What a restore would do; nothing was touched to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RestorePlan {
    /// What wrote the snapshot.
    pub engine: Engine,
    /// The snapshot it starts from, or the target was loaded from.
    pub snapshot: String,
    /// Epoch of the chain.
    pub epoch: Epoch,
    /// When taking the snapshot began.
    pub taken_at: Timestamp,
    /// What is loaded; `None` when the target stands on the chain already and
    /// only lacks log.
    pub load: Option<SnapshotLoad>,
    /// Where log is applied from.
    pub from: LogPosition,
    /// The first segment to apply.
    pub first_segment: SegmentSeq,
    /// How many there are up to the asked point, about: the last one is looked
    /// for by the times segments were written at.
    pub segments: u64,
    /// Their bytes as stored.
    pub log_bytes: u64,
    /// Where the last of these segments ends; the asked point is at or before
    /// it. `None` without log.
    pub to: Option<Place>,
    /// Whether the log in the vault goes as far as was asked for.
    pub reaches: bool,
}

/// The loading of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotLoad {
    /// Number of objects.
    pub parts: u64,
    /// Bytes as stored.
    pub stored_bytes: u64,
    /// Bytes before compression.
    pub raw_bytes: u64,
    /// Rows in it.
    pub rows: u64,
}

/// How what was reached stands to what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reached {
    /// Everything up to the asked point, and nothing after it.
    Asked,
    /// The log in the vault ends before the asked point.
    LogEnds,
    /// The engine cannot stop inside a segment: up to the last segment that
    /// lies before the asked point as a whole.
    WholeSegments,
}
