//! Records in the store that a site takes writes; protection follows the record.

use super::{Asked, StepCx, StepResult};
use planb_model::SiteName;
use serde_json::json;

pub(super) async fn perform(cx: &StepCx<'_>, site: &SiteName) -> StepResult {
    let ports = &cx.shared.ports;
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

pub(super) async fn ask(cx: &StepCx<'_>, site: &SiteName) -> Asked {
    let record = match cx.shared.ports.store.service(cx.service()).await {
        Ok(record) => record,
        Err(error) => return Asked::CannotTell(error.chain()),
    };
    let done = &record.active == site && record.active_epoch == cx.epoch();
    cx.shared.set_record(record);
    Asked::from_state(Ok(done))
}
