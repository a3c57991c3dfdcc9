//! The journal of one execution: the only way anything gets written into it.
//!
//! Every entry is checked against the fold before it is appended, so that a
//! journal that cannot be is never written. Appends of one execution come one
//! after the other; whoever finds its place taken by somebody else's entry has
//! lost the execution to another process and stops.

use crate::crash::{CrashPoint, CrashPoints, Side};
use crate::signal::Signal;
use crate::{EngineError, ServicePorts};
use planb_decide::{Fold, fold as fold_records};
use planb_model::ExecutionId;
use planb_model::execution::{Execution, JournalEntry, JournalRecord};
use planb_model::status::ExecutionStatus;
use planb_ports::{Clock, ErrorKind, PortError, PortResult, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, watch};

/// Tries of one append; with the pauses about 3 s, longer than a busy store.
const APPEND_TRIES_MAX: u32 = 5;
/// First pause between two tries; doubles.
const APPEND_PAUSE_MS: u64 = 200;

/// The journal of one execution, open for writing.
pub struct Journal {
    id: ExecutionId,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    crash: Arc<dyn CrashPoints>,
    writing: Mutex<()>,
    /// Whether an append ended without it being known what the store holds.
    in_doubt: AtomicBool,
    fold: watch::Sender<Arc<Fold>>,
    changed: Signal,
}

impl Journal {
    /// Reads the journal of `execution` and goes on where it ends. `changed`
    /// is sent with every entry.
    ///
    /// # Errors
    /// When the store fails, or the journal cannot be.
    pub async fn open(
        ports: &ServicePorts,
        execution: &Execution,
        changed: Signal,
    ) -> Result<Arc<Self>, EngineError> {
        let records = ports.store.journal(&execution.id).await?;
        let folded = fold_records(execution, &records).map_err(|source| EngineError::Journal {
            id: execution.id.clone(),
            source,
        })?;
        Ok(Arc::new(Self {
            id: execution.id.clone(),
            store: ports.store.clone(),
            clock: ports.clock.clone(),
            crash: ports.crash.clone(),
            writing: Mutex::new(()),
            in_doubt: AtomicBool::new(false),
            fold: watch::Sender::new(Arc::new(folded)),
            changed,
        }))
    }

    /// The execution.
    pub fn id(&self) -> &ExecutionId {
        &self.id
    }

    /// Where it stands.
    pub fn fold(&self) -> Arc<Fold> {
        self.fold.borrow().clone()
    }

    /// Where it stands, as the API tells it.
    pub fn status(&self) -> ExecutionStatus {
        self.fold().status()
    }

    /// Hears of every entry.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Fold>> {
        self.fold.subscribe()
    }

    /// Reads the journal again when an append left it in doubt.
    ///
    /// # Errors
    /// When the store fails, or the journal cannot be.
    pub async fn settle(&self) -> Result<(), EngineError> {
        if !self.in_doubt.load(Ordering::SeqCst) {
            return Ok(());
        }
        let _one_at_a_time = self.writing.lock().await;
        self.read_again().await
    }

    async fn read_again(&self) -> Result<(), EngineError> {
        if !self.in_doubt.load(Ordering::SeqCst) {
            return Ok(());
        }
        let records = self.store.journal(&self.id).await?;
        let fold = self.fold();
        let folded =
            fold_records(fold.execution(), &records).map_err(|source| EngineError::Journal {
                id: self.id.clone(),
                source,
            })?;
        self.fold.send_replace(Arc::new(folded));
        self.in_doubt.store(false, Ordering::SeqCst);
        self.changed.send();
        Ok(())
    }

    /// Appends an entry and returns when it is durable. Goes on to the end when
    /// the caller is dropped: an entry must not get lost between store and fold.
    ///
    /// # Errors
    /// [`EngineError::Journal`] when the entry cannot follow; nothing is written
    /// then. [`EngineError::Lost`] when another process writes this journal.
    pub async fn append(self: &Arc<Self>, entry: JournalEntry) -> Result<(), EngineError> {
        let journal = self.clone();
        let appended = tokio::spawn(async move { journal.append_to_the_end(entry).await });
        appended.await.unwrap_or(Err(EngineError::Stopping))
    }

    async fn append_to_the_end(&self, entry: JournalEntry) -> Result<(), EngineError> {
        let _one_at_a_time = self.writing.lock().await;
        self.read_again().await?;
        let before = self.fold();
        let seq = before.last_seq() + 1;
        let draft = JournalRecord {
            seq,
            at: self.clock.now(),
            entry: entry.clone(),
        };
        self.folded(&before, &draft)?;
        let reached = |side| self.crash.reached(CrashPoint { seq, side });
        reached(Side::Before);
        let record = match self.write(seq, &entry).await {
            Ok(record) => record,
            Err(lost @ EngineError::Lost { .. }) => return Err(lost),
            Err(error) => {
                // It may be there all the same. Whoever waits for an entry
                // has to read the journal again.
                self.in_doubt.store(true, Ordering::SeqCst);
                self.fold.send_modify(|_| {});
                return Err(error);
            }
        };
        reached(Side::After);
        let after = self.folded(&before, &record)?;
        self.fold.send_replace(Arc::new(after));
        self.changed.send();
        Ok(())
    }

    fn folded(&self, before: &Fold, record: &JournalRecord) -> Result<Fold, EngineError> {
        let mut after = before.clone();
        match after.apply(record) {
            Ok(()) => Ok(after),
            Err(source) => Err(EngineError::Journal {
                id: self.id.clone(),
                source,
            }),
        }
    }

    /// Appends at a place that only one writer can have, so trying again is
    /// harmless; after an unknown answer the store is asked.
    async fn write(&self, seq: u64, entry: &JournalEntry) -> Result<JournalRecord, EngineError> {
        let mut pause = Duration::from_millis(APPEND_PAUSE_MS);
        let mut tries = 1;
        loop {
            let error = match self
                .store
                .append(&self.id, seq, entry, self.clock.now())
                .await
            {
                Ok(record) => return Ok(record),
                Err(error) => error,
            };
            if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Timeout)
                && let Some(record) = self.at(seq).await?
            {
                return if &record.entry == entry {
                    Ok(record)
                } else {
                    Err(EngineError::Lost {
                        id: self.id.clone(),
                    })
                };
            }
            if tries >= APPEND_TRIES_MAX || !is_passing(&error) {
                return Err(error.into());
            }
            tracing::warn!(execution = %self.id, seq, error = %error.chain(), "journal append is tried again");
            self.clock.sleep(pause).await;
            pause *= 2;
            tries += 1;
        }
    }

    async fn at(&self, seq: u64) -> PortResult<Option<JournalRecord>> {
        let records = self.store.journal(&self.id).await?;
        Ok(records.into_iter().find(|r| r.seq == seq))
    }
}

fn is_passing(error: &PortError) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout)
}
