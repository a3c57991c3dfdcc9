//! Looks from this side at what could be recovered: the vault is read back.

use super::rest;
use crate::EngineError;
use crate::shared::Shared;
use crate::time::within;
use planb_ports::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

/// Time between two looks in peace time. A look lists the chain; what was there
/// at the last one does not go away.
const LOOK_MS: u64 = 10_000;
/// Time between two looks while a site is down, and until the first success.
const LOOK_URGENT_MS: u64 = 500;
/// Longest look, so that a vault that hangs is noticed.
const LOOK_MS_MAX: u64 = 30_000;

pub(crate) async fn run(shared: Arc<Shared>) -> Result<(), EngineError> {
    let mut changes = shared.subscribe();
    loop {
        look(&shared).await;
        let down = shared
            .judgement
            .borrow()
            .as_ref()
            .is_some_and(|judged| judged.judgement.shed);
        let urgent = down || !shared.protection.borrow().recoverable;
        let pause = if urgent { LOOK_URGENT_MS } else { LOOK_MS };
        rest(&shared, &mut changes, Duration::from_millis(pause)).await;
    }
}

async fn look(shared: &Shared) {
    let limit = Duration::from_millis(LOOK_MS_MAX);
    let repository = &shared.ports.repository;
    let found = within(&*shared.ports.clock, limit, repository.recovery_point()).await;
    shared.protection.send_modify(|view| match found {
        Some(Ok(point)) => {
            let age = |c: &planb_model::Canary| (c.epoch, c.sequence);
            // Fills in what protection has not told: after a restart.
            if let Some(canary) = point.canary
                && view.canary.as_ref().is_none_or(|known| age(known) < age(&canary))
            {
                view.canary = Some(canary);
            }
            view.recoverable = true;
            view.recovery_point = Some(point);
        }
        Some(Err(error)) => {
            if error.kind() != ErrorKind::NotFound {
                tracing::warn!(code = error.code(), error = %error.chain(), "the vault cannot be looked at");
            }
            view.recoverable = false;
        }
        None => {
            tracing::warn!("the vault does not answer");
            view.recoverable = false;
        }
    });
}
