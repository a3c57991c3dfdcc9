//! Taking back an execution that was given up.
//!
//! As long as nothing beyond the point of no return was begun, the service
//! stays where it was, under the epoch that was claimed: the old epoch's log
//! may be closed already, and no target would take an older epoch.

use crate::Fold;
use crate::checker::UNDO_PREFIX;
use crate::planner::undo_step;
use planb_model::StepId;
use planb_model::runbook::{Action, Step, Undo};

/// Whether `id` is a step that takes others back.
pub fn is_undo(id: &StepId) -> bool {
    id.as_str().starts_with(UNDO_PREFIX)
}

/// The steps that take back what `fold` has begun, one after the other. Empty
/// when nothing was begun that needs it, when a point of no return was passed,
/// or when a newer epoch has taken over.
pub fn undo_steps(fold: &Fold) -> Vec<Step> {
    let steps = &fold.execution().runbook.steps;
    let begun = |step: &&Step| fold.step_status(&step.id).is_some_and(|s| s.attempts > 0);
    let mut actions: Vec<Action> = Vec::new();
    for step in steps.iter().filter(begun) {
        match &step.undo {
            Undo::PointOfNoReturn => return Vec::new(),
            Undo::Nothing => {}
            Undo::By { actions: by } => {
                for action in by {
                    if !actions.contains(action) {
                        actions.push(action.clone());
                    }
                }
            }
        }
    }
    if fold.is_fenced() {
        return Vec::new();
    }
    actions.sort_by_key(rank);
    let mut undo: Vec<Step> = Vec::new();
    for action in actions {
        let needs = undo.last().map(|s| s.id.clone()).into_iter().collect();
        undo.extend(id(&action).map(|id| undo_step(id, action, needs)));
    }
    undo
}

/// The order of taking back: the record and protection, then writes, then what
/// makes them, then requests.
fn rank(action: &Action) -> u8 {
    match action {
        Action::Activate { .. } => 0,
        Action::Promote { .. } => 1,
        Action::StartWorkload { .. } => 2,
        Action::SwitchTraffic { .. } => 3,
        _ => 4,
    }
}

fn id(action: &Action) -> Option<StepId> {
    let name = match action {
        Action::Activate { .. } => "activate",
        Action::Promote { .. } => "promote",
        Action::StartWorkload { .. } => "start-workload",
        Action::SwitchTraffic { .. } => "switch-traffic",
        // The planner takes nothing else back.
        _ => return None,
    };
    StepId::new(format!("{UNDO_PREFIX}{name}")).ok()
}
