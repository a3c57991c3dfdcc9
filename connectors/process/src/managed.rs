//! A workload that PlanB starts and stops.

mod launch;
mod quit;

use crate::command::Subject;
use crate::epoch::enter;
use crate::error::wrong_kind;
use crate::place::Place;
use crate::record::{FILE, Run};
use async_trait::async_trait;
use planb_model::plan::{CommandLine, Site, Workload as PlanWorkload};
use planb_model::{Epoch, ServiceName};
use planb_ports::workload::{FenceProof, Workload, WorkloadState};
use planb_ports::{PortError, PortResult};
use std::path::Path;
use std::time::Duration;

/// Longest wait for another call on the same workload, over what stopping may take.
const LOCK_WAIT_MS_MAX: u64 = 10_000;
/// Longest wait in good order when the workload is fenced: users wait for the
/// other site meanwhile, and a database survives SIGKILL.
const FENCE_GRACE_MS_MAX: u64 = 1_000;

/// What is special about a managed workload; by default nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct ManagedOptions {
    /// A process group it joins instead of having its own, so that a whole site
    /// can be killed by one signal. The group must exist in PlanB's session.
    pub join_group: Option<i32>,
}

/// A program that PlanB starts, finds again after a restart of its own, and stops.
#[derive(Debug)]
pub struct ManagedWorkload {
    subject: Subject,
    place: Place,
    start: CommandLine,
    stop: Option<CommandLine>,
    grace: Duration,
    options: ManagedOptions,
}

impl ManagedWorkload {
    /// The workload of `service` at `site`, with its files under `run_dir`.
    ///
    /// # Errors
    /// `Invalid` when the plan says that others run it.
    pub fn new(service: &ServiceName, site: &Site, run_dir: &Path) -> PortResult<Self> {
        Self::with_options(service, site, run_dir, ManagedOptions::default())
    }

    /// Like [`ManagedWorkload::new`], with options.
    ///
    /// # Errors
    /// `Invalid` when the plan says that others run it.
    pub fn with_options(
        service: &ServiceName,
        site: &Site,
        run_dir: &Path,
        options: ManagedOptions,
    ) -> PortResult<Self> {
        let PlanWorkload::Managed {
            start,
            stop,
            stop_grace,
        } = &site.workload
        else {
            return Err(wrong_kind("one that PlanB starts"));
        };
        Ok(Self {
            subject: Subject {
                service: service.clone(),
                site: site.name.clone(),
            },
            place: Place::new(run_dir, service.as_str(), site.name.as_str()),
            start: start.clone(),
            stop: stop.clone(),
            grace: *stop_grace,
            options,
        })
    }

    /// The run on record; `None` when nothing was started or it was stopped.
    fn run(&self) -> PortResult<Option<Run>> {
        self.place.read(FILE)
    }

    /// How long a call waits for another one to end.
    fn patience(&self) -> Duration {
        self.grace + quit::KILL_WAIT + Duration::from_millis(LOCK_WAIT_MS_MAX)
    }
}

#[async_trait]
impl Workload for ManagedWorkload {
    async fn start(&self, epoch: Epoch) -> PortResult<()> {
        let lock = self.place.lock(self.patience()).await?;
        enter(&self.place, &lock, epoch, &self.subject.title())?;
        if let Some(mut run) = self.run()? {
            let left = run.members()?;
            let first = left.first();
            if first.is_some_and(|p| run.is_leader(p)) {
                return Ok(());
            }
            if let (Some(first), None) = (first, run.leader) {
                // PlanB died between starting the program and noting it.
                run.leader = Some((*first).into());
                return self.place.write(&lock, FILE, &run);
            }
            // The program is gone; what it left behind would be in the way of a new one.
            quit::end(&run, Duration::ZERO).await?;
        }
        self.launch(&lock, epoch).await
    }

    async fn stop(&self, epoch: Epoch) -> PortResult<()> {
        let lock = self.place.lock(self.patience()).await?;
        enter(&self.place, &lock, epoch, &self.subject.title())?;
        let Some(run) = self.run()? else {
            return Ok(());
        };
        let mut grace = self.grace;
        if !run.members()?.is_empty()
            && let Some(stop) = &self.stop
            && grace > Duration::ZERO
        {
            grace = self.ask_to_stop(stop, epoch, &run).await?;
        }
        quit::end(&run, grace).await?;
        self.place.remove(&lock, FILE)
    }

    async fn fence(&self, epoch: Epoch) -> PortResult<FenceProof> {
        let lock = self.place.lock(self.patience()).await?;
        // Durable before anything is stopped, so that nothing is started again behind it.
        enter(&self.place, &lock, epoch, &self.subject.title())?;
        let Some(run) = self.run()? else {
            return Ok(FenceProof::NotRunning);
        };
        let was_running = !run.members()?.is_empty();
        let grace = self.grace.min(Duration::from_millis(FENCE_GRACE_MS_MAX));
        quit::end(&run, grace).await?;
        self.place.remove(&lock, FILE)?;
        Ok(if was_running {
            FenceProof::Stopped
        } else {
            FenceProof::NotRunning
        })
    }

    async fn state(&self) -> PortResult<WorkloadState> {
        let Some(run) = self.run()? else {
            return Ok(WorkloadState::Stopped);
        };
        let members = run.members()?;
        let Some(first) = members.first() else {
            return Ok(WorkloadState::Stopped);
        };
        let is_program = run.leader.is_none() || run.is_leader(first);
        Ok(WorkloadState::Running {
            pid: u32::try_from(first.pid).ok().filter(|_| is_program),
        })
    }
}

impl ManagedWorkload {
    /// Runs the stop command and returns what is left of the grace. That it
    /// failed is no reason not to go on with signals.
    async fn ask_to_stop(
        &self,
        stop: &CommandLine,
        epoch: Epoch,
        run: &Run,
    ) -> PortResult<Duration> {
        let began = std::time::Instant::now();
        let errors = self.place.path("stop-stderr.log");
        let asked = crate::hook::run(stop, &self.subject, epoch, self.grace, &errors).await;
        if let Err(error) = &asked {
            tracing::warn!(
                error = error.chain(),
                code = error.code(),
                "the stop command failed; sending signals"
            );
            return Ok(self.grace.saturating_sub(began.elapsed()));
        }
        // A stop command that only asks gets the rest of the grace before signals.
        let left = self.grace.saturating_sub(began.elapsed());
        quit::wait_gone(run, left).await?;
        Ok(Duration::ZERO)
    }
}

/// The process group of a managed workload that runs: its own, or the one it
/// joined. `None` when it does not run or that is not known.
pub fn process_group_of(run_dir: &Path, service: &str, site: &str) -> Option<i32> {
    let group = || -> Result<Option<i32>, PortError> {
        let Some(run) = Place::new(run_dir, service, site).read::<Run>(FILE)? else {
            return Ok(None);
        };
        Ok(run.members()?.first().map(|p| p.group))
    };
    group().unwrap_or_default()
}
