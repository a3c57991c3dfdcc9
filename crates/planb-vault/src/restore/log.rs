//! Applies the log behind a mark, a batch of segments after the other.

use super::Target;
use crate::canary::is_newer;
use crate::chain::{Head, Link};
use crate::point::{READ_AHEAD_SEGMENTS, check_start};
use crate::segment::Segment;
use futures::StreamExt;
use futures::stream;
use planb_model::Canary;
use planb_model::recovery::{AppliedMark, SegmentBody};
use planb_ports::repository::RestoreReport;
use planb_ports::{LogSegment, PortResult};

/// Log applied at once, before compression: a connector that folds changes
/// gains from seeing many, and a batch is kept in memory.
const BATCH_BYTES: usize = 32 << 20;

/// Follows the chain into the target.
pub(super) struct Applier<'a> {
    target: Target<'a>,
    report: RestoreReport,
    head: Head,
    /// The log goes on elsewhere, behind a snapshot this restore does not start from.
    ended: bool,
    /// Read, in its place in the chain, and not applied yet.
    batch: Vec<LogSegment>,
}

impl<'a> Applier<'a> {
    pub(super) fn new(target: Target<'a>, report: RestoreReport, head: Head) -> Self {
        Self {
            target,
            report,
            head,
            ended: false,
            batch: Vec::new(),
        }
    }

    /// Applies what is listed, then what came since, until nothing more comes.
    ///
    /// When the log cannot be read on, what was read before is applied first.
    pub(super) async fn run(mut self) -> PortResult<RestoreReport> {
        let read = self.read().await;
        self.apply().await?;
        read?;
        self.report.chain_closed = self.head.closed.is_some();
        Ok(self.report)
    }

    async fn read(&mut self) -> PortResult<()> {
        self.read_listed().await?;
        while !self.ended && self.head.closed.is_none() {
            match self.target.vault.next_segment(&self.head).await? {
                Some(segment) => self.take(segment).await?,
                None => break,
            }
        }
        Ok(())
    }

    async fn read_listed(&mut self) -> PortResult<()> {
        let (vault, progress) = (self.target.vault, self.target.progress);
        let (epoch, from) = (self.head.epoch, self.head.next);
        let names = vault.list_segments(epoch, from).await?;
        check_start(vault, &names, epoch, from)?;
        let before = self.report.stored_bytes;
        let total = before + names.iter().map(|n| n.size).sum::<u64>();
        let reads = names
            .into_iter()
            .map(|name| async move { vault.read_segment(epoch, &name).await });
        let mut segments = stream::iter(reads).buffered(READ_AHEAD_SEGMENTS);
        while let Some(segment) = segments.next().await {
            if self.ended {
                break;
            }
            self.take(segment?).await?;
            progress.bytes(self.report.stored_bytes, Some(total));
        }
        Ok(())
    }

    /// Puts a segment at the end of the batch, and applies the batch when it is
    /// large.
    async fn take(&mut self, segment: Segment) -> PortResult<()> {
        self.report.stored_bytes += segment.stored_bytes;
        match self.head.advance(&segment)? {
            Link::Closes => return Ok(()),
            Link::Jumps => {
                tracing::warn!(
                    key = segment.key,
                    "the log has a gap that only a newer snapshot bridges"
                );
                self.ended = true;
                return Ok(());
            }
            Link::Continues => {}
        }
        let SegmentBody::Log { end, .. } = &segment.header.body else {
            return Ok(());
        };
        let mark = AppliedMark {
            snapshot: self.report.mark.snapshot.clone(),
            epoch: self.head.epoch,
            next_segment: self.head.next,
            position: end.clone(),
        };
        self.batch.push(LogSegment {
            header: segment.header,
            bytes: segment.raw,
            mark,
        });
        if self.batch.iter().map(|s| s.bytes.len()).sum::<usize>() >= BATCH_BYTES {
            self.apply().await?;
        }
        Ok(())
    }

    /// Applies the batch.
    async fn apply(&mut self) -> PortResult<()> {
        let batch = std::mem::take(&mut self.batch);
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else {
            return Ok(());
        };
        let (from, to) = (first.header.seq.0, last.header.seq.0);
        let stage = format!("applying log {from} to {to}");
        self.target.progress.stage(&stage);
        self.target.database.apply_segments(&batch, None).await?;
        self.report.mark = last.mark.clone();
        for segment in &batch {
            if let SegmentBody::Log { transactions, .. } = segment.header.body {
                self.report.segments_applied += 1;
                self.report.transactions_applied += transactions;
            }
            if let Some(found) = Canary::newest_in(&segment.bytes)
                && is_newer(&found, self.report.canary.as_ref())
            {
                self.report.canary = Some(found);
            }
        }
        Ok(())
    }
}
