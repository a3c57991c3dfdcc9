//! Ships the rest of a fenced source's log, for a move without loss.

use crate::retry::{Backoff, is_temporary};
use crate::ship::{Resume, Shipped, Shipper};
use crate::vault::Vault;
use planb_model::Epoch;
use planb_model::recovery::AppliedMark;
use planb_ports::{Database, ErrorKind, LogSource, PortError, PortResult};
use std::time::Duration;

/// A fenced source writes no more; what it has is read at once.
const FLUSH_MS: u64 = 20;
/// How long the source may say nothing before it is asked whether it is drained.
const IDLE_MS: u64 = 50;
/// Temporary failures in a row before the engine decides; about two minutes.
const ATTEMPTS_MAX: u32 = 10;

/// Snapshots in a row after which the log still could not be read. A fenced
/// source writes no log, so one is enough unless something else is wrong.
const SNAPSHOTS_MAX: u32 = 3;

/// See `Repository::drain`. The newest epoch may be a newer one already: what
/// counts is that the chain is not closed.
///
/// A source whose log is gone is copied: it is fenced, so the copy is
/// everything it has. That happens when nobody held the log while the workload
/// was stopped, such as when the control plane was killed meanwhile.
pub(crate) async fn drain(
    vault: &Vault,
    database: &dyn Database,
    epoch: Epoch,
) -> PortResult<AppliedMark> {
    let mut backoff = Backoff::default();
    let mut snapshots = 0;
    vault.ship_spooled(epoch, ATTEMPTS_MAX).await?;
    let mut begun = vault.resume(epoch).await?;
    loop {
        let step = async {
            let resume = match &begun {
                Ok(resume) => resume.clone(),
                Err(reason) => {
                    tracing::warn!(service = %vault.service, reason, "draining by a snapshot");
                    vault.begin_anew(database, epoch).await?.0
                }
            };
            drain_from(vault, database, &resume, epoch).await
        };
        match step.await {
            Ok(mark) => return Ok(mark),
            Err(e) if e.kind() == ErrorKind::LogLost && snapshots < SNAPSHOTS_MAX => {
                snapshots += 1;
                begun = Err(e.to_string());
            }
            Err(e) if is_temporary(&e) && backoff.attempts() < ATTEMPTS_MAX => {
                backoff.wait(&*vault.clock, &*vault.random).await;
                // What was written meanwhile need not be written again.
                begun = vault.resume(epoch).await?;
            }
            Err(e) => return Err(e),
        }
    }
}

/// Ships everything after `resume`.
async fn drain_from(
    vault: &Vault,
    database: &dyn Database,
    resume: &Resume,
    epoch: Epoch,
) -> PortResult<AppliedMark> {
    let mut shipper = Shipper::new(vault, resume, ATTEMPTS_MAX);
    // `false`: the log has to be read from another place.
    while !drain_source(vault, database, &mut shipper).await? {}
    Ok(AppliedMark {
        snapshot: resume.snapshot.clone(),
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
