//! Applies the log behind a mark, several segments at a time, up to the asked
//! point.

use super::Target;
use super::goal::Goal;
use crate::canary::is_newer;
use crate::chain::{Head, Link};
use crate::checkpoint::Proofs;
use crate::error;
use crate::layout::SegmentName;
use crate::point::check_start;
use crate::segment::Segment;
use crate::trust::Trust;
use futures::StreamExt;
use planb_model::Canary;
use planb_model::recovery::{AppliedMark, Reached, SegmentBody, SegmentSeq};
use planb_ports::repository::RestoreReport;
use planb_ports::{ErrorKind, LogSegment, PortResult, SegmentEnd, Until};
use std::cmp::Ordering;
use std::pin::pin;

/// Log applied at once, before compression: a connector that folds changes
/// gains from seeing many, and a batch is kept in memory.
const BATCH_RAW_BYTES: usize = 32 << 20;

/// Follows the chain into the target.
pub(super) struct Applier<'a> {
    pub(super) target: Target<'a>,
    pub(super) report: RestoreReport,
    pub(super) head: Head,
    /// Segments that were read and are not applied.
    batch: Vec<Segment>,
    /// What is signed of the log that is to come.
    pub(super) proofs: Proofs,
    trust: Trust,
    /// Nothing more is to be applied: the asked point is reached, or the log
    /// goes on elsewhere, behind a snapshot this restore does not start from.
    pub(super) ended: bool,
    /// Whether the target said that it cannot stop inside a segment.
    whole_only: bool,
}

impl<'a> Applier<'a> {
    pub(super) fn new(target: Target<'a>, report: RestoreReport, head: Head) -> Self {
        Self {
            target,
            report,
            head,
            batch: Vec::new(),
            proofs: Proofs::default(),
            trust: Trust::default(),
            ended: false,
            whole_only: false,
        }
    }

    /// Applies what is listed, then what came since, until nothing more comes.
    ///
    /// When the log cannot be read on, what was read before is applied first; if
    /// the asked point is in that, what lies behind it does not matter.
    pub(super) async fn run(mut self) -> PortResult<(RestoreReport, Head)> {
        if *self.target.goal != Goal::End {
            self.report.reached = Reached::LogEnds;
        }
        self.look_at_point();
        let read = self.read().await;
        self.finish(read).await
    }

    /// Applies what comes next by its name, `most` segments of it, without listing
    /// anything.
    pub(super) async fn run_by_name(mut self, most: u64) -> PortResult<(RestoreReport, Head)> {
        let read = self.read_on(most).await;
        self.finish(read).await
    }

    async fn finish(mut self, read: PortResult<()>) -> PortResult<(RestoreReport, Head)> {
        self.apply_batch().await?;
        if !self.ended {
            read?;
        }
        let (vault, head) = (self.target.vault, &self.head);
        if self.report.segments_applied > 0 {
            let last = SegmentSeq(head.next.0.saturating_sub(1));
            vault.ends.see(head.epoch, last);
        }
        self.report.chain_closed = head.closed.is_some();
        Ok((self.report, self.head))
    }

    async fn read(&mut self) -> PortResult<()> {
        let (vault, from) = (self.target.vault, self.head.next);
        self.proofs = vault.proofs(self.head.epoch, from).await?;
        self.read_listed().await?;
        self.read_on(u64::MAX).await?;
        match !self.ended && self.head.closed.is_none() {
            true => self.is_whole(),
            false => Ok(()),
        }
    }

    /// Reads segment after segment by name: to the end, or `most` of them.
    async fn read_on(&mut self, most: u64) -> PortResult<()> {
        for _ in 0..most {
            if self.ended || self.head.closed.is_some() {
                break;
            }
            match self.target.vault.next_segment(&self.head).await? {
                Some(segment) => self.take(segment).await?,
                None => break,
            }
        }
        Ok(())
    }

    /// Refuses a chain that ends before its signed head.
    fn is_whole(&self) -> PortResult<()> {
        match self.proofs.signed_behind(self.head.next) {
            Some(signed) => Err(self.target.vault.missing_segment(self.head.epoch, signed)),
            None => Ok(()),
        }
    }

    async fn read_listed(&mut self) -> PortResult<()> {
        let (vault, progress) = (self.target.vault, self.target.progress);
        let (epoch, from) = (self.head.epoch, self.head.next);
        let names = vault.list_segments(epoch, from).await?;
        check_start(vault, &names, epoch, from)?;
        let before = self.report.stored_bytes;
        let total = before + names.iter().map(|n| n.size).sum::<u64>();
        let mut rest = &names[..];
        for folded in self.list_folded().await {
            let before = rest.iter().take_while(|n| n.seq < folded.from).count();
            let inside = rest.iter().take_while(|n| n.seq <= folded.to).count();
            let Some(last) = rest[..inside].last().filter(|n| n.seq == folded.to) else {
                break;
            };
            self.take_all(&rest[..before], total).await?;
            if !self.take_folded(&folded, last).await? {
                self.take_all(&rest[before..inside], total).await?;
            }
            progress.bytes(self.report.stored_bytes, Some(total));
            rest = &rest[inside..];
        }
        self.take_all(rest, total).await
    }

    /// Takes the segments `names`, the next ones of the chain.
    async fn take_all(&mut self, names: &[SegmentName], total: u64) -> PortResult<()> {
        let (vault, progress) = (self.target.vault, self.target.progress);
        let epoch = self.head.epoch;
        let mut segments = pin!(vault.read_ahead(epoch, names.iter().cloned()));
        while let Some(segment) = segments.next().await {
            if self.ended {
                break;
            }
            self.take(segment?).await?;
            progress.bytes(self.report.stored_bytes, Some(total));
        }
        Ok(())
    }

    /// Takes the next object of the chain.
    async fn take(&mut self, segment: Segment) -> PortResult<()> {
        self.report.stored_bytes += segment.stored_bytes;
        self.proofs.check(&segment)?;
        self.trust.check(self.target.vault, &segment).await?;
        match self.head.advance(&segment)? {
            Link::Closes => return Ok(()),
            Link::Jumps => {
                tracing::warn!(
                    key = segment.key,
                    "the log has a gap that only a newer snapshot bridges"
                );
                self.apply_batch().await?;
                self.report.reached = Reached::LogEnds;
                self.ended = true;
                return Ok(());
            }
            Link::Continues => {}
        }
        // A piece of a long transaction gains nothing from those behind it.
        let is_piece = segment.is_piece();
        self.batch.push(segment);
        let raw: usize = self.batch.iter().map(|s| s.raw.len()).sum();
        if raw >= BATCH_RAW_BYTES || is_piece {
            self.apply_batch().await?;
        }
        Ok(())
    }

    pub(super) async fn apply_batch(&mut self) -> PortResult<()> {
        let batch = std::mem::take(&mut self.batch);
        let until = match self.target.goal {
            Goal::Until(until) if !self.ended => until.clone(),
            Goal::End if !self.ended => return self.apply(&batch, None).await,
            _ => return Ok(()),
        };
        if !self.whole_only && !batch.is_empty() {
            match self.apply(&batch, Some(&until)).await {
                Err(e) if e.kind() == ErrorKind::Unsupported => {
                    self.unchanged(e).await?;
                    self.whole_only = true;
                }
                other => return other,
            }
        }
        self.apply_whole(&batch).await
    }

    /// For a target that cannot stop inside a segment: applies those that lie
    /// before the point as a whole.
    async fn apply_whole(&mut self, batch: &[Segment]) -> PortResult<()> {
        let holds = |s: &&Segment| self.target.goal.holds(self.target.database, s);
        let whole = batch.iter().take_while(holds).count();
        self.apply(&batch[..whole], None).await?;
        if whole < batch.len() && !self.ended {
            self.report.reached = Reached::WholeSegments;
            self.ended = true;
        }
        Ok(())
    }

    /// Makes sure that a refusal did not apply anything.
    async fn unchanged(&self, refusal: planb_ports::PortError) -> PortResult<()> {
        match self.target.database.applied().await? {
            Some(mark) if mark == self.report.mark => Ok(()),
            _ => Err(refusal),
        }
    }

    async fn apply(&mut self, batch: &[Segment], until: Option<&Until>) -> PortResult<()> {
        let Some(last) = batch.last() else {
            return Ok(());
        };
        let (from, to) = (batch[0].header.seq.0, last.header.seq.0);
        let stage = format!("applying log {from} to {to}");
        self.target.progress.stage(&stage);
        let segments: Vec<LogSegment> = batch.iter().map(|s| self.to_apply(s)).collect();
        let database = self.target.database;
        let (whole, end) = database.apply_segments(&segments, until).await?;
        let complete = end == SegmentEnd::All && whole == batch.len();
        if !complete && (until.is_none() || end == SegmentEnd::All) {
            let what = format!("{whole} of {} segments were applied", batch.len());
            return Err(error::bad_source(what));
        }
        for (segment, applied) in batch.iter().zip(&segments).take(whole) {
            self.count(segment, &applied.mark);
        }
        if let (SegmentEnd::Stopped(position), Some(inside)) = (end, segments.get(whole)) {
            self.report.mark = AppliedMark {
                next_segment: inside.header.seq,
                position,
                ..inside.mark.clone()
            };
            self.reached(until);
        }
        self.look_at_point();
        Ok(())
    }

    fn to_apply(&self, segment: &Segment) -> LogSegment {
        let position = match &segment.header.body {
            SegmentBody::Log { end, .. } => end.clone(),
            SegmentBody::Closed { .. } => self.report.mark.position.clone(),
        };
        LogSegment {
            header: segment.header.clone(),
            bytes: segment.raw.clone(),
            mark: AppliedMark {
                snapshot: self.report.mark.snapshot.clone(),
                epoch: self.head.epoch,
                next_segment: segment.header.seq.next(),
                position,
            },
        }
    }

    fn count(&mut self, segment: &Segment, mark: &AppliedMark) {
        self.report.mark = mark.clone();
        self.report.reached_at = Some(segment.header.written_at);
        self.report.segments_applied += 1;
        if let SegmentBody::Log { transactions, .. } = &segment.header.body {
            self.report.transactions_applied += transactions;
        }
        if let Some(found) = Canary::newest_in(&segment.raw)
            && is_newer(&found, self.report.canary.as_ref())
        {
            self.report.canary = Some(found);
        }
    }

    /// Whether the target stands at the asked place already.
    pub(super) fn look_at_point(&mut self) {
        if let Goal::Until(until @ Until::Position(point)) = self.target.goal {
            let position = &self.report.mark.position;
            let order = self.target.database.point_order(position, point);
            if order == Some(Ordering::Equal) {
                self.reached(Some(until));
            }
        }
    }

    fn reached(&mut self, until: Option<&Until>) {
        if let Some(Until::Time(time)) = until {
            self.report.reached_at = Some(*time);
        }
        self.report.reached = Reached::Asked;
        self.ended = true;
    }
}
