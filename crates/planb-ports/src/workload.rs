//! What serves requests at a site.

use crate::PortResult;
use async_trait::async_trait;
use planb_model::Epoch;

/// Starts and stops the service at one site.
#[async_trait]
pub trait Workload: Send + Sync {
    /// Has it running. Does nothing when it runs already. Refuses (`Fenced`)
    /// when it was fenced under a newer epoch.
    async fn start(&self, epoch: Epoch) -> PortResult<()>;

    /// Has it stopped, in good order if it can be. Does nothing when it is stopped.
    async fn stop(&self, epoch: Epoch) -> PortResult<()>;

    /// Makes certain that it is stopped and is not started under an epoch older
    /// than `epoch`. An error means it is not certain.
    async fn fence(&self, epoch: Epoch) -> PortResult<FenceProof>;

    /// What is known of it now.
    async fn state(&self) -> PortResult<WorkloadState>;
}

/// Why it is certain that a workload takes no more writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FenceProof {
    /// It was running and was stopped, and seen to be gone.
    Stopped,
    /// It was found not to run.
    NotRunning,
    /// The plan's fence command ended with exit code 0.
    HookSucceeded,
}

/// What is known of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkloadState {
    /// It runs.
    Running {
        /// Process ID of its leader, when PlanB started it.
        pid: Option<u32>,
    },
    /// It does not run.
    Stopped,
    /// Others run it; ask its health.
    NotOurs,
}
