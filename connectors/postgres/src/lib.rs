//! PostgreSQL 15 or later, behind the database port.
//!
//! Snapshots are base backups, the log is the server's own write-ahead log,
//! shipped byte for byte by the replication protocol, and a restored copy is a
//! standby that replays it. Where a server gives neither, snapshots of rows by
//! `pg_dump` and `COPY`. See `docs.md` for what an account needs and what is not
//! covered.

mod accounts;
mod canary;
mod catalog;
mod check;
mod client;
mod config;
mod digest;
mod error;
mod fence;
mod log;
mod lsn;
mod own;
mod restore;
mod rules;
mod snapshot;
mod tools;
mod wire;

pub use config::{
    CONNECT_TIMEOUT_MS_DEFAULT, Method, PostgresConfig, PostgresTarget, SLOT_DEFAULT,
};

use crate::client::{Client, bounded};
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
    Accounts, AccountsReport, BrokenKey, Clock, ContentCheck, Database, LogSegment, LogSource,
    PortResult, Progress, SegmentEnd, SnapshotFacts, SnapshotOptions, SnapshotSink, Until,
};
use std::cmp::Ordering;
use std::sync::Arc;

/// One PostgreSQL server.
pub struct PostgresDatabase {
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
}

impl PostgresDatabase {
    /// Prepares for a server; connects when something is asked of it.
    pub fn connect_lazy(config: PostgresConfig, clock: Arc<dyn Clock>) -> Self {
        Self {
            client: Arc::new(Client::new(config)),
            clock,
        }
    }

    /// Stops the server of a restored copy; it starts again when something is
    /// asked of it.
    pub async fn stop_copy(&self) -> PortResult<()> {
        restore::server::stop(&self.client).await
    }
}

#[async_trait]
impl Database for PostgresDatabase {
    fn engine(&self) -> Engine {
        Engine::Postgresql
    }

    async fn check(&self, role: DatabaseRole) -> Vec<Finding> {
        check::run(&self.client, &*self.clock, role).await
    }

    async fn ping(&self) -> PortResult<()> {
        let work = async {
            let mut wire = self.client.anywhere().await?;
            wire.run("ping the server", "SELECT 1").await
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
        log::open(self.client.clone(), self.clock.clone(), start).await
    }

    fn log_order(&self, a: &LogPosition, b: &LogPosition) -> Option<Ordering> {
        lsn::order(a, b)
    }

    async fn write_canary(&self, service: &ServiceName, canary: &Canary) -> PortResult<()> {
        let work = canary::write(&self.client, service, canary);
        self.client.small("write a canary", work).await
    }

    async fn fence_state(&self, service: &ServiceName) -> PortResult<FenceState> {
        let work = fence::read(&self.client, service);
        self.client.small("read the fence", work).await
    }

    async fn fence(&self, service: &ServiceName, epoch: Epoch) -> PortResult<()> {
        let work = fence::fence(&self.client, service, epoch);
        bounded("fence the server", fence::FENCE_SECS_MAX, work).await
    }

    async fn promote(&self, service: &ServiceName, epoch: Epoch) -> PortResult<()> {
        // Not bounded here: log that was given to the copy is replayed first,
        // and every wait below has a bound of its own.
        fence::promote(&self.client, service, epoch).await
    }

    async fn applied(&self) -> PortResult<Option<AppliedMark>> {
        let work = restore::applied(&self.client);
        self.client.small("read the applied mark", work).await
    }

    async fn accepts(&self, manifest: &SnapshotManifest) -> PortResult<()> {
        restore::accepts(&self.client, manifest).await
    }

    async fn begin_restore(&self, manifest: &SnapshotManifest) -> PortResult<()> {
        restore::begin(&self.client, manifest).await
    }

    fn load_group(&self, part: &PartSpec) -> Option<u32> {
        restore::load_group(part)
    }

    fn load_width(&self) -> usize {
        restore::LOAD_WIDTH
    }

    async fn load_part(
        &self,
        part: &PartSpec,
        bytes: BoxStream<'_, PortResult<Bytes>>,
    ) -> PortResult<()> {
        restore::load(&self.client, part, bytes).await
    }

    async fn end_restore(&self, mark: &AppliedMark) -> PortResult<()> {
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
        let (_, end) = restore::apply::segments(&self.client, &[segment], until).await?;
        Ok(end)
    }

    async fn apply_segments(
        &self,
        segments: &[LogSegment],
        until: Option<&Until>,
    ) -> PortResult<(usize, SegmentEnd)> {
        restore::apply::segments(&self.client, segments, until).await
    }

    fn accounts_first(&self) -> bool {
        true
    }

    async fn restore_accounts(&self, part: &[u8], how: Accounts) -> PortResult<AccountsReport> {
        accounts::apply(&self.client, part, how).await
    }

    async fn digests(&self) -> PortResult<Vec<TableDigest>> {
        digest::digests(&self.client).await
    }

    async fn read_canary(&self, service: &ServiceName) -> PortResult<Option<Canary>> {
        let work = async {
            digest::catch_up(&self.client).await?;
            canary::read(&self.client, service).await
        };
        work.await
    }

    async fn row_counts(&self) -> PortResult<Vec<(String, u64)>> {
        rules::row_counts(&self.client).await
    }

    async fn integrity(&self) -> PortResult<Vec<Finding>> {
        digest::integrity(&self.client).await
    }

    async fn broken_keys(&self) -> PortResult<Option<Vec<BrokenKey>>> {
        rules::broken_keys(&self.client).await.map(Some)
    }

    async fn content_checks(&self) -> PortResult<Vec<ContentCheck>> {
        rules::check(&self.client).await
    }
}
