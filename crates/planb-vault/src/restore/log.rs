//! Applies the log behind a mark, segment by segment.

use super::Target;
use crate::canary::is_newer;
use crate::chain::{Head, Link};
use crate::point::{READ_AHEAD_SEGMENTS, check_start};
use crate::segment::Segment;
use futures::StreamExt;
use futures::stream;
use planb_model::Canary;
use planb_model::recovery::{AppliedMark, SegmentBody};
use planb_ports::PortResult;
use planb_ports::repository::RestoreReport;

/// Follows the chain into the target.
pub(super) struct Applier<'a> {
    target: Target<'a>,
    report: RestoreReport,
    head: Head,
    /// The log goes on elsewhere, behind a snapshot this restore does not start from.
    ended: bool,
}

impl<'a> Applier<'a> {
    pub(super) fn new(target: Target<'a>, report: RestoreReport, head: Head) -> Self {
        Self {
            target,
            report,
            head,
            ended: false,
        }
    }

    /// Applies what is listed, then what came since, until nothing more comes.
    pub(super) async fn run(mut self) -> PortResult<RestoreReport> {
        self.apply_listed().await?;
        while !self.ended && self.head.closed.is_none() {
            match self.target.vault.next_segment(&self.head).await? {
                Some(segment) => self.apply(segment).await?,
                None => break,
            }
        }
        self.report.chain_closed = self.head.closed.is_some();
        Ok(self.report)
    }

    async fn apply_listed(&mut self) -> PortResult<()> {
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
            self.apply(segment?).await?;
            progress.bytes(self.report.stored_bytes, Some(total));
        }
        Ok(())
    }

    async fn apply(&mut self, segment: Segment) -> PortResult<()> {
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
        let SegmentBody::Log {
            end, transactions, ..
        } = &segment.header.body
        else {
            return Ok(());
        };
        let mark = AppliedMark {
            snapshot: self.report.mark.snapshot.clone(),
            epoch: self.head.epoch,
            next_segment: self.head.next,
            position: end.clone(),
        };
        let seq = segment.header.seq.0;
        self.target.progress.stage(&format!("applying log {seq}"));
        let raw = segment.raw.clone();
        let database = self.target.database;
        database
            .apply_segment(&segment.header, raw, &mark, None)
            .await?;
        self.report.mark = mark;
        self.report.segments_applied += 1;
        self.report.transactions_applied += transactions;
        if let Some(found) = Canary::newest_in(&segment.raw)
            && is_newer(&found, self.report.canary.as_ref())
        {
            self.report.canary = Some(found);
        }
        Ok(())
    }
}
