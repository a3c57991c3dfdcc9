//! Everything that can be recovered from a vault: each snapshot, and the log
//! behind it.
//!
//! Reads manifests, and few segments: where the log has a gap, a snapshot was
//! taken, so only the places of snapshots have to be looked at.

use crate::layout::{ManifestName, SegmentName};
use crate::segment::Segment;
use crate::vault::{Vault, same_place};
use planb_model::Epoch;
use planb_model::recovery::{
    LogPosition, LogRange, Place, Record, RecordKind, SegmentBody, SegmentSeq, SnapshotManifest,
    SnapshotPoint, SnapshotSummary, Verdict,
};
use planb_ports::{ErrorKind, PortError, PortResult};
use std::collections::BTreeMap;

/// A snapshot as far as it can be read.
struct Seen {
    name: ManifestName,
    manifest: Result<SnapshotManifest, PortError>,
}

/// The segments of one epoch, and those that were read.
struct Chain<'a> {
    vault: &'a Vault,
    epoch: Epoch,
    names: Vec<SegmentName>,
    read: BTreeMap<SegmentSeq, Segment>,
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
        let mut chain = Chain {
            vault,
            epoch,
            names: vault.list_segments(epoch, SegmentSeq::FIRST).await?,
            read: BTreeMap::new(),
        };
        let gaps = chain.gaps(&seen).await?;
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

impl Chain<'_> {
    /// Places where the log does not go on from the segment before. There is a
    /// snapshot at each: it was taken because log was lost.
    async fn gaps(&mut self, seen: &[Seen]) -> PortResult<Vec<SegmentSeq>> {
        let mut gaps = Vec::new();
        for seen in seen {
            let at = seen.name.next_segment;
            let before = SegmentSeq(at.0.saturating_sub(1));
            let (end, start) = (self.log(before).await?, self.log(at).await?);
            if let (Some((_, end)), Some((start, _))) = (end, start)
                && !same_place(&end, &start)
            {
                gaps.push(at);
            }
        }
        gaps.sort();
        Ok(gaps)
    }

    /// Start and end of the log in a segment; `None` when it has none, is not
    /// there or is damaged.
    async fn log(&mut self, seq: SegmentSeq) -> PortResult<Option<(LogPosition, LogPosition)>> {
        Ok(match self.segment(seq).await?.map(|s| &s.header.body) {
            Some(SegmentBody::Log { start, end, .. }) => Some((start.clone(), end.clone())),
            _ => None,
        })
    }

    async fn segment(&mut self, seq: SegmentSeq) -> PortResult<Option<&Segment>> {
        if !self.read.contains_key(&seq) {
            let Ok(index) = self.names.binary_search_by_key(&seq, |name| name.seq) else {
                return Ok(None);
            };
            match self
                .vault
                .read_segment(self.epoch, &self.names[index])
                .await
            {
                Ok(segment) => drop(self.read.insert(seq, segment)),
                Err(e) if tells_about_the_object(e.kind()) => return Ok(None),
                Err(e) => return Err(e),
            }
        }
        Ok(self.read.get(&seq))
    }

    async fn range(
        &mut self,
        manifest: &SnapshotManifest,
        gaps: &[SegmentSeq],
    ) -> PortResult<Option<LogRange>> {
        let first = manifest.next_segment;
        let gap = gaps.iter().copied().find(|gap| *gap > first);
        let within = |name: &&SegmentName| name.seq >= first && gap.is_none_or(|g| name.seq < g);
        let names: Vec<SegmentName> = self.names.iter().filter(within).cloned().collect();
        let Some(start) = self.log(first).await?.map(|(start, _)| start) else {
            return Ok(None);
        };
        // At a gap the log must begin at the snapshot; elsewhere the snapshot
        // lies in log that goes on, and the restore looks closer.
        let begins = same_place(&start, &manifest.position);
        if !begins && (gaps.contains(&first) || first == SegmentSeq::FIRST) {
            return Ok(None);
        }
        let mut ended = gap.is_some();
        for name in names.iter().rev() {
            let (stored, read) = (name.seq, self.segment(name.seq).await?);
            let Some(segment) = read else {
                continue;
            };
            let SegmentBody::Log { end, .. } = &segment.header.body else {
                ended = true;
                continue;
            };
            let to = Place {
                at: segment.header.written_at,
                position: end.clone(),
            };
            let bytes = names.iter().filter(|n| n.seq <= stored).map(|n| n.size);
            return Ok(Some(LogRange {
                first,
                last: stored,
                from: Place {
                    at: manifest.consistent_at.unwrap_or(manifest.taken_at),
                    position: manifest.position.clone(),
                },
                to,
                stored_bytes: bytes.sum(),
                ended,
            }));
        }
        Ok(None)
    }
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
