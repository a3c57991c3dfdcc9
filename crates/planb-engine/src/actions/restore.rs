//! Brings a database to the newest recovery point.

use super::{StepCx, StepError, StepResult};
use planb_model::runbook::{Action, Runbook, Step};
use planb_model::{Epoch, ServiceName, SiteName, StepId};
use planb_ports::{Accounts, AccountsReport, Database, PortError, Progress, RestoreOptions};
use serde_json::json;
use std::collections::BTreeSet;

pub(super) async fn perform(cx: &StepCx<'_>, site: &SiteName) -> StepResult {
    let runbook = cx.runbook();
    let claimed = comes_after(runbook, cx.step, |a| matches!(a, Action::ClaimEpoch));
    let closed = comes_after(runbook, cx.step, |a| matches!(a, Action::CloseLog));
    let epoch = if claimed {
        runbook.epoch
    } else {
        runbook.based_on
    };
    let database = &cx.site(site)?.database;
    let _target = cx.shared.restoring.lock().await;
    make_restorable(database.as_ref(), cx.service(), epoch).await?;
    let repository = &cx.shared.ports.repository;
    // Users are wanted where the service goes to; they never hold it up.
    let accounts = match cx.shared.ports.plan.data.users {
        true => Accounts::Create,
        false => Accounts::Leave,
    };
    let options = RestoreOptions {
        accounts,
        ..RestoreOptions::default()
    };
    let report = repository
        .restore(database.as_ref(), &options, &Traced)
        .await?;
    if closed && !report.chain_closed {
        return Err(StepError::check(
            "PB-ENGINE-CHAIN-OPEN",
            format!(
                "the log that site '{site}' was restored from is not closed: more may follow; \
                 resume to close and restore again"
            ),
        ));
    }
    Ok(json!({
        "position": report.mark.position.at,
        "loadedSnapshot": report.loaded_snapshot,
        "tablesCompared": report.tables_compared,
        "rowsCompared": report.rows_compared,
        "segments": report.segments_applied,
        "transactions": report.transactions_applied,
        "bytes": report.stored_bytes,
        "canaryWrittenAt": report.canary.map(|c| c.written_at),
        "users": report.accounts.as_ref().map(users),
        "missingDefiners": report.missing_definers,
        "brokenKeys": report.broken_keys,
    }))
}

fn users(report: &AccountsReport) -> serde_json::Value {
    json!({
        "created": report.created,
        "unchanged": report.unchanged,
        "kept": report.kept,
        "notes": report.notes,
        "problems": report.problems,
    })
}

/// Has a database that may be restored into: never one that takes writes under
/// this epoch or a newer one, and one that took them under an older only after
/// it was fenced, so that a workload left over there writes into nothing.
///
/// A database without a fence row is left to the connector, which knows whether
/// its tables are PlanB's to replace.
pub(crate) async fn make_restorable(
    database: &dyn Database,
    service: &ServiceName,
    epoch: Epoch,
) -> Result<(), StepError> {
    let state = database.fence_state(service).await?;
    match state.epoch {
        Some(row) if row > epoch => Err(PortError::fenced(row, "the database", epoch).into()),
        Some(row) if row == epoch && !state.read_only => Err(StepError::check(
            "PB-ENGINE-TARGET-LIVE",
            format!("the database takes writes under epoch {row}: it must not be restored into"),
        )),
        Some(_) if !state.read_only => Ok(database.fence(service, epoch).await?),
        Some(_) | None => Ok(()),
    }
}

/// Whether `step` needs, directly or not, a step doing such an action.
fn comes_after(runbook: &Runbook, step: &Step, is: impl Fn(&Action) -> bool) -> bool {
    let mut seen: BTreeSet<&StepId> = BTreeSet::new();
    let mut ahead: Vec<&StepId> = step.needs.iter().collect();
    while let Some(id) = ahead.pop() {
        if !seen.insert(id) {
            continue;
        }
        if let Some(before) = runbook.step(id) {
            if is(&before.action) {
                return true;
            }
            ahead.extend(&before.needs);
        }
    }
    false
}

/// Progress for the log; faces have the journal.
pub(crate) struct Traced;

impl Progress for Traced {
    fn bytes(&self, done: u64, total: Option<u64>) {
        tracing::trace!(done, total, "restore");
    }

    fn stage(&self, text: &str) {
        tracing::debug!(stage = text, "restore");
    }
}
