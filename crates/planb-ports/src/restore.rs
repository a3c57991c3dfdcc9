//! What is asked of a restore.

use crate::Accounts;
use jiff::Timestamp;
use planb_model::recovery::LogPosition;

/// How a restore is done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RestoreOptions {
    /// The point to restore to.
    pub to: RestoreTo,
    /// How the loaded snapshot is compared with its manifest.
    pub verify: Verify,
    /// What becomes of the accounts in the snapshot.
    pub accounts: Accounts,
}

/// The point a restore goes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RestoreTo {
    /// The newest that can be recovered.
    #[default]
    Latest,
    /// The last transaction committed at or before this moment, by the source's clock.
    Time(Timestamp),
    /// The last transaction at or before this place, in the engine's own words:
    /// a GTID, `binlog.000007:1234`, an LSN.
    Position(String),
    /// The consistent point of one snapshot, without log.
    Snapshot(String),
}

/// How a loaded snapshot is compared with its manifest, table by table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// Row counts and row hashes: every row is read back.
    #[default]
    Rows,
    /// Row counts only.
    Counts,
    /// Not at all. What was loaded is then unverified, and is called so.
    Off,
}

/// Where applying log has to stop, between two transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Until {
    /// Behind the last transaction committed at or before this moment.
    Time(Timestamp),
    /// Behind this place, in the engine's own words.
    Position(String),
}

/// How applying a segment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SegmentEnd {
    /// All of it was applied.
    All,
    /// The asked point lies inside, here; the rest was not applied.
    Stopped(LogPosition),
}
