//! Measures the recovery point: writes small rows at the source, and reads
//! back from the vault, as the other side would, what arrived of them.

use crate::protect::{Run, SnapshotNeeded, Stream};
use crate::retry::Backoff;
use planb_model::Canary;
use planb_ports::repository::ProtectEvent;
use planb_ports::{ErrorKind, PortResult};
use std::time::Duration;

/// Writes a canary every interval. Never ends: a canary that cannot be written
/// is told about, and does not keep log from being shipped.
pub(crate) async fn write(run: &Run<'_>) {
    let interval = run.vault.options.canary_interval;
    let mut sequence = loop {
        match run.database.read_canary(&run.vault.service).await {
            Ok(Some(last)) if last.epoch == run.epoch => break last.sequence + 1,
            Ok(_) => break 1,
            Err(e) => run.retrying(&e, interval),
        }
        run.vault.clock.sleep(interval).await;
    };
    loop {
        let canary = Canary {
            epoch: run.epoch,
            sequence,
            written_at: run.vault.clock.now(),
        };
        let written = run.database.write_canary(&run.vault.service, &canary);
        match written.await {
            Ok(()) => {}
            Err(e) => run.retrying(&e, interval),
        }
        // Counts up also when it failed: it may have been written.
        sequence += 1;
        run.vault.clock.sleep(interval).await;
    }
}

/// Reads every segment back through the storage once it was shipped, checks it,
/// and tells the newest canary in it. Ends when an object does not come back as
/// it was written: the log after it is of no use without a new snapshot.
pub(crate) async fn read_back(run: &Run<'_>, stream: &Stream) -> PortResult<SnapshotNeeded> {
    let mut head = stream.resume.head.clone();
    let mut shipped = stream.next.subscribe();
    let mut newest: Option<Canary> = None;
    let mut backoff = Backoff::default();
    loop {
        let next = *shipped.borrow_and_update();
        if head.next >= next {
            // The sender lives as long as `stream`.
            if shipped.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            continue;
        }
        let read = match run.vault.next_segment(&head).await {
            Ok(Some(segment)) => head.advance(&segment).map(|_| segment),
            Ok(None) => Err(run.vault.missing_segment(run.epoch, head.next)),
            Err(e) => Err(e),
        };
        match read {
            Ok(segment) => {
                backoff.reset();
                let found = Canary::newest_in(&segment.raw);
                if let Some(canary) = found.filter(|c| is_newer(c, newest.as_ref())) {
                    newest = Some(canary);
                    run.control.event(ProtectEvent::CanarySeen { canary });
                }
            }
            Err(e) if e.kind() == ErrorKind::Corrupt => {
                run.retrying(&e, Duration::ZERO);
                return Ok(SnapshotNeeded(e.to_string()));
            }
            Err(e) => run.again(&mut backoff, e).await?,
        }
    }
}

/// Whether `found` is a later canary than `last`.
pub(crate) fn is_newer(found: &Canary, last: Option<&Canary>) -> bool {
    last.is_none_or(|last| (last.epoch, last.sequence) < (found.epoch, found.sequence))
}
