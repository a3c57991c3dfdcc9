//! One observer: looks at the active site, round after round, with jitter.

use crate::shared::Shared;
use crate::time::within;
use crate::{EngineError, ObserverPorts};
use futures::future::join_all;
use planb_model::SiteName;
use planb_model::observation::{Observation, ProbeKind, ProbeResult};
use planb_ports::{PortError, Probe};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Share of the interval by which a round is early or late at most, so that
/// observers do not look in step.
const JITTER: f64 = 0.1;
/// What a probe is given beyond its own timeout before it counts as failed.
const TIMEOUT_SLACK_MS: u64 = 100;

/// Sends what it sees until nobody listens.
pub(super) async fn run(
    shared: Arc<Shared>,
    observer: ObserverPorts,
    seen: mpsc::Sender<Observation>,
) -> Result<(), EngineError> {
    let interval = shared.ports.plan.health.interval;
    // Rounds of the observers are spread over the first interval.
    let first = interval.mul_f64(shared.ports.random.fraction());
    shared.ports.clock.sleep(first).await;
    loop {
        if let Some(record) = shared.record() {
            let round = look(&shared, &observer, &record.active).await;
            if seen.send(round).await.is_err() {
                return Ok(());
            }
        }
        let jitter = 1.0 + JITTER * (2.0 * shared.ports.random.fraction() - 1.0);
        shared.ports.clock.sleep(interval.mul_f64(jitter)).await;
    }
}

async fn look(shared: &Shared, observer: &ObserverPorts, site: &SiteName) -> Observation {
    let here = observer.probes.iter().filter(|(name, _, _)| name == site);
    let probes = here.map(|(_, kind, probe)| look_once(shared, *kind, probe.as_ref()));
    let (probes, own_canary_ok) = futures::join!(join_all(probes), own_canary(shared, observer));
    Observation {
        observer: observer.name.clone(),
        site: site.clone(),
        at: shared.ports.clock.now(),
        probes,
        own_canary_ok,
    }
}

fn limit(shared: &Shared) -> Duration {
    let timeout = shared.ports.plan.health.timeout;
    timeout.saturating_add(Duration::from_millis(TIMEOUT_SLACK_MS))
}

async fn look_once(shared: &Shared, kind: ProbeKind, probe: &dyn Probe) -> ProbeResult {
    let clock = &*shared.ports.clock;
    let began = clock.monotonic();
    let error = match within(clock, limit(shared), probe.look()).await {
        Some(Ok(_)) => None,
        Some(Err(error)) => Some(error.chain()),
        None => Some("no answer in time".to_owned()),
    };
    ProbeResult {
        kind,
        took: clock.monotonic().saturating_sub(began),
        error,
    }
}

/// Whether the observer can see something that is known to be well.
async fn own_canary(shared: &Shared, observer: &ObserverPorts) -> bool {
    let ports = &shared.ports;
    let look = async {
        match &observer.canary {
            Some(canary) => canary.look().await.map(|_| ()),
            None => ports.repository.newest_epoch().await.map(|_| ()),
        }
    };
    let seen: Option<Result<(), PortError>> = within(&*ports.clock, limit(shared), look).await;
    matches!(seen, Some(Ok(())))
}
