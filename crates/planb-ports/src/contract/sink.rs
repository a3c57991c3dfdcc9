//! A snapshot sink in memory, for tests of connectors.

use crate::snapshot::PartSink;
use crate::{ErrorKind, PortError, PortResult, SnapshotSink};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use planb_model::recovery::PartSpec;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One part: what it is, and its bytes once it is ended.
type Slot = (PartSpec, Option<Bytes>);

/// Keeps a snapshot's parts in memory, and refuses what a vault refuses.
#[derive(Debug, Clone, Default)]
pub struct MemorySink {
    slots: Arc<Mutex<Vec<Slot>>>,
}

impl MemorySink {
    /// The parts in the order they were begun.
    ///
    /// # Panics
    /// When a part was begun and not ended.
    pub fn parts(&self) -> Vec<(PartSpec, Bytes)> {
        let whole = |(spec, bytes): &Slot| match bytes {
            Some(bytes) => (spec.clone(), bytes.clone()),
            None => panic!("part {} was not ended", spec.name),
        };
        self.slots().iter().map(whole).collect()
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SnapshotSink for MemorySink {
    async fn begin(&self, spec: PartSpec) -> PortResult<Box<dyn PartSink>> {
        let mut slots = self.slots();
        let safe = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        if spec.name.is_empty() || !spec.name.bytes().all(safe) {
            return Err(bad(format!("'{}' cannot name a part", spec.name)));
        }
        if slots.iter().any(|(other, _)| other.name == spec.name) {
            return Err(bad(format!("there are two parts '{}'", spec.name)));
        }
        let index = slots.len();
        slots.push((spec, None));
        Ok(Box::new(MemoryPart {
            sink: self.clone(),
            index,
            bytes: BytesMut::new(),
        }))
    }
}

fn bad(message: String) -> PortError {
    PortError::new(ErrorKind::Invalid, "PB-CONTRACT-SINK", message)
}

struct MemoryPart {
    sink: MemorySink,
    index: usize,
    bytes: BytesMut,
}

#[async_trait]
impl PartSink for MemoryPart {
    async fn write(&mut self, bytes: Bytes) -> PortResult<()> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn end(self: Box<Self>) -> PortResult<()> {
        self.sink.slots()[self.index].1 = Some(self.bytes.freeze());
        Ok(())
    }
}
