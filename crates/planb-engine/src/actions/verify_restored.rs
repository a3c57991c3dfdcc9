//! Checks a restored database by itself, before it may be promoted.

use super::{StepCx, StepError, StepResult};
use planb_model::finding::Severity;
use planb_model::recovery::LogPosition;
use planb_model::{Canary, SiteName};
use serde_json::json;

/// The database stands at the end of the chain, holds the newest canary of the
/// chain, and passes its engine's own integrity check.
pub(super) async fn perform(cx: &StepCx<'_>, site: &SiteName) -> StepResult {
    let database = &cx.site(site)?.database;
    let wrong = |message: String| StepError::check("PB-ENGINE-NOT-VERIFIED", message);
    let point = cx.shared.ports.repository.recovery_point().await?;
    let Some(mark) = database.applied().await? else {
        return Err(wrong(format!(
            "site '{site}' has no clean restore; resume to restore it again"
        )));
    };
    // The GTID set is another writing of the same place, where it is known.
    let place = |epoch, p: &LogPosition| (epoch, p.stream.clone(), p.at.clone());
    if place(mark.epoch, &mark.position) != place(point.epoch, &point.position) {
        return Err(wrong(format!(
            "site '{site}' stands at {} of epoch {}, the log ends at {} of epoch {}",
            mark.position, mark.epoch, point.position, point.epoch
        )));
    }
    let found = database.read_canary(cx.service()).await?;
    let age = |c: &Canary| (c.epoch, c.sequence);
    if let Some(newest) = &point.canary
        && found.as_ref().is_none_or(|f| age(f) < age(newest))
    {
        return Err(wrong(format!(
            "site '{site}' does not hold canary {} of epoch {}, which is in the log",
            newest.sequence, newest.epoch
        )));
    }
    let findings = database.integrity().await?;
    let bad = findings.iter().find(|f| f.severity >= Severity::Error);
    if let Some(finding) = bad {
        return Err(wrong(format!("{}: {}", finding.code, finding.reason)));
    }
    Ok(json!({
        "position": mark.position.at,
        "canarySequence": found.map(|c| c.sequence),
        "integrityFindings": findings.len(),
    }))
}
