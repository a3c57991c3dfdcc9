//! The fake database with positions that can be ordered, and with an apply that
//! skips what was applied, as `Database::log_order` demands of a connector.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use planb_model::finding::Finding;
use planb_model::recovery::{
    AppliedMark, Engine, LogPosition, PartSpec, SegmentBody, SegmentHeader, SnapshotManifest,
    TableDigest,
};
use planb_model::{Canary, Epoch, ServiceName};
use planb_ports::database::{DatabaseRole, FenceState};
use planb_ports::{
    Clock, Database, ErrorKind, LogSource, PartSink, PortError, PortResult, Progress, SegmentEnd,
    SnapshotFacts, SnapshotOptions, SnapshotSink, Until,
};
use planb_testkit::{FakeDatabase, SimClock};
use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// See the module.
#[derive(Debug, Clone)]
pub struct OrderedDatabase {
    pub inner: FakeDatabase,
    /// How long it takes until the consistent point of a snapshot.
    pub lead_time: Duration,
    /// Whether an apply refuses to stop inside a segment.
    pub whole_only: bool,
    /// How long the copying of a snapshot takes, after its consistent point.
    pub copy_time: Duration,
    pub clock: SimClock,
    /// Whether the next snapshot stands in another log.
    pub stray: Arc<AtomicBool>,
    /// Whether it folds log.
    pub folds: bool,
    /// Whether it takes folded log.
    pub takes_folded: bool,
    /// Folded objects it has taken.
    pub folded: Arc<AtomicUsize>,
}

impl OrderedDatabase {
    pub fn of(inner: &FakeDatabase, clock: &SimClock) -> Self {
        Self {
            inner: inner.clone(),
            lead_time: Duration::ZERO,
            whole_only: false,
            copy_time: Duration::ZERO,
            clock: clock.clone(),
            stray: Arc::default(),
            folds: false,
            takes_folded: true,
            folded: Arc::default(),
        }
    }
}

fn number(position: &LogPosition) -> usize {
    position
        .at
        .parse()
        .expect("the fake's positions are numbers")
}

/// Holds the end of a snapshot back, so that log goes on meanwhile.
struct SlowSink<'a> {
    sink: &'a dyn SnapshotSink,
    pause: Duration,
    clock: &'a SimClock,
}

#[async_trait]
impl SnapshotSink for SlowSink<'_> {
    async fn begin(&self, spec: PartSpec) -> PortResult<Box<dyn PartSink>> {
        self.clock.sleep(self.pause).await;
        self.sink.begin(spec).await
    }
}

#[async_trait]
impl Database for OrderedDatabase {
    fn log_order(&self, a: &LogPosition, b: &LogPosition) -> Option<Ordering> {
        let number = |position: &LogPosition| position.at.parse::<usize>().ok();
        (a.stream == b.stream).then_some(())?;
        Some(number(a)?.cmp(&number(b)?))
    }
    async fn snapshot(
        &self,
        sink: &dyn SnapshotSink,
        options: &SnapshotOptions,
        progress: &dyn Progress,
    ) -> PortResult<SnapshotFacts> {
        self.clock.sleep(self.lead_time).await;
        let slow = SlowSink {
            sink,
            pause: self.copy_time,
            clock: &self.clock,
        };
        let mut facts = self.inner.snapshot(&slow, options, progress).await?;
        if self.stray.swap(false, Relaxed) {
            facts.position.stream.push_str(", another one");
        }
        Ok(facts)
    }
    async fn apply_segment(
        &self,
        header: &SegmentHeader,
        bytes: Bytes,
        mark: &AppliedMark,
        until: Option<&Until>,
    ) -> PortResult<SegmentEnd> {
        if self.whole_only && until.is_some() {
            let what = "only whole segments";
            return Err(PortError::new(ErrorKind::Unsupported, "PB-TEST", what));
        }
        let applied = self.inner.applied().await?.expect("a mark").position;
        let mut header = header.clone();
        let mut rest = bytes;
        if let SegmentBody::Log { start, end, .. } = &mut header.body
            && number(start) < number(&applied)
        {
            assert!(number(&applied) <= number(end), "nothing in it is new");
            for _ in number(start)..number(&applied) {
                let line = rest.iter().position(|b| *b == b'\n').expect("a line");
                rest = rest.slice(line + 1..);
            }
            *start = applied;
        }
        self.inner.apply_segment(&header, rest, mark, until).await
    }

    fn folds(&self) -> bool {
        self.folds
    }
    /// The last line of each row.
    async fn fold(&self, segments: &[(SegmentHeader, Bytes)]) -> PortResult<Option<Bytes>> {
        let mut last = std::collections::BTreeMap::new();
        for (_, bytes) in segments {
            assert!(bytes.len() <= 32 << 20, "too much at once");
            for line in std::str::from_utf8(bytes).expect("text").lines() {
                let row: (String, String, String) = serde_json::from_str(line).expect("a row");
                last.insert((row.0, row.1), line.to_owned());
            }
        }
        let text: String = last.into_values().map(|line| line + "\n").collect();
        Ok(Some(text.into()))
    }
    async fn apply_folded(
        &self,
        header: &SegmentHeader,
        bytes: Bytes,
        mark: &AppliedMark,
    ) -> PortResult<bool> {
        if !self.takes_folded {
            return Ok(false);
        }
        self.inner.apply_segment(header, bytes, mark, None).await?;
        self.folded.fetch_add(1, Relaxed);
        Ok(true)
    }
    fn engine(&self) -> Engine {
        self.inner.engine()
    }
    async fn check(&self, role: DatabaseRole) -> Vec<Finding> {
        self.inner.check(role).await
    }
    async fn ping(&self) -> PortResult<()> {
        self.inner.ping().await
    }
    async fn open_log(&self, start: &LogPosition) -> PortResult<Box<dyn LogSource>> {
        self.inner.open_log(start).await
    }
    async fn write_canary(&self, service: &ServiceName, canary: &Canary) -> PortResult<()> {
        self.inner.write_canary(service, canary).await
    }
    async fn fence_state(&self, service: &ServiceName) -> PortResult<FenceState> {
        self.inner.fence_state(service).await
    }
    async fn fence(&self, service: &ServiceName, epoch: Epoch) -> PortResult<()> {
        self.inner.fence(service, epoch).await
    }
    async fn promote(&self, service: &ServiceName, epoch: Epoch) -> PortResult<()> {
        self.inner.promote(service, epoch).await
    }
    async fn applied(&self) -> PortResult<Option<AppliedMark>> {
        self.inner.applied().await
    }
    async fn accepts(&self, manifest: &SnapshotManifest) -> PortResult<()> {
        self.inner.accepts(manifest).await
    }
    async fn begin_restore(&self, manifest: &SnapshotManifest) -> PortResult<()> {
        self.inner.begin_restore(manifest).await
    }
    async fn load_part(
        &self,
        part: &PartSpec,
        bytes: BoxStream<'_, PortResult<Bytes>>,
    ) -> PortResult<()> {
        self.inner.load_part(part, bytes).await
    }
    async fn end_restore(&self, mark: &AppliedMark) -> PortResult<()> {
        self.inner.end_restore(mark).await
    }
    async fn digests(&self) -> PortResult<Vec<TableDigest>> {
        self.inner.digests().await
    }
    async fn read_canary(&self, service: &ServiceName) -> PortResult<Option<Canary>> {
        self.inner.read_canary(service).await
    }
    async fn integrity(&self) -> PortResult<Vec<Finding>> {
        self.inner.integrity().await
    }
}
