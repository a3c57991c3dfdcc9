//! A workload that others run. PlanB has things done by the plan's hooks.

use crate::command::Subject;
use crate::epoch::enter;
use crate::error::{no_hook, wrong_kind};
use crate::hook;
use crate::place::Place;
use async_trait::async_trait;
use planb_model::plan::{CommandLine, Site, Workload as PlanWorkload};
use planb_model::{Epoch, ServiceName};
use planb_ports::PortResult;
use planb_ports::workload::{FenceProof, Workload, WorkloadState};
use std::path::Path;
use std::time::Duration;

/// Longest wait for another hook of the same workload, over what hooks may take.
const LOCK_WAIT_MS_MAX: u64 = 10_000;

/// A workload that others run. Starting and stopping without a hook does
/// nothing, because it is for others to do; fencing without one is an error,
/// because nothing would be certain. The database is fenced apart from this.
#[derive(Debug)]
pub struct ObservedWorkload {
    subject: Subject,
    place: Place,
    start: Option<CommandLine>,
    stop: Option<CommandLine>,
    fence: Option<CommandLine>,
}

impl ObservedWorkload {
    /// The workload of `service` at `site`, with its files under `run_dir`.
    ///
    /// # Errors
    /// `Invalid` when the plan says that PlanB runs it.
    pub fn new(service: &ServiceName, site: &Site, run_dir: &Path) -> PortResult<Self> {
        let PlanWorkload::Observed { start, stop, fence } = &site.workload else {
            return Err(wrong_kind("one that others run"));
        };
        Ok(Self {
            subject: Subject {
                service: service.clone(),
                site: site.name.clone(),
            },
            place: Place::new(run_dir, service.as_str(), site.name.as_str()),
            start: start.clone(),
            stop: stop.clone(),
            fence: fence.clone(),
        })
    }

    /// Lets `epoch` act and runs the hook, if there is one.
    async fn act(&self, epoch: Epoch, hook: Option<&CommandLine>) -> PortResult<()> {
        let hooks = [&self.start, &self.stop, &self.fence].into_iter().flatten();
        let longest = hooks.map(|h| h.timeout).max().unwrap_or_default();
        let patience = longest + Duration::from_millis(LOCK_WAIT_MS_MAX);
        let lock = self.place.lock(patience).await?;
        enter(&self.place, &lock, epoch, &self.subject.title())?;
        let Some(hook) = hook else {
            return Ok(());
        };
        let errors = self.place.path("hook-stderr.log");
        hook::run(hook, &self.subject, epoch, hook.timeout, &errors).await
    }
}

#[async_trait]
impl Workload for ObservedWorkload {
    async fn start(&self, epoch: Epoch) -> PortResult<()> {
        self.act(epoch, self.start.as_ref()).await
    }

    async fn stop(&self, epoch: Epoch) -> PortResult<()> {
        self.act(epoch, self.stop.as_ref()).await
    }

    async fn fence(&self, epoch: Epoch) -> PortResult<FenceProof> {
        // Without a hook the epoch is noted all the same: older ones are done here.
        self.act(epoch, self.fence.as_ref()).await?;
        match self.fence {
            Some(_) => Ok(FenceProof::HookSucceeded),
            None => Err(no_hook("fence")),
        }
    }

    async fn state(&self) -> PortResult<WorkloadState> {
        Ok(WorkloadState::NotOurs)
    }
}
