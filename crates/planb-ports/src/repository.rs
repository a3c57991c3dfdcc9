//! The backup repository of one service: the vault, as the engine sees it.

use crate::{AccountsReport, BrokenKey, Database, PortResult, Progress, RestoreOptions};
use async_trait::async_trait;
use jiff::Timestamp;
use planb_model::recovery::{AppliedMark, Reached, RecoveryPoint};
use planb_model::{Canary, Epoch, SiteName, Text};
use std::sync::Arc;
use std::time::Duration;

/// Protects and restores one service.
#[async_trait]
pub trait Repository: Send + Sync {
    /// Takes `epoch` in the vault by conditional create. The same claimant again:
    /// no effect. `Fenced` when a newer epoch is there, `Conflict` when another
    /// claimant has this one.
    async fn claim_epoch(&self, epoch: Epoch, claimant: &str, site: &SiteName) -> PortResult<()>;

    /// The newest epoch claimed in the vault.
    async fn newest_epoch(&self) -> PortResult<Option<Epoch>>;

    /// Ends the log chain of every epoch older than `by` with a closing object,
    /// by conditional create at its next place, so that no older writer can
    /// ever extend it. Again: no effect.
    async fn close_log(&self, by: Epoch) -> PortResult<()>;

    /// Keeps `database` protected under `epoch`: snapshot when none continues,
    /// then log, canary by canary, until `control` says stop (`Ok`) or
    /// something fails that retrying does not mend (`Err`; `Fenced` when a
    /// newer epoch has closed the chain). Temporary failures are retried inside
    /// and shown in `control`.
    async fn protect(
        &self,
        database: Arc<dyn Database>,
        epoch: Epoch,
        control: Arc<dyn ProtectControl>,
    ) -> PortResult<()>;

    /// Ships what a fenced source has committed and not shipped, and returns
    /// when the source says that it is drained. Protection of it must be stopped.
    async fn drain(&self, database: &dyn Database, epoch: Epoch) -> PortResult<AppliedMark>;

    /// Brings `database` to the asked recovery point: from its applied mark if
    /// it has one on that chain at or before the point, else from the newest
    /// whole snapshot that leads there, whose tables are compared with the
    /// manifest before any log is applied.
    async fn restore(
        &self,
        database: &dyn Database,
        options: &RestoreOptions,
        progress: &dyn Progress,
    ) -> PortResult<RestoreReport>;

    /// Brings a standby to the end of the log, for somebody who asks again and
    /// again: as [`Repository::restore`] to the newest point does, with few requests
    /// where the log just goes on. That log was lost behind the copy may be noticed
    /// half a minute later; [`Repository::restore`] notices at once.
    async fn follow(
        &self,
        database: &dyn Database,
        progress: &dyn Progress,
    ) -> PortResult<RestoreReport> {
        let options = RestoreOptions::default();
        self.restore(database, &options, progress).await
    }

    /// What could be recovered now; reads the vault from this side, checks the
    /// chain, and looks for the newest canary. `NotFound` when nothing could.
    async fn recovery_point(&self) -> PortResult<RecoveryPoint>;
}

/// Steers and watches one run of [`Repository::protect`].
pub trait ProtectControl: Send + Sync {
    /// Whether to stop. Looked at between batches, at least every flush interval.
    fn should_stop(&self) -> bool;

    /// Tells what happened.
    fn event(&self, event: ProtectEvent);
}

/// What protection did.
#[derive(Debug, Clone, PartialEq)]
pub enum ProtectEvent {
    /// A snapshot began, and why.
    SnapshotStarted {
        /// Why.
        reason: String,
    },
    /// A snapshot is whole.
    SnapshotDone {
        /// Its identifier.
        id: String,
        /// Stored bytes.
        bytes: u64,
        /// How long it took.
        took: Duration,
        /// Whether it is of the server's files.
        files: bool,
        /// Why files or rows, where there was a choice.
        why: Option<Text>,
    },
    /// A log segment is durable in the vault.
    Shipped {
        /// Transactions in it.
        transactions: u64,
        /// Bytes before compression.
        raw_bytes: u64,
        /// Bytes as stored.
        stored_bytes: u64,
        /// From reading the newest transaction to durable.
        took: Duration,
    },
    /// A canary was read back from the vault.
    CanarySeen {
        /// The newest one.
        canary: Canary,
    },
    /// The vault is slow or away: log waits on the local disk. Told again while
    /// it does, and once more, with no bytes, when nothing waits any more.
    Spooled {
        /// Bytes that wait.
        bytes: u64,
        /// Age of the oldest transaction that is not in the vault.
        age: Duration,
    },
    /// The local disk has no more room for log that waits: nothing is read from
    /// the source until the vault takes some. The source keeps its log.
    SpoolFull {
        /// Bytes that wait.
        bytes: u64,
    },
    /// Log on the local disk was dropped: it does not continue the log in the
    /// vault, or is damaged. What the source still has is read again.
    SpoolDiscarded {
        /// Bytes that were dropped.
        bytes: u64,
        /// Why.
        reason: String,
    },
    /// The log was lost before it was shipped: points between the last segment
    /// and the next snapshot can never be restored.
    LogLost {
        /// Why.
        reason: String,
    },
    /// Something was deleted by the retention policy.
    Pruned {
        /// Snapshots that went.
        snapshots: u64,
        /// Stored bytes that went.
        bytes: u64,
    },
    /// Something failed and is tried again.
    Retrying {
        /// What failed, without secrets.
        error: String,
        /// Its code.
        code: &'static str,
        /// When it is tried again, from now.
        wait: Duration,
    },
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreReport {
    /// Where the database stands now.
    pub mark: AppliedMark,
    /// Whether a snapshot was loaded, or only log applied.
    pub loaded_snapshot: bool,
    /// Tables compared with the manifest; all of them matched.
    pub tables_compared: u64,
    /// Rows in them.
    pub rows_compared: u64,
    /// Segments applied.
    pub segments_applied: u64,
    /// Transactions applied.
    pub transactions_applied: u64,
    /// Bytes read from the vault.
    pub stored_bytes: u64,
    /// The newest canary in what was applied.
    pub canary: Option<Canary>,
    /// Whether the chain is closed, so that nothing can come after `mark`.
    pub chain_closed: bool,
    /// How `mark` stands to the asked point.
    pub reached: Reached,
    /// The moment `mark` stands for, as far as is known: the asked one when log
    /// was stopped there, else when the last segment or snapshot was written.
    pub reached_at: Option<Timestamp>,
    /// What became of the accounts, when any were asked for.
    pub accounts: Option<AccountsReport>,
    /// Accounts in whose name views, routines, triggers or events run, and which
    /// the target does not have: using those fails. Looked at after a snapshot
    /// was loaded.
    pub missing_definers: Vec<String>,
    /// Foreign keys whose rows lead nowhere, as in the source. Looked at after a
    /// snapshot of rows was loaded and its rows were compared, which takes about
    /// as long; `None` when they were not looked at.
    pub broken_keys: Option<Vec<BrokenKey>>,
}
