//! What an execution does next, or what it waits for.

use crate::{Fold, WaitingOn};
use planb_model::StepId;
use planb_model::execution::{ExecutionState, StepState};

/// What happens next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Next {
    /// Steps that may begin now, all of them side by side.
    pub ready: Vec<StepId>,
    /// Steps that were begun and have not ended.
    pub running: Vec<StepId>,
    /// What is waited for; empty when nothing but `ready` and `running` is.
    pub waiting: Vec<WaitingOn>,
    /// How it ends, when nothing is left to do.
    pub finish: Option<ExecutionState>,
}

/// What `fold` does next.
///
/// A failed or unknown step stops only what needs it: independent branches go
/// on, because during an outage every second of them counts.
pub fn next(fold: &Fold) -> Next {
    if fold.finished().is_some() {
        return Next::default();
    }
    let running: Vec<StepId> = fold.in_state(StepState::Running).cloned().collect();
    if fold.is_fenced() {
        return given_up(running);
    }
    let mut next = Next {
        waiting: waiting(fold),
        ..Next::default()
    };
    if !fold.is_approved() && !fold.is_canceled() {
        next.waiting.insert(
            0,
            WaitingOn::Approval {
                hash: fold.execution().hash.clone(),
            },
        );
        return next;
    }
    let stage = fold.stage();
    let state = |id: &StepId| fold.step_status(id).map(|s| s.state);
    let is_done =
        |id: &StepId| matches!(state(id), Some(StepState::Completed | StepState::Skipped));
    if !fold.is_paused() {
        let startable = stage
            .iter()
            .filter(|s| state(&s.id) == Some(StepState::NotStarted) && fold.needs_met(s));
        next.ready = startable.map(|s| s.id.clone()).collect();
    }
    let stage_is_known = !fold.is_canceled() || fold.is_undoing();
    if running.is_empty() && stage_is_known && stage.iter().all(|s| is_done(&s.id)) {
        next.finish = Some(end(fold));
        next.waiting.clear();
    }
    next.running = running;
    next
}

/// A newer epoch has taken over: what runs may end, and then it is over.
fn given_up(running: Vec<StepId>) -> Next {
    let finish = running.is_empty().then_some(ExecutionState::Failed);
    let of = |step: &StepId| WaitingOn::Running { step: step.clone() };
    Next {
        waiting: running.iter().map(of).collect(),
        running,
        finish,
        ready: Vec::new(),
    }
}

fn waiting(fold: &Fold) -> Vec<WaitingOn> {
    let mut waiting = Vec::new();
    if fold.is_paused() {
        waiting.push(WaitingOn::Resume);
    }
    // Of a given-up execution only what takes back can still be helped.
    for step in fold.stage() {
        let step = step.id.clone();
        match fold.step_status(&step).map(|s| s.state) {
            Some(StepState::Failed) => waiting.push(WaitingOn::Failed { step }),
            Some(StepState::Unknown) => waiting.push(WaitingOn::Unknown { step }),
            _ => {}
        }
    }
    waiting
}

fn end(fold: &Fold) -> ExecutionState {
    if !fold.is_canceled() {
        return if fold.has_exceptions() {
            ExecutionState::CompletedWithExceptions
        } else {
            ExecutionState::Completed
        };
    }
    // Given up after a failure, or only because somebody changed their mind.
    if fold.has_exceptions() {
        ExecutionState::Failed
    } else {
        ExecutionState::Canceled
    }
}
