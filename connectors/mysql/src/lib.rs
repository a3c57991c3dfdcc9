//! MySQL 8 and MariaDB 10.5 or later, behind the database port.
//!
//! Snapshots are consistent without blocking writers, the log is the server's
//! own binlog shipped byte for byte, restores load text and apply binlog
//! events through the server itself. See `docs.md` for what an account needs
//! and what is not covered.

mod accounts;
mod applied;
mod apply;
mod binlog;
mod canary;
mod catalog;
mod check;
mod client;
mod config;
mod error;
mod fence;
mod fold;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod integrity;
mod lines;
mod own;
mod physical;
mod raw;
mod restore;
mod rowlog;
mod rules;
mod script;
mod signals;
mod snapshot;
mod sum;
mod version;

pub use config::{
    APPLY_LANE_BYTES_DEFAULT, APPLY_LANES_DEFAULT, CONNECT_TIMEOUT_MS_DEFAULT, MysqlConfig,
};
pub use physical::{Control, HeldServer, PhysicalTarget};

use crate::applied::Applied;
use crate::apply::lanes::settle;
use crate::client::{Client, bounded, run};
use crate::sum::Method;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use planb_model::finding::Finding;
use planb_model::recovery::{
    AppliedMark, Engine, LogPosition, PartSpec, SegmentHeader, SnapshotManifest, TableDigest,
};
use planb_model::{Canary, Epoch, ServiceName};
use planb_ports::database::{DatabaseRole, FenceState, LogSignals};
use planb_ports::{
    Accounts, AccountsReport, BrokenKey, Clock, ContentCheck, Database, ErrorKind, LogSegment,
    LogSource, PortError, PortResult, Progress, SegmentEnd, SnapshotFacts, SnapshotOptions,
    SnapshotSink, Until,
};
use std::cmp::Ordering;
use std::sync::atomic::{self, AtomicBool};
use std::sync::{Arc, Mutex, PoisonError};

/// One MySQL or MariaDB server, and the databases in it that are protected.
pub struct MysqlDatabase {
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    /// How rows are hashed: as the snapshot has it while one is restored.
    method: Mutex<Method>,
    /// Whether files were put in place by the last restore.
    has_files: AtomicBool,
}

impl MysqlDatabase {
    /// Prepares for a server; connects when something is asked of it.
    pub fn connect_lazy(config: MysqlConfig, clock: Arc<dyn Clock>) -> Self {
        Self {
            client: Arc::new(Client::new(config)),
            clock,
            method: Mutex::default(),
            has_files: AtomicBool::default(),
        }
    }

    /// Where files will be put, and no server has been, there is nothing to lose.
    fn no_server_yet(&self, error: PortError) -> PortError {
        if !physical::is_no_server(&self.client, &error) {
            return error;
        }
        PortError::new(ErrorKind::NotFound, error.code(), error.to_string()).source(error)
    }

    fn hash_by(&self, method: Method) {
        *self.method.lock().unwrap_or_else(PoisonError::into_inner) = method;
    }
}

#[async_trait]
impl Database for MysqlDatabase {
    fn engine(&self) -> Engine {
        self.client.config.engine
    }

    async fn check(&self, role: DatabaseRole) -> Vec<Finding> {
        check::run(&self.client, &*self.clock, role).await
    }

    async fn ping(&self) -> PortResult<()> {
        let work = async {
            let mut conn = self.client.connect().await?;
            run(&mut conn, "ping the server", "SELECT 1").await
        };
        self.client.small("ping the server", work).await
    }

    async fn snapshot(
        &self,
        sink: &dyn SnapshotSink,
        options: &SnapshotOptions,
        progress: &dyn Progress,
    ) -> PortResult<SnapshotFacts> {
        snapshot::take(&self.client, sink, options, progress).await
    }

    async fn open_log(&self, start: &LogPosition) -> PortResult<Box<dyn LogSource>> {
        binlog::open(self.client.clone(), self.clock.clone(), start).await
    }

    fn log_order(&self, a: &LogPosition, b: &LogPosition) -> Option<Ordering> {
        binlog::position::order(self.client.config.is_mariadb(), a, b)
    }

    fn point_order(&self, position: &LogPosition, point: &str) -> Option<Ordering> {
        binlog::order::of(position, point)
    }

    fn log_signals(&self, bytes: &[u8]) -> Option<LogSignals> {
        signals::of(bytes)
    }

    async fn write_canary(&self, service: &ServiceName, canary: &Canary) -> PortResult<()> {
        let work = canary::write(&self.client, service, canary);
        self.client.small("write a canary", work).await
    }

    async fn fence_state(&self, service: &ServiceName) -> PortResult<FenceState> {
        let work = async {
            let mut conn = self.client.connect().await?;
            fence::read(&mut conn, service).await
        };
        let read = self.client.small("read the fence", work).await;
        read.map_err(|error| self.no_server_yet(error))
    }

    async fn fence(&self, service: &ServiceName, epoch: Epoch) -> PortResult<()> {
        let work = fence::fence(&self.client, service, epoch);
        bounded("fence the server", fence::FENCE_SECS_MAX, work).await
    }

    async fn promote(&self, service: &ServiceName, epoch: Epoch) -> PortResult<()> {
        let work = fence::promote(&self.client, service, epoch);
        self.client.small("let the server take writes", work).await
    }

    async fn applied(&self) -> PortResult<Option<AppliedMark>> {
        let work = async {
            let mut conn = self.client.connect().await?;
            settle::settle(&self.client, &mut conn).await?;
            applied::read(&self.client, &mut conn).await
        };
        match self.client.small("read the applied mark", work).await {
            Ok(Applied::At(mark)) => Ok(Some(mark)),
            Ok(Applied::Never | Applied::Broken) => Ok(None),
            Err(error) if physical::is_no_server(&self.client, &error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn accepts(&self, manifest: &SnapshotManifest) -> PortResult<()> {
        restore::accepts(&self.client, manifest).await
    }

    async fn begin_restore(&self, manifest: &SnapshotManifest) -> PortResult<()> {
        self.hash_by(Method::of(&manifest.tables));
        let files = physical::is(manifest);
        self.has_files.store(files, atomic::Ordering::Relaxed);
        restore::begin(&self.client, manifest).await
    }

    async fn load_part(
        &self,
        part: &PartSpec,
        bytes: BoxStream<'_, PortResult<Bytes>>,
    ) -> PortResult<()> {
        restore::load(&self.client, part, bytes).await
    }

    fn load_group(&self, part: &PartSpec) -> Option<u32> {
        restore::group(part)
    }

    fn load_width(&self) -> usize {
        restore::loaders()
    }

    async fn end_restore(&self, mark: &AppliedMark) -> PortResult<()> {
        self.hash_by(Method::default());
        restore::end(&self.client, mark).await
    }

    async fn apply_segment(
        &self,
        header: &SegmentHeader,
        bytes: Bytes,
        mark: &AppliedMark,
        until: Option<&Until>,
    ) -> PortResult<SegmentEnd> {
        let segment = LogSegment {
            header: header.clone(),
            bytes,
            mark: mark.clone(),
        };
        let (_, end) = self.apply_segments(&[segment], until).await?;
        Ok(end)
    }

    async fn apply_segments(
        &self,
        segments: &[LogSegment],
        until: Option<&Until>,
    ) -> PortResult<(usize, SegmentEnd)> {
        apply::segments(&self.client, segments, until).await
    }

    fn folds(&self) -> bool {
        true
    }

    async fn fold(&self, segments: &[(SegmentHeader, Bytes)]) -> PortResult<Option<Bytes>> {
        apply::fold(&self.client, segments).await
    }

    async fn apply_folded(
        &self,
        header: &SegmentHeader,
        bytes: Bytes,
        mark: &AppliedMark,
    ) -> PortResult<bool> {
        let folded = LogSegment {
            header: header.clone(),
            bytes,
            mark: mark.clone(),
        };
        apply::apply_folded(&self.client, &folded).await
    }

    async fn restore_accounts(&self, part: &[u8], how: Accounts) -> PortResult<AccountsReport> {
        accounts::apply(&self.client, part, how).await
    }

    async fn missing_definers(&self) -> PortResult<Vec<String>> {
        accounts::missing_definers(&self.client).await
    }

    async fn digests(&self) -> PortResult<Vec<TableDigest>> {
        let method = *self.method.lock().unwrap_or_else(PoisonError::into_inner);
        snapshot::digests(&self.client, method).await
    }

    async fn read_canary(&self, service: &ServiceName) -> PortResult<Option<Canary>> {
        let work = canary::read(&self.client, service);
        self.client.small("read the canary", work).await
    }

    async fn integrity(&self) -> PortResult<Vec<Finding>> {
        let files = self.has_files.load(atomic::Ordering::Relaxed);
        integrity::integrity(&self.client, files).await
    }

    async fn broken_keys(&self) -> PortResult<Option<Vec<BrokenKey>>> {
        rules::broken_keys(&self.client).await.map(Some)
    }

    async fn content_checks(&self) -> PortResult<Vec<ContentCheck>> {
        rules::check(&self.client).await
    }
}
