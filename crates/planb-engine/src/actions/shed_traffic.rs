//! Shows the maintenance page.

use super::{StepCx, StepResult};
use serde_json::json;

pub(super) async fn perform(cx: &StepCx<'_>) -> StepResult {
    let plan = cx.traffic_plan(None)?;
    cx.shared.ports.traffic.apply(&plan).await?;
    Ok(json!({ "revision": plan.revision }))
}
