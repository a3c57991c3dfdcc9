//! Makes a database read-only under the runbook's epoch.

use super::{Asked, StepCx, StepResult};
use planb_model::SiteName;
use serde_json::json;

pub(super) async fn perform(cx: &StepCx<'_>, site: &SiteName) -> StepResult {
    cx.site(site)?
        .database
        .fence(cx.service(), cx.epoch())
        .await?;
    Ok(json!({ "site": site, "epoch": cx.epoch() }))
}

pub(super) async fn ask(cx: &StepCx<'_>, site: &SiteName) -> Asked {
    let Ok(ports) = cx.site(site) else {
        return Asked::NotHappened;
    };
    let state = ports.database.fence_state(cx.service()).await;
    Asked::from_state(state.map(|s| s.epoch == Some(cx.epoch()) && s.read_only))
}
