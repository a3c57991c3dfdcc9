//! Documents for boards and auditors, put together from what was measured and
//! what was given. Plain functions from facts to a [`crate::Report`]; reading
//! the facts is the command's.
//!
//! What is not known is said to be unknown: no figure here is made up, and none
//! is taken from a document without its source.

pub mod board;
pub mod cost;
pub mod drill;
mod quarters;
mod runs;

pub use runs::{Begins, Compared, Run, RunKind, StepTime, all_runs, of_drill, of_execution};

use planb_model::Text;

/// What is known, or why it is not.
pub type Known<T> = Result<T, Text>;

/// A verification record of the vault: one snapshot, restored and looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Verification {
    /// The snapshot.
    pub snapshot: String,
    /// When the record was written.
    pub at: jiff::Timestamp,
    /// Whether all was well; `None` when that is not known.
    pub passed: Option<bool>,
    /// How long it took, in seconds, if the record tells.
    pub seconds: Option<f64>,
    /// Rows that equalled the manifest, if the record tells.
    pub rows: Option<u64>,
    /// What could not be looked at.
    pub not_checked: Vec<String>,
    /// Whether a pinned key signed it.
    pub signed: bool,
}

/// A day, as people write it.
fn day(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}
