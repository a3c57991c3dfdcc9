//! What each kind of step does, one file per action.
//!
//! Every action is idempotent under its epoch and leaves refusing an older one
//! to the target. Actions neither retry nor write the journal: the runner does.

mod activate;
mod check_health;
mod claim_epoch;
mod close_log;
mod compare_databases;
mod confirm_outside;
mod drain_log;
mod fence_database;
mod fence_site;
mod promote;
pub(crate) mod restore;
mod shed_traffic;
mod start_workload;
mod stop_workload;
mod switch_traffic;
mod verify_restored;

use crate::shared::Shared;
use crate::{EngineError, SitePorts};
use planb_decide::undo::is_undo;
use planb_model::execution::Execution;
use planb_model::runbook::{Action, Runbook, Step};
use planb_model::traffic::{TrafficMode, TrafficPlan};
use planb_model::{Epoch, ServiceName, SiteName};
use planb_ports::{PortError, PortResult};
use serde_json::Value;
use std::time::Duration;

/// Revision of the maintenance page within the epoch of an execution.
const REVISION_SHED: u64 = 1;
/// Revision of the new site.
const REVISION_SWITCH: u64 = 2;
/// Revision of the old site, when the execution is taken back.
const REVISION_BACK: u64 = 3;

/// What an action stands in.
pub(crate) struct StepCx<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) execution: &'a Execution,
    pub(crate) step: &'a Step,
    /// How long it may take, from when it was made.
    pub(crate) deadline: Duration,
    began: Duration,
}

/// Why an action did not do what it should.
#[derive(Debug)]
pub(crate) enum StepError {
    /// A port failed.
    Port(PortError),
    /// Every port answered, and the answers are not good enough.
    Check {
        /// With a page in docs/errors.
        code: &'static str,
        /// What is wrong and what to do.
        message: String,
    },
}

impl From<PortError> for StepError {
    fn from(error: PortError) -> Self {
        StepError::Port(error)
    }
}

impl StepError {
    fn check(code: &'static str, message: impl Into<String>) -> Self {
        StepError::Check {
            code,
            message: message.into(),
        }
    }
}

pub(crate) type StepResult = Result<Value, StepError>;

/// What a target says of an effect that may have happened.
#[derive(Debug)]
pub(crate) enum Asked {
    /// It happened.
    Happened(Value),
    /// It did not, as far as the target knows.
    NotHappened,
    /// The target does not say.
    CannotTell(String),
}

impl Asked {
    /// From the answer of a target: whether its state is what the step wants.
    fn from_state(answer: PortResult<bool>) -> Self {
        match answer {
            Ok(true) => Asked::Happened(serde_json::json!({ "reconciled": true })),
            Ok(false) => Asked::NotHappened,
            Err(error) => Asked::CannotTell(error.chain()),
        }
    }
}

impl<'a> StepCx<'a> {
    pub(crate) fn new(
        shared: &'a Shared,
        execution: &'a Execution,
        step: &'a Step,
        deadline: Duration,
    ) -> Self {
        Self {
            shared,
            execution,
            step,
            deadline,
            began: shared.ports.clock.monotonic(),
        }
    }

    fn runbook(&self) -> &Runbook {
        &self.execution.runbook
    }

    fn epoch(&self) -> Epoch {
        self.execution.runbook.epoch
    }

    fn service(&self) -> &ServiceName {
        &self.execution.runbook.service
    }

    fn site(&self, name: &SiteName) -> Result<&SitePorts, StepError> {
        self.shared
            .site(name)
            .map_err(|error: EngineError| StepError::check("PB-ENGINE-NO-SITE", error.to_string()))
    }

    /// Whether `part` per cent of the deadline have passed. Actions that wait
    /// give up before the runner does, because they can say what was wrong.
    fn has_used(&self, percent: u32) -> bool {
        let used = self
            .shared
            .ports
            .clock
            .monotonic()
            .saturating_sub(self.began);
        used >= self.deadline.saturating_mul(percent) / 100
    }

    /// The traffic plan of this step: the maintenance page, or `site`.
    fn traffic_plan(&self, site: Option<&SiteName>) -> Result<TrafficPlan, StepError> {
        let (revision, mode) = match site {
            None => (REVISION_SHED, TrafficMode::Maintenance),
            Some(name) => {
                let revision = if is_undo(&self.step.id) {
                    REVISION_BACK
                } else {
                    REVISION_SWITCH
                };
                (revision, serve(self.site(name)?))
            }
        };
        let retry_after = self.shared.ports.plan.traffic.retry_after;
        Ok(TrafficPlan {
            service: self.service().clone(),
            epoch: self.epoch(),
            revision,
            mode,
            retry_after_secs: retry_after_secs(retry_after),
        })
    }

    async fn ask_traffic(&self, site: Option<&SiteName>) -> Asked {
        let Ok(plan) = self.traffic_plan(site) else {
            return Asked::NotHappened;
        };
        let current = self.shared.ports.traffic.current(self.service()).await;
        Asked::from_state(current.map(|c| c.as_ref() == Some(&plan)))
    }
}

/// Requests go to `site` and nowhere else: the other one must not take writes.
pub(crate) fn serve(site: &SitePorts) -> TrafficMode {
    let origin = planb_model::traffic::Origin {
        site: site.name.clone(),
        url: site.origin.clone(),
    };
    TrafficMode::Serve {
        origins: vec![origin],
    }
}

/// Whole seconds, at least one: `Retry-After: 0` would bring a storm.
pub(crate) fn retry_after_secs(retry_after: Duration) -> u32 {
    let secs = retry_after.as_millis().div_ceil(1000);
    u32::try_from(secs).unwrap_or(u32::MAX).max(1)
}

/// Does what the step of `cx` says.
pub(crate) async fn perform(cx: &StepCx<'_>) -> StepResult {
    match &cx.step.action {
        Action::ClaimEpoch => claim_epoch::perform(cx).await,
        Action::CloseLog => close_log::perform(cx).await,
        Action::FenceSite { site } => fence_site::perform(cx, site).await,
        Action::ShedTraffic => shed_traffic::perform(cx).await,
        Action::StopWorkload { site } => stop_workload::perform(cx, site).await,
        Action::FenceDatabase { site } => fence_database::perform(cx, site).await,
        Action::DrainLog { site } => drain_log::perform(cx, site).await,
        Action::Restore { site } => restore::perform(cx, site).await,
        Action::VerifyRestored { site } => verify_restored::perform(cx, site).await,
        Action::CompareDatabases { from, to } => compare_databases::perform(cx, from, to).await,
        Action::Promote { site } => promote::perform(cx, site).await,
        Action::StartWorkload { site } => start_workload::perform(cx, site).await,
        Action::CheckHealth { site } => check_health::perform(cx, site).await,
        Action::Activate { site } => activate::perform(cx, site).await,
        Action::SwitchTraffic { site } => switch_traffic::perform(cx, site).await,
        Action::ConfirmOutside { site } => confirm_outside::perform(cx, site).await,
    }
}

/// Asks the target whether the step of `cx` happened.
pub(crate) async fn ask(cx: &StepCx<'_>) -> Asked {
    match &cx.step.action {
        Action::FenceDatabase { site } => fence_database::ask(cx, site).await,
        Action::Promote { site } => promote::ask(cx, site).await,
        Action::Activate { site } => activate::ask(cx, site).await,
        Action::ShedTraffic => cx.ask_traffic(None).await,
        Action::SwitchTraffic { site } => cx.ask_traffic(Some(site)).await,
        // The others leave no state that would say so; they are done again.
        _ => Asked::NotHappened,
    }
}
