//! The folded state as the API tells it, with the seconds of each phase.

use super::Fold;
use crate::next::next;
use jiff::Timestamp;
use planb_model::execution::{ExecutionState, StepState, Trigger};
use planb_model::runbook::Phase;
use planb_model::status::ExecutionStatus;
use std::collections::BTreeMap;

pub(super) fn status(fold: &Fold) -> ExecutionStatus {
    let mut steps = fold.steps.clone();
    if fold.approved.is_none() && !fold.canceled {
        for step in fold.stage().iter().filter(|s| s.needs.is_empty()) {
            if let Some(status) = steps.get_mut(&step.id) {
                status.state = StepState::PendingApproval;
            }
        }
    }
    ExecutionStatus {
        execution: fold.execution.clone(),
        state: state(fold),
        approved_by: fold.approved.as_ref().map(|(by, _)| by.clone()),
        steps,
        updated_at: fold.updated_at,
        phases: phases(fold),
    }
}

fn state(fold: &Fold) -> ExecutionState {
    if let Some(state) = fold.finished {
        return state;
    }
    if fold.approved.is_none() && !fold.canceled {
        return ExecutionState::PendingManualApproval;
    }
    if fold.paused {
        return ExecutionState::PausedByOperator;
    }
    let next = next(fold);
    let has = |state| fold.in_state(state).next().is_some();
    let moving = !next.ready.is_empty() || !next.running.is_empty() || next.finish.is_some();
    if !moving && (has(StepState::Failed) || has(StepState::Unknown)) {
        return ExecutionState::PausedByFailedStep;
    }
    if fold.steps.values().all(|s| s.attempts == 0) {
        return ExecutionState::Pending;
    }
    ExecutionState::InProgress
}

/// Seconds per phase as far as the journal tells. They join without gaps: a
/// phase begins where the one before it ended.
fn phases(fold: &Fold) -> BTreeMap<Phase, f64> {
    let mut phases = BTreeMap::new();
    let mut asked_at = fold.execution.opened_at;
    if let Trigger::Detector {
        first_failure_at,
        declared_at,
        ..
    } = &fold.execution.trigger
    {
        phases.insert(Phase::Detect, seconds(*first_failure_at, *declared_at));
        asked_at = *declared_at;
    }
    let Some((_, approved_at)) = &fold.approved else {
        return phases;
    };
    phases.insert(Phase::Decide, seconds(asked_at, *approved_at));
    let Some(executed_at) = last_end(fold, Phase::Execute) else {
        return phases;
    };
    phases.insert(Phase::Execute, seconds(*approved_at, executed_at));
    if let Some(seen_at) = last_end(fold, Phase::Traffic) {
        phases.insert(Phase::Traffic, seconds(executed_at, seen_at));
    }
    phases
}

fn last_end(fold: &Fold, phase: Phase) -> Option<Timestamp> {
    let steps = &fold.execution.runbook.steps;
    let of_phase = steps.iter().filter(|s| s.phase == phase);
    of_phase
        .filter_map(|s| fold.steps.get(&s.id)?.ended_at)
        .max()
}

/// Never negative: a wall clock that went back in between took no time.
fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}
