//! The port this crate exists for.

use crate::backup::Backup;
use crate::chain::Ends;
use crate::layout::Layout;
use crate::point::Verified;
use crate::protect::{Run, protect};
use crate::restore::Followed;
use crate::seal::Seal;
use crate::sign::Signing;
use crate::spool::{Spool, SpoolOptions};
use crate::vault::Vault;
use crate::{VaultOptions, drain, restore};
use async_trait::async_trait;
use planb_model::recovery::{
    AppliedMark, LogRange, NewRecord, PruneReport, Record, RecordKind, RecoveryPoint, RestorePlan,
    RetentionPolicy, SnapshotManifest, SnapshotPoint,
};
use planb_model::{Epoch, ServiceName, SiteName};
use planb_ports::repository::{ProtectControl, RestoreReport};
use planb_ports::{
    Clock, Database, Disk, PortResult, Progress, Random, Repository, RestoreOptions,
    SnapshotOptions, VaultStorage,
};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Temporary failures of one put in a row while leftovers are shipped; about
/// five seconds.
const LEFTOVER_ATTEMPTS_MAX: u32 = 6;

/// The repository of one service in a vault. Cheap to make: nothing is read
/// before a method is called.
pub struct VaultRepository {
    vault: Vault,
    /// What `recovery_point` has checked already.
    verified: Mutex<Option<Verified>>,
    /// Where the copy stood that `follow` was called for last.
    followed: Mutex<Option<Followed>>,
}

impl VaultRepository {
    /// A repository in `storage`, in a folder named after `service`.
    ///
    /// # Errors
    /// `Invalid` when the options' keys are no age keys or do not fit together.
    pub fn new(
        storage: Arc<dyn VaultStorage>,
        service: ServiceName,
        options: VaultOptions,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> PortResult<Self> {
        let signing = Signing::new(options.signing_key.as_ref(), &options.trusted_signers)?;
        let seal = Seal::new(&options.recipients, options.identity.as_ref())?;
        let seal = seal.with(signing.clone());
        let vault = Vault {
            storage,
            layout: Layout::new(service.clone()),
            service,
            seal,
            signing,
            options,
            clock,
            random,
            ends: Ends::default(),
            spool: None,
        };
        Ok(Self {
            vault,
            verified: Mutex::new(None),
            followed: Mutex::new(None),
        })
    }

    /// Has log wait on `disk` while the storage is slow or away. Without it,
    /// little waits in memory and reading the source stops.
    #[must_use]
    pub fn with_spool(mut self, disk: Arc<dyn Disk>, options: SpoolOptions) -> Self {
        self.vault.spool = Some(Spool { disk, options });
        self
    }

    /// Ships what a spool has for the newest epoch and the vault does not: the
    /// only copy when the source is lost. Must not run beside `protect`.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn ship_spooled(&self) -> PortResult<()> {
        match self.vault.epochs().await?.pop() {
            Some(epoch) => self.vault.ship_spooled(epoch, LEFTOVER_ATTEMPTS_MAX).await,
            None => Ok(()),
        }
    }

    /// Every snapshot with the log behind it, newest first.
    ///
    /// # Errors
    /// Of the storage. What is damaged is told in its point, and is no error.
    pub async fn points(&self) -> PortResult<Vec<SnapshotPoint>> {
        Box::pin(crate::points::points(&self.vault.patient())).await
    }

    /// What [`Repository::restore`] would do with the same options. Touches
    /// nothing.
    ///
    /// # Errors
    /// Those of a restore that are known before it begins.
    pub async fn plan_restore(
        &self,
        database: &dyn Database,
        options: &RestoreOptions,
        progress: &dyn Progress,
    ) -> PortResult<RestorePlan> {
        let vault = self.vault.patient();
        Box::pin(restore::plan(&vault, database, options, progress)).await
    }

    /// The manifest of a snapshot.
    ///
    /// # Errors
    /// `NotFound` when there is none of this identifier; what damages it.
    pub async fn manifest(&self, id: &str) -> PortResult<SnapshotManifest> {
        Ok(self.vault.patient().manifest_of(id).await?.1)
    }

    /// Whether the store keeps the snapshot's manifest and all of its parts from
    /// being replaced and deleted; `None` when it does not tell.
    ///
    /// # Errors
    /// As [`VaultRepository::manifest`], and those of the storage.
    pub async fn is_immutable(&self, id: &str) -> PortResult<Option<bool>> {
        self.vault.patient().is_immutable(id).await
    }

    /// Whether the store keeps the log from being changed; `None` when it does
    /// not tell.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn is_log_immutable(&self, epoch: Epoch, log: &LogRange) -> PortResult<Option<bool>> {
        self.vault.is_log_immutable(epoch, log).await
    }

    /// Deletes what `policy` does not keep, or only tells what that would be.
    /// May be broken off anywhere, and may run beside everything else: what is
    /// left is whole.
    ///
    /// # Errors
    /// Those of the storage, other than that an object is locked. What was
    /// deleted before stays deleted; the same call goes on.
    pub async fn prune(&self, policy: &RetentionPolicy, dry_run: bool) -> PortResult<PruneReport> {
        Box::pin(crate::prune::prune(&self.vault, policy, dry_run)).await
    }

    /// Deletes the snapshots `ids`, or only tells what that would be. Log stays.
    ///
    /// # Errors
    /// `NotFound` for one that is not there, `Conflict` for the newest whole one, the
    /// last verified one and the one that exact points of `policy` start from: then
    /// nothing is deleted. Else as [`VaultRepository::prune`].
    pub async fn prune_named(
        &self,
        ids: &[String],
        policy: &RetentionPolicy,
        dry_run: bool,
    ) -> PortResult<PruneReport> {
        Box::pin(crate::prune::prune_named(&self.vault, ids, policy, dry_run)).await
    }

    /// Writes a record about a snapshot, signed when there is a key.
    ///
    /// # Errors
    /// Those of the storage; the same record may be written again.
    pub async fn put_record(&self, record: NewRecord) -> PortResult<Record> {
        self.vault.put_record(record).await
    }

    /// All records of a kind that can be trusted, oldest first.
    ///
    /// # Errors
    /// Those of the storage.
    pub async fn records(&self, kind: RecordKind) -> PortResult<Vec<Record>> {
        self.vault.patient().records(kind).await
    }
}

impl VaultRepository {
    /// Takes one snapshot of `database` under the newest epoch, beside a stream
    /// that may be running elsewhere, and never writes log. The first use of a
    /// vault claims its first epoch.
    ///
    /// # Errors
    /// `Conflict` when the newest epoch belongs to another claimant, `Fenced`
    /// when it ended meanwhile.
    pub async fn backup(
        &self,
        database: &dyn Database,
        claimant: &str,
        site: &SiteName,
        options: &SnapshotOptions,
        progress: &dyn Progress,
    ) -> PortResult<Backup> {
        Box::pin(
            self.vault
                .backup(database, claimant, site, options, progress),
        )
        .await
    }
}

#[async_trait]
impl Repository for VaultRepository {
    async fn claim_epoch(&self, epoch: Epoch, claimant: &str, site: &SiteName) -> PortResult<()> {
        self.vault.claim(epoch, claimant, site).await
    }

    async fn newest_epoch(&self) -> PortResult<Option<Epoch>> {
        Ok(self.vault.epochs().await?.pop())
    }

    async fn close_log(&self, by: Epoch) -> PortResult<()> {
        self.vault.close_older(by).await
    }

    async fn protect(
        &self,
        database: Arc<dyn Database>,
        epoch: Epoch,
        control: Arc<dyn ProtectControl>,
    ) -> PortResult<()> {
        let run = Run {
            vault: &self.vault,
            database: &*database,
            epoch,
            control: &*control,
            shipped: std::sync::Mutex::default(),
        };
        // Boxed: it is large, and lives in the engine's tasks.
        Box::pin(protect(run)).await
    }

    async fn drain(&self, database: &dyn Database, epoch: Epoch) -> PortResult<AppliedMark> {
        Box::pin(drain::drain(&self.vault, database, epoch)).await
    }

    async fn restore(
        &self,
        database: &dyn Database,
        options: &RestoreOptions,
        progress: &dyn Progress,
    ) -> PortResult<RestoreReport> {
        let vault = self.vault.patient();
        let (report, _) = Box::pin(restore::restore(&vault, database, options, progress)).await?;
        Ok(report)
    }

    async fn follow(
        &self,
        database: &dyn Database,
        progress: &dyn Progress,
    ) -> PortResult<RestoreReport> {
        let vault = self.vault.patient();
        let mut known = self.followed.lock().await;
        Box::pin(restore::follow(&vault, database, progress, &mut known)).await
    }

    async fn recovery_point(&self) -> PortResult<RecoveryPoint> {
        let mut verified = self.verified.lock().await;
        Box::pin(crate::point::recovery_point(&self.vault, &mut verified)).await
    }
}
