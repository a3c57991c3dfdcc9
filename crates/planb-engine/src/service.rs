//! One service under the control plane: what a face asks of it, and what runs
//! behind it.

pub(crate) mod commands;
pub(crate) mod history;
pub(crate) mod status;

use crate::reconcile::{
    executor, fencer, protector, publisher, recovery, standby, starter, traffic, verifier, watcher,
};
use crate::shared::Shared;
use crate::{EngineError, ServicePorts};
use planb_model::execution::Trigger;
use planb_model::runbook::{Runbook, RunbookHash, RunbookKind};
use planb_model::status::{ExecutionHistory, ExecutionStatus, ServiceStatus};
use planb_model::{ExecutionId, ServiceName, StepId};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// An approval of the runbook that has this hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Who approves.
    pub by: String,
    /// What is approved.
    pub hash: RunbookHash,
}

/// One service under the control plane.
///
/// Every command works on the store and may be called whether or not
/// [`Service::run`] is running; only `run` carries anything out. One process
/// may run a service at a time: the caller holds the lock of the state for it.
pub struct Service {
    shared: Arc<Shared>,
}

impl Service {
    /// A service that does nothing before [`Service::run`].
    pub fn new(ports: ServicePorts) -> Arc<Self> {
        Arc::new(Self {
            shared: Shared::new(ports),
        })
    }

    /// Its name.
    pub fn name(&self) -> &ServiceName {
        self.shared.ports.service()
    }

    /// Registers the service, resumes what has not finished and keeps
    /// protection up until `stop`. Everything stays as it is then: workloads
    /// run, the edge serves, and an execution goes on with the next `run`.
    ///
    /// # Errors
    /// [`EngineError::Lost`] when another process runs an execution of this
    /// service, [`EngineError::Journal`] when a journal is damaged,
    /// [`EngineError::Panicked`] on a bug. The other parts stop as well then.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<(), EngineError> {
        let shared = &self.shared;
        let mut parts: JoinSet<Result<(), EngineError>> = JoinSet::new();
        parts.spawn(executor::run(shared.clone()));
        parts.spawn(protector::run(shared.clone()));
        parts.spawn(recovery::run(shared.clone()));
        parts.spawn(watcher::run(shared.clone()));
        parts.spawn(traffic::run(shared.clone()));
        parts.spawn(fencer::run(shared.clone()));
        parts.spawn(standby::run(shared.clone()));
        parts.spawn(starter::run(shared.clone()));
        parts.spawn(verifier::run(shared.clone()));
        parts.spawn(publisher::run(shared.clone()));
        let mut result = Ok(());
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = parts.join_next() => match ended {
                    // A part that has nothing to do.
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => { result = Err(error); break; }
                    Err(_) => { result = Err(EngineError::Panicked("a reconciler")); break; }
                },
            }
        }
        parts.shutdown().await;
        result
    }

    /// Where it stands now.
    pub fn status(&self) -> ServiceStatus {
        status::compose(&self.shared)
    }

    /// Hears of every change of the status, and twice a second. Only while
    /// [`Service::run`] is running.
    pub fn subscribe(&self) -> watch::Receiver<ServiceStatus> {
        self.shared.status.subscribe()
    }

    /// The runbook that would run: a dry run.
    ///
    /// # Errors
    /// [`EngineError::NotPlannable`] with the reasons, or the store's error.
    pub async fn plan(
        &self,
        kind: RunbookKind,
        fence_override: Option<String>,
    ) -> Result<Runbook, EngineError> {
        commands::plan(&self.shared, kind, fence_override).await
    }

    /// Opens an execution. Without an approval it waits for one.
    ///
    /// # Errors
    /// [`EngineError::WrongHash`] when the approval is for another runbook than
    /// would run now; the store's `Conflict` when another execution has not
    /// finished.
    pub async fn start(
        &self,
        kind: RunbookKind,
        trigger: Trigger,
        approval: Option<Approval>,
        fence_override: Option<String>,
    ) -> Result<ExecutionId, EngineError> {
        let runbook = commands::plan(&self.shared, kind, fence_override).await?;
        commands::open(&self.shared, runbook, trigger, approval).await
    }

    /// Approves the runbook of an execution by its hash.
    ///
    /// # Errors
    /// [`EngineError::WrongHash`], or [`EngineError::WrongState`] when it does
    /// not wait for an approval.
    pub async fn approve(
        &self,
        id: &ExecutionId,
        hash: &RunbookHash,
        by: &str,
    ) -> Result<(), EngineError> {
        commands::approve(&self.shared, id, hash, by).await
    }

    /// Lets it go on; failed and unknown steps are tried again.
    ///
    /// # Errors
    /// [`EngineError::WrongState`] when there is nothing to resume.
    pub async fn resume(&self, id: &ExecutionId, by: &str) -> Result<(), EngineError> {
        commands::resume(&self.shared, id, by).await
    }

    /// Goes on without a failed or unknown step.
    ///
    /// # Errors
    /// [`EngineError::NotSkippable`] when the step has not failed or makes the
    /// promotion safe.
    pub async fn skip(
        &self,
        id: &ExecutionId,
        step: &StepId,
        by: &str,
        reason: &str,
    ) -> Result<(), EngineError> {
        commands::skip(&self.shared, id, step, by, reason).await
    }

    /// Stops new steps from starting; what runs ends.
    ///
    /// # Errors
    /// [`EngineError::WrongState`] when it is paused or over.
    pub async fn pause(&self, id: &ExecutionId, by: &str) -> Result<(), EngineError> {
        commands::pause(&self.shared, id, by).await
    }

    /// Gives it up. Before the point of no return everything begun is taken
    /// back, so that the service stays where it was; after it, everything stays
    /// as it is.
    ///
    /// # Errors
    /// [`EngineError::WrongState`] when it is over.
    pub async fn cancel(&self, id: &ExecutionId, by: &str) -> Result<(), EngineError> {
        commands::cancel(&self.shared, id, by).await
    }

    /// Waits until it is final or needs a person: an approval, or a decision
    /// about a pause or a failed step.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn wait(&self, id: &ExecutionId) -> Result<ExecutionStatus, EngineError> {
        history::wait(&self.shared, id).await
    }

    /// The newest executions, newest first, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn history(&self, limit: usize) -> Result<Vec<ExecutionStatus>, EngineError> {
        history::newest(&self.shared, limit).await
    }

    /// One execution with its whole journal.
    ///
    /// # Errors
    /// The store's `NotFound` when there is none.
    pub async fn execution_history(
        &self,
        id: &ExecutionId,
    ) -> Result<ExecutionHistory, EngineError> {
        history::one(&self.shared, id).await
    }
}
