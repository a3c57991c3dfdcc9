//! Looks from this side at what could be recovered: the vault is read back.

use super::{coded, rest};
use crate::EngineError;
use crate::shared::Shared;
use crate::time::within;
use planb_model::recovery::RecoveryPoint;
use planb_ports::{ErrorKind, PortResult};
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
    let problem = problem(found.as_ref());
    shared.protection.send_modify(|view| {
        if view.vault_error != problem {
            tell(problem.as_deref());
        }
        view.vault_error = problem;
        view.recoverable = matches!(found, Some(Ok(_)));
        let Some(Ok(point)) = found else {
            return;
        };
        let age = |c: &planb_model::Canary| (c.epoch, c.sequence);
        // Fills in what protection has not told: after a restart.
        if let Some(canary) = point.canary
            && view
                .canary
                .as_ref()
                .is_none_or(|known| age(known) < age(&canary))
        {
            view.canary = Some(canary);
        }
        view.recovery_point = Some(point);
    });
}

/// What is wrong in the vault. That there is no snapshot yet is not.
fn problem(found: Option<&PortResult<RecoveryPoint>>) -> Option<String> {
    match found {
        Some(Ok(point)) => point.passed_over.first().cloned(),
        Some(Err(error)) if error.kind() == ErrorKind::NotFound => None,
        Some(Err(error)) => Some(coded(error.code(), &error.chain())),
        None => Some("the vault does not answer".to_owned()),
    }
}

fn tell(problem: Option<&str>) {
    match problem {
        Some(problem) => tracing::error!(problem, "something is wrong in the vault"),
        None => tracing::info!("the vault is well again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use planb_model::Epoch;
    use planb_model::recovery::LogPosition;
    use planb_ports::PortError;

    #[test]
    fn what_was_refused_is_told_also_when_there_is_something_else_to_restore() {
        let point = |passed_over: &[&str]| RecoveryPoint {
            snapshot: "one".to_owned(),
            epoch: Epoch::FIRST,
            last_segment: None,
            position: LogPosition {
                stream: "s".to_owned(),
                at: "1".to_owned(),
                gtid: None,
            },
            written_at: jiff::Timestamp::UNIX_EPOCH,
            canary: None,
            restore_bytes: 1,
            passed_over: passed_over.iter().map(|text| (*text).to_owned()).collect(),
        };
        let error = |kind| Some(Err(PortError::new(kind, "PB-TEST", "bad")));
        let told = |found: Option<PortResult<RecoveryPoint>>| problem(found.as_ref());
        assert_eq!(told(Some(Ok(point(&[])))), None);
        assert_eq!(
            told(Some(Ok(point(&["[PB-TEST] forged"])))).as_deref(),
            Some("[PB-TEST] forged")
        );
        assert_eq!(told(error(ErrorKind::NotFound)), None, "nothing yet");
        assert_eq!(
            told(error(ErrorKind::Corrupt)).as_deref(),
            Some("[PB-TEST] bad")
        );
        assert!(told(None).is_some());
    }
}
