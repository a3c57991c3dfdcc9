//! Has the active site's workload started once, when the control plane starts
//! or the active site changes. It does not revive a workload that dies later:
//! whether its site is lost is for the observers to say.

use super::rest;
use crate::EngineError;
use crate::shared::Shared;
use planb_model::service::ServiceRecord;
use planb_ports::workload::WorkloadState;
use std::sync::Arc;
use std::time::Duration;

/// Pause before a start that failed is tried again.
const RETRY_MS: u64 = 5_000;
/// Time between two looks without a signal.
const LOOK_MS: u64 = 5_000;

pub(crate) async fn run(shared: Arc<Shared>) -> Result<(), EngineError> {
    let mut changes = shared.subscribe();
    let mut started = None;
    loop {
        let mut wait = Duration::from_millis(LOOK_MS);
        // An approved execution moves the service at once: nothing is started
        // that it would have to stop.
        let idle = shared.moving().is_none();
        if let Some(record) = shared.settled().filter(|_| idle) {
            let wanted = Some((record.active.clone(), record.active_epoch));
            if started != wanted {
                match start(&shared, &record).await {
                    Ok(()) => started = wanted,
                    Err(error) => {
                        tracing::error!(site = %record.active, code = error.code(), %error, "the workload does not start");
                        wait = Duration::from_millis(RETRY_MS);
                    }
                }
            }
        }
        rest(&shared, &mut changes, wait).await;
    }
}

/// Starts only what is seen to be stopped: the hook of a workload that others
/// run is for moving it.
async fn start(shared: &Shared, record: &ServiceRecord) -> Result<(), EngineError> {
    let workload = &shared.site(&record.active)?.workload;
    match workload.state().await? {
        WorkloadState::Stopped => Ok(workload.start(record.active_epoch).await?),
        WorkloadState::Running { .. } | WorkloadState::NotOurs => Ok(()),
    }
}
