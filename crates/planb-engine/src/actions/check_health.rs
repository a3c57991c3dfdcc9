//! Waits until the health URL of a site answers well.

use super::{StepCx, StepError, StepResult};
use planb_model::SiteName;
use planb_ports::workload::WorkloadState;
use serde_json::json;
use std::time::Duration;

/// Pause between two looks: short beside any recovery time.
const POLL_MS: u64 = 100;
/// Share of the deadline after which it says what was wrong.
const WAIT_PERCENT: u32 = 90;

pub(super) async fn perform(cx: &StepCx<'_>, site: &SiteName) -> StepResult {
    let ports = cx.site(site)?;
    // One that died since its own step is started again, once an attempt:
    // nobody else would, and resuming begins here.
    if matches!(ports.workload.state().await, Ok(WorkloadState::Stopped)) {
        ports.workload.start(cx.epoch()).await?;
    }
    let health = &ports.health;
    let mut looks = 0u64;
    loop {
        looks += 1;
        let error = match health.look().await {
            Ok(seen) => return Ok(json!({ "looks": looks, "status": seen.status })),
            Err(error) => error,
        };
        if cx.has_used(WAIT_PERCENT) {
            return Err(StepError::check(
                "PB-ENGINE-NOT-HEALTHY",
                format!(
                    "site '{site}' did not become healthy: {}; look at its workload's log and resume",
                    error.chain()
                ),
            ));
        }
        cx.shared
            .ports
            .clock
            .sleep(Duration::from_millis(POLL_MS))
            .await;
    }
}
