//! Takes the runbook's epoch, first in the store, then in the vault.

use super::{StepCx, StepResult};
use planb_ports::PortError;
use serde_json::json;

/// The idempotency key is the execution: store and vault remember who claimed.
pub(super) async fn perform(cx: &StepCx<'_>) -> StepResult {
    let ports = &cx.shared.ports;
    let runbook = cx.runbook();
    let execution = &cx.execution.id;
    let now = ports.clock.now();
    let claimed = ports
        .store
        .claim_epoch(cx.service(), runbook.based_on, execution, now)
        .await?;
    if claimed != cx.epoch() {
        return Err(PortError::fenced(claimed, "the service record", cx.epoch()).into());
    }
    cx.shared
        .set_record(ports.store.service(cx.service()).await?);
    ports
        .repository
        .claim_epoch(cx.epoch(), execution.as_str(), &runbook.to)
        .await?;
    Ok(json!({ "epoch": claimed }))
}
