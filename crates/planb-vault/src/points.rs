//! Everything that can be recovered from a vault: each snapshot, and the log
//! behind it.
//!
//! Reads manifests, and few segments: where the log has a gap, a snapshot was
//! taken, so only the places of snapshots have to be looked at.

mod chain;

use crate::layout::ManifestName;
use crate::vault::Vault;
use chain::Chain;
use planb_model::recovery::{
    LogRange, Record, RecordKind, SegmentSeq, SnapshotManifest, SnapshotPoint, SnapshotSummary,
    Verdict,
};
use planb_ports::{ErrorKind, PortError, PortResult};
use std::collections::BTreeMap;

/// A snapshot as far as it can be read.
struct Seen {
    name: ManifestName,
    manifest: Result<SnapshotManifest, PortError>,
}

/// See `VaultRepository::points`.
pub(crate) async fn points(vault: &Vault) -> PortResult<Vec<SnapshotPoint>> {
    let verified = verdicts(&vault.records(RecordKind::Verification).await?);
    let clean = verdicts(&vault.records(RecordKind::Signals).await?);
    let mut points = Vec::new();
    let names = vault.manifests().await?;
    for names in names.chunk_by(|a, b| a.epoch == b.epoch) {
        let Some(epoch) = names.first().map(|name| name.epoch) else {
            continue;
        };
        let mut seen = Vec::new();
        for name in names {
            seen.push(see(vault, name).await?);
        }
        let starts: Vec<SegmentSeq> = names.iter().map(|name| name.next_segment).collect();
        let mut chain = Chain::list(vault, epoch, &starts).await?;
        let gaps = chain.gaps(&starts).await?;
        for seen in seen {
            let log = match &seen.manifest {
                Ok(manifest) => chain.range(manifest, &gaps).await?,
                Err(_) => None,
            };
            let mut point = point(&seen, log);
            point.verified = verified.get(&point.id).copied();
            point.clean = clean.get(&point.id).copied();
            point.facts = match &seen.manifest {
                Ok(manifest) => Some(vault.summary(&seen.name, manifest).await?),
                Err(_) => None,
            };
            points.push(point);
        }
    }
    Ok(points)
}

async fn see(vault: &Vault, name: &ManifestName) -> PortResult<Seen> {
    let whole = async {
        let manifest = vault.read_manifest(name).await?;
        vault.check_parts(&manifest).await?;
        PortResult::Ok(manifest)
    };
    let manifest = match whole.await {
        Err(e) if !tells_about_the_object(e.kind()) => return Err(e),
        other => other,
    };
    Ok(Seen {
        name: name.clone(),
        manifest,
    })
}

/// Whether an error is about one object, so that the others can be listed.
fn tells_about_the_object(kind: ErrorKind) -> bool {
    use ErrorKind::{Corrupt, PermissionDenied, Unauthenticated, Unsupported};
    matches!(
        kind,
        Corrupt | Unsupported | Unauthenticated | PermissionDenied
    )
}

fn point(seen: &Seen, log: Option<LogRange>) -> SnapshotPoint {
    SnapshotPoint {
        id: seen.name.id.clone(),
        epoch: seen.name.epoch,
        next_segment: seen.name.next_segment,
        damage: seen.manifest.as_ref().err().map(PortError::chain),
        facts: None,
        log,
        verified: None,
        clean: None,
    }
}

/// The newest verdict on each snapshot; records come oldest first.
fn verdicts(records: &[Record]) -> BTreeMap<String, Verdict> {
    let verdict = |r: &Record| Some((r.snapshot.clone(), r.verdict()?));
    records.iter().filter_map(verdict).collect()
}

impl Vault {
    async fn summary(
        &self,
        name: &ManifestName,
        manifest: &SnapshotManifest,
    ) -> PortResult<SnapshotSummary> {
        Ok(SnapshotSummary {
            engine: manifest.engine,
            server_version: manifest.server_version.clone(),
            taken_at: manifest.taken_at,
            consistent_at: manifest.consistent_at,
            position: manifest.position.clone(),
            parts: manifest.parts.len() as u64,
            stored_bytes: manifest.parts.iter().map(|p| p.stored_bytes).sum(),
            raw_bytes: manifest.parts.iter().map(|p| p.raw_bytes).sum(),
            tables: manifest.tables.len() as u64,
            rows: manifest.tables.iter().map(|t| t.rows).sum(),
            encrypted: manifest.encrypted,
            signature: self.signature_state(&name.key).await?,
        })
    }
}
