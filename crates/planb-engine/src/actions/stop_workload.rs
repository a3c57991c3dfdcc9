//! Stops the workload of a site in good order.

use super::{StepCx, StepResult};
use planb_model::SiteName;
use serde_json::json;

pub(super) async fn perform(cx: &StepCx<'_>, site: &SiteName) -> StepResult {
    cx.site(site)?.workload.stop(cx.epoch()).await?;
    Ok(json!({ "site": site }))
}
