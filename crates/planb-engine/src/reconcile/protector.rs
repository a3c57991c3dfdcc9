//! Keeps the active site protected, and whoever becomes active after it.

use super::said::Said;
use super::{coded, rest};
use crate::EngineError;
use crate::shared::{ProtectionView, Shared};
use planb_decide::protection::protection_wanted;
use planb_model::status::{ProtectionState, SpoolStatus};
use planb_model::{Epoch, SiteName};
use planb_ports::PortError;
use planb_ports::repository::{ProtectControl, ProtectEvent};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Time between two looks without a signal.
const LOOK_MS: u64 = 1_000;
/// Pause before protection that ended with an error is tried again.
const RETRY_MS: u64 = 1_000;
/// How long a run that should stop may take for it. A run that hangs in a call
/// to a dead site is dropped then; what it wrote is whole or not there.
const STOP_GRACE_MS: u64 = 3_000;
/// Who claims an epoch nobody claimed by an execution.
const REGISTRATION: &str = "registration";

pub(crate) async fn run(shared: Arc<Shared>) -> Result<(), EngineError> {
    let mut changes = shared.subscribe();
    let mut said = Said::default();
    loop {
        let Some((site, epoch)) = wanted(&shared) else {
            rest(&shared, &mut changes, Duration::from_millis(LOOK_MS)).await;
            continue;
        };
        let ended = protect(&shared, &site, epoch).await;
        match ended {
            Ok(()) => set_state(&shared, ProtectionState::Stopped, None),
            Err(error) => {
                changes.forget();
                if said.should_say(&told(&error), shared.ports.clock.monotonic()) {
                    tracing::error!(%site, %epoch, code = error.code(), error = %error, "protection stopped");
                }
                let state = if is_fenced(&error) {
                    ProtectionState::Fenced
                } else {
                    ProtectionState::Degraded
                };
                set_state(&shared, state, Some(told(&error)));
                rest(&shared, &mut changes, Duration::from_millis(RETRY_MS)).await;
            }
        }
    }
}

fn wanted(shared: &Shared) -> Option<(SiteName, Epoch)> {
    let record = shared.record()?;
    protection_wanted(&record, shared.moving().as_deref())
}

/// Protects `site` until something else is wanted.
async fn protect(shared: &Arc<Shared>, site: &SiteName, epoch: Epoch) -> Result<(), EngineError> {
    let database = shared.site(site)?.database.clone();
    let _source = shared.protecting.lock().await;
    let mine = Some((site.clone(), epoch));
    // While the lock was waited for, the service may have begun to move.
    if wanted(shared) != mine {
        return Ok(());
    }
    claim(shared, epoch).await?;
    set_state(shared, ProtectionState::Starting, None);
    let control = Arc::new(Control {
        shared: Arc::downgrade(shared),
        site: site.clone(),
        epoch,
    });
    tracing::info!(%site, %epoch, "protection starts");
    let repository = &shared.ports.repository;
    tokio::select! {
        biased;
        ended = repository.protect(database, epoch, control) => Ok(ended?),
        () = unwanted_for_long(shared, mine) => {
            tracing::warn!(%site, %epoch, "protection did not stop in time and is dropped");
            Ok(())
        }
    }
}

/// Returns some time after something else than `mine` is wanted.
async fn unwanted_for_long(shared: &Shared, mine: Option<(SiteName, Epoch)>) {
    let mut changes = shared.subscribe();
    while wanted(shared) == mine {
        rest(shared, &mut changes, Duration::from_millis(LOOK_MS)).await;
    }
    let grace = Duration::from_millis(STOP_GRACE_MS);
    shared.ports.clock.sleep(grace).await;
}

/// Has the vault know the epoch, when it does not know it or a newer one. What
/// an execution claimed stays as it claimed it.
async fn claim(shared: &Shared, epoch: Epoch) -> Result<(), EngineError> {
    let repository = &shared.ports.repository;
    if repository.newest_epoch().await? >= Some(epoch) {
        return Ok(());
    }
    let record = shared.record().filter(|r| r.active_epoch == epoch);
    let Some(record) = record else {
        return Ok(());
    };
    let execution = record.claimed_by.as_ref().map(|id| id.as_str());
    let claimant = execution.unwrap_or(REGISTRATION);
    Ok(repository
        .claim_epoch(epoch, claimant, &record.active)
        .await?)
}

fn set_state(shared: &Shared, state: ProtectionState, error: Option<String>) {
    shared.protection.send_modify(|view| {
        view.state = state;
        view.spool = None;
        view.error = error;
    });
}

fn is_fenced(error: &EngineError) -> bool {
    matches!(error, EngineError::Port(error) if error.is_fenced())
}

fn told(error: &EngineError) -> String {
    match error {
        EngineError::Port(error) => coded(error.code(), &PortError::chain(error)),
        other => coded(other.code(), &other.to_string()),
    }
}

/// Log waits on the local disk, or does not any more.
fn spooled(view: &mut ProtectionView, bytes: u64, age: Duration) {
    let before = view.spool.take();
    if bytes == 0 {
        tracing::info!("no log waits on the local disk any more");
        return;
    }
    if before.is_none() {
        tracing::warn!(bytes, ?age, "log waits on the local disk");
    }
    // Room there is again once something was shipped.
    let full = before.is_some_and(|before| before.full && bytes >= before.bytes);
    view.spool = Some(SpoolStatus {
        bytes,
        age_secs: age.as_secs_f64(),
        full,
    });
    view.state = ProtectionState::Degraded;
    view.error = Some(match full {
        true => no_room(bytes),
        false => format!(
            "the vault is slow: {bytes} bytes of log wait on the local disk, the oldest for {} s",
            age.as_secs()
        ),
    });
}

fn no_room(bytes: u64) -> String {
    format!(
        "the vault takes no log, and {bytes} bytes fill the room for log that waits: the source is not read"
    )
}

/// Steers one run of protection.
struct Control {
    shared: Weak<Shared>,
    site: SiteName,
    epoch: Epoch,
}

impl ProtectControl for Control {
    fn should_stop(&self) -> bool {
        let wanted_now = self.shared.upgrade().and_then(|s| wanted(&s));
        wanted_now.as_ref() != Some(&(self.site.clone(), self.epoch))
    }

    fn event(&self, event: ProtectEvent) {
        let Some(shared) = self.shared.upgrade() else {
            return;
        };
        let now = shared.ports.clock.monotonic();
        let protected = ProtectionState::Protected;
        shared.protection.send_modify(|view| match event {
            ProtectEvent::SnapshotStarted { reason } => {
                tracing::info!(site = %self.site, reason, "snapshot starts");
            }
            ProtectEvent::SnapshotDone {
                id,
                bytes,
                took,
                files,
                why,
            } => {
                let why = why.map_or_else(String::new, |why| why.en);
                tracing::info!(site = %self.site, id, bytes, ?took, files, why, "snapshot is whole");
                view.recoverable = true;
            }
            ProtectEvent::Shipped { transactions, .. } => {
                view.segments += 1;
                view.transactions += transactions;
                view.state = protected;
                view.error = None;
            }
            ProtectEvent::CanarySeen { canary } => {
                let age = |c: &planb_model::Canary| (c.epoch, c.sequence);
                if view
                    .canary
                    .as_ref()
                    .is_none_or(|known| age(known) < age(&canary))
                {
                    view.canary = Some(canary);
                    view.canary_seen_at = Some(now);
                }
                view.state = protected;
                view.error = None;
            }
            ProtectEvent::Spooled { bytes, age } => spooled(view, bytes, age),
            ProtectEvent::SpoolFull { bytes } => {
                tracing::error!(site = %self.site, bytes, "no more room for log that waits");
                let mut spool = view.spool.unwrap_or_default();
                spool.full = true;
                spool.bytes = bytes;
                view.spool = Some(spool);
                view.state = ProtectionState::Degraded;
                view.error = Some(no_room(bytes));
            }
            ProtectEvent::SpoolDiscarded { bytes, reason } => {
                tracing::error!(site = %self.site, bytes, reason, "log that waited was dropped");
                view.spool = None;
            }
            ProtectEvent::LogLost { reason } => {
                tracing::error!(site = %self.site, reason, "log was lost before it was shipped");
                view.state = ProtectionState::Degraded;
                view.error = Some(format!("log was lost before it was shipped: {reason}"));
            }
            ProtectEvent::Pruned { snapshots, bytes } => {
                tracing::info!(site = %self.site, snapshots, bytes, "the vault was pruned");
            }
            ProtectEvent::Retrying { error, code, wait } => {
                tracing::warn!(site = %self.site, code, error, ?wait, "protection retries");
                view.state = ProtectionState::Degraded;
                view.error = Some(coded(code, &error));
            }
        });
    }
}
