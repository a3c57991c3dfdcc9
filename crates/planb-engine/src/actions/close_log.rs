//! Ends every older log chain in the vault.

use super::{StepCx, StepResult};
use serde_json::json;

pub(super) async fn perform(cx: &StepCx<'_>) -> StepResult {
    cx.shared.ports.repository.close_log(cx.epoch()).await?;
    Ok(json!({ "closedBy": cx.epoch() }))
}
