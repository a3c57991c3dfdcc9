//! Makes sure that the old site takes no more writes, or proves that it is dead.
//!
//! One proof is enough: the workload is seen to be gone (or the fence command
//! says so), or the database itself refuses writes. A site that answers neither
//! may be alive on the other side of a broken network, so silence is no proof.

use super::{StepCx, StepError, StepResult};
use crate::time::within;
use futures::future::{Either, select};
use planb_model::SiteName;
use planb_ports::PortResult;
use planb_ports::workload::FenceProof;
use serde_json::json;
use std::pin::pin;
use std::time::Duration;

/// How long a silent database is waited for: it is the only proof then.
const DATABASE_WAIT_MS_MAX: u64 = 3_000;
/// How long it is waited for when the workload is proven gone: fencing it as
/// well is better, but every second of it is a second of outage.
const DATABASE_GRACE_MS: u64 = 1_000;

pub(super) async fn perform(cx: &StepCx<'_>, site: &SiteName) -> StepResult {
    let ports = cx.site(site)?;
    let clock = &*cx.shared.ports.clock;
    let database_wait = Duration::from_millis(DATABASE_WAIT_MS_MAX);
    let fence_database = ports.database.fence(cx.service(), cx.epoch());
    let mut database = pin!(within(clock, database_wait, fence_database));
    let workload = pin!(ports.workload.fence(cx.epoch()));
    let (workload, database) = match select(workload, database.as_mut()).await {
        Either::Left((Ok(proof), database)) => {
            let grace = Duration::from_millis(DATABASE_GRACE_MS);
            (Ok(proof), within(clock, grace, database).await.flatten())
        }
        Either::Left((Err(error), database)) => (Err(error), database.await),
        Either::Right((database, workload)) => (workload.await, database),
    };
    judge(site, workload, database)
}

fn judge(
    site: &SiteName,
    workload: PortResult<FenceProof>,
    database: Option<PortResult<()>>,
) -> StepResult {
    let mut facts = serde_json::Map::new();
    let mut missing = Vec::new();
    let mut proven = false;
    match workload {
        Err(error) if error.is_fenced() => return Err(error.into()),
        Err(error) => missing.push(format!("workload: {}", error.chain())),
        Ok(proof) => {
            proven = true;
            let told = match proof {
                FenceProof::Stopped => "stopped",
                FenceProof::NotRunning => "notRunning",
                FenceProof::HookSucceeded => "hookSucceeded",
            };
            facts.insert("workload".to_owned(), json!(told));
        }
    }
    match database {
        Some(Err(error)) if error.is_fenced() => return Err(error.into()),
        Some(Err(error)) => missing.push(format!("database: {}", error.chain())),
        None => missing.push("database: no answer".to_owned()),
        Some(Ok(())) => {
            proven = true;
            facts.insert("database".to_owned(), json!("fenced"));
        }
    }
    if !missing.is_empty() {
        facts.insert("unanswered".to_owned(), json!(missing));
    }
    if proven {
        return Ok(facts.into());
    }
    Err(no_proof(site, &missing))
}

fn no_proof(site: &SiteName, missing: &[String]) -> StepError {
    StepError::check(
        "PB-ENGINE-NO-FENCE-PROOF",
        format!(
            "nothing proves that site '{site}' takes no more writes ({}); stop it by hand and \
             resume, or cancel and plan a failover that overrides the fence with a reason",
            missing.join("; ")
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use planb_model::Epoch;
    use planb_ports::{ErrorKind, PortError};

    fn silent() -> PortError {
        PortError::new(ErrorKind::Timeout, "PB-T", "no answer")
    }

    fn check(
        workload: PortResult<FenceProof>,
        database: Option<PortResult<()>>,
    ) -> Result<(), bool> {
        let site = SiteName::new("seoul").expect("a name");
        match judge(&site, workload, database) {
            Ok(_) => Ok(()),
            Err(StepError::Port(error)) => Err(error.is_fenced()),
            Err(StepError::Check { .. }) => Err(false),
        }
    }

    #[test]
    fn one_proof_is_enough_and_silence_is_none() {
        assert_eq!(check(Ok(FenceProof::NotRunning), None), Ok(()));
        assert_eq!(
            check(Ok(FenceProof::HookSucceeded), Some(Err(silent()))),
            Ok(())
        );
        assert_eq!(check(Err(silent()), Some(Ok(()))), Ok(()));
        assert_eq!(check(Err(silent()), None), Err(false));
        assert_eq!(check(Err(silent()), Some(Err(silent()))), Err(false));
    }

    #[test]
    fn a_newer_epoch_at_either_is_no_proof_but_the_end() {
        let newer = || PortError::fenced(Epoch(9), "it", Epoch(2));
        assert_eq!(check(Err(newer()), Some(Ok(()))), Err(true));
        assert_eq!(
            check(Ok(FenceProof::Stopped), Some(Err(newer()))),
            Err(true)
        );
    }
}
