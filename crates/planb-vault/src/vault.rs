//! What every part of the repository works with.

use crate::chain::Ends;
use crate::layout::{Layout, SegmentName};
use crate::seal::Seal;
use crate::segment::{self, Segment};
use crate::sign::Signing;
use crate::spool::Spool;
use crate::{VaultOptions, error};
use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt};
use planb_model::recovery::{LogPosition, SegmentSeq};
use planb_model::{Epoch, ServiceName};
use planb_ports::{Clock, ErrorKind, PortError, PortResult, Random, VaultStorage};
use std::sync::Arc;

/// Larger objects are compressed and expanded off the async threads.
const INLINE_BYTES_MAX: usize = 128 * 1024;

/// Objects of segments read ahead: hides a vault's latency.
const READ_AHEAD_SEGMENTS: usize = 8;
/// Of those, so many are expanded ahead. What is expanded may be many times as
/// large as it is stored: pieces of long transactions have 4 MiB each.
const EXPAND_AHEAD_SEGMENTS: usize = 2;

/// One service's folder in a vault, and how to write in it.
#[derive(Clone)]
pub(crate) struct Vault {
    pub(crate) storage: Arc<dyn VaultStorage>,
    pub(crate) service: ServiceName,
    pub(crate) layout: Layout,
    pub(crate) seal: Seal,
    pub(crate) signing: Signing,
    pub(crate) options: VaultOptions,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) ends: Ends,
    /// Where log waits when the storage is slow.
    pub(crate) spool: Option<Spool>,
}

impl Vault {
    /// Reads the segment `key` and checks that it is the one its name says.
    pub(crate) async fn read_segment(
        &self,
        epoch: Epoch,
        name: &SegmentName,
    ) -> PortResult<Segment> {
        let object = self.read_object(name).await?;
        self.expand(epoch, name, object).await
    }

    /// Reads segments in the order of their names, several at a time.
    pub(crate) fn read_ahead<'a>(
        &'a self,
        epoch: Epoch,
        names: impl Iterator<Item = SegmentName> + 'a,
    ) -> impl Stream<Item = PortResult<Segment>> + 'a {
        let reads = names.map(move |name| async move { (self.read_object(&name).await, name) });
        stream::iter(reads)
            .buffered(READ_AHEAD_SEGMENTS)
            .map(move |(object, name)| async move { self.expand(epoch, &name, object?).await })
            .buffered(EXPAND_AHEAD_SEGMENTS)
    }

    async fn read_object(&self, name: &SegmentName) -> PortResult<Bytes> {
        match self.storage.read(&name.key).await {
            Err(e) if e.kind() == ErrorKind::NotFound => Err(error::missing(&name.key)),
            other => other,
        }
    }

    async fn expand(&self, epoch: Epoch, name: &SegmentName, object: Bytes) -> PortResult<Segment> {
        let segment = self.decode(&name.key, object).await?;
        self.check_place(epoch, name, &segment)?;
        Ok(segment)
    }

    /// Decodes a segment, large ones off the async threads.
    pub(crate) async fn decode(&self, key: &str, object: Bytes) -> PortResult<Segment> {
        if object.len() <= INLINE_BYTES_MAX {
            return segment::decode(key, object, &self.seal);
        }
        let (key, seal) = (key.to_owned(), self.seal.clone());
        blocking(move || segment::decode(&key, object, &seal)).await
    }

    /// Checks that a segment is the one its name says.
    pub(crate) fn check_place(
        &self,
        epoch: Epoch,
        name: &SegmentName,
        segment: &Segment,
    ) -> PortResult<()> {
        let header = &segment.header;
        let wrong = |what: String| Err(error::corrupt(&name.key, what));
        if header.service != self.service {
            return wrong(format!("it is of service {}", header.service));
        }
        if (header.epoch, header.seq) != (epoch, name.seq) {
            let (epoch, seq) = (header.epoch, header.seq.0);
            return wrong(format!("it belongs at place {seq} of epoch {epoch}"));
        }
        if header.previous.short() != name.previous {
            return wrong("it follows another object than its name says".into());
        }
        Ok(())
    }

    /// Object name of the segment at `seq` that follows an object with `previous` as hash.
    pub(crate) fn segment_name(
        &self,
        epoch: Epoch,
        seq: SegmentSeq,
        previous: &planb_model::recovery::ObjectHash,
    ) -> SegmentName {
        SegmentName {
            key: self.layout.segment(epoch, seq, previous),
            seq,
            previous: previous.short().to_owned(),
            size: 0,
        }
    }
}

/// Runs `work`, which computes for long, off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> PortResult<T> + Send + 'static,
) -> PortResult<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) if e.is_cancelled() => Err(PortError::new(
            ErrorKind::Canceled,
            "PB-REPO-INTERNAL",
            "the runtime is shutting down",
        )),
        Err(e) => Err(error::internal("finish a computation", e)),
    }
}

/// Whether two positions are the same place, as the vault can tell: GTID sets
/// may be written in several ways, streams and places have one text each.
pub(crate) fn same_place(a: &LogPosition, b: &LogPosition) -> bool {
    (&a.stream, &a.at) == (&b.stream, &b.at)
}
