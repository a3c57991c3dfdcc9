//! Which recovery point is the newest one that nobody has tampered with, as far
//! as can be told.
//!
//! Every point carries measures of its content. What is usual is learned from
//! the points before it (`band`); what moves slowly is summed up (`drift`). A
//! point is rejected by facts (not drilled, not chained, not immutable), by
//! broken checks, by tables that are gone or emptied, and by content that is no
//! longer like itself. How *much* was written is never enough by itself: a
//! month-end batch writes a lot. It is said, and takes confidence away.
//!
//! None of this proves anything. Who knows the bands can stay inside them; the
//! answer is the best guess with its reasons, and confidence is never whole.

mod band;
mod drift;
mod reason;
mod within;

pub use reason::Reason;
pub use within::{Log, Place, Window, Within, follow};

use band::Band;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is measured of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// Stored bytes for each raw byte: ciphertext does not shrink.
    Compressed,
    /// Bits of entropy per byte of the content, 0 to 8.
    Entropy,
    /// Share of the content that is no UTF-8 text.
    NotText,
    /// Rows changed in the window before the point, for each second.
    Updates,
    /// Rows deleted in it, for each second.
    Deletes,
    /// Rows inserted in it, for each second.
    Inserts,
    /// Rows whose foreign keys lead nowhere.
    Orphans,
    /// Values of text that are no UTF-8.
    NotUtf8,
    /// Values declared as JSON that are none.
    NotJson,
}

impl Signal {
    /// Whether it speaks of what is in the rows. The others speak of how much
    /// was written, which alone rejects nothing.
    pub fn is_content(self) -> bool {
        matches!(self, Signal::Compressed | Signal::Entropy | Signal::NotText)
    }

    /// Whether it counts rows that break a rule. One more than ever before
    /// rejects: that needs no band.
    pub fn is_check(self) -> bool {
        matches!(self, Signal::Orphans | Signal::NotUtf8 | Signal::NotJson)
    }

    /// Smallest deviation that counts, in the signal's own unit: below it is
    /// the noise of sampling and of compressors.
    fn slack(self, table: Option<&str>) -> f64 {
        let wider = if table == Some(FILES) {
            FILES_SLACK
        } else {
            1.0
        };
        wider * self.slack_of_rows()
    }

    fn slack_of_rows(self) -> f64 {
        match self {
            Signal::Compressed => 0.02,
            Signal::Entropy => 0.1,
            Signal::NotText => 0.01,
            Signal::Updates | Signal::Deletes | Signal::Inserts => 1.0,
            Signal::Orphans | Signal::NotUtf8 | Signal::NotJson => 0.0,
        }
    }
}

/// Instead of a table: the bytes of a server's files. Never compared with rows,
/// which look different; no table is called so.
pub const FILES: &str = "(files)";
/// A server keeps what is new in its log first, leaves pages empty, and fills
/// them later: 0.35 bits of entropy, 0.07 of the compressed share and 0.03 of what
/// is no text were seen between snapshots of honest data, minutes apart.
const FILES_SLACK: f64 = 6.0;

/// A signal of one table, or of everything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// What.
    pub signal: Signal,
    /// Of which table; `None` for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// How much.
    pub value: OrderedValue,
}

/// A finite number. Others never come to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderedValue(f64);

impl Eq for OrderedValue {}

impl PartialOrd for OrderedValue {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OrderedValue {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl OrderedValue {
    /// `value`, or 0 for what is no number.
    pub fn new(value: f64) -> Self {
        Self(if value.is_finite() { value } else { 0.0 })
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// One recovery point and everything known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Its snapshot.
    pub id: String,
    /// When its consistent point was.
    pub at: Timestamp,
    /// Whether a drill restored it and found it well; `None` before any drill.
    pub drilled: Option<bool>,
    /// Why it is not whole or not chained, if so.
    pub damage: Option<String>,
    /// Whether the store keeps it from being changed; `None` when that is not known.
    pub immutable: Option<bool>,
    /// Rows by table; empty when nobody has counted.
    pub rows: BTreeMap<String, u64>,
    /// Tables that are known to have been dropped.
    pub dropped: Vec<String>,
    /// What was measured of it.
    pub measures: Vec<Measured>,
    /// Checks that failed: canary, the engine's own integrity check.
    pub failed_checks: Vec<String>,
}

/// How much is asked of a clean point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Width of a band in robust standard deviations.
    pub width: f64,
    /// Points that are needed before a band means something.
    pub history_min: usize,
    /// Points a band is learned from, at most.
    pub history_max: usize,
    /// Whether an undrilled point is rejected.
    pub needs_drill: bool,
    /// Whether a point that is known not to be immutable is rejected.
    pub needs_immutable: bool,
    /// How many times a signal's slack a value may always deviate.
    pub slack: f64,
    /// Whether content that falls out of its band at the lower end is only
    /// noted: ciphertext raises what is measured.
    pub only_rises: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            // Six of them: one in millions of honest points, if they were normal.
            width: 6.0,
            history_min: 5,
            history_max: 60,
            needs_drill: true,
            needs_immutable: true,
            slack: 1.0,
            only_rises: false,
        }
    }
}

/// A point that was looked at, and what speaks against it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    /// Its snapshot.
    pub id: String,
    /// When its consistent point was.
    pub at: Timestamp,
    /// Why it is rejected; empty when it is not.
    pub rejected: Vec<Reason>,
    /// What is out of the usual and rejects nothing.
    pub noted: Vec<Reason>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Choice {
    /// The newest point nothing speaks against; `None` when there is none.
    pub chosen: Option<Judged>,
    /// Newer ones, newest first.
    pub rejected: Vec<Judged>,
    /// Between 0 and [`CONFIDENCE_MAX`].
    pub confidence: f64,
}

/// Confidence is never certainty.
pub const CONFIDENCE_MAX: f64 = 0.95;
/// A table that had this many rows and lost almost all of them was emptied.
const EMPTIED_ROWS_MIN: u64 = 100;
/// … when less than this share is left.
const EMPTIED_SHARE_MAX: f64 = 0.1;

/// Judges `points`, given oldest first, and chooses.
pub fn choose(points: &[Point], policy: &Policy) -> Choice {
    let judged = judge_all(points, policy);
    let mut rejected = Vec::new();
    for (index, judged) in judged.into_iter().enumerate().rev() {
        if judged.rejected.is_empty() {
            let history = index.min(policy.history_max);
            return Choice {
                confidence: confidence(&judged, &points[index], history, policy),
                chosen: Some(judged),
                rejected,
            };
        }
        rejected.push(judged);
    }
    Choice {
        chosen: None,
        rejected,
        confidence: 0.0,
    }
}

/// What speaks against each of `points`, given oldest first.
pub fn judge_all(points: &[Point], policy: &Policy) -> Vec<Judged> {
    let drifted = drift::since(points, policy);
    let mut usual: Vec<&Point> = Vec::new();
    let mut judged = Vec::with_capacity(points.len());
    for (index, point) in points.iter().enumerate() {
        let mut verdict = judge(point, &usual, policy);
        verdict.rejected.extend(
            drifted
                .iter()
                .filter(|drift| index >= drift.from)
                .map(|drift| drift.reason(points)),
        );
        // What is out of the usual must not become usual.
        let content_ok = !verdict.rejected.iter().any(Reason::is_about_content);
        if content_ok {
            usual.push(point);
        }
        judged.push(verdict);
    }
    judged
}

fn judge(point: &Point, usual: &[&Point], policy: &Policy) -> Judged {
    let mut rejected = Vec::new();
    let mut noted = Vec::new();
    match point.drilled {
        Some(true) => {}
        Some(false) => rejected.push(Reason::DrillFailed),
        None if policy.needs_drill => rejected.push(Reason::NotDrilled),
        None => noted.push(Reason::NotDrilled),
    }
    if let Some(damage) = &point.damage {
        rejected.push(Reason::Damaged(damage.clone()));
    }
    match point.immutable {
        Some(true) => {}
        Some(false) if policy.needs_immutable => rejected.push(Reason::NotImmutable),
        Some(false) | None => noted.push(Reason::NotImmutable),
    }
    for check in &point.failed_checks {
        rejected.push(Reason::CheckFailed(check.clone()));
    }
    rejected.extend(lost_tables(point, usual));
    let recent = &usual[usual.len().saturating_sub(policy.history_max)..];
    for measure in &point.measures {
        if measure.signal.is_check() {
            match more_broken(measure, recent) {
                Some((reason, true)) => rejected.push(reason),
                Some((reason, false)) => noted.push(reason),
                None => {}
            }
            continue;
        }
        let history = values(recent, measure.signal, measure.table.as_deref());
        let table = measure.table.as_deref();
        let slack = measure.signal.slack(table) * policy.slack;
        let Some(band) = Band::learn(&history, slack, policy) else {
            continue;
        };
        if band.holds(measure.value.get()) {
            continue;
        }
        let reason = Reason::OutOfBand {
            measured: measure.clone(),
            low: OrderedValue::new(band.low),
            high: OrderedValue::new(band.high),
        };
        let is_lower = measure.value.get() < band.low;
        let only_rises = policy.only_rises || table == Some(FILES);
        if measure.signal.is_content() && !(only_rises && is_lower) {
            rejected.push(reason);
        } else {
            noted.push(reason);
        }
    }
    Judged {
        id: point.id.clone(),
        at: point.at,
        rejected,
        noted,
    }
}

/// Whether more rows break a rule than in any usual point; `true` with it when
/// there was one to compare with.
fn more_broken(measure: &Measured, usual: &[&Point]) -> Option<(Reason, bool)> {
    let history = values(usual, measure.signal, measure.table.as_deref());
    let most = history.iter().copied().fold(0.0, f64::max);
    (measure.value.get() > most).then(|| {
        let reason = Reason::OutOfBand {
            measured: measure.clone(),
            low: OrderedValue::new(0.0),
            high: OrderedValue::new(most),
        };
        (reason, !history.is_empty())
    })
}

/// Tables that the last usual point had, and this one has not, or almost empty.
fn lost_tables(point: &Point, usual: &[&Point]) -> Vec<Reason> {
    let counted = |p: &&&Point| !p.rows.is_empty();
    let Some(before) = usual.iter().rev().find(counted) else {
        return Vec::new();
    };
    let dropped = point.dropped.iter();
    let mut lost: Vec<Reason> = dropped
        .filter(|table| before.rows.contains_key(*table))
        .map(|table| Reason::TableGone(table.clone()))
        .collect();
    if point.rows.is_empty() {
        return lost;
    }
    for (table, had) in &before.rows {
        match point.rows.get(table) {
            None if point.dropped.contains(table) => {} // Told already.
            None => lost.push(Reason::TableGone(table.clone())),
            Some(left) if *had >= EMPTIED_ROWS_MIN && is_emptied(*had, *left) => {
                lost.push(Reason::TableEmptied {
                    table: table.clone(),
                    had: *had,
                    left: *left,
                });
            }
            Some(_) => {}
        }
    }
    lost
}

fn is_emptied(had: u64, left: u64) -> bool {
    (left as f64) < had as f64 * EMPTIED_SHARE_MAX
}

/// What `signal` of `table` was in `points`.
fn values(points: &[&Point], signal: Signal, table: Option<&str>) -> Vec<f64> {
    points
        .iter()
        .filter_map(|point| value(point, signal, table))
        .collect()
}

fn value(point: &Point, signal: Signal, table: Option<&str>) -> Option<f64> {
    let of = |m: &&Measured| m.signal == signal && m.table.as_deref() == table;
    point.measures.iter().find(of).map(|m| m.value.get())
}

/// Less for little history, for what was not measured, and for what was noted.
fn confidence(judged: &Judged, point: &Point, history: usize, policy: &Policy) -> f64 {
    let history = history as f64 / (history + policy.history_min) as f64;
    let wanted = [Signal::Compressed, Signal::Entropy, Signal::NotText];
    let has = |signal: &&Signal| point.measures.iter().any(|m| m.signal == **signal);
    let measured = wanted.iter().filter(has).count() as f64 / wanted.len() as f64;
    let noted = 1.0 / (1.0 + judged.noted.len() as f64 / 4.0);
    CONFIDENCE_MAX * history * (0.5 + measured / 2.0) * noted
}

#[cfg(test)]
mod tests;
