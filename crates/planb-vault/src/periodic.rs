//! Later snapshots, so that a restore has less log to apply.
//!
//! They are taken while log is shipped: the recovery point must not age for
//! them. The consistent point of such a snapshot may lie inside a segment; the
//! manifest names the first segment that ends after it, and is written only
//! once the log in the vault has got that far.

use crate::error;
use crate::protect::{Passed, Run, SnapshotNeeded, Stream};
use crate::retry::Backoff;
use crate::snapshot::Written;
use planb_model::recovery::{LogPosition, SegmentSeq};
use planb_ports::progress::NoProgress;
use planb_ports::repository::ProtectEvent;
use planb_ports::{Database, PortResult};
use std::cmp::Ordering;
use std::sync::PoisonError;

/// Takes a snapshot every interval. Ends only by an error.
///
/// A connector that cannot order positions gets none: where its snapshot stands
/// in the log could not be told.
pub(crate) async fn snapshots(run: &Run<'_>, stream: &Stream) -> PortResult<SnapshotNeeded> {
    let here = &stream.resume.position;
    if run.database.log_order(here, here).is_none() {
        tracing::info!(service = %run.vault.service, "this engine takes no later snapshots yet");
        std::future::pending::<()>().await;
    }
    let mut backoff = Backoff::default();
    loop {
        run.vault
            .clock
            .sleep(run.vault.options.snapshot_interval)
            .await;
        run.control.event(ProtectEvent::SnapshotStarted {
            reason: "the snapshot interval has passed".into(),
        });
        while let Err(e) = take(run, stream).await {
            run.again(&mut backoff, e).await?;
        }
        backoff.reset();
    }
}

async fn take(run: &Run<'_>, stream: &Stream) -> PortResult<()> {
    let started = run.vault.clock.monotonic();
    let first = watch_log(stream);
    let options = &run.vault.options.snapshot;
    let written = run
        .vault
        .write_snapshot(run.database, options, &NoProgress)
        .await?;
    let point = &written.facts.position;
    if run
        .database
        .log_order(&stream.resume.position, point)
        .is_none()
    {
        return Err(error::other_log());
    }
    let next_segment = wait_for_log(run, stream, &written, first).await;
    run.vault.publish(&written, run.epoch, next_segment).await?;
    let took = run.vault.clock.monotonic().saturating_sub(started);
    run.control.event(written.done(took));
    Ok(())
}

/// Begins to remember segments; returns the place of the first one.
fn watch_log(stream: &Stream) -> SegmentSeq {
    let mut passed = stream.passed.lock().unwrap_or_else(PoisonError::into_inner);
    *passed = Some(Vec::new());
    *stream.next.borrow()
}

/// Waits until the log in the vault reaches the snapshot's consistent point;
/// returns the first segment that ends after it.
async fn wait_for_log(
    run: &Run<'_>,
    stream: &Stream,
    written: &Written,
    first: SegmentSeq,
) -> SegmentSeq {
    let mut shipped = stream.next.subscribe();
    loop {
        shipped.borrow_and_update();
        {
            let passed = stream.passed.lock().unwrap_or_else(PoisonError::into_inner);
            let passed = passed.as_deref().unwrap_or_default();
            let point = &written.facts.position;
            if let Some(next) = continues(run.database, passed, point, first) {
                return next;
            }
        }
        if shipped.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The first segment that ends after `point`; `None` while the log has not
/// reached it.
fn continues(
    database: &dyn Database,
    passed: &[Passed],
    point: &LogPosition,
    first: SegmentSeq,
) -> Option<SegmentSeq> {
    let order = |p: &Passed| database.log_order(&p.end, point);
    match passed.last().and_then(order) {
        Some(Ordering::Greater | Ordering::Equal) => {}
        _ => return None,
    }
    let after = passed.iter().find(|p| order(p) == Some(Ordering::Greater));
    let last = passed.last().map_or(first, |p| p.seq.next());
    Some(after.map_or(last, |p| p.seq))
}
