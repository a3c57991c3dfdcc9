//! One attempt at one step, from the intent to the outcome.

use super::{Ended, Runner};
use crate::EngineError;
use crate::actions::{Asked, StepCx, ask};
use planb_decide::Fold;
use planb_model::StepId;
use planb_model::execution::{JournalEntry, StepOutcome, StepState};
use planb_model::runbook::{Resume, Step};
use std::time::Duration;

/// Code of a step that was begun by a process that is gone.
const INTERRUPTED_CODE: &str = "PB-ENGINE-INTERRUPTED";
/// Code of a step whose target does not tell whether an earlier attempt happened.
const UNTOLD_CODE: &str = "PB-ENGINE-UNTOLD";

impl Runner {
    /// Begins `step`, or ends what a process that is gone has begun.
    pub(super) async fn attempt(&self, fold: &Fold, step: &Step) -> Result<Ended, EngineError> {
        let status = fold.step_status(&step.id);
        let attempts = status.map_or(0, |s| s.attempts);
        let begun = status.is_some_and(|s| s.state == StepState::Running);
        if !begun {
            return self.begin(fold, step, attempts + 1).await;
        }
        // A given-up execution begins nothing again, it only finds out.
        let given_up = !fold.stage().iter().any(|s| s.id == step.id);
        let outcome = match step.resume {
            Resume::Retry | Resume::IdempotentKey if !given_up => None,
            Resume::Reconcile => match self.ask(fold, step).await {
                Asked::Happened(facts) => Some(StepOutcome::Completed { facts }),
                Asked::NotHappened if !given_up => None,
                Asked::NotHappened => Some(interrupted("it was not done yet")),
                Asked::CannotTell(error) => Some(interrupted(&error)),
            },
            Resume::Retry | Resume::IdempotentKey | Resume::Operator => {
                Some(interrupted("an operator has to look"))
            }
        };
        match outcome {
            Some(outcome) => self.write_outcome(&step.id, attempts, outcome).await,
            None => self.begin(fold, step, attempts + 1).await,
        }
    }

    async fn begin(&self, fold: &Fold, step: &Step, attempt: u32) -> Result<Ended, EngineError> {
        let intent = JournalEntry::Intent {
            step: step.id.clone(),
            attempt,
        };
        match self.journal.append(intent).await {
            Ok(()) => {}
            Err(EngineError::Journal { .. }) => return Ok(Ended::Overtaken),
            Err(error) => return Err(error),
        }
        tracing::info!(execution = %self.journal.id(), step = %step.id, attempt, "step begins");
        // What an earlier attempt may have done is asked for, never assumed.
        let earlier = if attempt > 1 && step.resume == Resume::Reconcile {
            self.ask(fold, step).await
        } else {
            Asked::NotHappened
        };
        let outcome = match earlier {
            Asked::Happened(facts) => StepOutcome::Completed { facts },
            Asked::NotHappened => self.effect(fold, step).await,
            Asked::CannotTell(error) => StepOutcome::Unknown {
                code: UNTOLD_CODE.to_owned(),
                error: format!("the target does not tell whether it happened: {error}"),
            },
        };
        self.write_outcome(&step.id, attempt, outcome).await
    }

    async fn write_outcome(
        &self,
        step: &StepId,
        attempt: u32,
        outcome: StepOutcome,
    ) -> Result<Ended, EngineError> {
        match &outcome {
            StepOutcome::Completed { facts } => {
                tracing::info!(execution = %self.journal.id(), %step, %facts, "step completed");
            }
            StepOutcome::Failed { code, error } => {
                tracing::error!(execution = %self.journal.id(), %step, code, error, "step failed");
            }
            StepOutcome::Unknown { code, error } => {
                tracing::error!(execution = %self.journal.id(), %step, code, error, "step unknown");
            }
        }
        let entry = JournalEntry::Outcome {
            step: step.clone(),
            attempt,
            outcome,
        };
        self.journal.append(entry).await?;
        Ok(Ended::Written)
    }

    /// Asks the target whether `step` happened.
    pub(super) async fn ask(&self, fold: &Fold, step: &Step) -> Asked {
        let deadline = Duration::from_secs(u64::from(step.deadline_secs));
        let cx = StepCx::new(&self.shared, fold.execution(), step, deadline);
        match crate::time::within(&*self.shared.ports.clock, deadline, ask(&cx)).await {
            Some(asked) => asked,
            None => Asked::CannotTell("the target did not answer in time".to_owned()),
        }
    }
}

fn interrupted(why: &str) -> StepOutcome {
    StepOutcome::Unknown {
        code: INTERRUPTED_CODE.to_owned(),
        error: format!("the control plane stopped in the middle of this step: {why}"),
    }
}
