//! The task that receives the log: it asks the source for events from a
//! position on, puts them together to transactions and hands those over.

use super::group::Grouper;
use super::intake::Intake;
use super::position::BinlogPosition;
use super::run::{Received, Run};
use crate::client::Client;
use crate::error::{cannot, log_lost};
use crate::raw::{Dump, DumpRequest, RawConn};
use mysql_async::Error;
use planb_ports::{Clock, ErrorKind, PortError, PortResult};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

/// How often an idle source says that it lives.
const HEARTBEAT_NS: u64 = 2_000_000_000;
/// Silence that means that the source or the way to it is gone.
const SILENCE_SECS_MAX: u64 = 10;
/// Runs of transactions waiting to be shipped; the source keeps the rest in its
/// log.
const WAITING_RUNS_MAX: usize = 1024;
/// Bytes of them, in KiB: four pieces of a long transaction, many batches of short
/// ones. One larger event waits alone.
const WAITING_KIB_MAX: usize = 16 * 1024;
/// A run is handed over when it has so many bytes, even if more are there.
const RUN_BYTES: usize = 512 * 1024;
/// Rest after everything that was there is handed over. The source sends each
/// transaction by itself; without it, each would wake this task, on processors
/// that the source may need. Far below the second after which a batch is due.
const REST_MS: u64 = 25;

/// A running reader. Stops when dropped.
pub(super) struct Reader {
    pub received: mpsc::Receiver<PortResult<Received>>,
    seen: Arc<Mutex<BinlogPosition>>,
    task: JoinHandle<()>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reader {
    /// Asks the source for its log from the position `grouper` stands at.
    pub async fn start(
        client: &Client,
        clock: Arc<dyn Clock>,
        grouper: Grouper,
    ) -> PortResult<Self> {
        let dump = request(client, grouper.seen()).await?;
        let seen = Arc::new(Mutex::new(grouper.seen().clone()));
        let (sender, received) = mpsc::channel(WAITING_RUNS_MAX);
        let work = Work {
            intake: Intake::new(grouper),
            clock,
            seen: seen.clone(),
            sender,
            memory: Arc::new(Semaphore::new(WAITING_KIB_MAX)),
        };
        let task = tokio::spawn(work.run(dump));
        Ok(Self {
            received,
            seen,
            task,
        })
    }

    /// Position after the last event that arrived.
    pub fn seen(&self) -> BinlogPosition {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Opens the stream. Whether the source has the position is known with the
/// first event only, so the caller checks it before.
async fn request(client: &Client, from: &BinlogPosition) -> PortResult<Dump> {
    let conn = RawConn::connect(client).await?;
    let offset =
        u32::try_from(from.offset).map_err(|_| log_lost("a binlog file grew beyond 4 GiB"))?;
    let request = DumpRequest {
        replica_id: client.config.replica_id.unwrap_or_else(random_id),
        file: &from.file,
        offset,
        is_mariadb: client.config.is_mariadb(),
        heartbeat_ns: HEARTBEAT_NS,
    };
    let dump = conn.dump(&request).await;
    dump.map_err(cannot("ask for the binlog"))
}

/// A server id that no server nearby has: from the upper half of the numbers.
fn random_id() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(std::process::id());
    0x8000_0000 | (random as u32 & 0x7fff_ffff)
}

/// Why reading ended.
struct Failed(PortError);

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(cannot("read the binlog")(error))
    }
}

impl From<PortError> for Failed {
    fn from(error: PortError) -> Self {
        Self(error)
    }
}

struct Work {
    intake: Intake,
    clock: Arc<dyn Clock>,
    seen: Arc<Mutex<BinlogPosition>>,
    sender: mpsc::Sender<PortResult<Received>>,
    memory: Arc<Semaphore>,
}

impl Work {
    async fn run(mut self, mut dump: Dump) {
        let error = loop {
            match self.round(&mut dump).await {
                Ok(true) => {}
                Ok(false) => return, // nobody listens any more
                Err(Failed(error)) => break error,
            }
        };
        if self.sender.send(Err(error)).await.is_err() {
            tracing::debug!("the log reader ended after its listener");
        }
    }

    /// Waits for the source, then takes and hands over what is there; `false`
    /// when nobody listens.
    async fn round(&mut self, dump: &mut Dump) -> Result<bool, Failed> {
        let silence = Duration::from_secs(SILENCE_SECS_MAX);
        match tokio::time::timeout(silence, dump.fill()).await {
            Ok(filled) => filled.map_err(Error::from)?,
            Err(_) => return Err(silent("the source has gone silent").into()),
        }
        let mut result = Ok(());
        let mut is_behind = true;
        while is_behind && result.is_ok() {
            result = dump.events(|event| self.intake.push(event).map_err(Failed::from));
            if result.is_ok() && self.intake.whole_bytes() < RUN_BYTES {
                match dump.fill_now() {
                    Ok(more) => is_behind = more,
                    Err(error) => result = Err(Error::from(error).into()),
                }
            } else {
                break;
            }
        }
        // What was whole before an error is shipped before it is told.
        if !self.hand_over().await? {
            return Ok(false);
        }
        result?;
        if !is_behind {
            let pause = Duration::from_millis(REST_MS);
            dump.rest(pause).await.map_err(Error::from)?;
        }
        Ok(true)
    }

    /// Hands over what is whole; `false` when nobody listens.
    async fn hand_over(&mut self) -> PortResult<bool> {
        for run in self.intake.take_runs()? {
            if !self.send(run).await? {
                return Ok(false);
            }
        }
        // After the transactions are handed over: who finds the end of the log
        // seen finds everything before it in the channel.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone_from(self.intake.seen());
        Ok(true)
    }

    async fn send(&mut self, run: Run) -> PortResult<bool> {
        let (read_at, arrived) = (self.clock.now(), Instant::now());
        let kib = (run.bytes.len() / 1024 + 1).min(WAITING_KIB_MAX);
        let share = self
            .memory
            .clone()
            .acquire_many_owned(u32::try_from(kib).unwrap_or(u32::MAX))
            .await
            .map_err(|_| silent("the log reader was stopped"))?;
        let received = Received {
            run,
            read_at,
            arrived,
            _share: share,
        };
        Ok(self.sender.send(Ok(received)).await.is_ok())
    }
}

fn silent(message: &str) -> PortError {
    PortError::new(ErrorKind::Unavailable, "PB-MYSQL-DISCONNECTED", message)
}
