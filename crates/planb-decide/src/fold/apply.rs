//! What each entry changes, and which entries cannot be.

use super::{Fold, FoldError, blank_step, unskippable};
use crate::undo::undo_steps;
use crate::{next, undo};
use jiff::Timestamp;
use planb_model::StepId;
use planb_model::execution::{ExecutionState, JournalEntry, JournalRecord, StepOutcome, StepState};
use planb_model::status::StepStatus;

impl Fold {
    /// Takes in the next entry.
    ///
    /// # Errors
    /// When the entry cannot follow; nothing has changed then.
    pub fn apply(&mut self, record: &JournalRecord) -> Result<(), FoldError> {
        let seq = record.seq;
        if seq != self.last_seq + 1 {
            return Err(FoldError::Gap {
                last: self.last_seq,
                got: seq,
            });
        }
        if self.finished.is_some() {
            return Err(FoldError::AfterEnd(seq));
        }
        match &record.entry {
            JournalEntry::Approved { by, hash } => {
                if self.approved.is_some() || hash != &self.execution.hash || self.canceled {
                    return Err(FoldError::BadApproval(seq));
                }
                self.approved = Some((by.clone(), record.at));
            }
            JournalEntry::Intent { step, attempt } => {
                self.intent(seq, step, *attempt, record.at)?;
            }
            JournalEntry::Outcome {
                step,
                attempt,
                outcome,
            } => self.outcome(seq, step, *attempt, outcome, record.at)?,
            JournalEntry::Paused { .. } => self.pause(seq)?,
            JournalEntry::Resumed { .. } => self.resume(seq)?,
            JournalEntry::StepSkipped { step, reason, .. } => self.skip(seq, step, reason)?,
            JournalEntry::Canceled { .. } => self.cancel(seq)?,
            JournalEntry::Finished { state } => self.finish(seq, *state)?,
        }
        self.last_seq = seq;
        self.updated_at = record.at;
        self.begin_undo();
        Ok(())
    }

    fn intent(
        &mut self,
        seq: u64,
        id: &StepId,
        attempt: u32,
        at: Timestamp,
    ) -> Result<(), FoldError> {
        let bad = |why| FoldError::BadIntent(seq, id.clone(), why);
        let step = self.stage().iter().find(|s| &s.id == id).cloned();
        let Some(step) = step else {
            return Err(match self.step(id) {
                Some(_) => bad("but the execution was given up"),
                None => FoldError::NoSuchStep(seq, id.clone()),
            });
        };
        if self.approved.is_none() && !self.canceled {
            return Err(bad("but nothing is approved"));
        }
        if !self.needs_met(&step) {
            return Err(bad("but what it needs is not done"));
        }
        let status = self.status_mut(seq, id)?;
        match status.state {
            // Running: the process that began it is gone, and it is begun again.
            StepState::NotStarted | StepState::Running => {}
            _ => return Err(bad("but it has ended")),
        }
        if attempt != status.attempts + 1 {
            return Err(bad("but attempts are counted without gaps"));
        }
        // A step begun before a pause may be begun again after a crash.
        if self.paused && self.steps[id].state != StepState::Running {
            return Err(bad("but the execution is paused"));
        }
        let status = self.status_mut(seq, id)?;
        *status = StepStatus {
            state: StepState::Running,
            attempts: attempt,
            started_at: Some(at),
            ..blank_step()
        };
        Ok(())
    }

    fn outcome(
        &mut self,
        seq: u64,
        id: &StepId,
        attempt: u32,
        outcome: &StepOutcome,
        at: Timestamp,
    ) -> Result<(), FoldError> {
        let status = self.status_mut(seq, id)?;
        if status.state != StepState::Running || status.attempts != attempt {
            return Err(FoldError::BadOutcome(seq, id.clone(), attempt));
        }
        status.ended_at = Some(at);
        let (state, code, error) = match outcome {
            StepOutcome::Completed { facts } => {
                status.state = StepState::Completed;
                status.facts = Some(facts.clone());
                return Ok(());
            }
            StepOutcome::Failed { code, error } => (StepState::Failed, code, error),
            StepOutcome::Unknown { code, error } => (StepState::Unknown, code, error),
        };
        status.state = state;
        status.code = Some(code.clone());
        status.error = Some(error.clone());
        self.exceptions = true;
        Ok(())
    }

    fn pause(&mut self, seq: u64) -> Result<(), FoldError> {
        if self.paused {
            return Err(FoldError::BadOperator(seq, "it is paused already"));
        }
        self.paused = true;
        Ok(())
    }

    fn resume(&mut self, seq: u64) -> Result<(), FoldError> {
        let stuck = |s: &StepStatus| matches!(s.state, StepState::Failed | StepState::Unknown);
        let stage: Vec<StepId> = self.stage().iter().map(|s| s.id.clone()).collect();
        let mut changed = std::mem::take(&mut self.paused);
        for id in stage {
            if let Some(status) = self.steps.get_mut(&id).filter(|s| stuck(s)) {
                // The error stays to be seen until the next attempt begins.
                status.state = StepState::NotStarted;
                changed = true;
            }
        }
        if changed {
            Ok(())
        } else {
            Err(FoldError::BadOperator(seq, "there is nothing to resume"))
        }
    }

    fn skip(&mut self, seq: u64, id: &StepId, reason: &str) -> Result<(), FoldError> {
        let bad = |why| FoldError::BadSkip(seq, id.clone(), why);
        let Some(step) = self.stage().iter().find(|s| &s.id == id) else {
            return Err(FoldError::NoSuchStep(seq, id.clone()));
        };
        if !undo::is_undo(id)
            && let Some(why) = unskippable(&step.action)
        {
            return Err(bad(why));
        }
        if reason.trim().is_empty() {
            return Err(bad("without a reason"));
        }
        let status = self.status_mut(seq, id)?;
        if !matches!(status.state, StepState::Failed | StepState::Unknown) {
            return Err(bad("which has not failed"));
        }
        status.state = StepState::Skipped;
        self.exceptions = true;
        Ok(())
    }

    fn cancel(&mut self, seq: u64) -> Result<(), FoldError> {
        if self.canceled {
            return Err(FoldError::BadOperator(seq, "it is canceled already"));
        }
        self.canceled = true;
        // Giving up is the newer word: taking back is not paused.
        self.paused = false;
        for status in self.steps.values_mut() {
            if status.state == StepState::NotStarted {
                status.state = StepState::Canceled;
            }
        }
        Ok(())
    }

    fn finish(&mut self, seq: u64, state: ExecutionState) -> Result<(), FoldError> {
        if next::next(self).finish != Some(state) {
            return Err(FoldError::BadEnd(seq, state));
        }
        self.finished = Some(state);
        Ok(())
    }

    /// Once it is given up and nothing runs, it is known what was begun, and
    /// with it what has to be taken back.
    fn begin_undo(&mut self) {
        if !self.canceled || self.undo.is_some() || self.finished.is_some() {
            return;
        }
        if self.in_state(StepState::Running).next().is_some() {
            return;
        }
        let steps = undo_steps(self);
        for step in &steps {
            self.steps.insert(step.id.clone(), blank_step());
        }
        self.undo = Some(steps);
    }

    fn status_mut(&mut self, seq: u64, id: &StepId) -> Result<&mut StepStatus, FoldError> {
        let found = self.steps.get_mut(id);
        found.ok_or_else(|| FoldError::NoSuchStep(seq, id.clone()))
    }
}
