//! Lets a database take writes under the runbook's epoch.

use super::{Asked, StepCx, StepError, StepResult};
use planb_decide::undo::is_undo;
use planb_model::SiteName;
use serde_json::json;

pub(super) async fn perform(cx: &StepCx<'_>, site: &SiteName) -> StepResult {
    let database = &cx.site(site)?.database;
    // Taking back promotes what was never restored.
    if !is_undo(&cx.step.id) {
        still_restored(cx, site).await?;
    }
    database.promote(cx.service(), cx.epoch()).await?;
    // Safety rule 4: a promotion that cannot be seen is none.
    let state = database.fence_state(cx.service()).await?;
    if state.epoch != Some(cx.epoch()) || state.read_only {
        return Err(StepError::check(
            "PB-ENGINE-NOT-PROMOTED",
            format!("site '{site}' was promoted, but its database still refuses writes"),
        ));
    }
    Ok(json!({ "site": site, "epoch": cx.epoch() }))
}

/// A database that was restored and lost its disk since is empty: promoting it
/// would make nothing the newest truth. A copy takes no writes and has an
/// applied mark; one whose promotion was broken off has lost the mark and takes
/// no writes yet, or has this epoch in its fence row. Only one that PlanB never
/// had a hand in is none of these.
async fn still_restored(cx: &StepCx<'_>, site: &SiteName) -> Result<(), StepError> {
    let database = &cx.site(site)?.database;
    let state = database.fence_state(cx.service()).await?;
    if state.read_only || state.epoch == Some(cx.epoch()) || database.applied().await?.is_some() {
        return Ok(());
    }
    Err(StepError::check(
        "PB-ENGINE-TARGET-LOST",
        format!(
            "the database of site '{site}' does not remember that it was restored: it is not \
             the one that was checked; cancel and start anew"
        ),
    ))
}

pub(super) async fn ask(cx: &StepCx<'_>, site: &SiteName) -> Asked {
    let Ok(ports) = cx.site(site) else {
        return Asked::NotHappened;
    };
    let state = ports.database.fence_state(cx.service()).await;
    Asked::from_state(state.map(|s| s.epoch == Some(cx.epoch()) && !s.read_only))
}
