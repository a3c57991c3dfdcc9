//! A fake of what serves requests at a site: a writer into the site's database.

use crate::{FakeDatabase, Link, fake_error, lock};
use async_trait::async_trait;
use planb_model::Epoch;
use planb_ports::workload::{FenceProof, WorkloadState};
use planb_ports::{ErrorKind, PortError, PortResult, Workload};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A workload. Clones are the same workload.
#[derive(Debug, Clone)]
pub struct FakeWorkload {
    database: FakeDatabase,
    state: Arc<Mutex<State>>,
    link: Link,
}

#[derive(Debug, Default)]
struct State {
    running: Option<Epoch>,
    fenced: Option<Epoch>,
    powered: bool,
    healthy: bool,
    last_run: Epoch,
    unchecked: bool,
    effects: BTreeMap<(&'static str, Epoch), u64>,
}

impl State {
    fn refuse_older(&self, epoch: Epoch) -> PortResult<()> {
        match self.running.max(self.fenced) {
            Some(newer) if newer > epoch && !self.unchecked => {
                Err(PortError::fenced(newer, "the workload", epoch))
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, epoch: Epoch) -> PortResult<()> {
        self.refuse_older(epoch)?;
        if !self.powered {
            return Err(fake_error(ErrorKind::Unavailable, "the machine is off"));
        }
        if self.running.is_none() {
            self.count("start", epoch);
        }
        self.running = Some(epoch);
        self.last_run = epoch;
        Ok(())
    }

    fn stop(&mut self, epoch: Epoch) -> PortResult<()> {
        if self.running.is_none() {
            return Ok(());
        }
        self.refuse_older(epoch)?;
        self.count("stop", epoch);
        self.running = None;
        Ok(())
    }

    fn fence(&mut self, epoch: Epoch) -> PortResult<FenceProof> {
        self.refuse_older(epoch)?;
        if self.fenced != Some(epoch) {
            self.count("fence", epoch);
        }
        self.fenced = Some(epoch);
        match self.running.take() {
            Some(_) => Ok(FenceProof::Stopped),
            None => Ok(FenceProof::NotRunning),
        }
    }

    fn count(&mut self, method: &'static str, epoch: Epoch) {
        *self.effects.entry((method, epoch)).or_insert(0) += 1;
    }
}

impl FakeWorkload {
    /// A stopped workload on a powered machine that writes into `database`.
    pub fn new(database: &FakeDatabase) -> Self {
        let state = State {
            powered: true,
            healthy: true,
            ..State::default()
        };
        Self {
            database: database.clone(),
            state: Arc::new(Mutex::new(state)),
            link: Link::direct(),
        }
    }

    /// The same workload, steered through `link`.
    #[must_use]
    pub fn through(&self, link: Link) -> Self {
        Self {
            link,
            ..self.clone()
        }
    }

    /// Cuts or gives power to its machine. It does not run after a cut; its
    /// fence is remembered outside of the machine.
    pub fn set_powered(&self, powered: bool) {
        let mut state = lock(&self.state);
        state.powered = powered;
        if !powered {
            state.running = None;
        }
    }

    /// Starts it as its machine's own init does after power came back: under
    /// the epoch it last ran, unless it is fenced by a newer one.
    pub fn boot(&self) -> PortResult<()> {
        let mut state = lock(&self.state);
        let epoch = state.last_run;
        if epoch == Epoch::default() {
            return Ok(());
        }
        state.start(epoch)
    }

    /// The epoch it is fenced by, if any.
    pub fn fenced(&self) -> Option<Epoch> {
        lock(&self.state).fenced
    }

    /// Breaks the workload on purpose: it obeys any epoch. For tests that must fail.
    pub fn remove_epoch_check(&self) {
        lock(&self.state).unchecked = true;
    }

    /// Makes it answer its health checks badly, or well again, while it runs.
    pub fn set_healthy(&self, healthy: bool) {
        lock(&self.state).healthy = healthy;
    }

    /// The epoch it was started under, while it runs.
    pub fn running(&self) -> Option<Epoch> {
        lock(&self.state).running
    }

    /// Whether a request to it would be answered well: it runs, is healthy and
    /// its database answers.
    pub fn is_well(&self) -> bool {
        let state = lock(&self.state);
        state.running.is_some() && state.healthy && self.database.is_alive()
    }

    /// A client's write, as far as the service: durable in the site's database
    /// when it returns `Ok`.
    pub fn write(&self, key: &str, value: &str) -> PortResult<()> {
        if self.running().is_none() {
            return Err(fake_error(ErrorKind::Unavailable, "connection refused"));
        }
        self.database.put(key, value)
    }

    /// How often `method` (`start`, `stop`, `fence`) changed something under `epoch`.
    pub fn effects(&self, method: &'static str, epoch: Epoch) -> u64 {
        *lock(&self.state)
            .effects
            .get(&(method, epoch))
            .unwrap_or(&0)
    }
}

#[async_trait]
impl Workload for FakeWorkload {
    async fn start(&self, epoch: Epoch) -> PortResult<()> {
        let state = self.state.clone();
        let start = move || lock(&state).start(epoch);
        self.link.call_or_late(("start", epoch), start).await
    }

    async fn stop(&self, epoch: Epoch) -> PortResult<()> {
        let state = self.state.clone();
        let stop = move || lock(&state).stop(epoch);
        self.link.call_or_late(("stop", epoch), stop).await
    }

    async fn fence(&self, epoch: Epoch) -> PortResult<FenceProof> {
        let state = self.state.clone();
        let fence = move || lock(&state).fence(epoch);
        self.link.call_or_late(("fence", epoch), fence).await
    }

    async fn state(&self) -> PortResult<WorkloadState> {
        let look = || {
            Ok(match self.running() {
                Some(_) => WorkloadState::Running { pid: None },
                None => WorkloadState::Stopped,
            })
        };
        self.link.call("state", look).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimClock;

    fn workload() -> FakeWorkload {
        FakeWorkload::new(&FakeDatabase::new("seoul", SimClock::at_new_year()))
    }

    #[tokio::test]
    async fn a_fenced_workload_does_not_start_under_an_older_epoch() {
        let workload = workload();
        workload.start(Epoch(1)).await.expect("starts");
        workload.start(Epoch(1)).await.expect("runs already");
        assert_eq!(workload.effects("start", Epoch(1)), 1);
        workload.write("a", "1").expect("runs");

        let proof = workload.fence(Epoch(2)).await.expect("fenced");
        assert_eq!(proof, FenceProof::Stopped);
        assert!(workload.write("b", "1").is_err());
        assert!(
            workload
                .start(Epoch(1))
                .await
                .expect_err("older")
                .is_fenced()
        );
        workload.start(Epoch(2)).await.expect("the new epoch may");
        assert!(
            workload
                .fence(Epoch(1))
                .await
                .expect_err("older")
                .is_fenced()
        );
        assert!(
            workload
                .stop(Epoch(1))
                .await
                .expect_err("older")
                .is_fenced()
        );
        assert_eq!(workload.running(), Some(Epoch(2)));
    }

    #[tokio::test]
    async fn a_machine_without_power_runs_nothing() {
        let workload = workload();
        workload.start(Epoch(1)).await.expect("starts");
        workload.set_powered(false);
        assert!(!workload.is_well());
        assert!(workload.start(Epoch(1)).await.is_err());
        let proof = workload.fence(Epoch(2)).await.expect("certain");
        assert_eq!(proof, FenceProof::NotRunning);
        workload.set_powered(true);
        assert_eq!(workload.running(), None, "it does not start by itself");
    }
}
