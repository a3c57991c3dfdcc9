//! The control plane's durable state in one SQLite file.
//!
//! Layer 4. WAL with `synchronous=FULL`: a change is on disk when its method
//! returns `Ok`. Every change is one IMMEDIATE transaction that holds both the
//! comparison and the change, so compare-and-swap is SQLite's own write lock.
//! Exactly one process owns a state ([`lock`]); others may read it. There is
//! deliberately no cache: what is answered is what is on disk.

mod error;
mod execution;
mod lock;
mod schema;
mod service;

use async_trait::async_trait;
use jiff::Timestamp;
use planb_model::execution::{Execution, JournalEntry, JournalRecord};
use planb_model::service::ServiceRecord;
use planb_model::{Epoch, ExecutionId, ServiceName, SiteName};
use planb_ports::{PortResult, Store};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// [`Store`] in one SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    connection: Mutex<Connection>,
    /// Held as long as the store lives; `None` when it only reads.
    lock: Option<lock::StateLock>,
}

impl SqliteStore {
    /// Opens the state in the file `path`, making it if there is none, and owns
    /// it until the last clone is dropped. The directory must exist; the lock
    /// is `planb.lock` in it, so one directory holds one state.
    ///
    /// Fails at once with `Conflict` (`PB-STATE-LOCKED`) when another store owns it.
    pub fn open(path: impl AsRef<Path>) -> PortResult<Self> {
        let path = path.as_ref();
        let lock = lock::StateLock::take(path)?;
        let connection = schema::open(path)?;
        Ok(Self::with(connection, Some(lock)))
    }

    /// Opens an existing state for reading, whether or not another process owns
    /// it. Every method that changes something fails with `PermissionDenied`.
    pub fn open_read_only(path: impl AsRef<Path>) -> PortResult<Self> {
        let connection = schema::open_read_only(path.as_ref())?;
        Ok(Self::with(connection, None))
    }

    fn with(connection: Connection, lock: Option<lock::StateLock>) -> Self {
        Self {
            shared: Arc::new(Shared {
                connection: Mutex::new(connection),
                lock,
            }),
        }
    }

    /// Runs `work` on a thread that may block.
    async fn run<T, F>(&self, work: F) -> PortResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> PortResult<T> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || {
            // A panic in the middle rolled its transaction back when it was dropped.
            let mut connection = shared
                .connection
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            work(&mut connection)
        })
        .await
        .map_err(error::worker_gone)?
    }

    /// Runs `work` in one IMMEDIATE transaction; it is durable on `Ok` and did
    /// not happen on `Err`.
    async fn change<T, F>(&self, work: F) -> PortResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> PortResult<T> + Send + 'static,
    {
        if self.shared.lock.is_none() {
            return Err(error::read_only());
        }
        self.run(move |connection| {
            let transaction = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(error::from_sqlite)?;
            let done = work(&transaction)?;
            transaction.commit().map_err(error::from_sqlite)?;
            Ok(done)
        })
        .await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn register(
        &self,
        service: &ServiceName,
        active: &SiteName,
        now: Timestamp,
    ) -> PortResult<ServiceRecord> {
        let (service, active) = (service.clone(), active.clone());
        self.change(move |tx| service::register(tx, &service, &active, now))
            .await
    }

    async fn service(&self, service: &ServiceName) -> PortResult<ServiceRecord> {
        let service = service.clone();
        self.run(move |connection| service::get(connection, &service))
            .await
    }

    async fn claim_epoch(
        &self,
        service: &ServiceName,
        based_on: Epoch,
        execution: &ExecutionId,
        now: Timestamp,
    ) -> PortResult<Epoch> {
        let (service, execution) = (service.clone(), execution.clone());
        self.change(move |tx| service::claim(tx, &service, based_on, &execution, now))
            .await
    }

    async fn activate(
        &self,
        service: &ServiceName,
        site: &SiteName,
        epoch: Epoch,
        now: Timestamp,
    ) -> PortResult<ServiceRecord> {
        let (service, site) = (service.clone(), site.clone());
        self.change(move |tx| service::activate(tx, &service, &site, epoch, now))
            .await
    }

    async fn open_execution(&self, execution: &Execution) -> PortResult<()> {
        let execution = execution.clone();
        self.change(move |tx| execution::open(tx, &execution)).await
    }

    async fn execution(&self, id: &ExecutionId) -> PortResult<Execution> {
        let id = id.clone();
        self.run(move |connection| execution::get(connection, &id))
            .await
    }

    async fn executions(&self, service: &ServiceName, limit: usize) -> PortResult<Vec<Execution>> {
        let service = service.clone();
        self.run(move |connection| execution::newest(connection, &service, limit))
            .await
    }

    async fn unfinished(&self) -> PortResult<Vec<Execution>> {
        self.run(|connection| execution::unfinished(connection))
            .await
    }

    async fn append(
        &self,
        id: &ExecutionId,
        expected_seq: u64,
        entry: &JournalEntry,
        now: Timestamp,
    ) -> PortResult<JournalRecord> {
        let record = JournalRecord {
            seq: expected_seq,
            at: now,
            entry: entry.clone(),
        };
        let id = id.clone();
        self.change(move |tx| execution::append(tx, &id, record))
            .await
    }

    async fn journal(&self, id: &ExecutionId) -> PortResult<Vec<JournalRecord>> {
        let id = id.clone();
        self.run(move |connection| execution::journal(connection, &id))
            .await
    }
}

#[cfg(test)]
mod tests;
