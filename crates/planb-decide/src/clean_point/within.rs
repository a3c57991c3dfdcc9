//! How far the log behind a clean snapshot may be followed.
//!
//! The log is judged by stretches (windows), as snapshots are by points: what is
//! usual is learned from the stretches before, of this snapshot and of earlier
//! ones. The first stretch that is not like the others ends it, and everything
//! after it, whatever it looks like: rows that were destroyed stay destroyed.

use super::{CONFIDENCE_MAX, Judged, Measured, Point, Policy, judge_all};
use jiff::Timestamp;
use planb_model::recovery::LogPosition;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Log changes what it changes: its content moves more than that of whole
/// tables, so a band has so many times the slack.
const LOG_SLACK: f64 = 6.0;

/// A stretch of log, and what was measured of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// When its end was written to the vault.
    pub at: Timestamp,
    /// Where it ends.
    pub end: LogPosition,
    /// Bytes of log in it.
    pub bytes: u64,
    /// Rows by table at its end; empty when nobody has counted there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rows: BTreeMap<String, u64>,
    /// Tables it drops.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<String>,
    /// What was measured of it.
    pub measures: Vec<Measured>,
    /// Checks that failed at its end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_checks: Vec<String>,
}

impl Window {
    /// Whether its content was enough to be measured.
    fn is_measured(&self) -> bool {
        self.measures.iter().any(|m| m.signal.is_content())
    }
}

/// The log behind a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    /// Stretches before the snapshot, oldest first.
    pub earlier: Vec<Window>,
    /// Stretches behind it, in their order.
    pub windows: Vec<Window>,
    /// Whether the store keeps them from being changed; `None` when that is not known.
    pub immutable: Option<bool>,
}

/// What of the log may be followed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Within {
    /// The place that is chosen; `None` when the snapshot itself is the answer.
    pub to: Option<Place>,
    /// The first stretch something speaks against.
    pub stopped: Option<Judged>,
    /// What is out of the usual on the way and rejects nothing.
    pub noted: Vec<Judged>,
    /// Stretches that were looked at and followed.
    pub windows: usize,
    /// Stretches that were known before, to learn from.
    pub history: usize,
    /// Between 0 and [`CONFIDENCE_MAX`].
    pub confidence: f64,
}

/// A place in the log, and when it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub position: LogPosition,
}

/// How far `windows`, the log behind `base`, may be followed: to the last
/// stretch before anything speaks against one, and before `limit`, where the
/// next snapshot is that is not clean. `earlier` are the stretches before
/// `base`, oldest first. Below [`Policy::history_min`] known stretches nothing
/// is followed: without a band, silence says nothing.
pub fn follow(base: &Point, log: &Log, limit: Option<Timestamp>, policy: &Policy) -> Within {
    let (earlier, windows) = (before(&log.earlier, base.at), &log.windows);
    let points: Vec<Point> = earlier
        .iter()
        .map(|window| as_point(window, Some(true)))
        .chain(windows.iter().map(|window| as_point(window, log.immutable)))
        .collect();
    let policy = Policy {
        slack: LOG_SLACK,
        only_rises: true,
        ..*policy
    };
    let judged = judge_all(&points, &policy);
    let mut within = Within {
        to: None,
        stopped: None,
        noted: Vec::new(),
        windows: 0,
        history: earlier.len(),
        confidence: 0.0,
    };
    let mut known = earlier.iter().filter(|w| w.is_measured()).count();
    for (index, judged) in judged.into_iter().skip(earlier.len()).enumerate() {
        let window = &windows[index];
        if limit.is_some_and(|limit| window.at >= limit) {
            break;
        }
        if !judged.rejected.is_empty() {
            within.stopped = Some(judged);
            break;
        }
        if !judged.noted.is_empty() {
            within.noted.push(judged);
        }
        within.windows += 1;
        if known >= policy.history_min {
            within.to = Some(Place {
                at: window.at,
                position: window.end.clone(),
            });
        }
        known += usize::from(window.is_measured());
    }
    within.confidence = confidence(&within, &policy);
    within
}

/// Those of `windows` that lie before `at`, each moment once: drills of several
/// snapshots have seen the same log.
fn before(windows: &[Window], at: Timestamp) -> Vec<&Window> {
    let mut kept: Vec<&Window> = Vec::new();
    for window in windows.iter().filter(|window| window.at <= at) {
        if kept.last().is_none_or(|last| last.at < window.at) {
            kept.push(window);
        }
    }
    kept
}

fn as_point(window: &Window, immutable: Option<bool>) -> Point {
    Point {
        id: window.end.at.clone(),
        at: window.at,
        drilled: Some(true),
        damage: None,
        // Said once, of the snapshot; only that it is known not to be counts here.
        immutable: Some(immutable.unwrap_or(true)),
        rows: window.rows.clone(),
        dropped: window.dropped.clone(),
        measures: window.measures.clone(),
        failed_checks: window.failed_checks.clone(),
    }
}

/// Less for little history and for what was noted.
fn confidence(within: &Within, policy: &Policy) -> f64 {
    if within.to.is_none() {
        return 0.0;
    }
    let known = (within.history + within.windows) as f64;
    let history = known / (known + policy.history_min as f64);
    let noted = 1.0 / (1.0 + within.noted.len() as f64 / 4.0);
    CONFIDENCE_MAX * history * noted
}

#[cfg(test)]
mod tests;
