//! Waits until a request from outside is answered by a site. Accepted by the
//! edge and seen from outside are two moments (safety rule 6).

use super::{StepCx, StepError, StepResult};
use planb_model::SiteName;
use serde_json::json;
use std::time::Duration;

/// Pause between two looks; it is also how exact the recovery time is measured.
const POLL_MS: u64 = 50;
/// Share of the deadline after which it says what was wrong.
const WAIT_PERCENT: u32 = 90;

pub(super) async fn perform(cx: &StepCx<'_>, site: &SiteName) -> StepResult {
    let ports = &cx.shared.ports;
    let mut looks = 0u64;
    loop {
        looks += 1;
        let wrong = match ports.outside.look().await {
            Ok(seen) if seen.site.as_ref() == Some(site) => {
                return Ok(json!({ "looks": looks, "status": seen.status }));
            }
            Ok(seen) => match seen.site {
                Some(other) => format!("site '{other}' answers"),
                None => "the answer names no site".to_owned(),
            },
            Err(error) => error.chain(),
        };
        if cx.has_used(WAIT_PERCENT) {
            return Err(StepError::check(
                "PB-ENGINE-NOT-SEEN",
                format!("from outside, site '{site}' is not seen: {wrong}"),
            ));
        }
        ports.clock.sleep(Duration::from_millis(POLL_MS)).await;
    }
}
