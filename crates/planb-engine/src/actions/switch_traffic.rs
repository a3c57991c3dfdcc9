//! Points the edge at a site.

use super::{StepCx, StepResult};
use planb_model::SiteName;
use serde_json::json;

pub(super) async fn perform(cx: &StepCx<'_>, site: &SiteName) -> StepResult {
    let plan = cx.traffic_plan(Some(site))?;
    cx.shared.ports.traffic.apply(&plan).await?;
    Ok(json!({ "site": site, "revision": plan.revision }))
}
