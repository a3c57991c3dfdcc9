//! Lets a database take writes under the runbook's epoch.

use super::{Asked, StepCx, StepResult};
use planb_model::SiteName;
use serde_json::json;

pub(super) async fn perform(cx: &StepCx<'_>, site: &SiteName) -> StepResult {
    let database = &cx.site(site)?.database;
    database.promote(cx.service(), cx.epoch()).await?;
    // Safety rule 4: a promotion that cannot be seen is none.
    let state = database.fence_state(cx.service()).await?;
    if state.epoch != Some(cx.epoch()) || state.read_only {
        return Err(super::StepError::check(
            "PB-ENGINE-NOT-PROMOTED",
            format!("site '{site}' was promoted, but its database still refuses writes"),
        ));
    }
    Ok(json!({ "site": site, "epoch": cx.epoch() }))
}

pub(super) async fn ask(cx: &StepCx<'_>, site: &SiteName) -> Asked {
    let Ok(ports) = cx.site(site) else {
        return Asked::NotHappened;
    };
    let state = ports.database.fence_state(cx.service()).await;
    Asked::from_state(state.map(|s| s.epoch == Some(cx.epoch()) && !s.read_only))
}
