//! Where a service stands against its targets, and the way out of KubeVirt.

use super::{Answers, Rules, Service, State};
use jiff::civil::Date;
use serde::Serialize;

/// Where a service stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Progress {
    /// A recent drill measured both, within the targets.
    Met,
    /// A measured time is beyond its target.
    Missed,
    /// Within the targets, in a drill that is too old or has no day.
    Stale,
    /// A target without a measured time.
    Unmeasured,
    /// No target for both.
    NoTarget,
}

/// The share of services that left KubeVirt.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exit {
    /// On KubeVirt today.
    pub on_bridge: usize,
    /// Moved on from it.
    pub left: usize,
    /// In per cent; `None` when none was ever there.
    pub ratio_percent: Option<f64>,
    /// Whether ratio and date of the plan are stated, where they are needed.
    pub stated: bool,
    /// Whether the day is over and the ratio not reached.
    pub overdue: bool,
}

/// Judges one service. What was not measured is never met.
pub(super) fn of(rules: &Rules, as_of: Option<Date>, service: &Service) -> Progress {
    let pairs = [
        (service.rto_target, service.rto_measured),
        (service.rpo_target, service.rpo_measured),
    ];
    let beyond = |(target, measured): &(Option<f64>, Option<f64>)| matches!((target, measured), (Some(t), Some(m)) if m > t);
    if pairs.iter().any(beyond) {
        return Progress::Missed;
    }
    if pairs.iter().any(|(target, _)| target.is_none()) {
        return Progress::NoTarget;
    }
    if pairs.iter().any(|(_, measured)| measured.is_none()) {
        return Progress::Unmeasured;
    }
    let Some(today) = as_of else {
        return Progress::Met;
    };
    let days = service
        .drilled_on
        .and_then(|day| today.since((jiff::Unit::Day, day)).ok())
        .map(|span| span.get_days());
    match days {
        Some(days) if days <= rules.drill_days_max => Progress::Met,
        _ => Progress::Stale,
    }
}

/// Whether a core service has an aim for its recovery time the guideline does
/// not allow.
pub(super) fn core_target_missing(rules: &Rules, service: &Service) -> bool {
    let fits = |target: f64| target <= rules.core_rto_seconds_max;
    service.grade == 1 && !service.rto_target.is_some_and(fits)
}

pub(super) fn exit(answers: &Answers) -> Exit {
    let services = answers.services.iter();
    let on_bridge = services.filter(|s| s.state == State::Bridge).count();
    let left = answers
        .services
        .iter()
        .filter(|s| s.state == State::Moved && s.was_bridge)
        .count();
    let all = on_bridge + left;
    let ratio = (all > 0).then(|| left as f64 / all as f64 * 100.0);
    let stated = answers.exit_ratio.is_some() && answers.exit_by.is_some();
    let over = matches!((answers.as_of, answers.exit_by), (Some(today), Some(by)) if today > by);
    let short = matches!((ratio, answers.exit_ratio), (Some(is), Some(aim)) if is < aim);
    Exit {
        on_bridge,
        left,
        ratio_percent: ratio,
        stated: stated || on_bridge == 0,
        overdue: over && short,
    }
}
