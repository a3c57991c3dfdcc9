//! A database that shows what goes into it to the measures of a drill, and is
//! otherwise the one behind it.

use super::measure::Measures;
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use planb_model::finding::Finding;
use planb_model::recovery::{
    AppliedMark, Engine, LogPosition, PartSpec, SegmentHeader, SnapshotManifest, TableDigest,
};
use planb_model::{Canary, Epoch, ServiceName};
use planb_ports::database::{DatabaseRole, FenceState, LogSignals};
use planb_ports::{
    ContentCheck, Database, LogSegment, LogSource, PortResult, Progress, SegmentEnd, SnapshotFacts,
    SnapshotOptions, SnapshotSink, Until,
};
use std::cmp::Ordering;
use std::sync::Arc;

/// See the module.
pub struct Tap {
    inner: Arc<dyn Database>,
    measures: Arc<Measures>,
    service: ServiceName,
}

impl Tap {
    pub fn new(inner: Arc<dyn Database>, measures: Arc<Measures>, service: ServiceName) -> Self {
        Self {
            inner,
            measures,
            service,
        }
    }

    /// Looks at segments that will be applied next, up to the one behind which
    /// rows are counted: how many, and whether they are.
    fn look(&self, segments: &[LogSegment]) -> (usize, bool) {
        for (index, LogSegment { header, bytes, .. }) in segments.iter().enumerate() {
            let signals = self.inner.log_signals(bytes);
            if self.measures.segment(header, bytes, signals) {
                return (index + 1, true);
            }
        }
        (segments.len(), false)
    }

    async fn count(&self) -> PortResult<()> {
        let rows = self.inner.row_counts().await?.into_iter().collect();
        let canary = self.inner.read_canary(&self.service).await?;
        self.measures.counted(rows, canary);
        Ok(())
    }
}

#[async_trait]
impl Database for Tap {
    fn engine(&self) -> Engine {
        self.inner.engine()
    }

    async fn check(&self, role: DatabaseRole) -> Vec<Finding> {
        self.inner.check(role).await
    }

    async fn ping(&self) -> PortResult<()> {
        self.inner.ping().await
    }

    async fn snapshot(
        &self,
        sink: &dyn SnapshotSink,
        options: &SnapshotOptions,
        progress: &dyn Progress,
    ) -> PortResult<SnapshotFacts> {
        self.inner.snapshot(sink, options, progress).await
    }

    async fn open_log(&self, start: &LogPosition) -> PortResult<Box<dyn LogSource>> {
        self.inner.open_log(start).await
    }

    fn log_order(&self, a: &LogPosition, b: &LogPosition) -> Option<Ordering> {
        self.inner.log_order(a, b)
    }

    fn point_order(&self, position: &LogPosition, point: &str) -> Option<Ordering> {
        self.inner.point_order(position, point)
    }

    fn log_signals(&self, bytes: &[u8]) -> Option<LogSignals> {
        self.inner.log_signals(bytes)
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

    fn load_group(&self, part: &PartSpec) -> Option<u32> {
        self.inner.load_group(part)
    }

    fn load_width(&self) -> usize {
        self.inner.load_width()
    }

    async fn load_part(
        &self,
        part: &PartSpec,
        bytes: BoxStream<'_, PortResult<Bytes>>,
    ) -> PortResult<()> {
        let (measures, table) = (Arc::clone(&self.measures), part.table.clone());
        let watched = bytes.inspect(move |item| {
            if let Ok(bytes) = item {
                measures.loaded(table.as_deref(), bytes);
            }
        });
        self.inner.load_part(part, watched.boxed()).await
    }

    async fn end_restore(&self, mark: &AppliedMark) -> PortResult<()> {
        self.inner.end_restore(mark).await
    }

    async fn apply_segment(
        &self,
        header: &SegmentHeader,
        bytes: Bytes,
        mark: &AppliedMark,
        until: Option<&Until>,
    ) -> PortResult<SegmentEnd> {
        let signals = self.inner.log_signals(&bytes);
        let counts = self.measures.segment(header, &bytes, signals);
        let end = self.inner.apply_segment(header, bytes, mark, until).await?;
        if counts {
            self.count().await?;
        }
        Ok(end)
    }

    async fn apply_segments(
        &self,
        segments: &[LogSegment],
        until: Option<&Until>,
    ) -> PortResult<(usize, SegmentEnd)> {
        let mut applied = 0;
        loop {
            let rest = &segments[applied..];
            let (some, counts) = self.look(rest);
            let (whole, end) = self.inner.apply_segments(&rest[..some], until).await?;
            applied += whole;
            if counts {
                self.count().await?;
            }
            if end != SegmentEnd::All || applied == segments.len() {
                return Ok((applied, end));
            }
        }
    }

    async fn fold(&self, segments: &[(SegmentHeader, Bytes)]) -> PortResult<Option<Bytes>> {
        self.inner.fold(segments).await
    }

    /// Folded log tells no rates, so a drill applies the segments themselves.
    async fn apply_folded(
        &self,
        _header: &SegmentHeader,
        _bytes: Bytes,
        _mark: &AppliedMark,
    ) -> PortResult<bool> {
        Ok(false)
    }

    async fn digests(&self) -> PortResult<Vec<TableDigest>> {
        self.inner.digests().await
    }

    async fn row_counts(&self) -> PortResult<Vec<(String, u64)>> {
        self.inner.row_counts().await
    }

    async fn read_canary(&self, service: &ServiceName) -> PortResult<Option<Canary>> {
        self.inner.read_canary(service).await
    }

    async fn integrity(&self) -> PortResult<Vec<Finding>> {
        self.inner.integrity().await
    }

    async fn content_checks(&self) -> PortResult<Vec<ContentCheck>> {
        self.inner.content_checks().await
    }
}
