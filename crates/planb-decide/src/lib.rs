//! Decisions: plain functions from facts, policy and time to a decision and its
//! reasons.
//!
//! Layer 1. Nothing here is async, does I/O, reads a clock or draws a random
//! number; the same facts always give the same decision, so a dry run shows
//! exactly what would run and the simulator can replay any decision.

pub mod checker;
pub mod clean_point;
pub mod fold;
pub mod health;
pub mod next;
pub mod objectives;
pub mod planner;
pub mod protection;
pub mod retention;
#[cfg(test)]
mod testing;
pub mod undo;
pub mod waiting;

pub use checker::{Violation, check};
pub use fold::{Fold, FoldError, fold};
pub use next::{Next, next};
pub use planner::{PlanFacts, plan};
pub use waiting::WaitingOn;
