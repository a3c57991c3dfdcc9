//! What operators and the detector ask for. Every command is one journal entry.

use crate::shared::Shared;
use crate::{Approval, EngineError};
use jiff::Timestamp;
use planb_decide::{FoldError, PlanFacts, check};
use planb_model::execution::{Execution, JournalEntry, Trigger};
use planb_model::runbook::{Runbook, RunbookHash, RunbookKind};
use planb_model::{ExecutionId, StepId};
use planb_ports::{ErrorKind, PortResult};

pub(crate) async fn plan(
    shared: &Shared,
    kind: RunbookKind,
    fence_override: Option<String>,
) -> Result<Runbook, EngineError> {
    let record = shared.refresh_record().await?;
    let facts = PlanFacts {
        plan: &shared.ports.plan,
        record: &record,
        kind,
        fence_override,
    };
    let runbook = planb_decide::plan(&facts).map_err(EngineError::NotPlannable)?;
    let broken = check(&runbook);
    if broken.is_empty() {
        Ok(runbook)
    } else {
        Err(EngineError::Refused(broken))
    }
}

/// Opens an execution of `runbook`, and approves it when there is an approval.
pub(crate) async fn open(
    shared: &Shared,
    runbook: Runbook,
    trigger: Trigger,
    approval: Option<Approval>,
) -> Result<ExecutionId, EngineError> {
    let hash = runbook.hash();
    if let Some(approval) = &approval {
        same_hash(&hash, &approval.hash)?;
    }
    let now = shared.ports.clock.now();
    let execution = Execution {
        id: new_id(now, shared.ports.random.next_u64()),
        runbook,
        hash,
        trigger,
        opened_at: now,
    };
    open_in_store(shared, &execution).await?;
    tracing::info!(execution = %execution.id, kind = %execution.runbook.kind, hash = execution.hash.short(), "execution opened");
    let journal = shared.journal_of(&execution).await?;
    if let Some(Approval { by, hash }) = approval {
        journal.append(JournalEntry::Approved { by, hash }).await?;
    }
    Ok(execution.id)
}

/// An answer that got lost is asked for: the id is new, so it is this one.
async fn open_in_store(shared: &Shared, execution: &Execution) -> PortResult<()> {
    let store = &shared.ports.store;
    match store.open_execution(execution).await {
        Err(error) if error.kind() == ErrorKind::Timeout => store
            .execution(&execution.id)
            .await
            .map(|_| ())
            .map_err(|_| error),
        opened => opened,
    }
}

/// `20261120t102155123z-1f2e3d4c`: sorts by time, and is a name.
#[expect(
    clippy::expect_used,
    reason = "digits, 't', 'z' and hexadecimal digits make a name"
)]
fn new_id(now: Timestamp, random: u64) -> ExecutionId {
    let time = now.strftime("%Y%m%dt%H%M%S%3f");
    let text = format!("{time}z-{:08x}", random & 0xffff_ffff);
    ExecutionId::new(text).expect("an execution id is a name")
}

fn same_hash(expected: &RunbookHash, given: &RunbookHash) -> Result<(), EngineError> {
    if expected == given {
        return Ok(());
    }
    Err(EngineError::WrongHash {
        expected: expected.clone(),
        given: given.clone(),
    })
}

pub(crate) async fn approve(
    shared: &Shared,
    id: &ExecutionId,
    hash: &RunbookHash,
    by: &str,
) -> Result<(), EngineError> {
    let journal = shared.journal(id).await?;
    same_hash(&journal.fold().execution().hash, hash)?;
    let entry = JournalEntry::Approved {
        by: by.to_owned(),
        hash: hash.clone(),
    };
    append(shared, id, entry, "approving").await
}

pub(crate) async fn resume(shared: &Shared, id: &ExecutionId, by: &str) -> Result<(), EngineError> {
    let by = by.to_owned();
    append(shared, id, JournalEntry::Resumed { by }, "resuming").await
}

pub(crate) async fn pause(shared: &Shared, id: &ExecutionId, by: &str) -> Result<(), EngineError> {
    let by = by.to_owned();
    append(shared, id, JournalEntry::Paused { by }, "pausing").await
}

pub(crate) async fn cancel(shared: &Shared, id: &ExecutionId, by: &str) -> Result<(), EngineError> {
    let by = by.to_owned();
    append(shared, id, JournalEntry::Canceled { by }, "canceling").await
}

pub(crate) async fn skip(
    shared: &Shared,
    id: &ExecutionId,
    step: &StepId,
    by: &str,
    reason: &str,
) -> Result<(), EngineError> {
    let entry = JournalEntry::StepSkipped {
        step: step.clone(),
        by: by.to_owned(),
        reason: reason.to_owned(),
    };
    append(shared, id, entry, "skipping a step").await
}

/// Appends what an operator said; what the fold refuses is the operator's error.
async fn append(
    shared: &Shared,
    id: &ExecutionId,
    entry: JournalEntry,
    what: &'static str,
) -> Result<(), EngineError> {
    let journal = shared.journal(id).await?;
    match journal.append(entry).await {
        Err(EngineError::Journal { source, .. }) => Err(match source {
            FoldError::BadSkip(_, step, why) => EngineError::NotSkippable { step, why },
            FoldError::NoSuchStep(_, step) => EngineError::NotSkippable {
                step,
                why: "which is not one that could run now",
            },
            _ => EngineError::WrongState {
                id: id.clone(),
                state: journal.status().state,
                what,
            },
        }),
        appended => appended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_names_and_sort_by_time() {
        let at = |ms| Timestamp::from_millisecond(ms).expect("in range");
        let (one, two) = (
            new_id(at(1_700_000_000_123), u64::MAX),
            new_id(at(1_700_000_000_124), 0),
        );
        assert_eq!(one.as_str(), "20231114t221320123z-ffffffff");
        assert!(one < two);
    }
}
