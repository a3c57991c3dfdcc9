//! The effect of a step, with its deadline, and what its end means.

use super::Runner;
use crate::actions::{Asked, StepCx, StepError, perform};
use crate::time::within;
use planb_decide::Fold;
use planb_decide::fold::FENCED_CODE;
use planb_model::execution::StepOutcome;
use planb_model::runbook::{Resume, Step};
use planb_ports::{ErrorKind, PortError};
use std::time::Duration;

/// Tries within one attempt. With the pauses about 3 s: longer than a restart
/// of a proxy, short beside any recovery time.
const EFFECT_TRIES_MAX: u32 = 5;
/// First pause between two tries; doubles.
const EFFECT_PAUSE_MS: u64 = 200;
/// Code of a step that did not end in time.
const DEADLINE_CODE: &str = "PB-ENGINE-DEADLINE";

/// What follows an error.
enum Then {
    Again,
    Ends(StepOutcome),
}

impl Runner {
    /// Has the effect and says how it ended.
    pub(super) async fn effect(&self, fold: &Fold, step: &Step) -> StepOutcome {
        let deadline = Duration::from_secs(u64::from(step.deadline_secs));
        let work = self.try_effect(fold, step, deadline);
        if let Some(outcome) = within(&*self.shared.ports.clock, deadline, work).await {
            return outcome;
        }
        // It may still arrive: only the target can tell.
        if step.resume == Resume::Reconcile
            && let Asked::Happened(facts) = self.ask(fold, step).await
        {
            return StepOutcome::Completed { facts };
        }
        StepOutcome::Unknown {
            code: DEADLINE_CODE.to_owned(),
            error: format!("it did not end within {} s", step.deadline_secs),
        }
    }

    async fn try_effect(&self, fold: &Fold, step: &Step, deadline: Duration) -> StepOutcome {
        let cx = StepCx::new(&self.shared, fold.execution(), step, deadline);
        let mut pause = Duration::from_millis(EFFECT_PAUSE_MS);
        let mut tries = 1;
        loop {
            let error = match perform(&cx).await {
                Ok(facts) => return StepOutcome::Completed { facts },
                Err(error) => error,
            };
            match self
                .after(fold, step, error, tries < EFFECT_TRIES_MAX)
                .await
            {
                Then::Ends(outcome) => return outcome,
                Then::Again => {}
            }
            self.shared.ports.clock.sleep(pause).await;
            pause *= 2;
            tries += 1;
        }
    }

    async fn after(&self, fold: &Fold, step: &Step, error: StepError, again: bool) -> Then {
        let error = match error {
            StepError::Port(error) => error,
            StepError::Check { code, message } => {
                return Then::Ends(StepOutcome::Failed {
                    code: code.to_owned(),
                    error: message,
                });
            }
        };
        tracing::warn!(step = %step.id, code = error.code(), error = %error.chain(), "an effect failed");
        match error.kind() {
            // Nothing happened.
            ErrorKind::Unavailable if again => Then::Again,
            // It may have happened: doing it again is harmless only where the
            // step says so, and otherwise the target is asked.
            ErrorKind::Timeout => match step.resume {
                Resume::Retry | Resume::IdempotentKey if again => Then::Again,
                Resume::Reconcile => match self.ask(fold, step).await {
                    Asked::Happened(facts) => Then::Ends(StepOutcome::Completed { facts }),
                    Asked::NotHappened if again => Then::Again,
                    Asked::NotHappened | Asked::CannotTell(_) => Then::Ends(unknown(&error)),
                },
                _ => Then::Ends(unknown(&error)),
            },
            _ => Then::Ends(failed(&error)),
        }
    }
}

fn failed(error: &PortError) -> StepOutcome {
    // One code for every target, because the fold ends the execution by it.
    let code = if error.is_fenced() {
        FENCED_CODE
    } else {
        error.code()
    };
    StepOutcome::Failed {
        code: code.to_owned(),
        error: told(error),
    }
}

fn unknown(error: &PortError) -> StepOutcome {
    StepOutcome::Unknown {
        code: error.code().to_owned(),
        error: told(error),
    }
}

/// The error and what to do, in one line.
fn told(error: &PortError) -> String {
    match error.hint_text() {
        Some(hint) => format!("{} ({hint})", error.chain()),
        None => error.chain(),
    }
}
