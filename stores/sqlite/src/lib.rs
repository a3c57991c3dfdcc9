//! The control plane's durable state in one SQLite file.
//!
//! Layer 4. WAL with `synchronous=FULL`: a change is on disk when its method
//! returns `Ok`. Every change is one IMMEDIATE transaction that holds both the
//! comparison and the change, so compare-and-swap is SQLite's own write lock.
//! Every change is also an entry of the audit log ([`audit`]), in the same
//! transaction. Exactly one process owns a state ([`lock`]); others may read it. There is
//! deliberately no cache: what is answered is what is on disk.

mod audit;
mod error;
mod execution;
mod lock;
mod schema;
mod service;

pub use audit::Audit;

use async_trait::async_trait;
use jiff::Timestamp;
use planb_audit::{Break, Log, PublicKey, Signatures, Verified};
use planb_model::execution::{Execution, JournalEntry, JournalRecord};
use planb_model::service::ServiceRecord;
use planb_model::{Epoch, ExecutionId, ServiceName, SiteName};
use planb_ports::{ErrorKind, PortError, PortResult, Store};
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
    /// `None` when it only reads.
    owner: Option<Owner>,
}

#[derive(Debug)]
struct Owner {
    /// Held as long as the store lives.
    _lock: lock::StateLock,
    audit: Audit,
}

impl SqliteStore {
    /// Opens the state in the file `path`, making it if there is none, and owns
    /// it until the last clone is dropped. The directory must exist; the lock
    /// is `planb.lock` in it, so one directory holds one state. `now` is the
    /// time of a log that begins here.
    ///
    /// Fails at once with `Conflict` (`PB-STATE-LOCKED`) when another store owns
    /// it. When the audit log, or the store beside it, is not what was signed, the
    /// log is put aside and a new one begins ([`SqliteStore::audit_break`]): a
    /// recovery does not wait for an audit (ADR 0006). Only a log signed by another
    /// key is refused (`PB-AUDIT-SIGNATURE`), unless that key is said to be lost.
    pub fn open(path: impl AsRef<Path>, audit: Audit, now: Timestamp) -> PortResult<Self> {
        let path = path.as_ref();
        let lock = lock::StateLock::take(path)?;
        let kept = audit::kept(&audit.kept)?;
        let mut connection = schema::open(path, &audit, now)?;
        let public = audit.key.public();
        let checked = audit::check(&connection, &public, kept.as_deref(), Signatures::Newest);
        let entries = match checked {
            Ok((log, _)) => log.entries.len(),
            Err(why) if goes_on(&why, &audit) => {
                put_aside(&mut connection, &audit, kept.clone(), &why, now)?;
                0
            }
            Err(why) => return Err(why),
        };
        if kept.is_none() && entries > 1 {
            tracing::warn!(
                file = %audit.kept.display(),
                "there is no kept checkpoint: whether the state was put back cannot be told"
            );
        }
        let owner = Owner { _lock: lock, audit };
        keep_checkpoint(&connection, &owner.audit);
        Ok(Self::with(connection, Some(owner)))
    }

    /// Opens an existing state for reading, whether or not another process owns
    /// it. Every method that changes something fails with `PermissionDenied`.
    pub fn open_read_only(path: impl AsRef<Path>) -> PortResult<Self> {
        let connection = schema::open_read_only(path.as_ref())?;
        Ok(Self::with(connection, None))
    }

    fn with(connection: Connection, owner: Option<Owner>) -> Self {
        Self {
            shared: Arc::new(Shared {
                connection: Mutex::new(connection),
                owner,
            }),
        }
    }

    /// The audit log as it is kept, unchecked.
    pub async fn audit_log(&self) -> PortResult<Log> {
        self.run(|connection| {
            if !schema::has_audit(connection)? {
                return Err(audit::none());
            }
            audit::read(connection)
        })
        .await
    }

    /// The log before this one, when it could not be continued.
    pub async fn audit_break(&self) -> PortResult<Option<Break>> {
        let log = self.audit_log().await?;
        let first = log.entries.first().map(|entry| serde_json::from_str(entry));
        let first = first.transpose().map_err(error::bad_document)?;
        Ok(audit::before(first.as_ref()).cloned())
    }

    /// Entries of a log that was put aside, as they were found; none when there
    /// is no such log.
    pub async fn audit_aside(&self, log: i64) -> PortResult<Vec<String>> {
        self.run(move |connection| {
            if !schema::has_aside(connection)? {
                return Ok(Vec::new());
            }
            audit::entries_aside(connection, log)
        })
        .await
    }

    /// Checks the audit log with every signature, that it continues the
    /// checkpoint `kept`, that the store says what the log says, and that no log
    /// before it was broken.
    pub async fn verify_audit(
        &self,
        key: PublicKey,
        kept: Option<String>,
    ) -> PortResult<(Log, Verified)> {
        self.run(move |connection| {
            if !schema::has_audit(connection)? {
                return Err(audit::none());
            }
            // One moment for the log and the tables: the owner may be writing.
            let moment = connection.transaction().map_err(error::from_sqlite)?;
            audit::check_all(&moment, &key, kept.as_deref())
        })
        .await
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
        F: FnOnce(&Transaction<'_>, &Audit) -> PortResult<T> + Send + 'static,
    {
        let Some(owner) = &self.shared.owner else {
            return Err(error::read_only());
        };
        let audit = owner.audit.clone();
        self.run(move |connection| {
            let transaction = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(error::from_sqlite)?;
            let changes = transaction.total_changes();
            let done = work(&transaction, &audit)?;
            let changed = transaction.total_changes() != changes;
            transaction.commit().map_err(error::from_sqlite)?;
            if changed {
                keep_checkpoint(connection, &audit);
            }
            Ok(done)
        })
        .await
    }
}

/// Whether a state with this fault is gone on with. A key that does not fit is
/// most often the wrong one, which is put right at once.
fn goes_on(why: &PortError, audit: &Audit) -> bool {
    let by_another_key = why.code() == "PB-AUDIT-SIGNATURE";
    why.kind() == ErrorKind::Corrupt
        && why.code().starts_with("PB-AUDIT-")
        && (!by_another_key || audit.key_lost)
}

/// Puts a broken log aside, and the checkpoint that was kept of it.
fn put_aside(
    connection: &mut Connection,
    audit: &Audit,
    kept: Option<String>,
    why: &PortError,
    now: Timestamp,
) -> PortResult<()> {
    let found = audit::begin_again(connection, audit, kept.clone(), why, now)?;
    tracing::error!(
        log = found.log, entries = found.entries, why = %found.why,
        "THE AUDIT LOG IS BROKEN: it was put aside, and a new one begins"
    );
    let copied = kept.map(|note| audit::keep_aside(&audit.kept, found.log, &note));
    if let Err(error) = copied.transpose() {
        // The new log's first entry holds it, too.
        tracing::error!(%error, file = %audit.kept.display(), "the kept checkpoint of the broken log is not copied");
    }
    Ok(())
}

/// Keeps the newest checkpoint outside the state. The change is durable already
/// and a recovery must not wait for another disk, so a failure is told and the
/// older checkpoint stays: it still proves the beginning.
fn keep_checkpoint(connection: &Connection, audit: &Audit) {
    let kept = audit::newest_checkpoint(connection).and_then(|note| {
        audit::keep(&audit.kept, note.as_deref().unwrap_or_default()).map_err(|e| {
            PortError::new(
                ErrorKind::Unavailable,
                "PB-AUDIT-CHECKPOINT",
                "the newest checkpoint cannot be kept",
            )
            .source(e)
        })
    });
    if let Err(error) = kept {
        tracing::error!(file = %audit.kept.display(), error = %error.chain(), "the newest checkpoint of the audit log is not kept");
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
        self.change(move |tx, audit| service::register(tx, audit, &service, &active, now))
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
        self.change(move |tx, audit| service::claim(tx, audit, &service, based_on, &execution, now))
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
        self.change(move |tx, audit| service::activate(tx, audit, &service, &site, epoch, now))
            .await
    }

    async fn open_execution(&self, execution: &Execution) -> PortResult<()> {
        let execution = execution.clone();
        self.change(move |tx, audit| execution::open(tx, audit, &execution))
            .await
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
        self.change(move |tx, audit| execution::append(tx, audit, &id, record))
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
