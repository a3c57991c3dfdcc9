//! The plan that is served: who may replace it, and where it is kept.

use crate::error;
use crate::metrics::Metrics;
use crate::origin::OriginSite;
use async_trait::async_trait;
use planb_model::ServiceName;
use planb_model::traffic::{TrafficMode, TrafficPlan};
use planb_ports::{Disk, ErrorKind, PortError, PortResult, Traffic};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::{Mutex, watch};

/// Origins of a plan: each may cost a request one connect timeout.
const ORIGINS_MAX: usize = 16;

/// Format of the state file; a later one that cannot be read by this gets 2.
const STATE_FORMAT: u32 = 1;

/// A plan, ready to serve by.
#[derive(Debug)]
pub(crate) struct ActivePlan {
    pub(crate) plan: TrafficPlan,
    /// Its origins by priority; none in maintenance mode.
    pub(crate) origins: Vec<Arc<OriginSite>>,
}

impl ActivePlan {
    /// Makes `plan` ready; `Invalid` when nothing could be served by it.
    fn prepare(plan: &TrafficPlan, service: &ServiceName) -> PortResult<Self> {
        if &plan.service != service {
            return Err(error::other_service(service, &plan.service));
        }
        if !plan.is_servable() {
            return Err(error::not_servable("it has no origin"));
        }
        let origins = match &plan.mode {
            TrafficMode::Maintenance => Vec::new(),
            TrafficMode::Serve { origins } if origins.len() > ORIGINS_MAX => {
                let why = format!("it has more than {ORIGINS_MAX} origins");
                return Err(error::not_servable(why));
            }
            TrafficMode::Serve { origins } => origins
                .iter()
                .map(|origin| OriginSite::parse(origin).map(Arc::new))
                .collect::<PortResult<_>>()?,
        };
        Ok(Self {
            plan: plan.clone(),
            origins,
        })
    }
}

/// What a new plan means for the one that is held.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    Replace,
    Nothing,
}

/// The rule of succession (safety rule 1): a newer epoch, or the same epoch and
/// a higher revision; the same plan again has no effect.
fn succession(held: Option<&TrafficPlan>, new: &TrafficPlan) -> PortResult<Change> {
    let Some(held) = held else {
        return Ok(Change::Replace);
    };
    if new == held {
        Ok(Change::Nothing)
    } else if new.supersedes(held) {
        Ok(Change::Replace)
    } else if new.epoch < held.epoch {
        let what = format!("the edge of {}", held.service);
        Err(PortError::fenced(held.epoch, what, new.epoch))
    } else {
        Err(error::conflict(held, new))
    }
}

/// The state file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    format: u32,
    plan: TrafficPlan,
}

/// Holds the plan of one service.
pub(crate) struct Desk {
    service: ServiceName,
    state_file: Option<PathBuf>,
    disk: Arc<dyn Disk>,
    metrics: Arc<Metrics>,
    active: watch::Sender<Option<Arc<ActivePlan>>>,
    /// One plan is applied at a time, so that disk and memory agree.
    applying: Mutex<()>,
}

impl Desk {
    /// Opens the desk with the plan of the state file, if there is one.
    pub(crate) async fn open(
        service: ServiceName,
        state_file: Option<PathBuf>,
        disk: Arc<dyn Disk>,
        metrics: Arc<Metrics>,
    ) -> PortResult<Self> {
        let kept = match &state_file {
            Some(path) => load(path, &service, disk.as_ref()).await?,
            None => None,
        };
        Ok(Self {
            service,
            state_file,
            disk,
            metrics,
            active: watch::Sender::new(kept.map(Arc::new)),
            applying: Mutex::new(()),
        })
    }

    /// The plan to serve by, now.
    pub(crate) fn active(&self) -> Option<Arc<ActivePlan>> {
        self.active.borrow().clone()
    }

    /// Tells when the plan is replaced.
    pub(crate) fn watch(&self) -> watch::Receiver<Option<Arc<ActivePlan>>> {
        self.active.subscribe()
    }

    async fn apply(&self, plan: &TrafficPlan) -> PortResult<()> {
        let _one_at_a_time = self.applying.lock().await;
        let next = ActivePlan::prepare(plan, &self.service)?;
        let held = self.active();
        if succession(held.as_ref().map(|h| &h.plan), plan)? == Change::Nothing {
            return Ok(());
        }
        self.keep(plan).await?;
        self.active.send_replace(Some(Arc::new(next)));
        self.metrics.plans_applied.add();
        tracing::info!(
            service = %plan.service, epoch = plan.epoch.0, revision = plan.revision,
            mode = ?plan.mode, "traffic plan applied"
        );
        Ok(())
    }

    async fn keep(&self, plan: &TrafficPlan) -> PortResult<()> {
        let Some(path) = &self.state_file else {
            return Ok(());
        };
        let state = State {
            format: STATE_FORMAT,
            plan: plan.clone(),
        };
        let bytes = serde_json::to_vec_pretty(&state).map_err(|e| {
            PortError::new(
                ErrorKind::Internal,
                "PB-EDGE-STATE",
                "a plan cannot be written down",
            )
            .source(e)
        })?;
        self.disk.write_atomic(path, &bytes).await
    }
}

async fn load(
    path: &Path,
    service: &ServiceName,
    disk: &dyn Disk,
) -> PortResult<Option<ActivePlan>> {
    let bytes = match disk.read(path).await {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let state: State = serde_json::from_slice(&bytes)
        .map_err(|e| error::state(path, "it is not a state file").source(e))?;
    if state.format != STATE_FORMAT {
        return Err(error::state(
            path,
            format!("its format is {}", state.format),
        ));
    }
    let plan = ActivePlan::prepare(&state.plan, service)
        .map_err(|e| error::state(path, "its plan cannot be served").source(e))?;
    Ok(Some(plan))
}

/// The desk as the control plane sees it.
pub(crate) struct EdgeTraffic(pub(crate) Arc<Desk>);

#[async_trait]
impl Traffic for EdgeTraffic {
    async fn apply(&self, plan: &TrafficPlan) -> PortResult<()> {
        // A task of its own: a caller that stops waiting must not stop this
        // between disk and memory, nor let go of the lock while it writes.
        let (desk, plan) = (self.0.clone(), plan.clone());
        let result = match tokio::spawn(async move { desk.apply(&plan).await }).await {
            Ok(result) => result,
            Err(e) => Err(PortError::new(
                ErrorKind::Internal,
                "PB-EDGE-STATE",
                "applying a traffic plan was broken off",
            )
            .source(e)),
        };
        if result.is_err() {
            self.0.metrics.plans_refused.add();
        }
        result
    }

    async fn current(&self, service: &ServiceName) -> PortResult<Option<TrafficPlan>> {
        let active = self.0.active();
        Ok(active
            .map(|a| a.plan.clone())
            .filter(|plan| &plan.service == service))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use planb_model::Epoch;

    fn plan(epoch: u64, revision: u64, retry_after_secs: u32) -> TrafficPlan {
        TrafficPlan {
            service: ServiceName::new("orders").unwrap(),
            epoch: Epoch(epoch),
            revision,
            mode: TrafficMode::Maintenance,
            retry_after_secs,
        }
    }

    #[test]
    fn only_a_newer_plan_replaces() {
        let held = plan(3, 2, 30);
        let change = |new: &TrafficPlan| succession(Some(&held), new).map_err(|e| e.kind());
        assert_eq!(change(&held), Ok(Change::Nothing));
        assert_eq!(change(&plan(3, 3, 30)), Ok(Change::Replace));
        assert_eq!(change(&plan(4, 0, 30)), Ok(Change::Replace));
        assert_eq!(change(&plan(3, 2, 31)), Err(ErrorKind::Conflict));
        assert_eq!(change(&plan(3, 1, 30)), Err(ErrorKind::Conflict));
        let fenced = ErrorKind::Fenced { current: Epoch(3) };
        assert_eq!(change(&plan(2, 9, 30)), Err(fenced));
        assert_eq!(succession(None, &plan(1, 0, 1)).unwrap(), Change::Replace);
    }
}
