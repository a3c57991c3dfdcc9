//! Ships the rest of the log of a fenced database.

use super::{StepCx, StepError, StepResult};
use planb_model::SiteName;
use serde_json::json;

pub(super) async fn perform(cx: &StepCx<'_>, site: &SiteName) -> StepResult {
    let ports = &cx.shared.ports;
    let record = ports.store.service(cx.service()).await?;
    if &record.active != site {
        return Err(StepError::check(
            "PB-ENGINE-NOT-ACTIVE",
            format!("site '{site}' does not take writes any more: there is nothing to drain"),
        ));
    }
    // Protection has stopped since the intent of this step; the lock is free
    // when its last segment is written, and keeps it from coming back.
    let _source = cx.shared.protecting.lock().await;
    let database = &cx.site(site)?.database;
    // The source's own chain: it was written under the epoch it was active in.
    let mark = ports
        .repository
        .drain(database.as_ref(), record.active_epoch)
        .await?;
    Ok(json!({ "position": mark.position.at, "nextSegment": mark.next_segment }))
}
