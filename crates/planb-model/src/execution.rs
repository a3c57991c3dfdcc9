//! Executions: what happened to a runbook, as its journal tells it.
//!
//! The journal is the truth; states are folded from it (`planb-decide`).

use crate::runbook::{Runbook, RunbookHash};
use crate::{ExecutionId, StepId, Text};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An execution when it is opened. Nothing in it changes afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// Which one.
    pub id: ExecutionId,
    /// What it carries out.
    pub runbook: Runbook,
    /// Hash of `runbook`.
    pub hash: RunbookHash,
    /// What asked for it.
    pub trigger: Trigger,
    /// When it was opened.
    pub opened_at: Timestamp,
}

/// What asked for an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind"
)]
pub enum Trigger {
    /// A person.
    Operator {
        /// Who, as far as it is known.
        who: String,
    },
    /// The detector.
    Detector {
        /// When the first observation of the outage failed.
        first_failure_at: Timestamp,
        /// When the verdict fell.
        declared_at: Timestamp,
        /// Why, in one sentence a judge gave.
        why: Text,
    },
}

/// State of an execution, after AWS ARC Region switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExecutionState {
    /// Opened, nothing begun.
    Pending,
    /// Steps are running or can run.
    InProgress,
    /// Waits for an approval of the runbook's hash.
    PendingManualApproval,
    /// A step failed or is unknown; waits for an operator.
    PausedByFailedStep,
    /// An operator paused it.
    PausedByOperator,
    /// Every step completed.
    Completed,
    /// It reached its end, and some step was skipped or failed on the way.
    CompletedWithExceptions,
    /// It was given up after a failure.
    Failed,
    /// It was given up by an operator.
    Canceled,
}

impl ExecutionState {
    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            ExecutionState::Completed
                | ExecutionState::CompletedWithExceptions
                | ExecutionState::Failed
                | ExecutionState::Canceled
        )
    }
}

/// State of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StepState {
    /// Not begun.
    NotStarted,
    /// Its intent is in the journal and its outcome is not.
    Running,
    /// Waits for an approval.
    PendingApproval,
    /// It did what it says, and that was checked.
    Completed,
    /// It did not, and said so.
    Failed,
    /// An operator decided to go on without it.
    Skipped,
    /// Its execution was given up before it began.
    Canceled,
    /// Whether it happened is not known. Never counted as success.
    Unknown,
}

/// One line of a journal, durable before anything acts on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JournalRecord {
    /// Counts from 1 within an execution, without gaps.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What happened.
    pub entry: JournalEntry,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind"
)]
pub enum JournalEntry {
    /// The runbook may run. `hash` is what was approved.
    Approved {
        /// Who approved; `automatic` when the plan's mode says so.
        by: String,
        /// The hash that was approved.
        hash: RunbookHash,
    },
    /// A step is about to have its effect.
    Intent {
        /// Which step.
        step: StepId,
        /// Counts from 1 with every try.
        attempt: u32,
    },
    /// A step ended.
    Outcome {
        /// Which step.
        step: StepId,
        /// Which try.
        attempt: u32,
        /// How.
        outcome: StepOutcome,
    },
    /// An operator stopped new steps from starting.
    Paused {
        /// Who.
        by: String,
    },
    /// An operator lets it go on; failed and unknown steps are tried again.
    Resumed {
        /// Who.
        by: String,
    },
    /// An operator goes on without a failed or unknown step.
    StepSkipped {
        /// Which step.
        step: StepId,
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// Given up; what was begun stays as it is and is in this journal.
    Canceled {
        /// Who.
        by: String,
    },
    /// Nothing more will happen.
    Finished {
        /// The final state.
        state: ExecutionState,
    },
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind"
)]
pub enum StepOutcome {
    /// Done and checked.
    Completed {
        /// What was done, in figures: `{"rows": 120, "bytes": 4096}`.
        facts: serde_json::Value,
    },
    /// Not done, or not all of it.
    Failed {
        /// Code with a page in docs/errors.
        code: String,
        /// What went wrong and what to do, without secrets.
        error: String,
    },
    /// Not known.
    Unknown {
        /// Code with a page in docs/errors.
        code: String,
        /// Why it is not known.
        error: String,
    },
}
