//! Folded log in a restore: taken where there is some, and never needed.

use super::goal::Goal;
use super::log::Applier;
use crate::canary::is_newer;
use crate::fold::{Folded, FoldedName};
use crate::layout::SegmentName;
use crate::segment::Segment;
use planb_model::Canary;
use planb_model::recovery::{AppliedMark, ObjectHash, SignatureState};
use planb_ports::{ErrorKind, PortResult};

impl Applier<'_> {
    /// The folded objects that may be taken. Without them a restore takes
    /// longer, so what goes wrong here is told and no more.
    pub(super) async fn list_folded(&self) -> Vec<FoldedName> {
        if matches!(self.target.goal, Goal::Snapshot) || !self.target.database.folds() {
            return Vec::new();
        }
        let listed = self.target.vault.folded(self.head.epoch, self.head.next);
        listed.await.unwrap_or_else(|e| {
            tracing::warn!(error = e.chain(), "folded log cannot be listed");
            Vec::new()
        })
    }

    /// Applies a folded object, whose last segment is `last`; `false` when the
    /// segments themselves have to be applied instead.
    pub(super) async fn take_folded(
        &mut self,
        name: &FoldedName,
        last: &SegmentName,
    ) -> PortResult<bool> {
        if name.from != self.head.next || self.ended {
            return Ok(false);
        }
        self.apply_batch().await?;
        let folded = match self.target.vault.read_folded(name, &self.head, last).await {
            Ok(folded) => folded,
            Err(e) => {
                tracing::warn!(error = e.chain(), "folded log is not used");
                let text = format!("folded log is not used: {e}");
                self.target.progress.stage(&text);
                return Ok(false);
            }
        };
        self.proofs
            .check_hash(name.to, &folded.header.last, &last.key)?;
        // Inside of it nothing can be stopped at.
        let (database, goal) = (self.target.database, self.target.goal);
        if self.ended || !goal.holds(database, &as_segment(&folded)) {
            return Ok(false);
        }
        self.apply_folded(folded).await
    }

    async fn apply_folded(&mut self, folded: Folded) -> PortResult<bool> {
        let header = folded.header;
        let (from, to) = (header.from.0, header.to.0);
        let stage = format!("applying folded log {from} to {to}");
        self.target.progress.stage(&stage);
        let mark = AppliedMark {
            snapshot: self.report.mark.snapshot.clone(),
            epoch: header.epoch,
            next_segment: header.to.next(),
            position: header.end.clone(),
        };
        let (database, raw) = (self.target.database, folded.raw.clone());
        let whole = header.as_segment();
        let refused = match database.apply_folded(&whole, raw, &mark).await {
            Ok(true) => None,
            Ok(false) => Some("the target does not take it".to_owned()),
            Err(e) if e.kind() == ErrorKind::Corrupt && self.stands().await? => Some(e.chain()),
            Err(e) => return Err(e),
        };
        if let Some(reason) = refused {
            tracing::warn!(from, to, reason, "folded log is not used");
            return Ok(false);
        }
        self.head.next = header.to.next();
        self.head.previous = header.last;
        self.head.end = Some(header.end);
        self.report.mark = mark;
        self.report.reached_at = Some(header.written_at);
        self.report.segments_applied += to - from + 1;
        self.report.transactions_applied += header.transactions;
        self.report.stored_bytes += folded.stored_bytes;
        if let Some(found) = Canary::newest_in(&folded.raw)
            && is_newer(&found, self.report.canary.as_ref())
        {
            self.report.canary = Some(found);
        }
        self.look_at_point();
        Ok(true)
    }
}

impl Applier<'_> {
    /// Whether the target is as it was.
    async fn stands(&self) -> PortResult<bool> {
        let mark = self.target.database.applied().await?;
        Ok(mark.as_ref() == Some(&self.report.mark))
    }
}

/// For questions about where it lies.
fn as_segment(folded: &Folded) -> Segment {
    Segment {
        key: String::new(),
        header: folded.header.as_segment(),
        raw: folded.raw.clone(),
        hash: ObjectHash::genesis(),
        stored_bytes: folded.stored_bytes,
        signature: SignatureState::Unchecked,
    }
}
