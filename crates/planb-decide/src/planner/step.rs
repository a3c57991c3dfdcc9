//! One step: how it resumes, how it is taken back, and how long it may take.

use planb_model::runbook::{Action, Phase, Resume, Step, Undo};
use planb_model::{SiteName, StepId};

/// Talking to one control system: store, edge, a fence row. These answer in
/// milliseconds; half a minute covers a failover of their own.
pub(crate) const CALL_DEADLINE_SECS: u32 = 30;
/// Stopping or starting a workload, with its grace period and its hooks.
pub(crate) const WORKLOAD_DEADLINE_SECS: u32 = 300;
/// Waiting for a health URL or for the outside probe.
pub(crate) const HEALTH_DEADLINE_SECS: u32 = 300;
/// Moving data: reading a whole snapshot back, or comparing all rows. Long
/// enough for terabytes; a stuck restore is noticed by its progress before.
pub(crate) const DATA_DEADLINE_SECS: u32 = 24 * 60 * 60;
/// Shipping the rest of a fenced log: what was written since the last flush.
pub(crate) const DRAIN_DEADLINE_SECS: u32 = 15 * 60;

/// The step `id` doing `action` after `needs`.
#[expect(
    clippy::expect_used,
    reason = "step names are literals of this crate and DNS labels; a test plans every kind"
)]
pub(crate) fn step(id: &str, action: Action, needs: &[&str], back_to: &SiteName) -> Step {
    let name = |text: &str| StepId::new(text).expect("a literal step name");
    Step {
        id: name(id),
        needs: needs.iter().map(|n| name(n)).collect(),
        resume: resume(&action),
        undo: undo(&action, back_to),
        phase: phase(&action),
        deadline_secs: deadline_secs(&action),
        action,
    }
}

/// What a restart does with the step when it was begun and not ended.
fn resume(action: &Action) -> Resume {
    match action {
        // The store and the vault remember the claimant.
        Action::ClaimEpoch => Resume::IdempotentKey,
        // These leave a state in the target that says whether they happened.
        Action::FenceDatabase { .. }
        | Action::Promote { .. }
        | Action::Activate { .. }
        | Action::ShedTraffic
        | Action::SwitchTraffic { .. } => Resume::Reconcile,
        Action::CloseLog
        | Action::FenceSite { .. }
        | Action::StopWorkload { .. }
        | Action::DrainLog { .. }
        | Action::Restore { .. }
        | Action::VerifyRestored { .. }
        | Action::CompareDatabases { .. }
        | Action::StartWorkload { .. }
        | Action::CheckHealth { .. }
        | Action::ConfirmOutside { .. } => Resume::Retry,
    }
}

/// How the step is taken back while the service can still stay at `back_to`.
fn undo(action: &Action, back_to: &SiteName) -> Undo {
    let site = || back_to.clone();
    let by = |actions: Vec<Action>| Undo::By { actions };
    match action {
        // Protection has to follow the new epoch: the old chain may be closed.
        Action::ClaimEpoch | Action::CloseLog => by(vec![Action::Activate { site: site() }]),
        Action::ShedTraffic => by(vec![Action::SwitchTraffic { site: site() }]),
        Action::StopWorkload { .. } => by(vec![Action::StartWorkload { site: site() }]),
        Action::FenceDatabase { .. } => by(vec![Action::Promote { site: site() }]),
        Action::FenceSite { .. } => by(vec![
            Action::Promote { site: site() },
            Action::StartWorkload { site: site() },
        ]),
        Action::Promote { .. }
        | Action::StartWorkload { .. }
        | Action::Activate { .. }
        | Action::SwitchTraffic { .. } => Undo::PointOfNoReturn,
        Action::DrainLog { .. }
        | Action::Restore { .. }
        | Action::VerifyRestored { .. }
        | Action::CompareDatabases { .. }
        | Action::CheckHealth { .. }
        | Action::ConfirmOutside { .. } => Undo::Nothing,
    }
}

fn phase(action: &Action) -> Phase {
    match action {
        Action::Activate { .. } | Action::SwitchTraffic { .. } | Action::ConfirmOutside { .. } => {
            Phase::Traffic
        }
        _ => Phase::Execute,
    }
}

/// How long an action may take, in seconds.
pub(crate) fn deadline_secs(action: &Action) -> u32 {
    match action {
        Action::ClaimEpoch
        | Action::CloseLog
        | Action::ShedTraffic
        | Action::FenceDatabase { .. }
        | Action::Promote { .. }
        | Action::Activate { .. }
        | Action::SwitchTraffic { .. } => CALL_DEADLINE_SECS,
        Action::FenceSite { .. } | Action::StopWorkload { .. } | Action::StartWorkload { .. } => {
            WORKLOAD_DEADLINE_SECS
        }
        Action::CheckHealth { .. } | Action::ConfirmOutside { .. } => HEALTH_DEADLINE_SECS,
        Action::DrainLog { .. } => DRAIN_DEADLINE_SECS,
        Action::Restore { .. }
        | Action::VerifyRestored { .. }
        | Action::CompareDatabases { .. } => DATA_DEADLINE_SECS,
    }
}

/// The step that takes something back by `action`, after `needs`.
pub(crate) fn undo_step(id: StepId, action: Action, needs: Vec<StepId>) -> Step {
    Step {
        id,
        needs,
        resume: resume(&action),
        undo: Undo::Nothing,
        phase: phase(&action),
        deadline_secs: deadline_secs(&action),
        action,
    }
}
