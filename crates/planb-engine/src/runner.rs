//! Carries out one execution: intent, effect, outcome, and again.
//!
//! The runner keeps nothing but the set of steps that run in this process;
//! everything else is the journal. It can be dropped anywhere: whoever runs the
//! execution next finds steps that were begun and not ended, and does with each
//! what its resume class says.

mod attempt;
mod effect;

use crate::EngineError;
use crate::journal::Journal;
use crate::shared::Shared;
use planb_decide::{Fold, next};
use planb_model::StepId;
use planb_model::execution::{ExecutionState, JournalEntry};
use planb_model::runbook::Step;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Carries out one execution.
pub(crate) struct Runner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) journal: Arc<Journal>,
}

/// How one task of a step ended.
enum Ended {
    /// Its outcome is in the journal.
    Written,
    /// The journal would not take its intent: things have changed.
    Overtaken,
}

type Branches = JoinSet<(StepId, Result<Ended, EngineError>)>;

impl Runner {
    /// Runs until the execution has finished, waiting for operators where it must.
    ///
    /// # Errors
    /// When the journal cannot be written; whatever ran is resumed by the next run.
    pub(crate) async fn run(self: Arc<Self>) -> Result<ExecutionState, EngineError> {
        let mut changes = self.journal.subscribe();
        let mut running = BTreeSet::new();
        let mut branches = Branches::new();
        loop {
            self.journal.settle().await?;
            let fold = changes.borrow_and_update().clone();
            if let Some(state) = fold.finished() {
                return Ok(state);
            }
            let next = next(&fold);
            if let Some(state) = next.finish.filter(|_| branches.is_empty()) {
                self.finish(state, &fold).await?;
                continue;
            }
            for id in next.running.iter().chain(&next.ready) {
                if let Some(step) = fold.step(id).filter(|_| !running.contains(id)) {
                    running.insert(id.clone());
                    self.clone().spawn(&mut branches, &fold, step.clone());
                }
            }
            tokio::select! {
                biased;
                Some(ended) = branches.join_next() => {
                    self.joined(ended, &mut running, &fold)?;
                }
                changed = changes.changed() => {
                    changed.map_err(|_| EngineError::Stopping)?;
                }
            }
        }
    }

    async fn finish(&self, state: ExecutionState, fold: &Fold) -> Result<(), EngineError> {
        match self.journal.append(JournalEntry::Finished { state }).await {
            Ok(()) => {
                tracing::info!(execution = %self.journal.id(), ?state, "execution finished");
                Ok(())
            }
            // An operator was faster; what that means is decided anew.
            Err(EngineError::Journal { .. })
                if self.journal.fold().last_seq() > fold.last_seq() =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Runs a step beside the others. `fold` says whether it was begun by a
    /// process that is gone.
    fn spawn(self: Arc<Self>, branches: &mut Branches, fold: &Arc<Fold>, step: Step) {
        let fold = fold.clone();
        branches.spawn(async move {
            let ended = self.attempt(&fold, &step).await;
            (step.id, ended)
        });
    }

    fn joined(
        &self,
        ended: Result<(StepId, Result<Ended, EngineError>), tokio::task::JoinError>,
        running: &mut BTreeSet<StepId>,
        fold: &Fold,
    ) -> Result<(), EngineError> {
        let (id, ended) = ended.map_err(|_| EngineError::Panicked("a step"))?;
        running.remove(&id);
        match ended? {
            Ended::Written => Ok(()),
            // Overtaken by nothing would be overtaken again, for ever.
            Ended::Overtaken if self.journal.fold().last_seq() == fold.last_seq() => {
                Err(EngineError::Panicked("the journal refuses what is next"))
            }
            Ended::Overtaken => Ok(()),
        }
    }
}
