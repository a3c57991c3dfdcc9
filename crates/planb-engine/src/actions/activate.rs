//! Records in the store that a site takes writes; protection follows the record.

use super::{Asked, StepCx, StepError, StepResult};
use planb_decide::undo::is_undo;
use planb_model::SiteName;
use serde_json::json;

pub(super) async fn perform(cx: &StepCx<'_>, site: &SiteName) -> StepResult {
    let ports = &cx.shared.ports;
    // Taking back activates before it promotes.
    if !is_undo(&cx.step.id) {
        still_promoted(cx, site).await?;
    }
    let now = ports.clock.now();
    // No effect when it is claimed, as it always is, except when a claim that
    // failed half-way is taken back.
    let (based_on, execution) = (cx.runbook().based_on, &cx.execution.id);
    ports
        .store
        .claim_epoch(cx.service(), based_on, execution, now)
        .await?;
    let record = ports
        .store
        .activate(cx.service(), site, cx.epoch(), now)
        .await?;
    cx.shared.set_record(record);
    Ok(json!({ "site": site, "epoch": cx.epoch() }))
}

/// A database that was promoted and lost its disk since is empty, and healthy.
async fn still_promoted(cx: &StepCx<'_>, site: &SiteName) -> Result<(), StepError> {
    let state = cx.site(site)?.database.fence_state(cx.service()).await?;
    if state.epoch == Some(cx.epoch()) && !state.read_only {
        return Ok(());
    }
    Err(StepError::check(
        "PB-ENGINE-TARGET-LOST",
        format!(
            "the database of site '{site}' does not remember that it was promoted: it is not \
             the one that was restored; cancel and start the failover anew"
        ),
    ))
}

pub(super) async fn ask(cx: &StepCx<'_>, site: &SiteName) -> Asked {
    let record = match cx.shared.ports.store.service(cx.service()).await {
        Ok(record) => record,
        Err(error) => return Asked::CannotTell(error.chain()),
    };
    let done = &record.active == site && record.active_epoch == cx.epoch();
    cx.shared.set_record(record);
    Asked::from_state(Ok(done))
}
