//! The vault's end of a snapshot: parts that are written side by side.

use crate::error;
use crate::part::PartWriter;
use crate::vault::Vault;
use async_trait::async_trait;
use bytes::Bytes;
use planb_model::recovery::{PartManifest, PartSpec};
use planb_ports::{PartSink, PortResult, SnapshotSink};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Longest name of a part, so that keys stay far below the stores' 1,024 bytes.
const PART_NAME_BYTES_MAX: usize = 200;

/// A part in the order it was begun, and what became of it.
struct Slot {
    name: String,
    state: State,
}

enum State {
    Open,
    Ended(PartManifest),
    /// Dropped before its end; its upload is still to be cleaned up.
    GivenUp(Option<Box<PartWriter>>),
}

type Slots = Arc<Mutex<Vec<Slot>>>;

/// Takes the parts of one snapshot.
pub(super) struct SnapshotWriter {
    vault: Vault,
    pub(super) id: Arc<str>,
    slots: Slots,
}

fn locked(slots: &Slots) -> MutexGuard<'_, Vec<Slot>> {
    slots.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SnapshotWriter {
    /// A writer for snapshot `id`.
    pub(super) fn new(vault: &Vault, id: String) -> Self {
        Self {
            vault: vault.clone(),
            id: id.into(),
            slots: Slots::default(),
        }
    }

    /// The parts in the order they were begun, once the source is done. Cleans
    /// up after those that were given up.
    pub(super) async fn finish(&self) -> PortResult<Vec<PartManifest>> {
        let slots = std::mem::take(&mut *locked(&self.slots));
        let mut parts = Vec::with_capacity(slots.len());
        let mut broken = None;
        for slot in slots {
            match slot.state {
                State::Ended(part) => parts.push(part),
                State::Open => broken = Some(slot.name),
                State::GivenUp(writer) => {
                    broken = Some(slot.name);
                    if let Some(writer) = writer {
                        writer.abort().await;
                    }
                }
            }
        }
        match broken {
            None => Ok(parts),
            Some(name) => Err(error::bad_source(format!("part '{name}' was not ended"))),
        }
    }

    fn reserve(&self, name: &str) -> PortResult<usize> {
        let safe = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        let good = !name.is_empty()
            && name.len() <= PART_NAME_BYTES_MAX
            && !name.starts_with('.')
            && name.bytes().all(safe);
        if !good {
            return Err(error::bad_source(format!("'{name}' cannot name a part")));
        }
        let mut slots = locked(&self.slots);
        if slots.iter().any(|slot| slot.name == name) {
            let what = format!("the snapshot has two parts '{name}'");
            return Err(error::bad_source(what));
        }
        slots.push(Slot {
            name: name.to_owned(),
            state: State::Open,
        });
        Ok(slots.len() - 1)
    }
}

#[async_trait]
impl SnapshotSink for SnapshotWriter {
    async fn begin(&self, spec: PartSpec) -> PortResult<Box<dyn PartSink>> {
        let index = self.reserve(&spec.name)?;
        let mut part = VaultPart {
            vault: self.vault.clone(),
            slots: self.slots.clone(),
            index,
            writer: None,
        };
        part.writer = Some(PartWriter::begin(&self.vault, &self.id, spec).await?);
        Ok(Box::new(part))
    }
}

/// One part on its way into the vault.
struct VaultPart {
    vault: Vault,
    slots: Slots,
    index: usize,
    writer: Option<PartWriter>,
}

impl VaultPart {
    fn settle(&self, state: State) {
        if let Some(slot) = locked(&self.slots).get_mut(self.index) {
            slot.state = state;
        }
    }
}

#[async_trait]
impl PartSink for VaultPart {
    async fn write(&mut self, bytes: Bytes) -> PortResult<()> {
        match &mut self.writer {
            Some(writer) => writer.write(bytes).await,
            None => Err(error::bad_source("bytes behind the end of a part")),
        }
    }

    async fn end(mut self: Box<Self>) -> PortResult<()> {
        let Some(writer) = self.writer.take() else {
            return Err(error::bad_source("a part ends twice"));
        };
        let part = writer.end(&self.vault).await?;
        self.settle(State::Ended(part));
        Ok(())
    }
}

impl Drop for VaultPart {
    fn drop(&mut self) {
        if let Some(slot) = locked(&self.slots).get_mut(self.index)
            && matches!(slot.state, State::Open)
        {
            slot.state = State::GivenUp(self.writer.take().map(Box::new));
        }
    }
}
