//! SQLite databases that another process writes.
//!
//! Layer 4. The log is SQLite's own write-ahead log, read from its file
//! ([`wal`]) while a read transaction keeps it from being overwritten ([`pin`]);
//! a restored copy is the source's pages with the log's pages written over
//! them. docs.md beside this crate tells the whole story, also how to restore
//! by hand. There is deliberately no way here that makes a missing database.

mod apply;
mod canary;
mod check;
mod config;
mod connect;
mod digest;
mod error;
mod fence;
mod held;
mod log;
mod pending;
mod pin;
mod position;
mod restore;
mod rules;
mod sidecar;
mod snapshot;
mod values;
mod wal;

use crate::config::Paths;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use planb_model::finding::Finding;
use planb_model::recovery::{
    AppliedMark, Engine, LogPosition, PartSpec, SegmentHeader, SnapshotManifest, TableDigest,
};
use planb_model::{Canary, Epoch, ServiceName};
use planb_ports::database::{DatabaseRole, FenceState};
use planb_ports::{
    BrokenKey, Clock, ContentCheck, Database, LogSource, PortResult, Progress, SegmentEnd,
    SnapshotFacts, SnapshotOptions, SnapshotSink, Until,
};
use rusqlite::Connection;
use sidecar::{CopyState, Sidecar};
use std::cmp::Ordering;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// A SQLite database file on this machine.
#[derive(Clone)]
pub struct SqliteDatabase {
    shared: Arc<Shared>,
}

/// What a database and its open logs share.
struct Shared {
    paths: Paths,
    clock: Arc<dyn Clock>,
    held: Mutex<held::Held>,
    /// One change of a copy or a fence at a time.
    changing: Mutex<()>,
}

impl SqliteDatabase {
    /// The database in the file `path`. Touches nothing; the file need not be there.
    pub fn new(path: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self {
            shared: Arc::new(Shared {
                paths: Paths::new(path.into()),
                clock,
                held: Mutex::default(),
                changing: Mutex::new(()),
            }),
        }
    }

    /// Runs `work` on a thread that may block, one change at a time.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> PortResult<T> + Send + 'static,
    ) -> PortResult<T> {
        let shared = Arc::clone(&self.shared);
        blocking(move || {
            let _one_at_a_time = shared
                .changing
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            work(&shared)
        })
        .await
    }

    /// Runs `look` in a read transaction on the database, or on the copy as far
    /// as it is restored.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Connection) -> PortResult<T> + Send + 'static,
    ) -> PortResult<T> {
        let paths = self.shared.paths.clone();
        blocking(move || {
            let connection = match Sidecar::read(&paths)?.map(|s| s.state) {
                None | Some(CopyState::Promoting) => connect::live(&paths)?,
                Some(CopyState::Restoring { .. }) => connect::still(&paths.incoming)?,
                Some(_) => connect::still(&paths.database)?,
            };
            pin::begin_read(&connection)?;
            look(&connection)
        })
        .await
    }
}

impl Shared {
    /// Lets go of the log: the file is about to be replaced.
    fn unpin(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held::Held::default();
    }
}

/// Runs `work` on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> PortResult<T> + Send + 'static,
) -> PortResult<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(error::worker_gone)?
}

#[async_trait]
impl Database for SqliteDatabase {
    fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    async fn check(&self, role: DatabaseRole) -> Vec<Finding> {
        let paths = self.shared.paths.clone();
        let subject = paths.database.display().to_string();
        match blocking(move || Ok(check::look(&paths, role))).await {
            Ok(findings) => findings,
            Err(error) => vec![check::failed(&subject, &error)],
        }
    }

    async fn ping(&self) -> PortResult<()> {
        self.look(|_| Ok(())).await
    }

    async fn snapshot(
        &self,
        sink: &dyn SnapshotSink,
        options: &SnapshotOptions,
        progress: &dyn Progress,
    ) -> PortResult<SnapshotFacts> {
        snapshot::take(&self.shared, sink, options, progress).await
    }

    async fn open_log(&self, start: &LogPosition) -> PortResult<Box<dyn LogSource>> {
        let log = log::WalLog::open(Arc::clone(&self.shared), start).await?;
        Ok(Box::new(log))
    }

    fn log_order(&self, a: &LogPosition, b: &LogPosition) -> Option<Ordering> {
        position::order(a, b)
    }

    async fn write_canary(&self, service: &ServiceName, canary: &Canary) -> PortResult<()> {
        let (service, canary) = (service.clone(), *canary);
        self.change(move |shared| {
            restore::expect_own(&shared.paths)?;
            canary::write(&mut connect::live(&shared.paths)?, &service, &canary)
        })
        .await
    }

    async fn fence_state(&self, service: &ServiceName) -> PortResult<FenceState> {
        let service = service.clone();
        self.change(move |shared| restore::fence_state(&shared.paths, &service))
            .await
    }

    async fn fence(&self, service: &ServiceName, epoch: Epoch) -> PortResult<()> {
        let service = service.clone();
        self.change(move |shared| restore::fence(&shared.paths, &service, epoch))
            .await
    }

    async fn promote(&self, service: &ServiceName, epoch: Epoch) -> PortResult<()> {
        let service = service.clone();
        self.change(move |shared| restore::promote(&shared.paths, &service, epoch))
            .await
    }

    async fn applied(&self) -> PortResult<Option<AppliedMark>> {
        self.change(|shared| restore::applied(&shared.paths)).await
    }

    async fn accepts(&self, manifest: &SnapshotManifest) -> PortResult<()> {
        restore::accepts(manifest)
    }

    async fn begin_restore(&self, manifest: &SnapshotManifest) -> PortResult<()> {
        let manifest = manifest.clone();
        self.change(move |shared| {
            shared.unpin();
            restore::begin(&shared.paths, &manifest)
        })
        .await
    }

    async fn load_part(
        &self,
        part: &PartSpec,
        bytes: BoxStream<'_, PortResult<Bytes>>,
    ) -> PortResult<()> {
        restore::load(&self.shared.paths, part, bytes).await
    }

    async fn end_restore(&self, mark: &AppliedMark) -> PortResult<()> {
        let mark = mark.clone();
        self.change(move |shared| restore::end(&shared.paths, &mark))
            .await
    }

    async fn apply_segment(
        &self,
        header: &SegmentHeader,
        bytes: Bytes,
        mark: &AppliedMark,
        until: Option<&Until>,
    ) -> PortResult<SegmentEnd> {
        let (header, mark, until) = (header.clone(), mark.clone(), until.cloned());
        self.change(move |shared| {
            apply::segment(&shared.paths, &header, &bytes, &mark, until.as_ref())
        })
        .await
    }

    async fn digests(&self) -> PortResult<Vec<TableDigest>> {
        self.look(digest::of_all_tables).await
    }

    async fn read_canary(&self, service: &ServiceName) -> PortResult<Option<Canary>> {
        let service = service.clone();
        self.look(move |connection| canary::read(connection, &service))
            .await
    }

    async fn integrity(&self) -> PortResult<Vec<Finding>> {
        let subject = self.shared.paths.database.display().to_string();
        self.look(move |connection| digest::integrity(connection, &subject))
            .await
    }

    async fn row_counts(&self) -> PortResult<Vec<(String, u64)>> {
        self.look(rules::row_counts).await
    }

    async fn content_checks(&self) -> PortResult<Vec<ContentCheck>> {
        self.look(rules::check).await
    }

    async fn broken_keys(&self) -> PortResult<Option<Vec<BrokenKey>>> {
        self.look(rules::broken_keys).await.map(Some)
    }
}
