//! A database at one site: source of snapshots and log, target of restores,
//! and holder of a fence row.

use crate::accounts::{Accounts, AccountsReport};
use crate::content::{BrokenKey, ContentCheck, ContentSample};
use crate::restore::{SegmentEnd, Until};
use crate::snapshot::{SnapshotFacts, SnapshotOptions, SnapshotSink};
use crate::{ErrorKind, PortError, PortResult, Progress};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;
use planb_model::finding::Finding;
use planb_model::recovery::{
    AppliedMark, Engine, LogPosition, PartSpec, SegmentHeader, SnapshotManifest, TableDigest,
};
use planb_model::{Canary, Epoch, ServiceName};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One database. PlanB keeps its own small tables in it (fence, canary, applied
/// mark), named `planb…`; they are never part of digests, and the fence and the
/// applied mark are never carried over to another site by a restore.
#[async_trait]
pub trait Database: Send + Sync {
    /// Its engine.
    fn engine(&self) -> Engine;

    /// Looks at everything protection or restore would need: connection,
    /// privileges, settings, clock, space. Never fails: what cannot be looked
    /// at is a finding of `Severity::Unknown` or `Error`.
    async fn check(&self, role: DatabaseRole) -> Vec<Finding>;

    /// Whether it answers a trivial query.
    async fn ping(&self) -> PortResult<()>;

    // --- source -----------------------------------------------------------

    /// Writes a consistent snapshot into `sink` without blocking writers for
    /// longer than it takes to find the consistent point.
    async fn snapshot(
        &self,
        sink: &dyn SnapshotSink,
        options: &SnapshotOptions,
        progress: &dyn Progress,
    ) -> PortResult<SnapshotFacts>;

    /// Reads the log from `start` on. `LogLost` when the database no longer has
    /// it, so that a new snapshot is needed. While the source lives, the log
    /// after the positions given to [`LogSource::shipped`] is kept where the
    /// engine allows it.
    async fn open_log(&self, start: &LogPosition) -> PortResult<Box<dyn LogSource>>;

    /// How two positions of one log are ordered; `None` when this connector
    /// cannot tell (the default) or the streams differ.
    ///
    /// A connector that answers lets the vault take later snapshots while log
    /// is shipped. The consistent point of such a snapshot may lie inside a
    /// segment, so its [`Database::apply_segment`] must skip the transactions
    /// at or before the applied mark's position.
    fn log_order(&self, _a: &LogPosition, _b: &LogPosition) -> Option<Ordering> {
        None
    }

    /// How `position` stands to a place given in the engine's own words (a GTID,
    /// `binlog.000007:1234`, an LSN): `Less` when something lies between
    /// `position` and the place. `None` when this cannot be told, or the words
    /// make no sense to the engine.
    ///
    /// The default knows the text of a position.
    fn point_order(&self, position: &LogPosition, point: &str) -> Option<Ordering> {
        if position.at == point {
            return Some(Ordering::Equal);
        }
        let point = LogPosition {
            at: point.to_owned(),
            gtid: None,
            ..position.clone()
        };
        self.log_order(position, &point)
    }

    /// What the raw bytes of a segment do, by table, as far as can be told
    /// without decoding rows; `None` when this connector does not tell.
    fn log_signals(&self, _bytes: &[u8]) -> Option<LogSignals> {
        None
    }

    /// Commits `canary` as the only row of PlanB's canary table, under `service`.
    async fn write_canary(&self, service: &ServiceName, canary: &Canary) -> PortResult<()>;

    // --- fence ------------------------------------------------------------

    /// The fence row as it stands.
    async fn fence_state(&self, service: &ServiceName) -> PortResult<FenceState>;

    /// Makes it read-only for the service under `epoch`, durably. Same epoch
    /// again: no effect. `Fenced` when the row holds a newer epoch.
    async fn fence(&self, service: &ServiceName, epoch: Epoch) -> PortResult<()>;

    /// Lets it take writes under `epoch`. Same epoch again: no effect. `Fenced`
    /// when the row holds a newer epoch.
    async fn promote(&self, service: &ServiceName, epoch: Epoch) -> PortResult<()>;

    // --- target -----------------------------------------------------------

    /// How far a restore has brought it. `None` when it was never restored into,
    /// when a restore or an apply was broken off, or after a promotion: then
    /// only a restore from a snapshot helps.
    async fn applied(&self) -> PortResult<Option<AppliedMark>>;

    /// Refuses, looking only, a snapshot that cannot be restored here whatever is
    /// in the target: one of another engine, or of files this place has no use
    /// for. [`Database::begin_restore`] refuses it the same way.
    async fn accepts(&self, manifest: &SnapshotManifest) -> PortResult<()>;

    /// Empties it for a restore, keeping aside or refusing what is not PlanB's
    /// to delete: `Conflict` when it has user tables and neither an applied
    /// mark, a broken restore nor a fence row says that PlanB may replace them.
    /// `Conflict` as well when its fence row says that it takes writes: a control
    /// plane that stood still while another one promoted it must not empty it.
    /// It has no applied mark afterwards.
    async fn begin_restore(&self, manifest: &SnapshotManifest) -> PortResult<()>;

    /// Which parts may be loaded side by side: those that follow each other in
    /// the manifest and have the same group here. A part without a group is
    /// loaded alone, which is the default.
    fn load_group(&self, _part: &PartSpec) -> Option<u32> {
        None
    }

    /// How many parts of a group are loaded at once.
    fn load_width(&self) -> usize {
        1
    }

    /// Loads one part, given as the bytes the source wrote. Parts come in the
    /// order of the manifest; those of one group in any order, and at once.
    async fn load_part(
        &self,
        part: &PartSpec,
        bytes: BoxStream<'_, PortResult<Bytes>>,
    ) -> PortResult<()>;

    /// Ends the loading of parts and sets the applied mark. The data is at the
    /// snapshot's consistent point.
    async fn end_restore(&self, mark: &AppliedMark) -> PortResult<()>;

    /// Applies the raw log bytes of one segment and sets the applied mark to
    /// `mark`. When it is broken off, either nothing was applied or
    /// [`Database::applied`] answers `None` from then on.
    ///
    /// The segment starts at the applied mark's position; only when
    /// [`Database::log_order`] answers may it start before it, and then what
    /// was applied already is skipped.
    ///
    /// With `until`, what lies behind that point is left out. When the point is
    /// inside the segment, the mark set is `mark` with that place as position
    /// and this segment as the next one. `Unsupported` when the connector
    /// cannot stop there.
    async fn apply_segment(
        &self,
        header: &SegmentHeader,
        bytes: Bytes,
        mark: &AppliedMark,
        until: Option<&Until>,
    ) -> PortResult<SegmentEnd>;

    /// Applies segments that follow each other, as [`Database::apply_segment`]
    /// would one by one; says how many were applied whole, and how the last one
    /// looked at ended. A connector overrides it when it gains from seeing more
    /// of the log at once. When it is broken off, the applied mark says how far
    /// it came, or nothing.
    async fn apply_segments(
        &self,
        segments: &[LogSegment],
        until: Option<&Until>,
    ) -> PortResult<(usize, SegmentEnd)> {
        for (whole, segment) in segments.iter().enumerate() {
            let (header, bytes) = (&segment.header, segment.bytes.clone());
            let end = self.apply_segment(header, bytes, &segment.mark, until);
            if let stopped @ SegmentEnd::Stopped(_) = end.await? {
                return Ok((whole, stopped));
            }
        }
        Ok((segments.len(), SegmentEnd::All))
    }

    /// Whether [`Database::fold`] may ever answer. Default no.
    fn folds(&self) -> bool {
        false
    }

    /// Folds segments that follow each other to what they come to: far less to
    /// apply when the same rows change again and again. `None` when they cannot
    /// be folded, such as when they change definitions, or when this connector
    /// does not fold (the default). What was folded may be folded again, under a header
    /// from its first start to its last end. Asked of the source.
    async fn fold(&self, _segments: &[(SegmentHeader, Bytes)]) -> PortResult<Option<Bytes>> {
        Ok(None)
    }

    /// Applies what [`Database::fold`] made of segments, and sets the applied
    /// mark to `mark`, which is that of the last of them. `header` has the start
    /// of the first and the end of the last; the target stands at that start.
    /// When it is broken off, the same holds as for [`Database::apply_segment`].
    ///
    /// `false` when this target cannot take it: then nothing was applied, and
    /// the segments themselves are to be applied.
    async fn apply_folded(
        &self,
        _header: &SegmentHeader,
        _bytes: Bytes,
        _mark: &AppliedMark,
    ) -> PortResult<bool> {
        Ok(false)
    }

    /// Whether the definitions in a snapshot need its accounts. Then they are made
    /// before the parts are loaded, else when all data is there.
    fn accounts_first(&self) -> bool {
        false
    }

    /// Makes the accounts that the part of kind `accounts` of a snapshot holds.
    /// See [`Database::accounts_first`] for when it is called. The same call
    /// again: nothing changes. What fails for one account is a problem in
    /// the report, and the others are made; a new account is whole or not there.
    async fn restore_accounts(&self, _part: &[u8], _how: Accounts) -> PortResult<AccountsReport> {
        Err(PortError::new(
            ErrorKind::Unsupported,
            "PB-DATABASE-NO-USERS",
            "this engine has no users",
        ))
    }

    /// Accounts in whose name something in the protected databases runs, and
    /// which the server does not have. The default knows of none.
    async fn missing_definers(&self) -> PortResult<Vec<String>> {
        Ok(Vec::new())
    }

    /// Foreign keys with rows that lead nowhere, after a snapshot of rows was
    /// loaded: they came back as they were, and whoever restores should know.
    /// The default does not look, and says so by `None`.
    async fn broken_keys(&self) -> PortResult<Option<Vec<BrokenKey>>> {
        Ok(None)
    }

    /// Row counts and order-independent hashes of all user tables, by name.
    /// A restore asks for them after the last part and before
    /// [`Database::end_restore`].
    async fn digests(&self) -> PortResult<Vec<TableDigest>>;

    /// Row counts of all user tables, by name. The default counts what
    /// [`Database::digests`] hashes; a connector with a cheaper way takes it.
    async fn row_counts(&self) -> PortResult<Vec<(String, u64)>> {
        let digests = self.digests().await?;
        Ok(digests.into_iter().map(|t| (t.table, t.rows)).collect())
    }

    /// The canary in its canary table, if any.
    async fn read_canary(&self, service: &ServiceName) -> PortResult<Option<Canary>>;

    /// The engine's own integrity check; empty when nothing is wrong.
    async fn integrity(&self) -> PortResult<Vec<Finding>>;

    /// Checks rules the engine does not enforce by itself at all times over all
    /// rows: foreign keys, UTF-8, JSON. One entry for each rule and table that
    /// was checked, also when no row breaks it. The default checks nothing.
    async fn content_checks(&self) -> PortResult<Vec<ContentCheck>> {
        Ok(Vec::new())
    }
}

/// A segment to be applied.
#[derive(Debug, Clone)]
pub struct LogSegment {
    /// Its header.
    pub header: SegmentHeader,
    /// Its raw log bytes.
    pub bytes: Bytes,
    /// The applied mark when all of it is applied.
    pub mark: AppliedMark,
}

/// What log does, by table: a measure of how much is changed and of what that
/// looks like, not of what it says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogSignals {
    /// Rows by table.
    pub tables: BTreeMap<String, RowChanges>,
    /// The changed rows as bytes, by table.
    pub content: BTreeMap<String, ContentSample>,
    /// Tables it drops.
    pub dropped: BTreeSet<String>,
}

impl LogSignals {
    /// Adds what other log does.
    pub fn merge(&mut self, other: &LogSignals) {
        for (table, rows) in &other.tables {
            let mine = self.tables.entry(table.clone()).or_default();
            mine.inserted += rows.inserted;
            mine.updated += rows.updated;
            mine.deleted += rows.deleted;
        }
        for (table, sample) in &other.content {
            self.content.entry(table.clone()).or_default().merge(sample);
        }
        self.dropped.extend(other.dropped.iter().cloned());
    }
}

/// Rows of a table that log changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowChanges {
    /// Inserted.
    pub inserted: u64,
    /// Updated.
    pub updated: u64,
    /// Deleted.
    pub deleted: u64,
}

/// What a database is looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseRole {
    /// It takes writes and is protected.
    Source,
    /// It is restored into.
    Target,
}

/// The fence row of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FenceState {
    /// The epoch in the row; `None` when there is no row yet.
    pub epoch: Option<Epoch>,
    /// Whether writes are refused now.
    pub read_only: bool,
}

/// An open log.
#[async_trait]
pub trait LogSource: Send {
    /// Waits for committed transactions and returns them as one batch: at once
    /// when `flush_bytes` have gathered, else `flush_interval` after the first
    /// transaction of the batch. No batch is larger than `flush_bytes`, however
    /// much there is to read, but for one that cannot be parted: a single
    /// transaction, or what the connector's format says. Returns `None` when `idle` passed without a transaction, or
    /// sooner when it wants to be told first what became durable; only
    /// `is_drained` says that there is nothing more.
    /// Cancel safe: a batch that was not returned is returned later.
    async fn next(
        &mut self,
        flush_bytes: u64,
        flush_interval: Duration,
        idle: Duration,
    ) -> PortResult<Option<LogBatch>>;

    /// Tells that everything before `position` is durable in the vault and need
    /// not be kept.
    async fn shipped(&mut self, position: &LogPosition) -> PortResult<()>;

    /// Whether `next` has returned everything that was committed before the
    /// call. Used to drain a fenced database.
    async fn is_drained(&mut self) -> PortResult<bool>;
}

/// Whole transactions in the engine's own bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogBatch {
    /// Position before the first transaction: the same text as the `end` of the
    /// batch before, or as the position the log was opened at. The vault knows
    /// by it that nothing is missing in between.
    pub start: LogPosition,
    /// Position after the last one.
    pub end: LogPosition,
    /// Raw log bytes; docs/formats/vault.md says for each engine how segments
    /// are put together again by hand.
    pub bytes: Bytes,
    /// Number of transactions; 0 for a piece of one that ends in a later batch.
    pub transactions: u64,
    /// When the newest transaction was read, by the reader's clock.
    pub read_at: Timestamp,
}
