//! Which log counts where signatures are checked.
//!
//! Every segment is signed by its writer. One without a signature counts in one
//! case only: it was written before segments were signed. Then nothing before it
//! is signed either, and a signed checkpoint at or behind it vouches for it
//! through the hashes in between. A segment that closes a chain needs none: a
//! site that fences may have no key, and nothing is lost by it.

use crate::checkpoint::Proofs;
use crate::error;
use crate::segment::Segment;
use crate::vault::Vault;
use futures::TryStreamExt;
use planb_model::Epoch;
use planb_model::recovery::{ObjectHash, SegmentBody, SegmentSeq, SignatureState};
use planb_ports::PortResult;

/// What is known while a chain is read from some place on.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    /// Whether a segment before was signed; `None` while nobody has looked.
    signed_before: Option<bool>,
    /// Up to here a checkpoint vouches for what is read.
    vouched: Option<SegmentSeq>,
}

impl Trust {
    /// Refuses the next segment of a chain when it is log nobody vouches for.
    pub(crate) async fn check(&mut self, vault: &Vault, segment: &Segment) -> PortResult<()> {
        if vault.is_signed(segment) {
            if segment.signature == SignatureState::Valid {
                self.signed_before = Some(true);
            }
            return Ok(());
        }
        if self.signed_before.is_none() {
            self.signed_before = Some(vault.is_signed_before(segment).await?);
        }
        let seq = segment.header.seq;
        if self.signed_before == Some(true) {
            return Err(error::unsigned_log(&segment.key));
        }
        if self.vouched.is_none_or(|vouched| vouched < seq) {
            let proofs = vault.proofs(segment.header.epoch, seq).await?;
            self.vouched = vault.vouched(segment, &proofs).await?;
        }
        match self.vouched {
            Some(_) => Ok(()),
            None => Err(error::unsigned_log(&segment.key)),
        }
    }
}

impl Vault {
    /// Whether a segment is signed, as far as it has to be.
    pub(crate) fn is_signed(&self, segment: &Segment) -> bool {
        let closes = matches!(segment.header.body, SegmentBody::Closed { .. });
        !self.signing.checks() || closes || segment.signature == SignatureState::Valid
    }

    /// Refuses a chain whose last log, at `from` or behind it, nobody vouches for.
    pub(crate) async fn check_end(&self, epoch: Epoch, from: SegmentSeq) -> PortResult<()> {
        if !self.signing.checks() {
            return Ok(());
        }
        let Some((name, object)) = self.raw_head(epoch).await?.last else {
            return Ok(());
        };
        let mut last = self.decode(&name.key, object).await?;
        if matches!(last.header.body, SegmentBody::Closed { .. }) {
            match self.segment_before(&last).await? {
                Some(before) => last = before,
                None => return Ok(()),
            }
        }
        match last.header.seq >= from {
            true => Trust::default().check(self, &last).await,
            false => Ok(()),
        }
    }

    async fn is_signed_before(&self, segment: &Segment) -> PortResult<bool> {
        let before = self.segment_before(segment).await?;
        Ok(before.is_some_and(|before| before.signature == SignatureState::Valid))
    }

    /// The segment before one; `None` when it was pruned, or there never was one.
    async fn segment_before(&self, segment: &Segment) -> PortResult<Option<Segment>> {
        let (epoch, seq) = (segment.header.epoch, segment.header.seq);
        let before = SegmentSeq(seq.0.saturating_sub(1));
        if before < SegmentSeq::FIRST {
            return Ok(None);
        }
        let mut names = self.segments(epoch, before).await?;
        match names.try_next().await?.filter(|name| name.seq == before) {
            Some(name) => Ok(Some(self.read_segment(epoch, &name).await?)),
            None => Ok(None),
        }
    }

    /// Follows the chain from `segment` to the first signed checkpoint at or
    /// behind it; its place, when that is what was signed.
    async fn vouched(&self, segment: &Segment, proofs: &Proofs) -> PortResult<Option<SegmentSeq>> {
        let (epoch, mut seq) = (segment.header.epoch, segment.header.seq);
        let Some((signed_at, signed)) = proofs.first_from(seq) else {
            return Ok(None);
        };
        let mut hash: ObjectHash = segment.hash.clone();
        while seq < signed_at {
            seq = seq.next();
            let name = self.segment_name(epoch, seq, &hash);
            let next = self.read_segment(epoch, &name).await?;
            if next.header.previous != hash {
                let what = "it does not follow the object before it";
                return Err(error::corrupt(&next.key, what));
            }
            hash = next.hash;
        }
        match hash == *signed {
            true => Ok(Some(signed_at)),
            false => Err(error::forged_log(&segment.key)),
        }
    }
}
