//! Keeps a standby near the end of the log with few requests.
//!
//! The name of the next segment follows from the one before, so looking for it is
//! one read of one name, where a restore lists the vault several times; object
//! stores charge ten times as much for a listing. What comes at that name is the
//! next segment or the one that closes the chain. What a name cannot tell is found
//! by a whole look now and then: a snapshot that was taken because log was lost
//! and has no log behind it yet, and log that somebody cut off.

use super::{Target, empty_report, goal::Goal, log::Applier, restore};
use crate::chain::Head;
use crate::vault::Vault;
use planb_model::recovery::{AppliedMark, Reached};
use planb_ports::repository::RestoreReport;
use planb_ports::{Database, PortResult, Progress, RestoreOptions};
use std::time::Duration;

/// Time between two whole looks.
const WHOLE_LOOK_SECS: u64 = 30;
/// Segments read by name in one look, one after the other. Where there are more,
/// the copy is far behind: listing them lets them be read ahead, and folded log be used.
const BY_NAME_SEGMENTS_MAX: u64 = 32;

/// Where a copy stood after a look.
#[derive(Debug)]
pub(crate) struct Followed {
    mark: AppliedMark,
    head: Head,
    /// When the last whole look began.
    looked_at: Duration,
}

/// See `Repository::follow`. `known` is forgotten when anything goes wrong.
pub(crate) async fn follow(
    vault: &Vault,
    database: &dyn Database,
    progress: &dyn Progress,
    known: &mut Option<Followed>,
) -> PortResult<RestoreReport> {
    let options = RestoreOptions::default();
    let now = vault.clock.monotonic();
    if let Some(followed) = known.take()
        && now.saturating_sub(followed.looked_at) < Duration::from_secs(WHOLE_LOOK_SECS)
        && database.applied().await?.as_ref() == Some(&followed.mark)
    {
        let target = Target {
            vault,
            database,
            options: &options,
            progress,
            goal: &Goal::End,
        };
        let applier = Applier::new(target, empty_report(followed.mark), followed.head);
        let (report, head) = applier.run_by_name(BY_NAME_SEGMENTS_MAX).await?;
        let is_far = report.segments_applied >= BY_NAME_SEGMENTS_MAX;
        // Log was lost: a snapshot leads further.
        let is_over = report.reached == Reached::LogEnds;
        if !is_far && !is_over {
            *known = Some(Followed {
                mark: report.mark.clone(),
                head,
                looked_at: followed.looked_at,
            });
            return Ok(report);
        }
    }
    let (report, head) = restore(vault, database, &options, progress).await?;
    *known = head.map(|head| Followed {
        mark: report.mark.clone(),
        head,
        looked_at: now,
    });
    Ok(report)
}
