//! The points of a vault as the choice of a clean one sees them: what their
//! manifests say, and what their newest drills measured.

use super::Findings;
use crate::data::OpenVault;
use planb_decide::clean_point::{Measured, OrderedValue, Point, Signal};
use planb_model::recovery::{Record, RecordKind, SnapshotPoint};
use planb_ports::PortResult;
use std::collections::BTreeMap;

/// Points that are judged, at most: older ones say little about the newest.
const POINTS_MAX: usize = 1_000;

/// All points, newest first, and the same, oldest first, as they are judged.
pub struct History {
    pub points: Vec<SnapshotPoint>,
    pub judged: Vec<Point>,
}

/// Reads them.
pub async fn read(vault: &OpenVault) -> PortResult<History> {
    let points = vault.repository.points().await?;
    let records = vault.repository.records(RecordKind::Verification).await?;
    // Oldest first, so that the newest drill of a snapshot stays.
    let drills: BTreeMap<&str, Findings> = records
        .iter()
        .filter_map(|record| Some((record.snapshot.as_str(), findings(record)?)))
        .collect();
    let recent = points.iter().take(POINTS_MAX);
    let judged = recent
        .rev()
        .map(|point| judged(point, drills.get(point.id.as_str())))
        .collect();
    Ok(History { points, judged })
}

/// A record of a newer program may say more, or other things.
fn findings(record: &Record) -> Option<Findings> {
    serde_json::from_value(record.body.clone()).ok()
}

fn judged(point: &SnapshotPoint, drill: Option<&Findings>) -> Point {
    let facts = point.facts.as_ref();
    let at = facts.map(|f| f.consistent_at.unwrap_or(f.taken_at));
    let mut measures = drill.map(|d| d.measures.clone()).unwrap_or_default();
    let compressed = |m: &Measured| m.signal == Signal::Compressed && m.table.is_none();
    if let Some(facts) = facts
        && !measures.iter().any(compressed)
    {
        measures.push(Measured {
            signal: Signal::Compressed,
            table: None,
            value: OrderedValue::new(facts.stored_bytes as f64 / facts.raw_bytes.max(1) as f64),
        });
    }
    Point {
        id: point.id.clone(),
        at: at.unwrap_or_default(),
        drilled: point.verified.map(|verdict| verdict.passed),
        damage: point.damage.clone(),
        immutable: drill.and_then(|d| d.immutable),
        rows: drill.map(|d| d.rows.clone()).unwrap_or_default(),
        measures,
        failed_checks: drill.map(|d| d.integrity.clone()).unwrap_or_default(),
    }
}
