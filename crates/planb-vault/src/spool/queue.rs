//! What waits for the vault, in order: bookkeeping only, no input or output.

use super::files::Spooled;
use super::{MEMORY_BYTES_MAX, OBJECTS_MAX, SPILL_AFTER_MS, SPILL_BYTES};
use crate::chain::Head;
use crate::ship::Encoded;
use jiff::Timestamp;
use planb_model::recovery::{LogPosition, ObjectHash, SegmentSeq};
use std::collections::VecDeque;
use std::time::Duration;

/// An object that is not in the vault.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) seq: SegmentSeq,
    pub(crate) hash: ObjectHash,
    /// Bytes as stored.
    pub(crate) bytes: u64,
    /// When its newest transaction was read.
    pub(crate) since: Timestamp,
    /// The object itself, when it is in memory. Dropped once it is on disk.
    pub(crate) encoded: Option<Encoded>,
    pub(crate) on_disk: bool,
}

impl Waiting {
    pub(super) fn file(&self) -> Spooled {
        Spooled {
            seq: self.seq,
            hash: self.hash.0.clone(),
            bytes: self.bytes,
        }
    }
}

/// The queue. On disk is always its beginning, without a gap.
#[derive(Debug)]
pub(super) struct Queue {
    items: VecDeque<Waiting>,
    /// Of all items.
    bytes: u64,
    /// The end of the chain with everything that waits.
    pub(super) head: Head,
    /// Where its log ends, which is where reading goes on.
    pub(super) position: LogPosition,
    /// Everything before this is in the vault.
    pub(super) durable: LogPosition,
    /// Grows when what waits was dropped: batches read before do not fit.
    pub(super) generation: u64,
    /// The disk took an object neither now nor when it was asked last.
    pub(super) refused: bool,
}

impl Queue {
    pub(super) fn new(durable: LogPosition, head: Head, position: LogPosition) -> Self {
        Self {
            items: VecDeque::new(),
            bytes: 0,
            head,
            position,
            durable,
            generation: 0,
            refused: false,
        }
    }

    /// Begins with what was found on disk.
    pub(super) fn begin_with(mut self, found: Vec<Waiting>) -> Self {
        self.bytes = found.iter().map(|item| item.bytes).sum();
        self.items = found.into();
        self
    }

    /// Adds an object that was made for the end of the queue.
    pub(super) fn push(&mut self, encoded: Encoded) {
        self.head.pass(&encoded);
        self.position = encoded.end.clone();
        self.bytes += encoded.object.len() as u64;
        self.items.push_back(Waiting {
            seq: encoded.seq,
            hash: encoded.hash.clone(),
            bytes: encoded.object.len() as u64,
            since: encoded.read_at,
            encoded: Some(encoded),
            on_disk: false,
        });
    }

    pub(super) fn front(&self) -> Option<Waiting> {
        self.items.front().cloned()
    }

    /// The one behind the first, when it is only on disk.
    pub(super) fn second_on_disk(&self) -> Option<Waiting> {
        let second = self.items.get(1);
        second.filter(|item| item.encoded.is_none()).cloned()
    }

    /// The first one is in the vault, whose log ends at `durable` now.
    pub(super) fn pop(&mut self, durable: &LogPosition) -> Option<Waiting> {
        self.durable = durable.clone();
        self.refused = false;
        let popped = self.items.pop_front();
        self.bytes -= popped.as_ref().map_or(0, |item| item.bytes);
        popped
    }

    /// Forgets everything that waits; the chain goes on behind `head`.
    pub(super) fn reset(&mut self, head: Head, position: LogPosition) -> Vec<Waiting> {
        self.head = head;
        self.durable = position.clone();
        self.position = position;
        self.generation += 1;
        self.bytes = 0;
        self.refused = false;
        std::mem::take(&mut self.items).into()
    }

    /// What should be written to disk next, if anything.
    pub(super) fn to_spill(&self, now: Timestamp) -> Option<Encoded> {
        let first = self.held().last()?;
        let slow = self.age(now) >= Duration::from_millis(SPILL_AFTER_MS);
        let much = self.memory_bytes() >= SPILL_BYTES;
        match self.is_on_disk() || slow || much {
            true => first.encoded.clone(),
            false => None,
        }
    }

    /// An object was written to disk. Whether it still waits.
    pub(super) fn spilled(&mut self, hash: &ObjectHash) -> bool {
        self.refused = false;
        // It is near the end: nothing before it is only in memory.
        match self.items.iter_mut().rev().find(|item| item.hash == *hash) {
            Some(item) => {
                item.on_disk = true;
                item.encoded = None;
                true
            }
            None => false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn is_on_disk(&self) -> bool {
        self.items.front().is_some_and(|item| item.on_disk)
    }

    /// Whether more may be read.
    pub(super) fn has_room(&self) -> bool {
        !self.refused && self.memory_bytes() < MEMORY_BYTES_MAX && self.items.len() < OBJECTS_MAX
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        self.held().map(|item| item.bytes).sum()
    }

    /// What is only in memory, the last one first: a short end of the queue.
    fn held(&self) -> impl Iterator<Item = &Waiting> {
        self.items.iter().rev().take_while(|item| !item.on_disk)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn disk_bytes(&self) -> u64 {
        self.bytes() - self.memory_bytes()
    }

    /// How long the first one has waited.
    pub(super) fn age(&self, now: Timestamp) -> Duration {
        let since = self.items.front().map(|item| item.since);
        since.map_or(Duration::ZERO, |since| {
            now.duration_since(since).try_into().unwrap_or_default()
        })
    }
}
