//! Which measured drill is which execution of the history: one run counts once,
//! however often it was written down.

use jiff::SignedDuration;
use planb_model::drill::DrillResult;
use planb_model::runbook::RunbookKind;
use planb_model::status::ExecutionStatus;

/// Time between the beginning of a drill and the first look of its probe, at
/// most, in seconds: filling a database of 10 GB takes its time.
const SETUP_SECS_MAX: f64 = 600.0;

/// The failover of `all` that `drill` measured. A file of an older version names
/// no execution; there it is the first failover between the same sites that was
/// opened while the drill ran.
pub fn execution_of<'a>(
    drill: &DrillResult,
    all: impl IntoIterator<Item = &'a ExecutionStatus>,
) -> Option<&'a ExecutionStatus> {
    let setup = &drill.setup;
    let mut failovers = all.into_iter().filter(|status| {
        let runbook = &status.execution.runbook;
        runbook.kind == RunbookKind::Failover
            && runbook.service.as_str() == setup.service
            && runbook.from.as_str() == setup.from
            && runbook.to.as_str() == setup.to
    });
    if let Some(id) = &drill.execution {
        return failovers.find(|status| status.execution.id == *id);
    }
    let began = setup.started_at;
    let ended = SignedDuration::try_from_secs_f64(seconds(drill) + SETUP_SECS_MAX)
        .ok()
        .and_then(|lasted| began.checked_add(lasted).ok())?;
    failovers
        .filter(|status| (began..=ended).contains(&status.execution.opened_at))
        .min_by_key(|status| status.execution.opened_at)
}

/// How long the drill was watched, in seconds.
fn seconds(drill: &DrillResult) -> f64 {
    let steps = drill.timeline.iter();
    let steps = steps.flat_map(|step| [Some(step.at_seconds), step.until_seconds]);
    let looks = drill.probe.iter().map(|look| Some(look.at_seconds));
    let times = steps.chain(looks).flatten().filter(|at| at.is_finite());
    let (first, last) = times.fold((0.0, drill.rto_seconds.max(0.0)), |(first, last), at| {
        (f64::min(first, at), f64::max(last, at))
    });
    last - first
}

/// The drills, each once: a file may have been given twice, or be a copy.
pub fn each_once(drills: Vec<DrillResult>) -> Vec<DrillResult> {
    let mut kept: Vec<DrillResult> = Vec::with_capacity(drills.len());
    for drill in drills {
        if !kept.iter().any(|other| is_same(other, &drill)) {
            kept.push(drill);
        }
    }
    kept
}

fn is_same(one: &DrillResult, other: &DrillResult) -> bool {
    if let (Some(one), Some(other)) = (&one.execution, &other.execution) {
        return one == other;
    }
    let (one, other) = (&one.setup, &other.setup);
    one.started_at == other.started_at
        && (&one.service, &one.from, &one.to) == (&other.service, &other.from, &other.to)
}
