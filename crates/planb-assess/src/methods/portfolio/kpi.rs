//! Figures for the board (V 12.2.2), as far as they are given.

use super::{Exit, Rules};
use serde::{Deserialize, Serialize};

/// What the cases of the document report.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Benchmarks {
    tco_percent_max: f64,
    density_factor_min: f64,
    lead_time_seconds_max: f64,
    mttr_percent_max: f64,
}

/// The figures that were given.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Figures {
    tco_before: Option<f64>,
    tco_now: Option<f64>,
    density_before: Option<f64>,
    density_now: Option<f64>,
    lead_time_before: Option<f64>,
    lead_time_now: Option<f64>,
    mttr_before: Option<f64>,
    mttr_now: Option<f64>,
    reversible: Option<f64>,
    drift_before: Option<f64>,
    drift_now: Option<f64>,
}

/// One figure for the board.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Kpi {
    /// Which one.
    pub id: &'static str,
    /// Before the move.
    pub before: Option<f64>,
    /// Now.
    pub now: Option<f64>,
    /// Change in per cent of the value before.
    pub change_percent: Option<f64>,
    /// How it compares with the document's cases.
    pub level: Level,
}

/// How a figure compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// As in the cases.
    Reached,
    /// Better than before, not as in the cases.
    Better,
    /// No better than before.
    NoBetter,
    /// Given, with nothing to compare it with.
    Told,
    /// Not given.
    Missing,
}

/// Every figure, in the order of the document; the way out of KubeVirt is last.
pub(super) fn of(rules: &Rules, given: &Figures, exit: &Exit) -> Vec<Kpi> {
    let marks = &rules.benchmarks;
    let change = |before: Option<f64>, now: Option<f64>| match (before, now) {
        (Some(b), Some(n)) if b > 0.0 => Some((n - b) / b * 100.0),
        _ => None,
    };
    let kpi = |id, before, now, reached: &dyn Fn(f64, f64) -> bool, more_is_better: bool| {
        let level = match (before, now) {
            (Some(b), Some(n)) if reached(b, n) => Level::Reached,
            (Some(b), Some(n)) if n != b && (n > b) == more_is_better => Level::Better,
            (Some(_), Some(_)) => Level::NoBetter,
            (None, Some(_)) => Level::Told,
            (_, None) => Level::Missing,
        };
        Kpi {
            id,
            before,
            now,
            change_percent: change(before, now),
            level,
        }
    };
    let never = |_: f64, _: f64| false;
    vec![
        kpi(
            "tco",
            given.tco_before,
            given.tco_now,
            &|b, n| b > 0.0 && (n - b) / b * 100.0 <= marks.tco_percent_max,
            false,
        ),
        kpi(
            "density",
            given.density_before,
            given.density_now,
            &|b, n| b > 0.0 && n / b >= marks.density_factor_min,
            true,
        ),
        kpi(
            "leadTime",
            given.lead_time_before,
            given.lead_time_now,
            &|b, n| n < b && n <= marks.lead_time_seconds_max,
            false,
        ),
        kpi(
            "mttr",
            given.mttr_before,
            given.mttr_now,
            &|b, n| b > 0.0 && n / b * 100.0 <= marks.mttr_percent_max,
            false,
        ),
        kpi("reversible", None, given.reversible, &never, true),
        kpi("drift", given.drift_before, given.drift_now, &never, false),
        kpi("exitRatio", None, exit.ratio_percent, &never, true),
    ]
}
