//! How long a restore may take, from what the newest drill took.

use crate::error::CliResult;
use crate::output;
use jiff::Timestamp;
use planb_model::recovery::{RecordKind, RestorePlan, SnapshotPoint};
use planb_model::{Lang, Text};
use planb_vault::VaultRepository;
use planb_vault::drill::Findings;

/// An estimate, and what it rests on.
pub struct Estimate {
    /// How long it may take.
    pub seconds: f64,
    /// When the drill was.
    drilled_at: Timestamp,
    /// What that took.
    drill_seconds: f64,
}

/// Takes the newest drill that went well, in the proportion of stored bytes;
/// `None` when there is none. A drill compares more than a restore and has a
/// server started: the estimate is rather too long.
pub async fn of(repository: &VaultRepository, plan: &RestorePlan) -> CliResult<Option<Estimate>> {
    let records = repository.records(RecordKind::Verification).await?;
    let points = repository.points().await?;
    let wanted = plan.load.map_or(0, |load| load.stored_bytes) + plan.log_bytes;
    let newest = records.iter().rev().find_map(|record| {
        let found: Findings = serde_json::from_value(record.body.clone()).ok()?;
        let point = points.iter().find(|p| p.id == record.snapshot)?;
        let snapshot = point.facts.as_ref()?.stored_bytes;
        found.passed.then(|| {
            let drilled = snapshot + followed(&found, point);
            Estimate {
                seconds: found.seconds * wanted as f64 / drilled.max(1) as f64,
                drilled_at: record.written_at,
                drill_seconds: found.seconds,
            }
        })
    });
    Ok(newest)
}

/// Stored bytes of the log a drill applied.
fn followed(found: &Findings, point: &SnapshotPoint) -> u64 {
    match (&found.log_applied_to, &point.log) {
        (Some(_), Some(log)) => log.stored_bytes,
        _ => 0,
    }
}

/// In words.
pub fn text(estimate: Option<&Estimate>, lang: Lang) -> Text {
    let Some(estimate) = estimate else {
        return Text::new(
            "time: not known before the first drill (`planb verify`)",
            "예상 시간: 첫 검증(`planb verify`) 전에는 알 수 없습니다",
        );
    };
    let (about, took) = (
        output::seconds(estimate.seconds, lang),
        output::seconds(estimate.drill_seconds, lang),
    );
    let at = estimate.drilled_at;
    Text::new(
        format!("time: about {about}, by the drill of {at}, which took {took}"),
        format!("예상 시간: 약 {about} ({at} 검증에 걸린 {took} 기준)"),
    )
}
