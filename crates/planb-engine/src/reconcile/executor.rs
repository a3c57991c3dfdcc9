//! Keeps the unfinished execution running, also one a process before this left.

use super::rest;
use crate::EngineError;
use crate::runner::Runner;
use crate::shared::Shared;
use planb_model::execution::Execution;
use std::sync::Arc;
use std::time::Duration;

/// Time between two looks at the store without a signal: another process may
/// have opened an execution.
const LOOK_MS: u64 = 2_000;
/// Pause after a runner could not go on: the store is away.
const RETRY_MS: u64 = 500;

/// # Errors
/// When another process runs the same execution: two must not.
pub(crate) async fn run(shared: Arc<Shared>) -> Result<(), EngineError> {
    let mut changes = shared.subscribe();
    loop {
        match step(&shared).await {
            Ok(true) => {}
            Ok(false) => rest(&shared, &mut changes, Duration::from_millis(LOOK_MS)).await,
            Err(error @ (EngineError::Lost { .. } | EngineError::Journal { .. })) => {
                return Err(error);
            }
            Err(error) => {
                tracing::error!(service = %shared.ports.service(), %error, "execution is tried again");
                let pause = Duration::from_millis(RETRY_MS);
                shared.ports.clock.sleep(pause).await;
            }
        }
    }
}

/// Runs the unfinished execution to its end; `false` when there is none.
async fn step(shared: &Arc<Shared>) -> Result<bool, EngineError> {
    shared.refresh_record().await?;
    let Some(execution) = unfinished(shared).await? else {
        return Ok(false);
    };
    let journal = shared.journal_of(&execution).await?;
    let runner = Runner {
        shared: shared.clone(),
        journal,
    };
    Arc::new(runner).run().await?;
    shared.refresh_record().await?;
    shared.wake();
    Ok(true)
}

async fn unfinished(shared: &Shared) -> Result<Option<Execution>, EngineError> {
    let all = shared.ports.store.unfinished().await?;
    let service = shared.ports.service();
    Ok(all.into_iter().find(|e| &e.runbook.service == service))
}
