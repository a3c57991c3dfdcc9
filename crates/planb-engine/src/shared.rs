//! What the parts of one service know in common.
//!
//! Everything here can be rebuilt from the store and by looking: it is lost
//! with the process, and nothing depends on it being remembered.

use crate::journal::Journal;
use crate::service::status;
use crate::signal::{Listener, Signal};
use crate::{EngineError, ServicePorts, SitePorts};
use planb_decide::Fold;
use planb_decide::health::Judgement;
use planb_model::execution::Execution;
use planb_model::recovery::RecoveryPoint;
use planb_model::service::ServiceRecord;
use planb_model::status::{ProtectionState, ServiceStatus, SpoolStatus, VerificationStatus};
use planb_model::{Canary, ExecutionId, SiteName};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};

/// What is known of protection.
#[derive(Debug, Clone)]
pub(crate) struct ProtectionView {
    pub(crate) state: ProtectionState,
    /// The newest canary read back.
    pub(crate) canary: Option<Canary>,
    /// When it was, by the monotonic clock.
    pub(crate) canary_seen_at: Option<Duration>,
    pub(crate) recovery_point: Option<RecoveryPoint>,
    /// Whether the last look at the vault found something to recover from.
    pub(crate) recoverable: bool,
    pub(crate) segments: u64,
    pub(crate) transactions: u64,
    /// Log that waits on the local disk.
    pub(crate) spool: Option<SpoolStatus>,
    pub(crate) error: Option<String>,
    /// What is wrong in the vault by the last look at it.
    pub(crate) vault_error: Option<String>,
}

impl Default for ProtectionView {
    fn default() -> Self {
        Self {
            state: ProtectionState::Stopped,
            canary: None,
            canary_seen_at: None,
            recovery_point: None,
            recoverable: false,
            segments: 0,
            transactions: 0,
            spool: None,
            error: None,
            vault_error: None,
        }
    }
}

/// The common knowledge of one service.
pub(crate) struct Shared {
    pub(crate) ports: ServicePorts,
    /// The store's record, as last read.
    pub(crate) record: watch::Sender<Option<ServiceRecord>>,
    /// The execution that has not finished.
    journal: Mutex<Option<Arc<Journal>>>,
    /// The same, to be looked at without waiting.
    moving: watch::Sender<Option<Arc<Journal>>>,
    pub(crate) protection: watch::Sender<ProtectionView>,
    pub(crate) verification: watch::Sender<VerificationStatus>,
    pub(crate) judgement: watch::Sender<Option<Judged>>,
    /// Held while a source's log is read: by protection or by a drain.
    pub(crate) protecting: Mutex<()>,
    /// Held while a database is restored into.
    pub(crate) restoring: Mutex<()>,
    /// Sent when record or journal changed, or somebody should look again.
    changed: Signal,
    pub(crate) status: watch::Sender<ServiceStatus>,
}

/// A judgement, and of which site.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    /// The site that was active then. A judgement says nothing of another one.
    pub(crate) site: SiteName,
    pub(crate) judgement: Judgement,
}

impl Shared {
    pub(crate) fn new(ports: ServicePorts) -> Arc<Self> {
        let status = watch::Sender::new(status::blank(&ports));
        Arc::new(Self {
            ports,
            record: watch::Sender::new(None),
            journal: Mutex::new(None),
            moving: watch::Sender::new(None),
            protection: watch::Sender::new(ProtectionView::default()),
            verification: watch::Sender::new(VerificationStatus::default()),
            judgement: watch::Sender::new(None),
            protecting: Mutex::new(()),
            restoring: Mutex::new(()),
            changed: Signal::default(),
            status,
        })
    }

    /// Site `name`, connected.
    pub(crate) fn site(&self, name: &SiteName) -> Result<&SitePorts, EngineError> {
        let found = self.ports.sites.get(name);
        found.ok_or_else(|| EngineError::NoSite(name.clone()))
    }

    /// Hears when somebody should look again.
    pub(crate) fn subscribe(&self) -> Listener {
        self.changed.listen()
    }

    /// Has everybody look again.
    pub(crate) fn wake(&self) {
        self.changed.send();
    }

    /// The record as last read; `None` before it was registered.
    pub(crate) fn record(&self) -> Option<ServiceRecord> {
        self.record.borrow().clone()
    }

    /// Takes over what the store answered. An answer that was overtaken by a
    /// newer one is dropped.
    pub(crate) fn set_record(&self, record: ServiceRecord) {
        let changed = self.record.send_if_modified(|known| {
            let age = |r: &ServiceRecord| (r.epoch, r.active_epoch);
            if known.as_ref().is_some_and(|k| age(k) > age(&record)) {
                return false;
            }
            let differs = known.as_ref() != Some(&record);
            *known = Some(record);
            differs
        });
        if changed {
            self.wake();
        }
    }

    /// Registers the service if need be and reads its record.
    pub(crate) async fn refresh_record(&self) -> Result<ServiceRecord, EngineError> {
        let ports = &self.ports;
        let primary = &ports.plan.primary.name;
        let now = ports.clock.now();
        let record = ports.store.register(ports.service(), primary, now).await?;
        self.set_record(record.clone());
        Ok(record)
    }

    /// The execution that has not finished, as far as its journal tells.
    pub(crate) fn moving(&self) -> Option<Arc<Fold>> {
        let journal = self.moving.borrow().clone();
        let fold = journal.map(|j| j.fold());
        fold.filter(|f| f.finished().is_none())
    }

    /// Whether an execution has begun to move the service. One that waits for
    /// its approval moves nothing yet.
    pub(crate) fn is_moving(&self) -> bool {
        self.moving().is_some_and(|f| f.was_begun(|_| true))
    }

    /// Whether the record names a site that nobody is moving away from: no
    /// execution under way, and none given up half-way.
    pub(crate) fn settled(&self) -> Option<ServiceRecord> {
        let record = self.record()?;
        let settled = record.epoch == record.active_epoch && !self.is_moving();
        settled.then_some(record)
    }

    /// The journal of `id`, open once in this process.
    pub(crate) async fn journal(&self, id: &ExecutionId) -> Result<Arc<Journal>, EngineError> {
        let mut open = self.journal.lock().await;
        if let Some(journal) = open.as_ref().filter(|j| j.id() == id) {
            return Ok(journal.clone());
        }
        let execution = self.ports.store.execution(id).await?;
        self.open(&mut open, &execution).await
    }

    /// Opens the journal of `execution`, which was read from the store or just
    /// opened there.
    pub(crate) async fn journal_of(
        &self,
        execution: &Execution,
    ) -> Result<Arc<Journal>, EngineError> {
        let mut open = self.journal.lock().await;
        if let Some(journal) = open.as_ref().filter(|j| j.id() == &execution.id) {
            return Ok(journal.clone());
        }
        self.open(&mut open, execution).await
    }

    async fn open(
        &self,
        open: &mut Option<Arc<Journal>>,
        execution: &Execution,
    ) -> Result<Arc<Journal>, EngineError> {
        let journal = Journal::open(&self.ports, execution, self.changed.clone()).await?;
        if journal.fold().finished().is_none() {
            *open = Some(journal.clone());
            self.moving.send_replace(Some(journal.clone()));
            self.wake();
        }
        Ok(journal)
    }
}
