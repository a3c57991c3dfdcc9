//! Has every snapshot drilled: one at a time, never beside a move of the
//! service, which ends a drill at once. What it costs is the machine's spare
//! time: scratch servers run at the lowest priority.

use super::{coded, rest};
use crate::EngineError;
use crate::shared::Shared;
use planb_model::status::{DrillVerdict, VerificationState};
use planb_ports::{ErrorKind, PortError, PortResult, Verified, Verifier};
use std::sync::Arc;
use std::time::Duration;

/// Time between two looks for something due. The first one comes after this as
/// well, so that a start is not burdened.
const LOOK_MS: u64 = 60_000;
/// Time between two looks, during a drill, at whether the service moves.
const BUSY_LOOK_MS: u64 = 1_000;
/// Pause after a try that came to no verdict.
const RETRY_MS: u64 = 600_000;

pub(crate) async fn run(shared: Arc<Shared>) -> Result<(), EngineError> {
    let (Some(verifier), Some(plan)) = (
        shared.ports.verifier.clone(),
        shared.ports.plan.data.verification,
    ) else {
        return Ok(());
    };
    set_state(&shared, VerificationState::Waiting);
    match verifier.last().await {
        Ok(Some(last)) => tell(&shared, last),
        Ok(None) => {}
        Err(error) => tracing::warn!(code = error.code(), "the last drill cannot be read"),
    }
    loop {
        let pause = Duration::from_millis(LOOK_MS.min(interval_ms(plan.interval)));
        shared.ports.clock.sleep(pause).await;
        if is_busy(&shared) {
            continue;
        }
        let wait = match drill(&shared, &*verifier, plan.interval).await {
            Some(Ok(())) | None => Duration::ZERO,
            Some(Err(error)) => {
                failed(&shared, &error);
                Duration::from_millis(RETRY_MS.min(interval_ms(plan.interval)))
            }
        };
        shared.ports.clock.sleep(wait).await;
    }
}

fn interval_ms(interval: Duration) -> u64 {
    u64::try_from(interval.as_millis()).unwrap_or(u64::MAX)
}

/// Whether the service moves, waits to be moved, or its site looks lost: then
/// everything this machine has is for that.
fn is_busy(shared: &Shared) -> bool {
    let judged = shared.judgement.borrow();
    let is_down = judged.as_ref().is_some_and(|judged| judged.judgement.shed);
    is_down || shared.moving().is_some() || shared.settled().is_none()
}

/// Drills what is due; `None` when the service had to be moved meanwhile.
async fn drill(
    shared: &Shared,
    verifier: &dyn Verifier,
    interval: Duration,
) -> Option<PortResult<()>> {
    set_state(shared, VerificationState::Drilling);
    let drilled = tokio::select! {
        biased;
        () = busy(shared) => None,
        drilled = verifier.verify_next(interval) => Some(drilled),
    };
    set_state(shared, VerificationState::Waiting);
    match drilled {
        None => {
            tracing::warn!("a drill was ended: the service is being moved");
            None
        }
        Some(Ok(found)) => {
            shared.verification.send_modify(|view| view.error = None);
            if let Some(verified) = found {
                announce(&verified);
                tell(shared, verified);
            }
            Some(Ok(()))
        }
        Some(Err(error)) => Some(Err(error)),
    }
}

/// Returns when the service begins to move.
async fn busy(shared: &Shared) {
    let mut changes = shared.subscribe();
    while !is_busy(shared) {
        rest(shared, &mut changes, Duration::from_millis(BUSY_LOOK_MS)).await;
    }
}

fn announce(verified: &Verified) {
    let snapshot = verified.snapshot.as_str();
    match (verified.passed, verified.clean) {
        (false, _) => {
            let problems = verified.problems.join("; ");
            tracing::error!(snapshot, problems, "a drill FAILED");
        }
        (true, Some(false)) => {
            let suspicions: Vec<_> = verified.suspicions.iter().map(|s| s.en.as_str()).collect();
            tracing::error!(
                snapshot,
                why = suspicions.join("; "),
                "a drill passed, and what was restored looks tampered with"
            );
        }
        (true, _) => tracing::info!(snapshot, seconds = verified.seconds, "a drill passed"),
    }
}

fn tell(shared: &Shared, verified: Verified) {
    let verdict = DrillVerdict {
        snapshot: verified.snapshot,
        at: verified.at,
        passed: verified.passed,
        clean: verified.clean,
        suspicions: verified.suspicions,
        log_to: verified.log_to,
        seconds: verified.seconds,
        problems: verified.problems,
    };
    shared
        .verification
        .send_modify(|view| view.last = Some(verdict));
}

fn failed(shared: &Shared, error: &PortError) {
    let text = error.chain();
    tracing::warn!(
        code = error.code(),
        error = text,
        "a drill came to no verdict"
    );
    shared.verification.send_modify(|view| {
        view.error = Some(coded(error.code(), &text));
        if error.kind() == ErrorKind::Unsupported {
            view.state = VerificationState::Impossible;
        }
    });
}

fn set_state(shared: &Shared, state: VerificationState) {
    shared.verification.send_modify(|view| view.state = state);
}
