//! From a journal to where an execution stands.
//!
//! The fold is strict: a journal that cannot be (an outcome without its intent,
//! a gap, an approval of another hash) is refused, not interpreted. The engine
//! asks it before every append, so that it never writes such a journal.

mod apply;
mod status;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use planb_model::StepId;
use planb_model::execution::{Execution, ExecutionState, JournalRecord, StepState};
use planb_model::runbook::{Action, Step};
use planb_model::status::{ExecutionStatus, StepStatus};
use std::collections::BTreeMap;

/// The code of an outcome that says that a newer epoch has taken over.
pub const FENCED_CODE: &str = "PB-FENCED";

/// Why a journal cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// Places are counted without gaps.
    #[error("entry {got} follows entry {last}")]
    Gap {
        /// The last place that was right.
        last: u64,
        /// The place that came.
        got: u64,
    },
    /// Nothing follows the end.
    #[error("entry {0} comes after the end")]
    AfterEnd(u64),
    /// The approval is for another runbook, or the second one.
    #[error("entry {0} approves another runbook or approves twice")]
    BadApproval(u64),
    /// The execution's own hash is not that of its runbook.
    #[error("the runbook does not have the hash it was opened with")]
    WrongHash,
    /// No such step is in the runbook.
    #[error("entry {0} names unknown step '{1}'")]
    NoSuchStep(u64, StepId),
    /// The step may not begin here.
    #[error("entry {0} begins step '{1}', {2}")]
    BadIntent(u64, StepId, &'static str),
    /// The outcome belongs to no intent.
    #[error("entry {0} ends attempt {2} of step '{1}', which was not running")]
    BadOutcome(u64, StepId, u32),
    /// The step cannot be skipped here.
    #[error("entry {0} skips step '{1}', {2}")]
    BadSkip(u64, StepId, &'static str),
    /// Pausing, resuming and cancelling need something to pause, resume or cancel.
    #[error("entry {0} makes no sense here: {1}")]
    BadOperator(u64, &'static str),
    /// The end that was written is not the one the steps tell.
    #[error("entry {0} ends the execution as {1:?}, its steps do not")]
    BadEnd(u64, ExecutionState),
}

/// An execution, folded as far as its journal goes.
#[derive(Debug, Clone)]
pub struct Fold {
    execution: Execution,
    last_seq: u64,
    updated_at: Timestamp,
    approved: Option<(String, Timestamp)>,
    paused: bool,
    canceled: bool,
    finished: Option<ExecutionState>,
    /// Whether some step was skipped, failed or unknown on the way.
    exceptions: bool,
    steps: BTreeMap<StepId, StepStatus>,
    /// Steps that take the others back; `None` until it is known which.
    undo: Option<Vec<Step>>,
}

/// Folds a whole journal.
///
/// # Errors
/// When the journal cannot be.
pub fn fold(execution: &Execution, journal: &[JournalRecord]) -> Result<Fold, FoldError> {
    let mut fold = Fold::new(execution)?;
    for record in journal {
        fold.apply(record)?;
    }
    Ok(fold)
}

impl Fold {
    /// An execution that was opened and has no entry yet.
    ///
    /// # Errors
    /// When the execution's hash is not that of its runbook.
    pub fn new(execution: &Execution) -> Result<Self, FoldError> {
        if execution.hash != execution.runbook.hash() {
            return Err(FoldError::WrongHash);
        }
        let blank = |step: &Step| (step.id.clone(), blank_step());
        Ok(Self {
            execution: execution.clone(),
            last_seq: 0,
            updated_at: execution.opened_at,
            approved: None,
            paused: false,
            canceled: false,
            finished: None,
            exceptions: false,
            steps: execution.runbook.steps.iter().map(blank).collect(),
            undo: None,
        })
    }

    /// What was opened.
    pub fn execution(&self) -> &Execution {
        &self.execution
    }

    /// Place of the last entry; 0 when there is none.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Whether it was approved.
    pub fn is_approved(&self) -> bool {
        self.approved.is_some()
    }

    /// Whether it was given up.
    pub fn is_canceled(&self) -> bool {
        self.canceled
    }

    /// Whether an operator stopped new steps from starting.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// The final state, when nothing more will happen.
    pub fn finished(&self) -> Option<ExecutionState> {
        self.finished
    }

    /// Whether some step was skipped, failed or unknown on the way.
    pub fn has_exceptions(&self) -> bool {
        self.exceptions
    }

    /// The steps that can begin at this stage: those of the runbook or, once
    /// it is given up and nothing runs any more, those that take them back.
    pub fn stage(&self) -> &[Step] {
        match (&self.undo, self.canceled) {
            (Some(undo), _) => undo,
            (None, true) => &[],
            (None, false) => &self.execution.runbook.steps,
        }
    }

    /// Whether it is known what is taken back; true from then on.
    pub fn is_undoing(&self) -> bool {
        self.undo.is_some()
    }

    /// The step called `id`, of the runbook or of those that take back.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        let undo = self.undo.iter().flatten().find(|s| &s.id == id);
        undo.or_else(|| self.execution.runbook.step(id))
    }

    /// Where step `id` stands.
    pub fn step_status(&self, id: &StepId) -> Option<&StepStatus> {
        self.steps.get(id)
    }

    /// Ids of steps in `state`, of either stage.
    pub fn in_state(&self, state: StepState) -> impl Iterator<Item = &StepId> {
        let of = self.steps.iter().filter(move |(_, s)| s.state == state);
        of.map(|(id, _)| id)
    }

    /// Whether a step doing an action of which `is` holds was ever begun.
    pub fn was_begun(&self, is: impl Fn(&Action) -> bool) -> bool {
        let mut steps = self.execution.runbook.steps.iter();
        steps.any(|s| is(&s.action) && self.steps.get(&s.id).is_some_and(|st| st.attempts > 0))
    }

    /// Whether a target refused its epoch: a newer one has taken over, and
    /// nothing may be done any more, not even taking back.
    pub fn is_fenced(&self) -> bool {
        let mut failed = self.steps.values().filter(|s| s.state == StepState::Failed);
        failed.any(|s| s.code.as_deref() == Some(FENCED_CODE))
    }

    /// Whether everything `step` needs is completed or skipped.
    pub fn needs_met(&self, step: &Step) -> bool {
        step.needs.iter().all(|need| {
            let state = self.steps.get(need).map(|s| s.state);
            matches!(state, Some(StepState::Completed | StepState::Skipped))
        })
    }

    /// The state as the API tells it.
    pub fn status(&self) -> ExecutionStatus {
        status::status(self)
    }
}

fn blank_step() -> StepStatus {
    StepStatus {
        state: StepState::NotStarted,
        attempts: 0,
        started_at: None,
        ended_at: None,
        facts: None,
        error: None,
        code: None,
    }
}

/// Why `action` cannot be gone on without; `None` when it can.
///
/// What makes a promotion safe cannot be skipped by the way: the fence has an
/// override of its own, which is part of the hash that is approved.
pub fn unskippable(action: &Action) -> Option<&'static str> {
    match action {
        Action::ClaimEpoch => Some("everything after it acts under the epoch"),
        Action::CloseLog => Some("the old site could still extend the log"),
        Action::FenceSite { .. } => Some("only an approved override replaces the fence"),
        Action::FenceDatabase { .. } => Some("the old site could still take writes"),
        Action::DrainLog { .. } => Some("writes would be lost"),
        Action::Restore { .. } => Some("there would be nothing to promote"),
        Action::Promote { .. } => Some("the new site could not take writes"),
        Action::Activate { .. } => Some("the record would name the old site"),
        Action::ShedTraffic
        | Action::StopWorkload { .. }
        | Action::VerifyRestored { .. }
        | Action::CompareDatabases { .. }
        | Action::StartWorkload { .. }
        | Action::CheckHealth { .. }
        | Action::SwitchTraffic { .. }
        | Action::ConfirmOutside { .. } => None,
    }
}
