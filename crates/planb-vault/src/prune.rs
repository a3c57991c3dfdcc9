//! Deletes what the retention policy does not keep.
//!
//! In an order that leaves every remaining snapshot whole wherever it is broken
//! off: a manifest goes before its parts, oldest snapshots first, then log from
//! the oldest segment on, so that what remains of a chain has no hole. What was
//! made of log goes before that log: nobody could begin with it any more, and a
//! prune that is broken off leaves none behind that the next one does not find.
//! Nothing is held in memory but what goes and one line for each snapshot. Parts of
//! no snapshot go last, and only when they are old: their snapshot may still be
//! on its way. A reader that meets what just went fails by a missing object.

mod facts;
mod named;

pub(crate) use named::prune_named;

use crate::checkpoint;
use crate::layout::{ManifestName, id_time};
use crate::protect::Run;
use crate::sign::SIGNATURE_SUFFIX;
use crate::vault::Vault;
use facts::Facts;
use futures::TryStreamExt;
use jiff::Timestamp;
use planb_decide::retention::retain;
use planb_model::Epoch;
use planb_model::recovery::{
    Cut, Decision, LockedObject, PruneReport, RetentionPolicy, SegmentSeq,
};
use planb_ports::repository::ProtectEvent;
use planb_ports::storage::{Immutability, ObjectInfo};
use planb_ports::{ErrorKind, PortResult};
use std::collections::BTreeSet;
use std::time::Duration;

/// How old what belongs to no snapshot must be: far longer than the longest
/// snapshot takes.
pub(crate) const ORPHAN_GRACE_SECS: u64 = 48 * 3_600;
/// Time between two looks of a running protection.
const INTERVAL_SECS: u64 = 3_600;

/// Prunes now and then while protection runs. Never ends, and never stops it.
pub(crate) async fn periodic(run: &Run<'_>) {
    let Some(policy) = run.vault.options.retention else {
        return std::future::pending().await;
    };
    let interval = Duration::from_secs(INTERVAL_SECS);
    loop {
        run.vault.clock.sleep(interval).await;
        match prune(run.vault, &policy, false).await {
            Ok(report) if report.deleted.is_empty() => {}
            Ok(report) => {
                let gone = |s: &&_| matches!(s, &&Decision::Delete);
                let decisions = report.snapshots.iter().map(|s| &s.decision);
                run.control.event(ProtectEvent::Pruned {
                    snapshots: decisions.filter(gone).count() as u64,
                    bytes: report.deleted_bytes,
                });
            }
            Err(e) => run.retrying(&e, interval),
        }
    }
}

/// See `VaultRepository::prune`.
pub(crate) async fn prune(
    vault: &Vault,
    policy: &RetentionPolicy,
    dry_run: bool,
) -> PortResult<PruneReport> {
    let vault = &vault.patient();
    let now = vault.clock.now();
    let facts = Facts::read(vault).await?;
    let retained = retain(policy, &facts.snapshots, &facts.chains, now);
    let mut pruner = Pruner {
        vault,
        report: PruneReport {
            dry_run,
            snapshots: retained.snapshots,
            log: retained.log.clone(),
            ..PruneReport::default()
        },
    };
    let going = |name: &&ManifestName| {
        let of = |id: &str| pruner.report.snapshots.iter().find(|s| s.id == id);
        of(&name.id).is_some_and(|s| s.decision == Decision::Delete)
    };
    let oldest_first: Vec<_> = facts.names.iter().rev().filter(going).cloned().collect();
    for name in &oldest_first {
        pruner.snapshot(name).await?;
    }
    for chain in &facts.chains {
        let cut = retained.log.iter().find(|cut| cut.epoch == chain.epoch);
        // Also before the first segment: what a broken off prune left.
        let first = cut.map_or(chain.first, |cut| cut.before);
        pruner.derived(chain.epoch, first).await?;
    }
    for cut in &retained.log {
        pruner.log(cut).await?;
    }
    pruner.orphans(&facts).await?;
    Ok(pruner.report)
}

struct Pruner<'a> {
    vault: &'a Vault,
    report: PruneReport,
}

impl Pruner<'_> {
    async fn snapshot(&mut self, name: &ManifestName) -> PortResult<()> {
        if !self.delete(&name.key, name.size).await? {
            // Its parts stay as long as it names them.
            return Ok(());
        }
        let signature = format!("{}{SIGNATURE_SUFFIX}", name.key);
        for object in self.vault.storage.list(&signature, None).await? {
            self.delete(&object.key, object.size).await?;
        }
        let folder = self.vault.layout.full(&self.vault.layout.parts(&name.id));
        for part in self.vault.storage.list(&folder, None).await? {
            self.delete(&part.key, part.size).await?;
        }
        Ok(())
    }

    /// What was made of log before the segment `first`.
    async fn derived(&mut self, epoch: Epoch, first: SegmentSeq) -> PortResult<()> {
        let (vault, layout) = (self.vault, &self.vault.layout);
        let folder = layout.folded_folder(epoch);
        let mut objects = vault.storage.list_stream(&folder, None).await?;
        while let Some(object) = objects.try_next().await? {
            let key = object.key.strip_suffix(SIGNATURE_SUFFIX);
            let name = layout.parse_folded(epoch, key.unwrap_or(&object.key));
            if name.is_some_and(|name| name.from < first)
                && self.delete(&object.key, object.size).await?
            {
                self.report.folded += 1;
            }
        }
        let folder = layout.checkpoints(epoch);
        let mut objects = vault.storage.list_stream(&folder, None).await?;
        while let Some(object) = objects.try_next().await? {
            let seq = checkpoint::place(layout, epoch, &object.key);
            if seq.is_some_and(|seq| seq < first) {
                self.delete(&object.key, object.size).await?;
            }
        }
        Ok(())
    }

    async fn log(&mut self, cut: &Cut) -> PortResult<()> {
        let folder = self.vault.layout.log(cut.epoch);
        let mut objects = self.vault.storage.list_stream(&folder, None).await?;
        while let Some(object) = objects.try_next().await? {
            let key = &object.key;
            let parsed = self.vault.layout.parse_segment(cut.epoch, key, object.size);
            let Some(name) = parsed else {
                continue;
            };
            // A later one must not go before one that stays: that would be a hole.
            if name.seq >= cut.before || !self.delete(key, object.size).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// What a crash left: parts without a manifest, signatures without an object.
    async fn orphans(&mut self, facts: &Facts) -> PortResult<()> {
        let vault = self.vault;
        let ids: BTreeSet<&str> = facts.names.iter().map(|n| n.id.as_str()).collect();
        let mut parts = Vec::new();
        let mut listed = vault
            .storage
            .list_stream(&vault.layout.all_parts(), None)
            .await?;
        while let Some(object) = listed.try_next().await? {
            let id = vault.layout.parse_part(&object.key);
            if let Some(id) = id.filter(|id| !ids.contains(id.as_str()) && self.is_old(id)) {
                parts.push((id, object));
            }
        }
        // Listed after the parts: also those that were published since.
        let beside = vault.storage.list(&vault.layout.manifests(), None).await?;
        let names = beside.iter().map(|o| &o.key);
        let published: BTreeSet<String> = names
            .filter_map(|key| Some(vault.layout.parse_manifest(key)?.id))
            .collect();
        parts.retain(|(id, _)| !published.contains(id));
        let keys: BTreeSet<&str> = beside.iter().map(|o| o.key.as_str()).collect();
        let signature_of_none = |object: &&ObjectInfo| {
            let signed = object.key.strip_suffix(SIGNATURE_SUFFIX);
            let signed = signed.filter(|key| !keys.contains(key));
            let name = signed.and_then(|key| vault.layout.parse_manifest(key));
            name.is_some_and(|name| self.is_old(&name.id))
        };
        let signatures: Vec<_> = beside.iter().filter(signature_of_none).collect();
        // What this prune took away itself, or would.
        let is_beside = |key: &&String| {
            key.starts_with(&vault.layout.all_parts()) || key.starts_with(&vault.layout.manifests())
        };
        let gone = self.report.deleted.iter().filter(is_beside);
        let gone: BTreeSet<String> = gone.cloned().collect();
        let orphans = parts.iter().map(|(_, object)| object).chain(signatures);
        for orphan in orphans.filter(|o| !gone.contains(&o.key)) {
            if self.delete(&orphan.key, orphan.size).await? {
                self.report.orphans += 1;
            }
        }
        Ok(())
    }

    fn is_old(&self, id: &str) -> bool {
        let age = id_time(id).map(|at| self.vault.clock.now().duration_since(at));
        age.is_some_and(|age| age.as_secs() > ORPHAN_GRACE_SECS as i64)
    }

    /// Whether it is gone; `false` when the store does not let it go.
    async fn delete(&mut self, key: &str, size: u64) -> PortResult<bool> {
        if !self.report.dry_run {
            match self.vault.storage.delete(key).await {
                Ok(()) => {}
                Err(e) if is_locked(e.kind()) => {
                    let until = self.locked_until(key).await;
                    tracing::info!(key, ?until, error = e.chain(), "the store keeps an object");
                    let key = key.to_owned();
                    self.report.locked.push(LockedObject { key, until });
                    return Ok(false);
                }
                Err(e) => return Err(e),
            }
        }
        self.report.deleted.push(key.to_owned());
        self.report.deleted_bytes += size;
        Ok(true)
    }

    /// The end of a lock. A store that does not tell is no reason to fail: the
    /// object stays either way.
    async fn locked_until(&self, key: &str) -> Option<Timestamp> {
        match self.vault.storage.immutability(key).await {
            Ok(Immutability::Until { until, .. }) => until,
            Ok(Immutability::No) => None,
            Err(e) => {
                tracing::debug!(key, error = e.chain(), "the store does not tell its lock");
                None
            }
        }
    }
}

/// Whether an error says that an object may not be deleted, now or by us.
fn is_locked(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::PermissionDenied | ErrorKind::Conflict | ErrorKind::Unsupported
    )
}
