//! Takes a snapshot: parts first, manifest last.
//!
//! A crash anywhere before the manifest leaves parts nobody refers to, and the
//! snapshot before stays the newest.

mod writer;

use crate::error;
use crate::layout::{ManifestName, id_time};
use crate::prune::ORPHAN_GRACE_SECS;
use crate::put::Put;
use crate::vault::Vault;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use planb_model::Epoch;
use planb_model::recovery::{
    Engine, ObjectHash, PartManifest, SegmentSeq, SnapshotManifest, VAULT_FORMAT, has_files,
};
use planb_ports::repository::ProtectEvent;
use planb_ports::{Database, PortResult, Progress, SnapshotFacts, SnapshotOptions};
use std::time::Duration;
use writer::SnapshotWriter;

/// Names of snapshots are to the millisecond.
const ID_STEP: SignedDuration = SignedDuration::from_millis(1);
/// Clocks that NTP keeps are nearer to each other.
const CLOCKS_APART_MAX: SignedDuration = SignedDuration::from_secs(60);

/// A snapshot whose parts are in the vault, and whose manifest is not.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) id: String,
    pub(crate) facts: SnapshotFacts,
    pub(crate) stored_bytes: u64,
    /// The newest snapshot of the vault, when it is of a time to come.
    pub(crate) clock_behind: Option<Timestamp>,
    engine: Engine,
    taken_at: Timestamp,
    consistent_at: Timestamp,
    parts: Vec<PartManifest>,
}

impl Written {
    /// What to tell when its manifest is there, too.
    pub(crate) fn done(self, took: Duration) -> ProtectEvent {
        ProtectEvent::SnapshotDone {
            files: has_files(&self.parts),
            id: self.id,
            bytes: self.stored_bytes,
            took,
            why: self.facts.why,
        }
    }
}

impl Vault {
    /// Has `database` write a snapshot into the vault.
    pub(crate) async fn write_snapshot(
        &self,
        database: &dyn Database,
        options: &SnapshotOptions,
        progress: &dyn Progress,
    ) -> PortResult<Written> {
        if options.accounts && !self.seal.encrypts() {
            return Err(error::accounts_in_the_open());
        }
        let newest = self.newest_begun().await?;
        let taken_at = self.clock.now();
        // Manifests behind the same log sort by it, whatever the clocks said.
        let behind = newest.and_then(|at| at.checked_add(ID_STEP).ok());
        let id_at = behind.map_or(taken_at, |at| at.max(taken_at));
        let clock_behind = newest.filter(|at| at.duration_since(taken_at) > CLOCKS_APART_MAX);
        if let Some(newest) = clock_behind {
            tracing::warn!(%newest, "the vault's newest snapshot is of a time to come: a clock is or was wrong");
        }
        let writer = SnapshotWriter::new(self, self.new_id(id_at));
        let taken = database.snapshot(&writer, options, progress).await;
        let parts = writer.finish().await;
        let (facts, parts) = (taken?, parts?);
        Ok(Written {
            consistent_at: facts.consistent_at.unwrap_or_else(|| self.clock.now()),
            facts,
            clock_behind,
            stored_bytes: parts.iter().map(|p| p.stored_bytes).sum(),
            engine: database.engine(),
            taken_at,
            id: writer.id.to_string(),
            parts,
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
            consistent_at: Some(written.consistent_at),
            position: written.facts.position.clone(),
            next_segment,
            parts: written.parts.clone(),
            tables: written.facts.tables.clone(),
            databases: written.facts.databases.clone(),
            encrypted: self.seal.encrypts(),
        };
        self.check_old_parts(&manifest).await?;
        let json = serde_json::to_vec_pretty(&manifest)
            .map_err(|e| error::internal("write a manifest", e))?;
        let object = Bytes::from(self.seal.seal(json)?);
        let hash = ObjectHash::of(&object);
        let name = self
            .layout
            .manifest(epoch, next_segment, &written.id, &hash);
        self.put_signature(&name.key, &object).await?;
        match self.put_patiently(&name.key, &object).await? {
            Put::Ours => Ok((name, manifest)),
            Put::Others(_) => Err(error::other_writer(&name.key)),
        }
    }

    /// Parts that took very long may have been taken for what a crash left: a
    /// manifest must never name what a prune has deleted.
    async fn check_old_parts(&self, manifest: &SnapshotManifest) -> PortResult<()> {
        let age = self.clock.now().duration_since(manifest.taken_at);
        if age.as_secs().unsigned_abs() < ORPHAN_GRACE_SECS / 2 {
            return Ok(());
        }
        self.check_parts(manifest).await
    }

    /// The latest time a snapshot of the vault is named after.
    async fn newest_begun(&self) -> PortResult<Option<Timestamp>> {
        let names = self.manifests().await?;
        Ok(names.iter().filter_map(|name| id_time(&name.id)).max())
    }

    /// `20260131t235959123z-0a1b2c3d`: sorts by time, unique by chance.
    fn new_id(&self, now: Timestamp) -> String {
        let millis = now.as_millisecond().rem_euclid(1_000);
        let random = self.random.next_u64() >> 32;
        format!("{}{millis:03}z-{random:08x}", now.strftime("%Y%m%dt%H%M%S"))
    }
}
