//! Keeps a database protected: snapshot when none continues, then log.
//!
//! Safe to kill anywhere: what is in the vault says where to go on, and the
//! database keeps the log that is not there yet. Shipping log, writing
//! canaries, reading back and later snapshots run side by side in one task, so
//! that dropping it stops them all.

use crate::canary;
use crate::chain::Head;
use crate::checkpoint;
use crate::fold;
use crate::periodic;
use crate::retry::{Backoff, is_temporary};
use crate::ship::Resume;
use crate::spool::Backlog;
use crate::vault::Vault;
use planb_model::Epoch;
use planb_model::recovery::{LogPosition, SegmentSeq};
use planb_ports::repository::{ProtectControl, ProtectEvent};
use planb_ports::{Database, ErrorKind, PortError, PortResult};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How often `should_stop` is looked at, at least.
const STOP_LOOK_MS_MAX: u64 = 250;
/// Snapshots in a row after which no log could be read. A database whose log
/// is lost while it is copied keeps too little of it.
const SNAPSHOTS_IN_A_ROW_MAX: u32 = 3;

/// One run of protection.
pub(crate) struct Run<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) database: &'a dyn Database,
    pub(crate) epoch: Epoch,
    pub(crate) control: &'a dyn ProtectControl,
    /// The end of what this run shipped; `None` before the first segment.
    pub(crate) shipped: Mutex<Option<Head>>,
}

/// A stored segment, for those who watch the log go by.
#[derive(Debug, Clone)]
pub(crate) struct Passed {
    pub(crate) seq: SegmentSeq,
    pub(crate) end: LogPosition,
}

/// What the side jobs see of the shipping of log.
pub(crate) struct Stream {
    /// The end of the chain when it began.
    pub(crate) resume: Resume,
    /// The next free place.
    pub(crate) next: watch::Sender<SegmentSeq>,
    /// Segments since somebody began to watch.
    pub(crate) passed: Mutex<Option<Vec<Passed>>>,
}

/// Why the log cannot be followed any more.
pub(crate) struct SnapshotNeeded(pub(crate) String);

/// Runs until `control` says stop or retrying does not help.
pub(crate) async fn protect(run: Run<'_>) -> PortResult<()> {
    let interval = run.vault.options.flush_interval;
    let look = interval.min(Duration::from_millis(STOP_LOOK_MS_MAX));
    let stopped = async {
        while !run.control.should_stop() {
            run.vault.clock.sleep(look).await;
        }
    };
    tokio::select! {
        biased;
        () = stopped => {
            checkpoint::last(&run).await;
            Ok(())
        }
        error = run.go() => {
            if error.is_fenced() {
                run.discard_closed_spools().await;
            }
            Err(error)
        }
    }
}

impl Run<'_> {
    async fn go(&self) -> PortError {
        let mut begun = match self.begin().await {
            Ok(begun) => begun,
            Err(e) => return e,
        };
        let mut snapshots = 0;
        loop {
            let resume = match begun {
                Ok(resume) => resume,
                Err(reason) if snapshots == SNAPSHOTS_IN_A_ROW_MAX => {
                    return log_too_short(&reason);
                }
                Err(reason) => match self.snapshot(reason).await {
                    Ok(resume) => resume,
                    Err(e) => return e,
                },
            };
            let shipped = resume.head.next;
            let (next, followed) = Box::pin(self.follow(resume)).await;
            snapshots = if next == shipped { snapshots + 1 } else { 0 };
            match followed {
                Ok(SnapshotNeeded(reason)) => begun = Err(reason),
                Err(e) => return e,
            }
        }
    }

    async fn begin(&self) -> PortResult<Result<Resume, String>> {
        let mut backoff = Backoff::default();
        loop {
            let begun = async {
                self.vault.mark().await?;
                self.vault.require_own_claim(self.epoch).await?;
                self.vault.resume(self.epoch).await
            };
            match begun.await {
                Ok(resume) => {
                    self.discard_closed_spools().await;
                    return Ok(resume);
                }
                Err(e) => self.again(&mut backoff, e).await?,
            }
        }
    }

    /// Takes the snapshot log shipping begins at.
    async fn snapshot(&self, reason: String) -> PortResult<Resume> {
        let started = self.vault.clock.monotonic();
        self.control.event(ProtectEvent::SnapshotStarted { reason });
        let mut backoff = Backoff::default();
        loop {
            match self.take_snapshot(started).await {
                Ok(resume) => return Ok(resume),
                Err(e) => self.again(&mut backoff, e).await?,
            }
        }
    }

    async fn take_snapshot(&self, started: Duration) -> PortResult<Resume> {
        // Somebody may have emptied or replaced the vault since we began.
        self.vault.require_own_claim(self.epoch).await?;
        let (resume, written) = self.vault.begin_anew(self.database, self.epoch).await?;
        let took = self.vault.clock.monotonic().saturating_sub(started);
        self.control.event(written.done(took));
        Ok(resume)
    }

    /// Ships log from `resume` on, with everything that goes along with it.
    /// Also returns the next free place.
    async fn follow(&self, resume: Resume) -> (SegmentSeq, PortResult<SnapshotNeeded>) {
        let stream = Stream {
            next: watch::Sender::new(resume.head.next),
            passed: Mutex::new(None),
            resume,
        };
        let ended = tokio::select! {
            ended = self.ship_all(&stream) => ended,
            ended = canary::read_back(self, &stream) => ended,
            ended = periodic::snapshots(self, &stream) => ended,
            ended = fold::compact(self, &stream) => ended,
            () = canary::write(self) => unreachable_end(),
            () = crate::prune::periodic(self) => unreachable_end(),
            () = checkpoint::periodic(self) => unreachable_end(),
        };
        let next = *stream.next.borrow();
        (next, ended)
    }

    /// Reads log, lets it wait where there is room, and ships it, side by side.
    async fn ship_all(&self, stream: &Stream) -> PortResult<SnapshotNeeded> {
        let backlog = Backlog::open(self, &stream.resume).await?;
        tokio::select! {
            ended = backlog.feed(self) => ended,
            ended = backlog.ship(self, stream) => ended,
            () = backlog.spill(self) => unreachable_end(),
        }
    }

    /// Tells about a temporary failure and waits; gives any other one back.
    pub(crate) async fn again(&self, backoff: &mut Backoff, error: PortError) -> PortResult<()> {
        if !is_temporary(&error) {
            return Err(error);
        }
        let pause = backoff.pause(&*self.vault.random);
        self.retrying(&error, pause);
        self.vault.clock.sleep(pause).await;
        Ok(())
    }

    /// The chain in the vault ends here now.
    pub(crate) fn has_shipped(&self, head: &Head) {
        let mut shipped = self.shipped.lock().unwrap_or_else(PoisonError::into_inner);
        *shipped = Some(head.clone());
    }

    /// The end of what this run shipped.
    pub(crate) fn shipped(&self) -> Option<Head> {
        let shipped = self.shipped.lock().unwrap_or_else(PoisonError::into_inner);
        shipped.clone()
    }

    pub(crate) fn retrying(&self, error: &PortError, wait: Duration) {
        self.control.event(ProtectEvent::Retrying {
            error: error.chain(),
            code: error.code(),
            wait,
        });
    }
}

/// Writing canaries and pruning never end by themselves.
fn unreachable_end() -> PortResult<SnapshotNeeded> {
    Err(crate::error::bad_source("a side job ended"))
}

fn log_too_short(reason: &str) -> PortError {
    PortError::new(
        ErrorKind::LogLost,
        "PB-REPO-LOG-TOO-SHORT",
        format!("after {SNAPSHOTS_IN_A_ROW_MAX} snapshots no log could be shipped: {reason}"),
    )
    .hint(
        "have the database keep its log for longer than a snapshot takes",
        "스냅샷에 걸리는 시간보다 오래 로그를 보관하도록 데이터베이스를 설정하세요",
    )
}
