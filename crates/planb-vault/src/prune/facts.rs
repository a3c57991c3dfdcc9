//! What there is to decide about.

use crate::layout::{ManifestName, id_time};
use crate::vault::Vault;
use futures::TryStreamExt;
use planb_decide::retention::{ChainFact, SnapshotFact};
use planb_model::Epoch;
use planb_model::recovery::{RecordKind, SegmentSeq, SnapshotManifest};
use planb_ports::{ErrorKind, PortResult};
use std::collections::BTreeMap;

/// The snapshots and chains of a vault.
pub(super) struct Facts {
    /// All manifests, newest first.
    pub(super) names: Vec<ManifestName>,
    pub(super) snapshots: Vec<SnapshotFact>,
    pub(super) chains: Vec<ChainFact>,
}

impl Facts {
    /// Reads manifests, records and listings. An error that is not about one
    /// object ends it: what is not known decides nothing.
    pub(super) async fn read(vault: &Vault) -> PortResult<Self> {
        let mut verified = BTreeMap::new();
        for record in vault.records(RecordKind::Verification).await? {
            if let Some(verdict) = record.verdict() {
                verified.insert(record.snapshot, verdict.passed);
            }
        }
        let names = vault.manifests().await?;
        let mut snapshots = Vec::with_capacity(names.len());
        for name in &names {
            let manifest = whole(vault, name).await?;
            let begun = id_time(&name.id);
            snapshots.push(SnapshotFact {
                id: name.id.clone(),
                epoch: name.epoch,
                next_segment: name.next_segment,
                // One whose time nobody knows is as new as can be.
                taken_at: match &manifest {
                    Some(manifest) => manifest.taken_at,
                    None => begun.unwrap_or_else(|| vault.clock.now()),
                },
                consistent_at: manifest.as_ref().and_then(|m| m.consistent_at),
                whole: manifest.is_some(),
                verified: verified.get(&name.id).copied().unwrap_or(false),
            });
        }
        let mut chains = Vec::new();
        for epoch in vault.epochs().await? {
            chains.extend(chain(vault, epoch).await?);
        }
        Ok(Self {
            names,
            snapshots,
            chains,
        })
    }
}

/// `None` when the snapshot is damaged.
async fn whole(vault: &Vault, name: &ManifestName) -> PortResult<Option<SnapshotManifest>> {
    let read = async {
        let manifest = vault.read_manifest(name).await?;
        vault.check_parts(&manifest).await?;
        PortResult::Ok(manifest)
    };
    match read.await {
        Ok(manifest) => Ok(Some(manifest)),
        Err(e) if e.kind() == ErrorKind::Corrupt => Ok(None),
        Err(e) => Err(e),
    }
}

/// The first and the last segment of an epoch; `None` when there are none.
async fn chain(vault: &Vault, epoch: Epoch) -> PortResult<Option<ChainFact>> {
    let mut segments = vault.segments(epoch, SegmentSeq::FIRST).await?;
    let mut chain: Option<ChainFact> = None;
    while let Some(segment) = segments.try_next().await? {
        let fact = chain.get_or_insert(ChainFact {
            epoch,
            first: segment.seq,
            last: segment.seq,
        });
        fact.last = segment.seq;
    }
    Ok(chain)
}
