//! Deletes what the retention policy does not keep.
//!
//! In an order that leaves every remaining snapshot whole wherever it is broken
//! off: a manifest goes before its parts, oldest snapshots first, then log from
//! the oldest segment on, so that what remains of a chain has no hole. Parts of
//! no snapshot go last, and only when they are old: their snapshot may still be
//! on its way. A reader that meets what just went fails by a missing object.

mod facts;

use crate::layout::{ManifestName, id_time};
use crate::protect::Run;
use crate::retry::{Backoff, is_temporary};
use crate::sign::SIGNATURE_SUFFIX;
use crate::vault::Vault;
use facts::Facts;
use planb_decide::retention::retain;
use planb_model::recovery::{Cut, Decision, PruneReport, RetentionPolicy};
use planb_ports::repository::ProtectEvent;
use planb_ports::storage::ObjectInfo;
use planb_ports::{ErrorKind, PortResult};
use std::collections::BTreeSet;
use std::time::Duration;

/// How old what belongs to no snapshot must be: far longer than the longest
/// snapshot takes.
pub(crate) const ORPHAN_GRACE_SECS: u64 = 48 * 3_600;
/// Time between two looks of a running protection.
const INTERVAL_SECS: u64 = 3_600;
/// Temporary failures of one delete before the rest is left for the next time.
const ATTEMPTS_MAX: u32 = 6;

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
    for cut in &retained.log {
        pruner.log(cut).await?;
    }
    if !retained.clock_behind {
        pruner.orphans(&facts).await?;
    }
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

    async fn log(&mut self, cut: &Cut) -> PortResult<()> {
        let folder = self.vault.layout.log(cut.epoch);
        for object in self.vault.storage.list(&folder, None).await? {
            let key = &object.key;
            let parsed = self.vault.layout.parse_segment(cut.epoch, key, object.size);
            if parsed.is_none_or(|name| name.seq >= cut.before) {
                continue;
            }
            if !self.delete(key, object.size).await? {
                // A later one must not go before it: that would be a hole.
                return Ok(());
            }
        }
        Ok(())
    }

    /// What a crash left: parts without a manifest, signatures without an object.
    async fn orphans(&mut self, facts: &Facts) -> PortResult<()> {
        let layout = &self.vault.layout;
        let parts = self.vault.storage.list(&layout.all_parts(), None).await?;
        let beside = self.vault.storage.list(&layout.manifests(), None).await?;
        let ids: BTreeSet<&str> = facts.names.iter().map(|n| n.id.as_str()).collect();
        let keys: BTreeSet<&str> = beside.iter().map(|o| o.key.as_str()).collect();
        // Also of those that were published since.
        let published = beside.iter().filter_map(|o| layout.parse_manifest(&o.key));
        let published: BTreeSet<String> = published.map(|name| name.id).collect();
        let part_of_none = |object: &&ObjectInfo| {
            let id = layout.parse_part(&object.key);
            let is_known = |id: &String| ids.contains(id.as_str()) || published.contains(id);
            id.is_some_and(|id| !is_known(&id) && self.is_old(&id))
        };
        let signature_of_none = |object: &&ObjectInfo| {
            let signed = object.key.strip_suffix(SIGNATURE_SUFFIX);
            let signed = signed.filter(|key| !keys.contains(key));
            let name = signed.and_then(|key| layout.parse_manifest(key));
            name.is_some_and(|name| self.is_old(&name.id))
        };
        let parts = parts.iter().filter(part_of_none);
        let orphans: Vec<_> = parts
            .chain(beside.iter().filter(signature_of_none))
            .filter(|o| !self.report.deleted.contains(&o.key))
            .cloned()
            .collect();
        for orphan in orphans {
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
        let mut backoff = Backoff::default();
        while !self.report.dry_run {
            match self.vault.storage.delete(key).await {
                Ok(()) => break,
                Err(e) if is_temporary(&e) && backoff.attempts() < ATTEMPTS_MAX => {
                    backoff.wait(&*self.vault.clock, &*self.vault.random).await;
                }
                Err(e) if is_locked(e.kind()) => {
                    tracing::info!(key, error = e.chain(), "the store keeps an object");
                    self.report.locked.push(key.to_owned());
                    return Ok(false);
                }
                Err(e) => return Err(e),
            }
        }
        self.report.deleted.push(key.to_owned());
        self.report.deleted_bytes += size;
        Ok(true)
    }
}

/// Whether an error says that an object may not be deleted, now or by us.
fn is_locked(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::PermissionDenied | ErrorKind::Conflict | ErrorKind::Unsupported
    )
}
