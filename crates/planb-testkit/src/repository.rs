//! A fake of the backup repository: the vault's rules (claims, chains by epoch,
//! closing, snapshots last) over memory, moving real bytes of any
//! [`Database`](planb_ports::Database) through a [`Link`].

mod protect;
mod restore;
mod spool;
mod vault;

#[cfg(test)]
mod tests;

use crate::{Link, fake_error, lock};
use async_trait::async_trait;
use planb_model::recovery::{AppliedMark, RecoveryPoint};
use planb_model::{Epoch, ServiceName, SiteName};
use planb_ports::repository::{ProtectControl, RestoreReport};
use planb_ports::{
    Clock, Database, ErrorKind, PortResult, Progress, Repository, RestoreOptions, RestoreTo,
};
use spool::Spool;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use vault::Vault;

/// How protection runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositorySettings {
    /// Time from a commit to the segment that carries it.
    pub flush_interval: Duration,
    /// Bytes that make a segment before that.
    pub flush_bytes: u64,
    /// Time between canaries.
    pub canary_interval: Duration,
    /// Time between snapshots.
    pub snapshot_interval: Duration,
    /// Pause after a temporary failure.
    pub retry_pause: Duration,
    /// Segments that wait on the control plane's disk while the vault is away;
    /// beyond it the source is not read.
    pub spool_segments_max: usize,
}

impl Default for RepositorySettings {
    fn default() -> Self {
        Self {
            flush_interval: Duration::from_millis(500),
            flush_bytes: 64 * 1024,
            canary_interval: Duration::from_secs(1),
            snapshot_interval: Duration::from_secs(60),
            retry_pause: Duration::from_millis(500),
            spool_segments_max: 64,
        }
    }
}

/// A repository of one service. Clones share the vault.
#[derive(Clone)]
pub struct FakeRepository {
    service: ServiceName,
    settings: RepositorySettings,
    clock: Arc<dyn Clock>,
    vault: Arc<Mutex<Vault>>,
    spool: Arc<Mutex<Spool>>,
    link: Link,
}

impl FakeRepository {
    /// A repository over an empty vault.
    pub fn new(
        service: ServiceName,
        settings: RepositorySettings,
        clock: impl Clock + 'static,
    ) -> Self {
        Self {
            service,
            settings,
            clock: Arc::new(clock),
            vault: Arc::default(),
            spool: Arc::default(),
            link: Link::direct(),
        }
    }

    /// The same vault behind `link`, used by a process with `clock`.
    #[must_use]
    pub fn through(&self, link: Link, clock: impl Clock + 'static) -> Self {
        Self {
            link,
            clock: Arc::new(clock),
            ..self.clone()
        }
    }

    /// Keys of the user rows in everything that a restore would bring back now.
    pub fn recoverable_keys(&self) -> BTreeSet<String> {
        lock(&self.vault).recoverable_keys()
    }

    /// Keys of the user rows in everything that was ever durable here.
    pub fn ever_durable(&self) -> BTreeSet<String> {
        lock(&self.vault).ever_durable.clone()
    }

    /// Whether a restore is possible at all.
    pub fn is_recoverable(&self) -> bool {
        lock(&self.vault).newest_chain().is_some()
    }

    /// Epochs whose chain is closed.
    pub fn closed(&self) -> BTreeSet<Epoch> {
        lock(&self.vault).closed()
    }

    /// Epochs claimed, oldest first, in the order of the claims.
    pub fn claims(&self) -> Vec<(Epoch, String)> {
        lock(&self.vault).claims()
    }

    /// Segments and snapshots taken after the chain of their epoch was closed.
    /// Not 0 only after [`FakeRepository::remove_epoch_check`].
    pub fn written_after_closing(&self) -> u64 {
        lock(&self.vault).written_after_closing
    }

    /// Segments that ever waited on the control plane's disk.
    pub fn spooled(&self) -> u64 {
        lock(&self.spool).spooled
    }

    /// Keys of user rows that waited there when a chain was closed from there,
    /// and are in no vault. None, unless [`FakeRepository::forget_spool`].
    pub fn left_behind(&self) -> BTreeSet<String> {
        lock(&self.spool).left_behind.clone()
    }

    /// Breaks the spool on purpose: closing a chain does not take it along. For
    /// tests that must fail.
    pub fn forget_spool(&self) {
        lock(&self.spool).forgotten = true;
    }

    /// Breaks the vault on purpose: closed chains can be extended. For tests
    /// that must fail.
    pub fn remove_epoch_check(&self) {
        lock(&self.vault).unchecked = true;
    }
}

#[async_trait]
impl Repository for FakeRepository {
    async fn claim_epoch(&self, epoch: Epoch, claimant: &str, site: &SiteName) -> PortResult<()> {
        let (vault, claimant, site) = (self.vault.clone(), claimant.to_owned(), site.clone());
        let claim = move || lock(&vault).claim(epoch, &claimant, &site);
        self.link.call_or_late(("claim-epoch", epoch), claim).await
    }

    async fn newest_epoch(&self) -> PortResult<Option<Epoch>> {
        let read = || Ok(lock(&self.vault).newest_claim());
        self.link.call("newest-epoch", read).await
    }

    async fn close_log(&self, by: Epoch) -> PortResult<()> {
        self.rescue(by).await?;
        let vault = self.vault.clone();
        let close = move || {
            lock(&vault).close(by);
            Ok(())
        };
        self.link.call_or_late(("close-log", by), close).await
    }

    async fn protect(
        &self,
        database: Arc<dyn Database>,
        epoch: Epoch,
        control: Arc<dyn ProtectControl>,
    ) -> PortResult<()> {
        self.run_protect(database.as_ref(), epoch, control.as_ref())
            .await
    }

    async fn drain(&self, database: &dyn Database, epoch: Epoch) -> PortResult<AppliedMark> {
        self.run_drain(database, epoch).await
    }

    async fn restore(
        &self,
        database: &dyn Database,
        options: &RestoreOptions,
        progress: &dyn Progress,
    ) -> PortResult<RestoreReport> {
        if options.to != RestoreTo::Latest {
            let message = "the fake vault restores to the newest point only";
            return Err(fake_error(ErrorKind::Unsupported, message));
        }
        self.run_restore(database, progress).await
    }

    async fn recovery_point(&self) -> PortResult<RecoveryPoint> {
        let read = || lock(&self.vault).recovery_point();
        self.link.call("recovery-point", read).await
    }
}
