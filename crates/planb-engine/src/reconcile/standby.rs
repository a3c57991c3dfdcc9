//! Keeps the database of a warm standby near the vault.

use super::rest;
use crate::EngineError;
use crate::actions::StepError;
use crate::actions::restore::{Traced, make_restorable};
use crate::shared::Shared;
use planb_model::plan::Strategy;
use planb_model::service::ServiceRecord;
use planb_ports::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

/// Shortest pause between two restores: a flush interval of nothing would spin.
const PAUSE_MS_MIN: u64 = 200;
/// Pause after one that failed.
const RETRY_MS: u64 = 5_000;

pub(crate) async fn run(shared: Arc<Shared>) -> Result<(), EngineError> {
    let plan = shared.ports.plan.clone();
    if plan.strategy != Strategy::WarmStandby {
        return Ok(());
    }
    let mut changes = shared.subscribe();
    let pause = plan
        .data
        .flush_interval
        .max(Duration::from_millis(PAUSE_MS_MIN));
    loop {
        let mut wait = pause;
        if let Some(record) = shared.settled() {
            match follow(&shared, &record).await {
                Ok(()) => {}
                Err(StepError::Port(error)) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(error = %told(&error), "the standby does not follow");
                    wait = Duration::from_millis(RETRY_MS);
                }
            }
        }
        rest(&shared, &mut changes, wait).await;
    }
}

async fn follow(shared: &Shared, record: &ServiceRecord) -> Result<(), StepError> {
    let ports = &shared.ports;
    let name = &ports.plan.other_site(&record.active).name;
    let Some(site) = ports.sites.get(name) else {
        return Ok(());
    };
    let _target = shared.restoring.lock().await;
    // While the lock was waited for, the service may have begun to move.
    if shared.settled().as_ref() != Some(record) {
        return Ok(());
    }
    make_restorable(site.database.as_ref(), ports.service(), record.epoch).await?;
    let report = ports
        .repository
        .follow(site.database.as_ref(), &Traced)
        .await?;
    if report.loaded_snapshot {
        tracing::info!(site = %name, rows = report.rows_compared, "the standby was loaded from a snapshot");
    }
    Ok(())
}

fn told(error: &StepError) -> String {
    match error {
        StepError::Port(error) => error.chain(),
        StepError::Check { message, .. } => message.clone(),
    }
}
