//! Takes a snapshot: parts first, manifest last.
//!
//! A crash anywhere before the manifest leaves parts nobody refers to, and the
//! snapshot before stays the newest.

use crate::error;
use crate::layout::ManifestName;
use crate::part::PartWriter;
use crate::put::Put;
use crate::vault::Vault;
use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use planb_model::Epoch;
use planb_model::recovery::{
    Engine, ObjectHash, PartManifest, PartSpec, SegmentSeq, SnapshotManifest, VAULT_FORMAT,
};
use planb_ports::progress::NoProgress;
use planb_ports::{Database, PortResult, SnapshotFacts, SnapshotSink};

/// Longest name of a part, so that keys stay far below the stores' 1,024 bytes.
const PART_NAME_BYTES_MAX: usize = 200;

/// A snapshot whose parts are in the vault, and whose manifest is not.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) id: String,
    pub(crate) facts: SnapshotFacts,
    pub(crate) stored_bytes: u64,
    engine: Engine,
    taken_at: Timestamp,
    parts: Vec<PartManifest>,
}

impl Vault {
    /// Has `database` write a snapshot into the vault.
    pub(crate) async fn write_snapshot(&self, database: &dyn Database) -> PortResult<Written> {
        let taken_at = self.clock.now();
        let mut writer = SnapshotWriter {
            vault: self,
            id: self.new_id(taken_at),
            parts: Vec::new(),
            current: None,
        };
        let taken = database.snapshot(&mut writer, &NoProgress).await;
        if let Some(part) = writer.current.take() {
            part.abort().await;
            taken?;
            return Err(error::bad_source(
                "the source ended a snapshot inside a part",
            ));
        }
        Ok(Written {
            facts: taken?,
            stored_bytes: writer.parts.iter().map(|p| p.stored_bytes).sum(),
            engine: database.engine(),
            taken_at,
            id: writer.id,
            parts: writer.parts,
        })
    }

    /// Writes the manifest, which makes the snapshot count.
    pub(crate) async fn publish(
        &self,
        written: &Written,
        epoch: Epoch,
        next_segment: SegmentSeq,
    ) -> PortResult<(ManifestName, SnapshotManifest)> {
        let manifest = SnapshotManifest {
            format: VAULT_FORMAT,
            id: written.id.clone(),
            service: self.service.clone(),
            epoch,
            engine: written.engine,
            server_version: written.facts.server_version.clone(),
            taken_at: written.taken_at,
            position: written.facts.position.clone(),
            next_segment,
            parts: written.parts.clone(),
            tables: written.facts.tables.clone(),
            encrypted: self.seal.encrypts(),
        };
        let json = serde_json::to_vec_pretty(&manifest)
            .map_err(|e| error::internal("write a manifest", e))?;
        let object = Bytes::from(self.seal.seal(json)?);
        let hash = ObjectHash::of(&object);
        let name = self
            .layout
            .manifest(epoch, next_segment, &written.id, &hash);
        match self.put_patiently(&name.key, &object).await? {
            Put::Ours => Ok((name, manifest)),
            Put::Others(_) => Err(error::other_writer(&name.key)),
        }
    }

    /// `20260131t235959123z-0a1b2c3d`: sorts by time, unique by chance.
    fn new_id(&self, now: Timestamp) -> String {
        let millis = now.as_millisecond().rem_euclid(1_000);
        let random = self.random.next_u64() >> 32;
        format!("{}{millis:03}z-{random:08x}", now.strftime("%Y%m%dt%H%M%S"))
    }
}

struct SnapshotWriter<'a> {
    vault: &'a Vault,
    id: String,
    parts: Vec<PartManifest>,
    current: Option<PartWriter>,
}

impl SnapshotWriter<'_> {
    fn check_name(&self, name: &str) -> PortResult<()> {
        let safe = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        let good = !name.is_empty()
            && name.len() <= PART_NAME_BYTES_MAX
            && !name.starts_with('.')
            && name.bytes().all(safe);
        if !good {
            return Err(error::bad_source(format!("'{name}' cannot name a part")));
        }
        if self.parts.iter().any(|p| p.spec.name == name) {
            return Err(error::bad_source(format!(
                "the snapshot has two parts '{name}'"
            )));
        }
        Ok(())
    }
}

#[async_trait]
impl SnapshotSink for SnapshotWriter<'_> {
    async fn begin(&mut self, spec: PartSpec) -> PortResult<()> {
        self.check_name(&spec.name)?;
        if self.current.is_some() {
            return Err(error::bad_source("a part begins inside another"));
        }
        self.current = Some(PartWriter::begin(self.vault, &self.id, spec).await?);
        Ok(())
    }

    async fn write(&mut self, bytes: Bytes) -> PortResult<()> {
        match &mut self.current {
            Some(part) => part.write(bytes).await,
            None => Err(error::bad_source("bytes outside of a part")),
        }
    }

    async fn end(&mut self) -> PortResult<()> {
        let Some(part) = self.current.take() else {
            return Err(error::bad_source("an end without a part"));
        };
        self.parts.push(part.end(self.vault).await?);
        Ok(())
    }
}
