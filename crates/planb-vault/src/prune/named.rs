//! Deletes snapshots that were named: one of a time to come, or a damaged one, which
//! no rule would let go for long.
//!
//! Only what the rules want by count or age may go this way. Log stays: the next
//! prune knows what is needed of it.

use super::{Facts, Pruner};
use crate::error;
use crate::vault::Vault;
use planb_decide::retention::retain;
use planb_model::recovery::{Decision, Kept, PruneReport, RetentionPolicy};
use planb_ports::PortResult;

/// See `VaultRepository::prune_named`.
pub(crate) async fn prune_named(
    vault: &Vault,
    ids: &[String],
    policy: &RetentionPolicy,
    dry_run: bool,
) -> PortResult<PruneReport> {
    let vault = &vault.patient();
    let facts = Facts::read(vault).await?;
    let now = vault.clock.now();
    let mut snapshots = retain(policy, &facts.snapshots, &facts.chains, now).snapshots;
    for id in ids {
        let found = snapshots.iter_mut().find(|s| s.id == *id);
        let snapshot = found.ok_or_else(|| error::no_such_snapshot(id))?;
        if let Decision::Keep { reasons } = &snapshot.decision
            && let Some(why) = reasons.iter().find_map(|why| needed(*why))
        {
            return Err(error::snapshot_needed(id, why));
        }
        snapshot.decision = Decision::Delete;
    }
    let mut pruner = Pruner {
        vault,
        report: PruneReport {
            dry_run,
            snapshots,
            ..PruneReport::default()
        },
    };
    for name in facts.names.iter().rev().filter(|n| ids.contains(&n.id)) {
        pruner.snapshot(name).await?;
    }
    // What no rule wants and was not named waits for the next prune.
    pruner.report.snapshots.retain(|s| ids.contains(&s.id));
    Ok(pruner.report)
}

/// Why nobody may delete it, whoever asks.
fn needed(why: Kept) -> Option<&'static str> {
    match why {
        Kept::Newest => Some("it is the newest one that is whole"),
        Kept::LastVerified => Some("it is the last one that was verified"),
        Kept::ExactPoints => Some("the exact points that are kept start from it"),
        Kept::KeepLast
        | Kept::KeepFor
        | Kept::Daily
        | Kept::Weekly
        | Kept::Monthly
        | Kept::Yearly
        | Kept::Immutable
        | Kept::TimeToCome => None,
    }
}
