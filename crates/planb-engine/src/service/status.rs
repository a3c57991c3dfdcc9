//! The status of a service, put together from what its parts know.

use crate::ServicePorts;
use crate::shared::{Judged, Shared};
use planb_decide::protection::{canary_silence_max, rpo_secs};
use planb_model::status::{
    HealthStatus, ProtectionState, ProtectionStatus, ServiceStatus, Verdict, VerificationStatus,
};
use planb_model::{Epoch, Text};
use std::collections::BTreeMap;

/// What is known before anything was looked at.
pub(crate) fn blank(ports: &ServicePorts) -> ServiceStatus {
    let plan = &ports.plan;
    ServiceStatus {
        service: plan.name.clone(),
        at: ports.clock.now(),
        epoch: Epoch::FIRST,
        active: plan.primary.name.clone(),
        health: HealthStatus {
            verdict: Verdict::Unknown,
            why: Text::new("nobody has looked yet", "아직 점검하지 않았습니다"),
            observers: BTreeMap::new(),
        },
        protection: ProtectionStatus {
            state: ProtectionState::Stopped,
            rpo_secs: None,
            canary: None,
            recovery_point: None,
            segments: 0,
            transactions: 0,
            spool: None,
            error: None,
            vault_error: None,
        },
        verification: VerificationStatus::default(),
        execution: None,
        objective_rto_secs: plan.objectives.rto.as_secs_f64(),
        objective_rpo_secs: plan.objectives.rpo.as_secs_f64(),
    }
}

pub(crate) fn compose(shared: &Shared) -> ServiceStatus {
    let mut status = blank(&shared.ports);
    if let Some(record) = shared.record() {
        status.epoch = record.epoch;
        status.active = record.active;
    }
    if let Some(Judged { judgement, .. }) = &*shared.judgement.borrow() {
        status.health = HealthStatus {
            verdict: judgement.verdict,
            why: judgement.why.clone(),
            observers: judgement.observers.clone(),
        };
    }
    status.protection = protection(shared);
    status.verification = shared.verification.borrow().clone();
    status.execution = shared.moving().map(|fold| fold.status());
    status
}

fn protection(shared: &Shared) -> ProtectionStatus {
    let ports = &shared.ports;
    let view = shared.protection.borrow();
    let silent = view.canary_seen_at.is_none_or(|at| {
        ports.clock.monotonic().saturating_sub(at) > canary_silence_max(&ports.plan.data)
    });
    // Nothing has failed, and yet no canary comes back, or what is in the vault
    // cannot be restored: not protected.
    let useless = view.vault_error.is_some() && !view.recoverable;
    let state = match view.state {
        ProtectionState::Protected if silent || useless => ProtectionState::Degraded,
        state => state,
    };
    ProtectionStatus {
        state,
        rpo_secs: view.canary.as_ref().map(|c| rpo_secs(c, ports.clock.now())),
        canary: view.canary,
        recovery_point: view.recovery_point.clone(),
        segments: view.segments,
        transactions: view.transactions,
        spool: view.spool,
        error: view.error.clone(),
        vault_error: view.vault_error.clone(),
    }
}
