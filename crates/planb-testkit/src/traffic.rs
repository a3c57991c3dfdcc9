//! A fake of the edge: the epoch rule of the real one, and a memory of every
//! plan it ever served.

use crate::{Link, fake_error, lock};
use async_trait::async_trait;
use planb_model::ServiceName;
use planb_model::traffic::TrafficPlan;
use planb_ports::{ErrorKind, PortError, PortResult, Traffic};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// An edge. Clones are the same edge.
#[derive(Debug, Clone)]
pub struct FakeTraffic {
    state: Arc<Mutex<State>>,
    link: Link,
}

#[derive(Debug, Default)]
struct State {
    plans: BTreeMap<ServiceName, TrafficPlan>,
    history: Vec<TrafficPlan>,
    unchecked: bool,
}

impl Default for FakeTraffic {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    fn apply(&mut self, plan: TrafficPlan) -> PortResult<()> {
        if !plan.is_servable() {
            return Err(fake_error(ErrorKind::Invalid, "the plan has no origin"));
        }
        let old = self.plans.get(&plan.service);
        if let Some(old) = old
            && !self.unchecked
        {
            check(old, &plan)?;
        }
        if old != Some(&plan) {
            self.history.push(plan.clone());
            self.plans.insert(plan.service.clone(), plan);
        }
        Ok(())
    }
}

impl FakeTraffic {
    /// An edge that never had a plan.
    pub fn new() -> Self {
        Self {
            state: Arc::default(),
            link: Link::direct(),
        }
    }

    /// The same edge behind `link`.
    #[must_use]
    pub fn through(&self, link: Link) -> Self {
        Self {
            state: self.state.clone(),
            link,
        }
    }

    /// Every plan that replaced another, in order.
    pub fn history(&self) -> Vec<TrafficPlan> {
        lock(&self.state).history.clone()
    }

    /// Number of plans in [`FakeTraffic::history`].
    pub fn plans(&self) -> usize {
        lock(&self.state).history.len()
    }

    /// What the edge itself serves now, without a network in between.
    pub fn serving(&self, service: &ServiceName) -> Option<TrafficPlan> {
        lock(&self.state).plans.get(service).cloned()
    }

    /// Breaks the edge on purpose: it takes any plan. For tests that must fail.
    pub fn remove_epoch_check(&self) {
        lock(&self.state).unchecked = true;
    }
}

fn check(old: &TrafficPlan, new: &TrafficPlan) -> Result<(), PortError> {
    if old.epoch > new.epoch {
        return Err(PortError::fenced(old.epoch, "the edge", new.epoch));
    }
    if old != new && !new.supersedes(old) {
        let message = "the edge holds another plan of this epoch";
        return Err(fake_error(ErrorKind::Conflict, message));
    }
    Ok(())
}

#[async_trait]
impl Traffic for FakeTraffic {
    async fn apply(&self, plan: &TrafficPlan) -> PortResult<()> {
        let (state, plan) = (self.state.clone(), plan.clone());
        let call = ("apply", plan.epoch);
        let apply = move || lock(&state).apply(plan);
        self.link.call_or_late(call, apply).await
    }

    async fn current(&self, service: &ServiceName) -> PortResult<Option<TrafficPlan>> {
        self.link
            .call("current", || Ok(self.serving(service)))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use planb_model::Epoch;
    use planb_model::traffic::TrafficMode;

    fn plan(epoch: u64, revision: u64, retry_after_secs: u32) -> TrafficPlan {
        TrafficPlan {
            service: ServiceName::new("orders").expect("a name"),
            epoch: Epoch(epoch),
            revision,
            mode: TrafficMode::Maintenance,
            retry_after_secs,
        }
    }

    #[tokio::test]
    async fn the_edge_never_goes_back() {
        let edge = FakeTraffic::new();
        for (next, ok) in [
            (plan(2, 1, 5), true),
            (plan(2, 1, 5), true),
            (plan(2, 1, 6), false),
            (plan(2, 2, 6), true),
            (plan(2, 1, 5), false),
            (plan(1, 9, 5), false),
            (plan(3, 1, 5), true),
        ] {
            assert_eq!(edge.apply(&next).await.is_ok(), ok, "{next:?}");
        }
        let older = edge.apply(&plan(2, 7, 5)).await.expect_err("fenced");
        assert!(older.is_fenced());
        assert_eq!(edge.history().len(), 3, "the same plan again is no effect");
    }

    #[tokio::test]
    async fn an_empty_plan_is_refused() {
        let edge = FakeTraffic::new();
        let mut empty = plan(1, 1, 5);
        empty.mode = TrafficMode::Serve { origins: vec![] };
        let error = edge.apply(&empty).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(edge.serving(&empty.service), None);
    }
}
