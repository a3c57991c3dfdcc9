//! Takes what waits into the vault, one after the other.

use super::Backlog;
use super::queue::Waiting;
use crate::protect::{Passed, Run, SnapshotNeeded, Stream};
use crate::retry::Backoff;
use crate::ship::{Encoded, Resume, Shipped, Shipper};
use planb_model::recovery::SegmentSeq;
use planb_ports::repository::ProtectEvent;
use planb_ports::{ErrorKind, PortError, PortResult};
use std::sync::PoisonError;
use std::time::Duration;

/// Failures in a row to read a file of the spool before the source is asked
/// for the log again; about six seconds.
const LOADS_MAX: u32 = 6;

impl Backlog<'_> {
    /// Ships until something does not pass by itself.
    pub(crate) async fn ship(&self, run: &Run<'_>, stream: &Stream) -> PortResult<SnapshotNeeded> {
        let mut shipper = Shipper::new(self.vault, &stream.resume, u32::MAX);
        let on_retry = |e: &PortError, pause| run.retrying(e, pause);
        let mut ahead: Option<Encoded> = None;
        loop {
            let first = self.queue().front();
            let Some(first) = first else {
                self.pushed.notified().await;
                continue;
            };
            let ready = ahead.take().filter(|ready| ready.hash == first.hash);
            let loaded = match ready {
                Some(ready) => Ok(ready),
                None => self.load_patiently(run, &first).await,
            };
            let encoded = match loaded {
                Ok(encoded) => encoded,
                Err(e) => {
                    run.retrying(&e, Duration::ZERO);
                    self.begin_again(run, stream, &shipper, &e.to_string())
                        .await;
                    continue;
                }
            };
            // Puts are in order, one by one; the time one takes is used.
            let shipped = shipper.ship_encoded(&encoded, &on_retry);
            let (shipped, next) = futures::join!(shipped, self.load_next());
            ahead = next;
            match shipped {
                Ok(Shipped::Stored { seq, bytes }) => {
                    self.pop(&encoded).await;
                    told(run, stream, &encoded, seq, bytes);
                }
                Ok(Shipped::Adopted) => {
                    let reason = "an earlier run had put other log there";
                    self.begin_again(run, stream, &shipper, reason).await;
                }
                Err(e) => return Err(e),
            }
            run.has_shipped(&shipper.head);
            stream.next.send_replace(shipper.head.next);
        }
    }

    /// The object behind the first one, from the disk. When that fails, it is
    /// its turn to be tried again.
    async fn load_next(&self) -> Option<Encoded> {
        let second = self.queue().second_on_disk()?;
        self.load(&second).await.ok()
    }

    /// The object of the first one that waits. A disk that stutters is asked
    /// again: what it has may be the only copy.
    async fn load_patiently(&self, run: &Run<'_>, first: &Waiting) -> PortResult<Encoded> {
        let mut backoff = Backoff::default();
        loop {
            match self.load(first).await {
                Err(e) if backoff.attempts() < LOADS_MAX && !is_gone(&e) => {
                    let pause = backoff.pause(&*run.vault.random);
                    run.retrying(&e, pause);
                    run.vault.clock.sleep(pause).await;
                }
                other => return other,
            }
        }
    }

    /// Has the log read again from the end of the chain.
    async fn begin_again(
        &self,
        run: &Run<'_>,
        stream: &Stream,
        shipper: &Shipper<'_>,
        reason: &str,
    ) {
        let resume = Resume {
            head: shipper.head.clone(),
            position: shipper.position.clone(),
            snapshot: stream.resume.snapshot.clone(),
        };
        self.reset(resume, run.control, reason).await;
    }
}

/// Whether reading the file again cannot help.
fn is_gone(error: &PortError) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound)
}

fn told(run: &Run<'_>, stream: &Stream, encoded: &Encoded, seq: SegmentSeq, bytes: u64) {
    let age = run.vault.clock.now().duration_since(encoded.read_at);
    run.control.event(ProtectEvent::Shipped {
        transactions: encoded.transactions,
        raw_bytes: encoded.raw_bytes,
        stored_bytes: bytes,
        took: age.try_into().unwrap_or_default(),
    });
    let mut passed = stream.passed.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(passed) = passed.as_mut() {
        let end = encoded.end.clone();
        passed.push(Passed { seq, end });
    }
}
