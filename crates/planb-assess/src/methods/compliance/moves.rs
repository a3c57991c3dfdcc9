//! Moves of a service that count as drills: measured ones, and those of the
//! journal. Planned or not, each shows whether the service can be moved.

use crate::facts::Facts;
use crate::same_run;
use jiff::Timestamp;
use planb_model::drill::DrillResult;
use planb_model::execution::{ExecutionState, StepState};
use planb_model::plan::ServicePlan;
use planb_model::runbook::Action;
use planb_model::status::ExecutionStatus;

/// One move.
#[derive(Debug, Clone, PartialEq)]
pub struct Move {
    /// What it was.
    pub name: String,
    /// When it began.
    pub at: Timestamp,
    /// Recovery time, in seconds.
    pub rto_secs: f64,
    /// Lost writes, in seconds; `None` when that was not measured.
    pub rpo_secs: Option<f64>,
    /// Whether the service came back, with every step done.
    pub whole: bool,
    /// Whether the data was compared afterwards and found again; `None` when it
    /// was not looked at.
    pub verified: Option<bool>,
    /// Whether it is in the journal.
    pub recorded: bool,
}

/// Moves of the service of `plan`, newest first, each once. A drill report counts
/// when it is about this service and its sites.
pub fn all(facts: &Facts, plan: &ServicePlan) -> Vec<Move> {
    let is_site = |name: &str| plan.sites().iter().any(|site| site.name.as_str() == name);
    let reports = facts.drills.iter().filter(|drill| {
        let setup = &drill.setup;
        setup.service == plan.name.as_str() && is_site(&setup.from) && is_site(&setup.to)
    });
    let executions = facts.executions.iter().flatten();
    let executed: Vec<&ExecutionStatus> = executions
        .filter(|status| status.execution.runbook.service == plan.name)
        .filter(|status| status.state.is_final() && status.state != ExecutionState::Canceled)
        .collect();
    let mut moves: Vec<Move> = executed.iter().map(|status| of_execution(status)).collect();
    for drill in same_run::each_once(reports.cloned().collect()) {
        let measured = of_drill(&drill);
        let recorded = same_run::execution_of(&drill, executed.iter().copied());
        let id = recorded.map(|status| status.execution.id.as_str());
        match moves
            .iter_mut()
            .find(|known| Some(known.name.as_str()) == id)
        {
            // What the journal says of it, and what was seen from outside.
            Some(known) => {
                known.rto_secs = measured.rto_secs;
                known.rpo_secs = measured.rpo_secs;
                known.whole &= measured.whole;
                known.verified = measured.verified;
            }
            None => moves.push(measured),
        }
    }
    moves.sort_by_key(|drill| std::cmp::Reverse(drill.at));
    moves
}

fn of_drill(drill: &DrillResult) -> Move {
    Move {
        name: format!("{} → {}", drill.setup.from, drill.setup.to),
        at: drill.setup.started_at,
        rto_secs: drill.rto_seconds,
        rpo_secs: Some(drill.rpo_seconds),
        whole: drill.rto_seconds.is_finite(),
        verified: Some(drill.verified && drill.lost == 0),
        recorded: false,
    }
}

fn of_execution(status: &ExecutionStatus) -> Move {
    let execution = &status.execution;
    Move {
        name: execution.id.to_string(),
        at: execution.opened_at,
        rto_secs: status.phases.values().sum(),
        rpo_secs: None,
        whole: status.state == ExecutionState::Completed,
        verified: compared(status),
        recorded: true,
    }
}

/// Whether the step that looks at the data was completed.
fn compared(status: &ExecutionStatus) -> Option<bool> {
    let steps = status.execution.runbook.steps.iter();
    let looks = |action: &Action| {
        matches!(
            action,
            Action::VerifyRestored { .. } | Action::CompareDatabases { .. }
        )
    };
    let mut states = steps
        .filter(|step| looks(&step.action))
        .filter_map(|step| status.steps.get(&step.id))
        .map(|step| step.state)
        .peekable();
    states.peek()?;
    Some(states.all(|state| state == StepState::Completed))
}
