//! Log that waits on the control plane's disk while the fake vault is away.
//!
//! The disk is one machine's: it outlives the lives of its process, and a
//! failover by any of them takes what is on it along.

use super::FakeRepository;
use super::vault::{Segment, Tail};
use crate::{fake_error, lock};
use planb_model::Epoch;
use planb_model::recovery::SegmentBody;
use planb_ports::repository::{ProtectControl, ProtectEvent};
use planb_ports::{ErrorKind, LogSource, PortError, PortResult, Retry};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// The disk, and what became of what was on it.
#[derive(Debug, Default)]
pub(super) struct Spool {
    waiting: VecDeque<Segment>,
    /// Segments that ever waited.
    pub(super) spooled: u64,
    /// Keys that waited when a chain was closed from here, and are lost.
    pub(super) left_behind: BTreeSet<String>,
    /// Broken on purpose: a failover leaves it where it is.
    pub(super) forgotten: bool,
}

impl FakeRepository {
    pub(super) fn is_spool_empty(&self) -> bool {
        lock(&self.spool).waiting.is_empty()
    }

    pub(super) fn is_spool_full(&self) -> bool {
        lock(&self.spool).waiting.len() >= self.settings.spool_segments_max
    }

    /// The end of the chain with what waits behind it. What does not follow is
    /// dropped: the source still has it.
    pub(super) fn behind_spool(
        &self,
        epoch: Epoch,
        mut tail: Tail,
        control: Option<&dyn ProtectControl>,
    ) -> Tail {
        let mut spool = lock(&self.spool);
        let waiting = std::mem::take(&mut spool.waiting);
        let mut dropped = 0;
        for segment in waiting {
            let shipped = segment.header.epoch == epoch && segment.header.seq < tail.next;
            if tail.is_followed_by(&segment) {
                tail.pass(&segment);
                spool.waiting.push_back(segment);
            } else if !shipped {
                dropped += segment.bytes.len() as u64;
            }
        }
        drop(spool);
        if let Some(control) = control.filter(|_| dropped > 0) {
            control.event(ProtectEvent::SpoolDiscarded {
                bytes: dropped,
                reason: "it does not follow the log in the vault".to_owned(),
            });
        }
        tail
    }

    /// Has `segment` wait.
    pub(super) fn spool(
        &self,
        segment: Segment,
        control: Option<&dyn ProtectControl>,
    ) -> PortResult<()> {
        let mut spool = lock(&self.spool);
        // Another life of this process may have put its own there.
        if spool
            .waiting
            .back()
            .is_some_and(|last| !last.is_before(&segment))
        {
            let message = "the segment does not follow what waits";
            return Err(fake_error(ErrorKind::Conflict, message));
        }
        spool.waiting.push_back(segment);
        spool.spooled += 1;
        let bytes = spool.waiting.iter().map(|s| s.bytes.len() as u64).sum();
        let since = spool.waiting.front().map(|s| s.header.written_at);
        drop(spool);
        let age = since.map(|since| self.clock.now().duration_since(since));
        if let Some(control) = control {
            let age = age.and_then(|age| Duration::try_from(age).ok());
            let age = age.unwrap_or_default();
            control.event(ProtectEvent::Spooled { bytes, age });
            if self.is_spool_full() {
                control.event(ProtectEvent::SpoolFull { bytes });
            }
        }
        Ok(())
    }

    /// Ships the first one that waits and tells the source; `false` when none
    /// does.
    pub(super) async fn ship_first(
        &self,
        log: Option<&mut Box<dyn LogSource>>,
        control: Option<&dyn ProtectControl>,
    ) -> PortResult<bool> {
        let first = lock(&self.spool).waiting.front().cloned();
        let Some(first) = first else {
            return Ok(false);
        };
        self.put(first.clone()).await?;
        let empty = self.pop(&first);
        if let (Some(log), SegmentBody::Log { end, .. }) = (log, &first.header.body) {
            log.shipped(end).await?;
        }
        if let Some(control) = control {
            super::protect::told(control, &first, Duration::ZERO);
            if empty {
                let (bytes, age) = (0, Duration::ZERO);
                control.event(ProtectEvent::Spooled { bytes, age });
            }
        }
        Ok(true)
    }

    /// Takes `first` off, unless another life did; whether nothing waits now.
    fn pop(&self, first: &Segment) -> bool {
        let mut spool = lock(&self.spool);
        if spool.waiting.front().is_some_and(|now| now.is_same(first)) {
            spool.waiting.pop_front();
        }
        spool.waiting.is_empty()
    }

    /// Ships what waits of epochs before `by`, so that their chains can be
    /// closed; only a vault that does not answer keeps it from that.
    pub(super) async fn rescue(&self, by: Epoch) -> PortResult<()> {
        let waited: BTreeSet<String> = {
            let spool = lock(&self.spool);
            let older = spool.waiting.iter().filter(|s| s.header.epoch < by);
            older.flat_map(|s| s.keys().iter().cloned()).collect()
        };
        let forgotten = lock(&self.spool).forgotten;
        while !forgotten && self.waits_before(by) {
            match self.ship_first(None, None).await {
                Err(e) if e.retry() != Retry::No => return Err(e),
                Err(e) => self.drop_first(&e),
                Ok(_) => {}
            }
        }
        let durable = lock(&self.vault).ever_durable.clone();
        let mut spool = lock(&self.spool);
        let still = spool.waiting.iter().filter(|s| s.header.epoch < by);
        let left: BTreeSet<String> = still.flat_map(|s| s.keys().iter().cloned()).collect();
        let lost = left
            .into_iter()
            .filter(|k| waited.contains(k) && !durable.contains(k));
        let lost: Vec<String> = lost.collect();
        spool.left_behind.extend(lost);
        spool.waiting.retain(|s| s.header.epoch >= by);
        Ok(())
    }

    fn waits_before(&self, by: Epoch) -> bool {
        let spool = lock(&self.spool);
        spool.waiting.front().is_some_and(|s| s.header.epoch < by)
    }

    fn drop_first(&self, error: &PortError) {
        self.link
            .record(&format!("what waited is dropped: {error}"));
        lock(&self.spool).waiting.pop_front();
    }
}
