//! Health: from what observers saw to whether a site is lost.
//!
//! Plain functions: `observer` folds the rounds of one observer, `judge` puts
//! the observers together. One observer cannot tell a dead site from its own
//! dead uplink, so nothing happens without a quorum of the configured ones.

mod judge;
mod observer;
#[cfg(test)]
mod properties;
mod reason;

pub use judge::{DataCheck, Judgement, judge};
pub use observer::ObserverState;
pub use reason::Reason;

use planb_model::plan::HealthPlan;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Rounds an observer may miss before it counts as silent: one lost message is
/// ordinary, three in a row are not.
const STALE_ROUNDS: u32 = 3;

/// When an observer, and when all of them together, say that a site is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LossPolicy {
    /// Failed rounds in a row after which an observer says DOWN.
    pub failures: u32,
    /// Successful rounds in a row after which it says UP again.
    pub recoveries: u32,
    /// Observers that must say DOWN before traffic is shed.
    pub shed_quorum: u32,
    /// Observers that must say DOWN, with the data check, before promotion.
    pub promote_quorum: u32,
    /// An observer that is silent for longer is Unknown.
    pub stale_after: Duration,
}

impl LossPolicy {
    /// The policy of a plan. An observer is silent after [`STALE_ROUNDS`] of its
    /// longest possible rounds: the pause, and every probe timing out.
    pub fn from_plan(plan: &HealthPlan) -> Self {
        let probes = plan.observers.iter().map(|o| o.probes.len()).max();
        let probes = u32::try_from(probes.unwrap_or(1).max(1)).unwrap_or(u32::MAX);
        // One more timeout for the observer's look at its own canary.
        let looks = plan.timeout.saturating_mul(probes.saturating_add(1));
        let round = plan.interval.saturating_add(looks);
        Self {
            failures: plan.failures,
            recoveries: plan.recoveries,
            shed_quorum: plan.shed_quorum,
            promote_quorum: plan.promote_quorum,
            stale_after: round.saturating_mul(STALE_ROUNDS),
        }
    }

    /// Failures needed; at least one, so that a policy of zero cannot say DOWN of nothing.
    fn failures_needed(&self) -> u32 {
        self.failures.max(1)
    }

    /// Successes needed; at least one.
    fn recoveries_needed(&self) -> u32 {
        self.recoveries.max(1)
    }

    /// Quorum to shed; at least one.
    fn shed_needed(&self) -> u32 {
        self.shed_quorum.max(1)
    }

    /// Quorum to promote; never easier than to shed, which is harmless beside it.
    fn promote_needed(&self) -> u32 {
        self.promote_quorum.max(self.shed_needed())
    }
}
