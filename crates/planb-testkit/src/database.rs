//! A fake of a database: one table of rows, a log of transactions, a fence
//! row, an applied mark and a canary table, all in memory.
//!
//! Snapshots and log are real bytes (lines of JSON), so that a vault under test
//! stores, chains, cuts and damages something. It keeps its fence row and its
//! data through [`FakeDatabase::kill`] and [`FakeDatabase::revive`].

mod encoding;
mod source;
mod state;
mod target;

#[cfg(test)]
mod tests;

use crate::{Link, fake_error, lock};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use planb_model::finding::Finding;
use planb_model::recovery::{
    AppliedMark, Engine, LogPosition, PartSpec, SegmentHeader, SnapshotManifest, TableDigest,
};
use planb_model::{Canary, Epoch, ServiceName, Text};
use planb_ports::database::{DatabaseRole, FenceState};
use planb_ports::{
    Clock, Database, ErrorKind, LogSource, PortResult, Progress, SegmentEnd, SnapshotFacts,
    SnapshotOptions, SnapshotSink, Until,
};
use source::FakeLog;
use state::{Record, State};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// The only user table.
pub const TABLE: &str = "orders";

/// Keys of the user rows in bytes of a snapshot part or a log; none in other bytes.
pub(crate) fn keys_in(bytes: &[u8]) -> Vec<String> {
    let records = encoding::decode(bytes).unwrap_or_default();
    let key = |record| match record {
        Record::Put(key, _) => Some(key),
        Record::Canary(..) => None,
    };
    records.into_iter().filter_map(key).collect()
}

/// A database. Clones are the same database.
#[derive(Clone)]
pub struct FakeDatabase {
    shared: Arc<Shared>,
    link: Link,
}

struct Shared {
    name: String,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    committed: Notify,
}

impl std::fmt::Debug for FakeDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FakeDatabase")
            .field(&self.shared.name)
            .finish()
    }
}

impl FakeDatabase {
    /// An empty, living, writable database; `name` appears in its log stream's name.
    pub fn new(name: impl Into<String>, clock: impl Clock + 'static) -> Self {
        let name = name.into();
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State::new(&name)),
                name,
                clock: Arc::new(clock),
                committed: Notify::new(),
            }),
            link: Link::direct(),
        }
    }

    /// The same database behind `link`.
    #[must_use]
    pub fn through(&self, link: Link) -> Self {
        Self {
            shared: self.shared.clone(),
            link,
        }
    }

    /// Another database with the same content, log and name, behind no link.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            shared: Arc::new(Shared {
                name: self.shared.name.clone(),
                clock: Arc::clone(&self.shared.clock),
                state: Mutex::new(lock(&self.shared.state).clone()),
                committed: Notify::new(),
            }),
            link: Link::direct(),
        }
    }

    /// A user's write: one row, one transaction, durable on `Ok`. Refused while
    /// it is dead, fenced or being restored.
    pub fn put(&self, key: &str, value: &str) -> PortResult<()> {
        let record = Record::Put(key.to_owned(), value.to_owned());
        lock(&self.shared.state).write(record)?;
        self.shared.committed.notify_waiters();
        Ok(())
    }

    /// Every row.
    pub fn rows(&self) -> BTreeMap<String, String> {
        lock(&self.shared.state).rows.clone()
    }

    /// Whether the row is there, whatever its value.
    pub fn has(&self, key: &str) -> bool {
        lock(&self.shared.state).rows.contains_key(key)
    }

    /// It answers nothing and does nothing until it is revived.
    pub fn kill(&self) {
        lock(&self.shared.state).alive = false;
        self.shared.committed.notify_waiters();
    }

    /// It is there again, as it was on disk.
    pub fn revive(&self) {
        lock(&self.shared.state).alive = true;
    }

    /// It is there again on a new, empty disk.
    pub fn revive_empty(&self) {
        let mut state = lock(&self.shared.state);
        let (stream_no, disk_no) = (state.stream_no + 1, state.disk_no + 1);
        *state = State::new(&self.shared.name);
        state.stream_no = stream_no;
        state.disk_no = disk_no;
    }

    /// Counts its disks: one more after every [`FakeDatabase::revive_empty`].
    pub fn disk_no(&self) -> u64 {
        lock(&self.shared.state).disk_no
    }

    /// Whether it answers.
    pub fn is_alive(&self) -> bool {
        lock(&self.shared.state).alive
    }

    /// Whether a user's write would be taken now.
    pub fn accepts_writes(&self) -> bool {
        lock(&self.shared.state).check_writable().is_ok()
    }

    /// The fence row, without a network in between.
    pub fn peek_fence(&self) -> FenceState {
        lock(&self.shared.state).fence
    }

    /// How often `method` (`fence`, `promote`, `begin-restore`) changed
    /// something under `epoch`. For `begin-restore` the epoch of the manifest.
    pub fn effects(&self, method: &'static str, epoch: Epoch) -> u64 {
        let state = lock(&self.shared.state);
        *state.effects.get(&(method, epoch)).unwrap_or(&0)
    }

    /// How often a restore began while it took writes under a fence row: every
    /// one of these destroyed a primary.
    pub fn primaries_destroyed(&self) -> u64 {
        lock(&self.shared.state).primaries_destroyed
    }

    /// How many transactions its log's reader said are durable elsewhere.
    pub fn shipped_to(&self) -> Option<u64> {
        lock(&self.shared.state).shipped
    }

    /// How many transactions its log has.
    pub fn log_len(&self) -> u64 {
        lock(&self.shared.state).log.len() as u64
    }

    /// Forgets its log up to now, as if it was purged.
    pub fn purge_log(&self) {
        let mut state = lock(&self.shared.state);
        state.purged = state.log.len() as u64;
    }

    /// The next `apply_segment` breaks off half-way.
    pub fn break_next_apply(&self) {
        lock(&self.shared.state).break_apply = true;
    }

    /// Breaks the database on purpose: fence and promote take any epoch. For
    /// tests that must fail.
    pub fn remove_epoch_check(&self) {
        lock(&self.shared.state).unchecked = true;
    }

    fn state<T>(&self, work: impl FnOnce(&mut State) -> PortResult<T>) -> PortResult<T> {
        self.shared.state(work)
    }
}

impl Shared {
    fn state<T>(&self, work: impl FnOnce(&mut State) -> PortResult<T>) -> PortResult<T> {
        let mut state = lock(&self.state);
        state.check_alive()?;
        work(&mut state)
    }
}

#[async_trait]
impl Database for FakeDatabase {
    fn engine(&self) -> Engine {
        state::ENGINE
    }

    async fn check(&self, _role: DatabaseRole) -> Vec<Finding> {
        let subject = format!("database {}", self.shared.name);
        match self.ping().await {
            Ok(()) => vec![Finding::ok(
                crate::FAKE_CODE,
                subject,
                Text::new("it answers", "응답합니다"),
            )],
            Err(error) => vec![Finding::failed(
                crate::FAKE_CODE,
                planb_model::finding::Severity::Unknown,
                subject,
                Text::new(error.chain(), error.chain()),
                Text::new("revive it", "다시 살리세요"),
            )],
        }
    }

    async fn ping(&self) -> PortResult<()> {
        self.link.call("ping", || self.state(|_| Ok(()))).await
    }

    async fn snapshot(
        &self,
        sink: &dyn SnapshotSink,
        _options: &SnapshotOptions,
        _progress: &dyn Progress,
    ) -> PortResult<SnapshotFacts> {
        self.write_snapshot(sink).await
    }

    async fn open_log(&self, start: &LogPosition) -> PortResult<Box<dyn LogSource>> {
        let open = || self.state(|state| state.find(start));
        let next = self.link.call("open-log", open).await?;
        Ok(Box::new(FakeLog::new(self.clone(), start, next)))
    }

    async fn write_canary(&self, service: &ServiceName, canary: &Canary) -> PortResult<()> {
        let record = Record::Canary(service.to_string(), canary.encode());
        let write = || self.state(|state| state.write(record));
        self.link.call("write-canary", write).await?;
        self.shared.committed.notify_waiters();
        Ok(())
    }

    async fn fence_state(&self, _service: &ServiceName) -> PortResult<FenceState> {
        let look = || self.state(|state| Ok(state.fence));
        self.link.call("fence-state", look).await
    }

    async fn fence(&self, _service: &ServiceName, epoch: Epoch) -> PortResult<()> {
        let shared = self.shared.clone();
        let fence = move || shared.state(|state| state.fence(epoch));
        self.link.call_or_late(("fence", epoch), fence).await
    }

    async fn promote(&self, _service: &ServiceName, epoch: Epoch) -> PortResult<()> {
        let shared = self.shared.clone();
        let promote = move || shared.state(|state| state.promote(epoch));
        self.link.call_or_late(("promote", epoch), promote).await
    }

    async fn applied(&self) -> PortResult<Option<AppliedMark>> {
        let look = || self.state(|state| Ok(state.applied.mark().cloned()));
        self.link.call("applied", look).await
    }

    async fn accepts(&self, manifest: &SnapshotManifest) -> PortResult<()> {
        let look = || self.state(|state| state.accepts(manifest));
        self.link.call("accepts", look).await
    }

    async fn begin_restore(&self, manifest: &SnapshotManifest) -> PortResult<()> {
        let begin = || self.state(|state| state.begin_restore(manifest));
        let call = ("begin-restore", manifest.epoch);
        self.link.call(call, begin).await
    }

    async fn load_part(
        &self,
        part: &PartSpec,
        bytes: BoxStream<'_, PortResult<Bytes>>,
    ) -> PortResult<()> {
        let bytes = target::gather(bytes).await?;
        let load = || self.state(|state| state.load_part(part, &bytes));
        self.link.call("load-part", load).await
    }

    async fn end_restore(&self, mark: &AppliedMark) -> PortResult<()> {
        let end = || self.state(|state| state.end_restore(mark));
        self.link.call("end-restore", end).await
    }

    async fn apply_segment(
        &self,
        header: &SegmentHeader,
        bytes: Bytes,
        mark: &AppliedMark,
        until: Option<&Until>,
    ) -> PortResult<SegmentEnd> {
        let apply = || self.state(|state| state.apply(header, &bytes, mark, until));
        self.link.call(("apply-segment", header.epoch), apply).await
    }

    async fn digests(&self) -> PortResult<Vec<TableDigest>> {
        let look = || self.state(|state| Ok(vec![state.digest()]));
        self.link.call("digests", look).await
    }

    async fn read_canary(&self, service: &ServiceName) -> PortResult<Option<Canary>> {
        let read = || {
            self.state(|state| {
                let text = state.canaries.get(service.as_str());
                Ok(text.and_then(|t| Canary::decode(t.as_bytes())))
            })
        };
        self.link.call("read-canary", read).await
    }

    async fn integrity(&self) -> PortResult<Vec<Finding>> {
        let look = || {
            self.state(|state| match state.applied {
                state::Applied::Broken => {
                    Err(fake_error(ErrorKind::Corrupt, "a restore was broken off"))
                }
                _ => Ok(vec![]),
            })
        };
        self.link.call("integrity", look).await
    }
}
