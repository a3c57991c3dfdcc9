//! Keeps the site that is not active from taking writes, whenever it answers:
//! an old primary that comes back finds itself fenced. And keeps the active one
//! from staying fenced by a request that came late.

use super::rest;
use crate::shared::Shared;
use crate::time::within;
use crate::{EngineError, SitePorts};
use planb_model::service::ServiceRecord;
use planb_model::{Epoch, SiteName};
use planb_ports::workload::WorkloadState;
use planb_ports::{PortError, PortResult};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Time between two looks without a signal.
const LOOK_MS: u64 = 1_000;
/// Longest wait for a site that may be dead.
const ANSWER_MS_MAX: u64 = 10_000;

pub(crate) async fn run(shared: Arc<Shared>) -> Result<(), EngineError> {
    let mut changes = shared.subscribe();
    let look = Duration::from_millis(LOOK_MS);
    let mut workloads = Workloads::new();
    loop {
        if let Some(record) = shared.settled() {
            for site in shared
                .ports
                .sites
                .values()
                .filter(|s| s.name != record.active)
            {
                let limit = Duration::from_millis(ANSWER_MS_MAX);
                let work = keep_fenced(&shared, site, &record, &mut workloads);
                match within(&*shared.ports.clock, limit, work).await {
                    Some(Ok(())) => {}
                    Some(Err(error)) => {
                        tracing::debug!(site = %site.name, error = %error.chain(), "not fenced now");
                    }
                    None => tracing::debug!(site = %site.name, "no answer, not fenced now"),
                }
            }
            if let Err(error) = keep_open(&shared, &record).await {
                tracing::debug!(site = %record.active, error = %error, "not looked at now");
            }
        }
        rest(&shared, &mut changes, look).await;
    }
}

/// The epoch of the record is what makes a late call harmless: by then the
/// target may have been promoted under a newer one, and refuses this.
async fn keep_fenced(
    shared: &Shared,
    site: &SitePorts,
    record: &ServiceRecord,
    workloads: &mut Workloads,
) -> PortResult<()> {
    let stopped = fence_workload(site, record.epoch, workloads).await;
    let service = shared.ports.service();
    let state = site.database.fence_state(service).await?;
    if state.epoch == Some(record.epoch) && state.read_only {
        return stopped;
    }
    // A database that PlanB never had a hand in is not PlanB's to lock: a
    // standby before its first restore may hold somebody's tables.
    let ours = record.active_epoch > Epoch::FIRST
        || state.epoch.is_some()
        || site.database.applied().await?.is_some();
    if ours {
        site.database.fence(service, record.epoch).await?;
        tracing::info!(site = %site.name, epoch = %record.epoch, "fenced, it is not active");
    }
    stopped
}

/// Lets the active site take writes again when it is fenced under its own epoch:
/// a fence that was taken back may arrive after what took it back. A fence of
/// any other epoch is somebody's decision, and a late call of this is refused
/// once a newer epoch has fenced it.
async fn keep_open(shared: &Shared, record: &ServiceRecord) -> Result<(), EngineError> {
    let database = &shared.site(&record.active)?.database;
    let service = shared.ports.service();
    let limit = Duration::from_millis(ANSWER_MS_MAX);
    let look = within(&*shared.ports.clock, limit, database.fence_state(service)).await;
    let Some(state) = look else {
        return Ok(());
    };
    let state = state?;
    if state.epoch == Some(record.active_epoch) && state.read_only {
        database.promote(service, record.active_epoch).await?;
        tracing::warn!(site = %record.active, epoch = %record.active_epoch, "it was fenced by a late request and takes writes again");
    }
    Ok(())
}

/// The epoch each workload was fenced under by this process.
type Workloads = BTreeMap<SiteName, Epoch>;

/// Has the workload stopped and not started again under an older epoch, not
/// even by a site that boots as it was. Workloads that others run are left
/// alone: their fence hook may do more than stop them, and is for a move.
async fn fence_workload(
    site: &SitePorts,
    epoch: Epoch,
    workloads: &mut Workloads,
) -> Result<(), PortError> {
    let running = match site.workload.state().await? {
        WorkloadState::NotOurs => return Ok(()),
        WorkloadState::Running { .. } => true,
        WorkloadState::Stopped => false,
    };
    if running || workloads.get(&site.name) != Some(&epoch) {
        let proof = site.workload.fence(epoch).await?;
        tracing::info!(site = %site.name, %epoch, ?proof, "workload fenced, its site is not active");
        workloads.insert(site.name.clone(), epoch);
    }
    Ok(())
}
