//! Reads history from the state on disk when no control plane runs.

use crate::STATE_FILE;
use planb_audit::{Log, PublicKey, Verified};
use planb_decide::fold;
use planb_engine::EngineError;
use planb_model::ExecutionId;
use planb_model::execution::Execution;
use planb_model::plan::ServicePlan;
use planb_model::status::{ExecutionHistory, ExecutionStatus};
use planb_ports::{PortResult, Store};
use planb_store_sqlite::SqliteStore;
use std::path::Path;

/// Executions in one answer.
const HISTORY_ENTRIES_MAX: usize = 100;

/// The newest executions of the services in `plans`, newest first.
pub async fn history(
    state: &Path,
    plans: &[ServicePlan],
) -> Result<Vec<ExecutionStatus>, EngineError> {
    let store = open(state)?;
    let mut all = Vec::new();
    for plan in plans {
        for execution in store.executions(&plan.name, HISTORY_ENTRIES_MAX).await? {
            all.push(read(&store, execution).await?.status);
        }
    }
    all.sort_by_key(|h| std::cmp::Reverse(h.execution.opened_at));
    Ok(all)
}

/// One execution.
pub async fn execution(state: &Path, id: &ExecutionId) -> Result<ExecutionHistory, EngineError> {
    let store = open(state)?;
    let execution = store.execution(id).await?;
    read(&store, execution).await
}

/// The audit log as it is kept, unchecked.
pub async fn audit_log(state: &Path) -> PortResult<Log> {
    open(state)?.audit_log().await
}

/// Entries of a broken log that was put aside.
pub async fn audit_aside(state: &Path, log: i64) -> PortResult<Vec<String>> {
    open(state)?.audit_aside(log).await
}

/// Checks the audit log: every signature, that it continues the checkpoint
/// `kept`, and that the state says what the log says.
pub async fn verify_audit(
    state: &Path,
    key: PublicKey,
    kept: Option<String>,
) -> PortResult<(Log, Verified)> {
    open(state)?.verify_audit(key, kept).await
}

fn open(state: &Path) -> PortResult<SqliteStore> {
    SqliteStore::open_read_only(state.join(STATE_FILE))
}

async fn read(store: &SqliteStore, execution: Execution) -> Result<ExecutionHistory, EngineError> {
    let journal = store.journal(&execution.id).await?;
    let id = execution.id.clone();
    let status = fold(&execution, &journal)
        .map_err(|source| EngineError::Journal { id, source })?
        .status();
    Ok(ExecutionHistory { status, journal })
}
