//! Executions as their journals tell them.

use crate::EngineError;
use crate::shared::Shared;
use planb_decide::{Fold, fold};
use planb_model::ExecutionId;
use planb_model::execution::{Execution, ExecutionState};
use planb_model::status::{ExecutionHistory, ExecutionStatus};

pub(crate) async fn wait(
    shared: &Shared,
    id: &ExecutionId,
) -> Result<ExecutionStatus, EngineError> {
    let journal = shared.journal(id).await?;
    let mut changes = journal.subscribe();
    let fold = changes.wait_for(|fold| needs_nobody_else(fold)).await;
    let fold = fold.map_err(|_| EngineError::Stopping)?;
    Ok(fold.status())
}

/// Whether it is over, or only a person can bring it further.
fn needs_nobody_else(fold: &Fold) -> bool {
    let state = fold.status().state;
    state.is_final()
        || matches!(
            state,
            ExecutionState::PendingManualApproval
                | ExecutionState::PausedByFailedStep
                | ExecutionState::PausedByOperator
        )
}

pub(crate) async fn newest(
    shared: &Shared,
    limit: usize,
) -> Result<Vec<ExecutionStatus>, EngineError> {
    let store = &shared.ports.store;
    let executions = store.executions(shared.ports.service(), limit).await?;
    let mut statuses = Vec::with_capacity(executions.len());
    for execution in executions {
        statuses.push(told(shared, &execution).await?.status);
    }
    Ok(statuses)
}

pub(crate) async fn one(
    shared: &Shared,
    id: &ExecutionId,
) -> Result<ExecutionHistory, EngineError> {
    let execution = shared.ports.store.execution(id).await?;
    told(shared, &execution).await
}

async fn told(shared: &Shared, execution: &Execution) -> Result<ExecutionHistory, EngineError> {
    let journal = shared.ports.store.journal(&execution.id).await?;
    let folded = fold(execution, &journal).map_err(|source| EngineError::Journal {
        id: execution.id.clone(),
        source,
    })?;
    Ok(ExecutionHistory {
        status: folded.status(),
        journal,
    })
}
