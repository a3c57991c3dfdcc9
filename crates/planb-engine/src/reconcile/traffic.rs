//! Keeps the edge on the active site, and on the maintenance page while enough
//! observers say that it is down.

use super::rest;
use crate::EngineError;
use crate::actions::{retry_after_secs, serve};
use crate::shared::Shared;
use planb_model::service::ServiceRecord;
use planb_model::status::Verdict;
use planb_model::traffic::{TrafficMode, TrafficPlan};
use planb_ports::PortError;
use std::sync::Arc;
use std::time::Duration;

/// Time between two looks without a signal: how long an edge that lost its plan
/// stays without one.
const LOOK_MS: u64 = 1_000;

pub(crate) async fn run(shared: Arc<Shared>) -> Result<(), EngineError> {
    let mut changes = shared.subscribe();
    loop {
        if let Some(record) = shared.settled()
            && let Err(error) = keep(&shared, &record).await
        {
            tracing::warn!(code = error.code(), error = %error, "the edge is not as it should be");
        }
        rest(&shared, &mut changes, Duration::from_millis(LOOK_MS)).await;
    }
}

async fn keep(shared: &Shared, record: &ServiceRecord) -> Result<(), EngineError> {
    let traffic = &shared.ports.traffic;
    let current = traffic.current(shared.ports.service()).await?;
    let Some(mode) = wanted(shared, record, current.as_ref())? else {
        return Ok(());
    };
    let revision = match &current {
        Some(plan) if plan.epoch > record.epoch => {
            return Err(PortError::fenced(plan.epoch, "the edge", record.epoch).into());
        }
        Some(plan) if plan.mode == mode && plan.epoch == record.epoch => return Ok(()),
        Some(plan) if plan.epoch == record.epoch => plan.revision + 1,
        Some(_) | None => 1,
    };
    let plan = TrafficPlan {
        service: shared.ports.service().clone(),
        epoch: record.epoch,
        revision,
        mode,
        retry_after_secs: retry_after_secs(shared.ports.plan.traffic.retry_after),
    };
    // An execution may have begun since the record was read; its epoch is newer
    // than this plan's, and the edge keeps what the execution said.
    traffic.apply(&plan).await?;
    tracing::info!(epoch = %plan.epoch, revision, mode = ?plan.mode, "traffic plan applied");
    Ok(())
}

/// What should be served; `None` to leave it as it is.
fn wanted(
    shared: &Shared,
    record: &ServiceRecord,
    current: Option<&TrafficPlan>,
) -> Result<Option<TrafficMode>, EngineError> {
    let judgement = shared.judgement.borrow().clone();
    // Right after a move the newest judgement is still of the site it left.
    let judged = judgement
        .filter(|judged| judged.site == record.active)
        .map(|judged| judged.judgement)
        .filter(|judgement| judgement.verdict != Verdict::Unknown);
    Ok(match judged {
        Some(judgement) if judgement.shed => Some(TrafficMode::Maintenance),
        Some(_) => Some(serve(shared.site(&record.active)?)),
        // Nobody can tell: whatever was decided last stays, and an edge
        // without a plan gets the active site.
        None => match current.map(|plan| &plan.mode) {
            Some(TrafficMode::Maintenance) => None,
            _ => Some(serve(shared.site(&record.active)?)),
        },
    })
}
