//! The queue as its three users see it: the reader of the log, the shipper, and
//! the one that writes to disk. They run in one task and never hold the lock
//! while they wait.

use super::files::{Files, Spooled};
use super::queue::{Queue, Waiting};
use crate::protect::Run;
use crate::retry::Backoff;
use crate::ship::{Encoded, Resume};
use crate::vault::Vault;
use jiff::Timestamp;
use planb_ports::repository::ProtectEvent;
use planb_ports::{PortResult, repository::ProtectControl};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// What was read and is not in the vault.
pub(crate) struct Backlog<'a> {
    pub(super) vault: &'a Vault,
    pub(super) files: Option<Files<'a>>,
    queue: Mutex<Queue>,
    /// For the shipper: something waits.
    pub(super) pushed: Notify,
    /// For the writer to disk: look now.
    pub(super) look: Notify,
    /// For the reader: there is room, or something is durable.
    pub(super) freed: Notify,
}

impl<'a> Backlog<'a> {
    /// The queue behind `resume`, with what an earlier life left on disk. A disk
    /// that cannot be read is told about, and log waits in memory alone.
    pub(crate) async fn open(run: &Run<'a>, resume: &Resume) -> PortResult<Self> {
        let mut backoff = Backoff::default();
        let files = loop {
            match run.vault.spool_files(run.epoch).await {
                Ok(files) => break files,
                Err(e) => run.again(&mut backoff, e).await?,
            }
        };
        let (head, position) = (resume.head.clone(), resume.position.clone());
        let fresh = Queue::new(position.clone(), head, position);
        let Some(files) = files else {
            return Ok(Self::of(run.vault, None, fresh));
        };
        match Self::look_through(&files, resume, run.control).await {
            Ok(queue) => Ok(Self::of(run.vault, Some(files), queue)),
            Err(e) => {
                run.retrying(&e, Duration::ZERO);
                Ok(Self::of(run.vault, None, fresh))
            }
        }
    }

    pub(super) fn of(vault: &'a Vault, files: Option<Files<'a>>, queue: Queue) -> Self {
        Self {
            vault,
            files,
            queue: Mutex::new(queue),
            pushed: Notify::new(),
            look: Notify::new(),
            freed: Notify::new(),
        }
    }

    pub(super) async fn look_through(
        files: &Files<'_>,
        resume: &Resume,
        control: &dyn ProtectControl,
    ) -> PortResult<Queue> {
        files.sweep().await?;
        let found = files.find(resume).await?;
        files.remove_all(&found.shipped).await;
        files.remove_all(&found.strangers).await;
        let dropped = found.strangers.iter().map(|f| f.bytes).sum();
        tell_discarded(control, dropped, &found.reason);
        if !found.waiting.is_empty() {
            tracing::info!(objects = found.waiting.len(), "shipping what was spooled");
        }
        let queue = Queue::new(resume.position.clone(), found.head, found.position);
        Ok(queue.begin_with(found.waiting))
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.vault.clock.now()
    }

    /// The object of the first one that waits.
    pub(super) async fn load(&self, first: &Waiting) -> PortResult<Encoded> {
        match (&first.encoded, &self.files) {
            (Some(encoded), _) => Ok(encoded.clone()),
            (None, Some(files)) => files.load(&first.file()).await,
            (None, None) => Err(crate::error::bad_source("an object waits nowhere")),
        }
    }

    /// The first one is durable in the vault.
    pub(super) async fn pop(&self, encoded: &Encoded) {
        let popped = self.queue().pop(&encoded.end);
        self.freed.notify_one();
        self.look.notify_one();
        if let Some(item) = popped.filter(|item| item.on_disk) {
            self.remove(&[item.file()]).await;
        }
    }

    /// Drops everything that waits: it does not follow the chain any more.
    /// Reading goes on at the end of the chain.
    pub(super) async fn reset(&self, resume: Resume, control: &dyn ProtectControl, reason: &str) {
        let dropped = self.queue().reset(resume.head, resume.position);
        let on_disk = dropped.iter().filter(|item| item.on_disk);
        let files: Vec<Spooled> = on_disk.map(Waiting::file).collect();
        self.remove(&files).await;
        tell_discarded(control, files.iter().map(|f| f.bytes).sum(), reason);
        self.freed.notify_one();
    }

    pub(super) async fn remove(&self, files: &[Spooled]) {
        if let Some(of) = &self.files {
            of.remove_all(files).await;
        }
    }
}

/// Tells that files of a spool were dropped, if any were.
pub(super) fn tell_discarded(control: &dyn ProtectControl, bytes: u64, reason: &str) {
    if bytes > 0 {
        let reason = reason.to_owned();
        control.event(ProtectEvent::SpoolDiscarded { bytes, reason });
    }
}
