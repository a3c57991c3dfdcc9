//! One service under the control plane: what a face asks and what runs behind it.

use crate::{EngineError, ServicePorts};
use planb_model::ExecutionId;
use planb_model::execution::Trigger;
use planb_model::runbook::{Runbook, RunbookHash, RunbookKind};
use planb_model::status::{ExecutionHistory, ExecutionStatus, ServiceStatus};
use planb_model::StepId;
use std::sync::Arc;
use tokio::sync::watch;
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
pub struct Service {
    ports: ServicePorts,
}

impl Service {
    /// A service that does nothing yet.
    pub fn new(ports: ServicePorts) -> Arc<Self> {
        Arc::new(Self { ports })
    }

    /// Registers the service, resumes what has not finished and keeps protection
    /// up until `stop`. Leaves everything as it is then.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<(), EngineError> {
        stop.cancelled().await;
        Ok(())
    }

    /// Where it stands now.
    pub fn status(&self) -> ServiceStatus {
        self.subscribe().borrow().clone()
    }

    /// Hears of every change.
    pub fn subscribe(&self) -> watch::Receiver<ServiceStatus> {
        unreachable!("{}", self.ports.plan.name)
    }

    /// The runbook that would run: a dry run.
    pub async fn plan(
        &self,
        _kind: RunbookKind,
        _fence_override: Option<String>,
    ) -> Result<Runbook, EngineError> {
        Err(EngineError::Stopping)
    }

    /// Opens an execution. Without an approval it waits for one.
    pub async fn start(
        &self,
        _kind: RunbookKind,
        _trigger: Trigger,
        _approval: Option<Approval>,
        _fence_override: Option<String>,
    ) -> Result<ExecutionId, EngineError> {
        Err(EngineError::Stopping)
    }

    /// Approves the runbook of an execution by its hash.
    pub async fn approve(&self, _id: &ExecutionId, _hash: &RunbookHash, _by: &str) -> Result<(), EngineError> {
        Err(EngineError::Stopping)
    }

    /// Lets it go on; failed and unknown steps are tried again.
    pub async fn resume(&self, _id: &ExecutionId, _by: &str) -> Result<(), EngineError> {
        Err(EngineError::Stopping)
    }

    /// Goes on without a failed or unknown step.
    pub async fn skip(&self, _id: &ExecutionId, _step: &StepId, _by: &str, _reason: &str) -> Result<(), EngineError> {
        Err(EngineError::Stopping)
    }

    /// Stops new steps from starting.
    pub async fn pause(&self, _id: &ExecutionId, _by: &str) -> Result<(), EngineError> {
        Err(EngineError::Stopping)
    }

    /// Gives it up; before the point of no return, takes back what was begun.
    pub async fn cancel(&self, _id: &ExecutionId, _by: &str) -> Result<(), EngineError> {
        Err(EngineError::Stopping)
    }

    /// Waits until it is final or needs a person.
    pub async fn wait(&self, _id: &ExecutionId) -> Result<ExecutionStatus, EngineError> {
        Err(EngineError::Stopping)
    }

    /// The newest executions, newest first.
    pub async fn history(&self, _limit: usize) -> Result<Vec<ExecutionStatus>, EngineError> {
        Err(EngineError::Stopping)
    }

    /// One execution with its whole journal.
    pub async fn execution_history(&self, _id: &ExecutionId) -> Result<ExecutionHistory, EngineError> {
        Err(EngineError::Stopping)
    }
}
