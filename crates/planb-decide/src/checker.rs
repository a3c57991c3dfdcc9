//! Checks runbooks against the safety rules, independently of the planner.
//!
//! The planner says in which order things are done; the checker says what must
//! hold of any order, and shares no code with the planner. A runbook that
//! breaks a rule is never opened, whoever made it.

mod graph;
mod rules;
#[cfg(test)]
mod tests;

use graph::Graph;
use planb_model::runbook::Runbook;
use planb_model::{Epoch, SiteName, StepId};
use std::fmt;

/// Most steps of a runbook; the longest planned one has 15.
pub const STEPS_MAX: usize = 64;
/// Longest deadline of a step: a restore of terabytes, with room to spare.
pub const DEADLINE_SECS_MAX: u32 = 7 * 24 * 60 * 60;
/// What ids of steps that take others back begin with; none of a runbook may.
pub const UNDO_PREFIX: &str = "undo-";

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// More than [`STEPS_MAX`] steps, or none.
    StepCount(usize),
    /// Two steps have this id.
    DuplicateStep(StepId),
    /// The id begins with [`UNDO_PREFIX`].
    ReservedId(StepId),
    /// The step needs one that does not exist.
    MissingNeed(StepId, StepId),
    /// The steps need each other in a circle.
    Cycle(Vec<StepId>),
    /// The step has no deadline, or one beyond [`DEADLINE_SECS_MAX`].
    Deadline(StepId),
    /// The epoch is not the one after the epoch it is based on.
    EpochStep(Epoch, Epoch),
    /// Both sites are the same.
    SameSite(SiteName),
    /// The action must not be done at this site.
    WrongSite(StepId, SiteName),
    /// The action must be there exactly once.
    NotOnce(&'static str, usize),
    /// The step must come after such an action, and does not.
    NotAfter(StepId, &'static str),
    /// An override where there is nothing to override, or without a reason.
    BadOverride,
    /// The step cannot be taken back and does not say so.
    NotPointOfNoReturn(StepId),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::StepCount(count) => {
                write!(f, "a runbook has 1 to {STEPS_MAX} steps, not {count}")
            }
            Violation::DuplicateStep(id) => write!(f, "two steps are called '{id}'"),
            Violation::ReservedId(id) => {
                write!(
                    f,
                    "step '{id}' begins with '{UNDO_PREFIX}', which is reserved"
                )
            }
            Violation::MissingNeed(id, need) => {
                write!(f, "step '{id}' needs '{need}', which does not exist")
            }
            Violation::Cycle(ids) => {
                let ids: Vec<&str> = ids.iter().map(StepId::as_str).collect();
                write!(f, "steps need each other in a circle: {}", ids.join(", "))
            }
            Violation::Deadline(id) => {
                write!(
                    f,
                    "step '{id}' needs a deadline of 1 to {DEADLINE_SECS_MAX} s"
                )
            }
            Violation::EpochStep(based_on, epoch) => {
                write!(f, "epoch {epoch} does not follow epoch {based_on}")
            }
            Violation::SameSite(site) => write!(f, "'{site}' is both source and target"),
            Violation::WrongSite(id, site) => {
                write!(f, "step '{id}' must not be done at site '{site}'")
            }
            Violation::NotOnce(what, count) => {
                write!(f, "there must be one {what}, not {count}")
            }
            Violation::NotAfter(id, what) => write!(f, "step '{id}' must come after {what}"),
            Violation::BadOverride => f.write_str(
                "an override of the fence needs a reason and belongs to a failover only",
            ),
            Violation::NotPointOfNoReturn(id) => {
                write!(f, "step '{id}' cannot be taken back and must say so")
            }
        }
    }
}

/// All rules `runbook` breaks; empty when it may run.
pub fn check(runbook: &Runbook) -> Vec<Violation> {
    let mut broken = rules::shape(runbook);
    match Graph::new(runbook) {
        // Order means nothing in a graph that is none.
        Err(violations) => broken.extend(violations),
        Ok(graph) => broken.extend(rules::order(runbook, &graph)),
    }
    broken
}
