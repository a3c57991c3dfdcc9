//! The points of a vault as the choice of a clean one sees them: what their
//! manifests say, and what their newest drills measured.

use super::Findings;
use crate::VaultRepository;
use jiff::Timestamp;
use planb_decide::clean_point::{
    Choice, FILES, Log, Measured, OrderedValue, Point, Policy, Signal, Window, Within, choose,
    follow,
};
use planb_model::Text;
use planb_model::recovery::{Record, RecordKind, SnapshotPoint};
use planb_ports::PortResult;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Points that are judged, at most: older ones say little about the newest.
const POINTS_MAX: usize = 1_000;

/// What the log behind a snapshot looks like; the body of a record of signals.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogSignals {
    /// By stretches, in their order.
    pub windows: Vec<Window>,
    /// Whether the store keeps it from being changed; `None` when it does not tell.
    pub immutable: Option<bool>,
    /// What looked tampered with when the drill was judged, in the snapshot and
    /// in its log; empty when nothing did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspicions: Vec<Text>,
}

/// All points, newest first, and the same, oldest first, as they are judged.
pub struct History {
    /// Newest first.
    pub points: Vec<SnapshotPoint>,
    /// Oldest first.
    pub judged: Vec<Point>,
    /// What the newest drill of each saw of its log.
    logs: BTreeMap<String, LogSignals>,
}

/// Reads them.
///
/// # Errors
/// Those of the storage.
pub async fn read(repository: &VaultRepository) -> PortResult<History> {
    let points = repository.points().await?;
    of(repository, &points).await
}

/// Reads what is known of `points`, newest first.
pub(super) async fn of(
    repository: &VaultRepository,
    points: &[SnapshotPoint],
) -> PortResult<History> {
    let drills: BTreeMap<String, Findings> =
        newest(repository.records(RecordKind::Verification).await?);
    let logs = newest(repository.records(RecordKind::Signals).await?);
    let recent = points.iter().take(POINTS_MAX);
    let judged = recent
        .rev()
        .map(|point| judged(point, drills.get(point.id.as_str())))
        .collect();
    Ok(History {
        points: points.to_vec(),
        judged,
        logs,
    })
}

/// The newest body for each snapshot; records come oldest first. One of a newer
/// program may say more, or other things, and is left out then.
fn newest<T: DeserializeOwned>(records: Vec<Record>) -> BTreeMap<String, T> {
    records
        .into_iter()
        .filter_map(|record| Some((record.snapshot, serde_json::from_value(record.body).ok()?)))
        .collect()
}

impl History {
    /// The newest clean snapshot, and how far its log may be followed.
    pub fn choose(&self, policy: &Policy) -> (Choice, Option<Within>) {
        let choice = choose(&self.judged, policy);
        let within = choice.chosen.as_ref().and_then(|chosen| {
            let log = self.logs.get(&chosen.id)?;
            if log.windows.is_empty() {
                return None;
            }
            self.follow_mine(&chosen.id, log, policy)
        });
        (choice, within)
    }

    /// How far the log of snapshot `id` may be followed by its newest drill;
    /// `None` when no drill has looked at it.
    pub fn follow_log_of(&self, id: &str) -> Option<Within> {
        self.follow_mine(id, self.logs.get(id)?, &Policy::default())
    }

    /// How far `log`, that of snapshot `id`, may be followed: at most to the
    /// next snapshot of its chain, from which a restore would begin otherwise.
    pub fn follow_mine(&self, id: &str, log: &LogSignals, policy: &Policy) -> Option<Within> {
        let base = self.judged.iter().find(|point| point.id == id)?;
        let mut earlier: Vec<Window> = Vec::new();
        for point in self.judged.iter().take_while(|point| point.id != id) {
            let known = self.logs.get(&point.id);
            earlier.extend(known.into_iter().flat_map(|log| log.windows.clone()));
        }
        earlier.sort_by_key(|window| window.at);
        let log = Log {
            earlier,
            windows: log.windows.clone(),
            immutable: log.immutable,
        };
        Some(follow(base, &log, self.next_after(id), policy))
    }

    /// When the next newer snapshot was taken.
    fn next_after(&self, id: &str) -> Option<Timestamp> {
        let mut later = self.judged.iter().skip_while(|point| point.id != id);
        later.nth(1).map(|point| point.at)
    }
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
    if drill.is_some_and(|d| d.files) {
        of_files(&mut measures);
    }
    Point {
        id: point.id.clone(),
        at: at.unwrap_or_default(),
        drilled: point.verified.map(|verdict| verdict.passed),
        damage: point.damage.clone(),
        immutable: drill.and_then(|d| d.immutable),
        rows: drill.map(|d| d.rows.clone()).unwrap_or_default(),
        dropped: Vec::new(),
        measures,
        failed_checks: drill.map(|d| d.integrity.clone()).unwrap_or_default(),
    }
}

/// What was measured of all bytes of a snapshot of files is of these, not of rows.
fn of_files(measures: &mut [Measured]) {
    let whole = |m: &&mut Measured| m.signal.is_content() && m.table.is_none();
    for measure in measures.iter_mut().filter(whole) {
        measure.table = Some(FILES.to_owned());
    }
}
