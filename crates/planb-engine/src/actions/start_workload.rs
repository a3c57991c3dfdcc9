//! Starts the workload of a site.

use super::{StepCx, StepResult};
use planb_model::SiteName;
use serde_json::json;

pub(super) async fn perform(cx: &StepCx<'_>, site: &SiteName) -> StepResult {
    cx.site(site)?.workload.start(cx.epoch()).await?;
    Ok(json!({ "site": site }))
}
