//! The edge, as the control plane sees it.

use crate::PortResult;
use async_trait::async_trait;
use planb_model::ServiceName;
use planb_model::traffic::TrafficPlan;

/// Applies traffic plans.
#[async_trait]
pub trait Traffic: Send + Sync {
    /// Applies `plan` and returns when it is served and will survive a restart
    /// of the edge. A plan the edge has already is applied again without effect.
    /// `Fenced` when the edge holds a plan of a newer epoch, `Conflict` when it
    /// holds the same epoch with a higher revision or a different plan of the
    /// same revision, `Invalid` when nothing could be served by it.
    async fn apply(&self, plan: &TrafficPlan) -> PortResult<()>;

    /// The plan that is served now; `None` when there has never been one.
    async fn current(&self, service: &ServiceName) -> PortResult<Option<TrafficPlan>>;
}
