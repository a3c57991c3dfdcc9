//! Ships the rest of a fenced source's log, for a move without loss.

use crate::error;
use crate::retry::{Backoff, is_temporary};
use crate::ship::{Shipped, Shipper};
use crate::vault::Vault;
use planb_model::Epoch;
use planb_model::recovery::AppliedMark;
use planb_ports::{Database, LogSource, PortError, PortResult};
use std::time::Duration;

/// A fenced source writes no more; what it has is read at once.
const FLUSH_MS: u64 = 20;
/// How long the source may say nothing before it is asked whether it is drained.
const IDLE_MS: u64 = 50;
/// Temporary failures in a row before the engine decides; about two minutes.
const ATTEMPTS_MAX: u32 = 10;

/// See `Repository::drain`. The newest epoch may be a newer one already: what
/// counts is that the chain is not closed.
pub(crate) async fn drain(
    vault: &Vault,
    database: &dyn Database,
    epoch: Epoch,
) -> PortResult<AppliedMark> {
    let resume = vault
        .resume(epoch)
        .await?
        .map_err(|reason| error::nothing_to_restore().source(reason))?;
    let mut shipper = Shipper::new(vault, &resume, ATTEMPTS_MAX);
    let mut backoff = Backoff::default();
    loop {
        match drain_source(vault, database, &mut shipper).await {
            Ok(true) => break,
            // The log has to be read from another place.
            Ok(false) => {}
            Err(e) if is_temporary(&e) && backoff.attempts() < ATTEMPTS_MAX => {
                backoff.wait(&*vault.clock, &*vault.random).await;
            }
            Err(e) => return Err(e),
        }
    }
    Ok(AppliedMark {
        snapshot: resume.snapshot,
        epoch,
        next_segment: shipper.head.next,
        position: shipper.position,
    })
}

/// Whether everything is shipped.
async fn drain_source(
    vault: &Vault,
    database: &dyn Database,
    shipper: &mut Shipper<'_>,
) -> PortResult<bool> {
    let mut source = database.open_log(&shipper.position).await?;
    let on_retry = |e: &PortError, _| tracing::warn!(error = e.chain(), "draining goes on");
    loop {
        let Some(batch) = next(vault, &mut *source).await? else {
            if source.is_drained().await? {
                return Ok(true);
            }
            continue;
        };
        match shipper.ship(&batch, &on_retry).await? {
            Shipped::Adopted => return Ok(false),
            Shipped::Stored { .. } => source.shipped(&batch.end).await?,
        }
    }
}

async fn next(
    vault: &Vault,
    source: &mut dyn LogSource,
) -> PortResult<Option<planb_ports::LogBatch>> {
    let flush = Duration::from_millis(FLUSH_MS);
    let idle = Duration::from_millis(IDLE_MS);
    source.next(vault.options.flush_bytes, flush, idle).await
}
