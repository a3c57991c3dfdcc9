//! The task that receives the log: it asks the source for events from a
//! position on, puts them together to transactions and hands those over.

use super::event::{CHECKSUM_BYTES, Event, HEADER_BYTES, has_checksums, kind};
use super::group::{Grouper, Transaction};
use super::payload;
use super::position::BinlogPosition;
use crate::client::{Client, run};
use crate::error::{cannot, corrupt};
use futures::StreamExt;
use jiff::Timestamp;
use mysql_async::{BinlogStream, BinlogStreamRequest};
use planb_ports::{Clock, ErrorKind, PortError, PortResult};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;

/// How often an idle source says that it lives.
const HEARTBEAT_SECS: u64 = 2;
/// Silence that means that the source or the way to it is gone.
const SILENCE_SECS_MAX: u64 = 10;
/// Transactions waiting to be shipped; the source keeps the rest in its log.
const WAITING_TRANSACTIONS_MAX: usize = 4096;
/// Bytes of them, in KiB. One larger transaction waits alone.
const WAITING_KIB_MAX: usize = 64 * 1024;

/// A transaction with what shipping it needs.
pub(super) struct Received {
    pub transaction: Transaction,
    /// The format description it must be read with.
    pub format: Arc<Vec<u8>>,
    pub read_at: Timestamp,
    pub arrived: Instant,
    /// Its share of the memory bound; given back when it is shipped.
    _share: OwnedSemaphorePermit,
}

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
        let stream = request(client, grouper.seen()).await?;
        let seen = Arc::new(Mutex::new(grouper.seen().clone()));
        let (sender, received) = mpsc::channel(WAITING_TRANSACTIONS_MAX);
        let work = Work {
            grouper,
            clock,
            seen: seen.clone(),
            sender,
            memory: Arc::new(Semaphore::new(WAITING_KIB_MAX)),
            format: None,
            inner_events: 0,
        };
        let task = tokio::spawn(work.run(stream));
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
async fn request(client: &Client, from: &BinlogPosition) -> PortResult<BinlogStream> {
    let mut conn = client.connect().await?;
    let what = "ask for the binlog";
    let heartbeat = HEARTBEAT_SECS * 1_000_000_000;
    let mut settings =
        format!("SET @master_heartbeat_period={heartbeat}, @source_heartbeat_period={heartbeat}");
    if client.config.is_mariadb() {
        // 4: the highest capability; events come as they are in the file.
        settings.push_str(", @mariadb_slave_capability=4, @slave_connect_state=NULL");
    } else {
        settings.push_str(", @slave_uuid=UUID(), @replica_uuid=@slave_uuid");
    }
    run(&mut conn, what, settings).await?;
    if from.offset > u64::from(u32::MAX) {
        return Err(crate::error::log_lost("a binlog file grew beyond 4 GiB"));
    }
    let id = client.config.replica_id.unwrap_or_else(random_id);
    let request = BinlogStreamRequest::new(id)
        .with_filename(from.file.as_bytes())
        .with_pos(from.offset);
    conn.get_binlog_stream(request).await.map_err(cannot(what))
}

/// A server id that no server nearby has: from the upper half of the numbers.
fn random_id() -> u32 {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(std::process::id());
    0x8000_0000 | (random as u32 & 0x7fff_ffff)
}

struct Work {
    grouper: Grouper,
    clock: Arc<dyn Clock>,
    seen: Arc<Mutex<BinlogPosition>>,
    sender: mpsc::Sender<PortResult<Received>>,
    memory: Arc<Semaphore>,
    format: Option<(Arc<Vec<u8>>, bool)>,
    /// Events the driver unpacks from a compressed transaction and returns
    /// after it; they are in the log only as the whole.
    inner_events: usize,
}

impl Work {
    async fn run(mut self, mut stream: BinlogStream) {
        let error = loop {
            let next = tokio::time::timeout(Duration::from_secs(SILENCE_SECS_MAX), stream.next());
            let event = match next.await {
                Ok(Some(Ok(event))) => event,
                Ok(Some(Err(error))) => break cannot("read the binlog")(error),
                Ok(None) => break silent("the source ended the log stream"),
                Err(_) => break silent("the source has gone silent"),
            };
            match self.take(&event).await {
                Ok(true) => {}
                Ok(false) => return, // nobody listens any more
                Err(error) => break error,
            }
        };
        if self.sender.send(Err(error)).await.is_err() {
            tracing::debug!("the log reader ended after its listener");
        }
    }

    /// Takes one event; `false` when nobody listens.
    async fn take(&mut self, event: &mysql_async::binlog::events::Event) -> PortResult<bool> {
        if self.inner_events > 0 {
            self.inner_events -= 1;
            return Ok(true);
        }
        let bytes = raw(event);
        let header_kind = event.header().event_type_raw();
        if header_kind == kind::FORMAT_DESCRIPTION {
            let checksum = has_checksums(&bytes)?;
            self.format = Some((Arc::new(bytes.clone()), checksum));
        }
        let checksum = self.format.as_ref().is_some_and(|(_, checksum)| *checksum);
        let made_up = header_kind == kind::ROTATE && event.header().log_pos() == 0;
        let (checked, rest) = if made_up {
            // Comes before the format description that tells whether it has a
            // checksum; a checksum that matches is one.
            Event::take(&bytes, true).or_else(|_| Event::take(&bytes, false))?
        } else {
            Event::take(&bytes, checksum)?
        };
        if !rest.is_empty() {
            return Err(corrupt("an event of the log has a wrong size"));
        }
        let whole = self.grouper.push(&checked)?;
        if header_kind == kind::TRANSACTION_PAYLOAD {
            self.inner_events = count_inner(checked.body())?;
        }
        let listened = match whole {
            Some(transaction) => self.send(transaction).await?,
            None => true,
        };
        // After the transaction is handed over: who finds the end of the log
        // seen finds everything before it in the channel.
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = self.grouper.seen().clone();
        Ok(listened)
    }

    async fn send(&mut self, transaction: Transaction) -> PortResult<bool> {
        let Some((format, _)) = &self.format else {
            return Err(corrupt("the log does not start with a format description"));
        };
        let kib = (transaction.bytes.len() / 1024 + 1).min(WAITING_KIB_MAX);
        let share = self
            .memory
            .clone()
            .acquire_many_owned(u32::try_from(kib).unwrap_or(u32::MAX))
            .await
            .map_err(|_| silent("the log reader was stopped"))?;
        let received = Received {
            transaction,
            format: format.clone(),
            read_at: self.clock.now(),
            arrived: Instant::now(),
            _share: share,
        };
        Ok(self.sender.send(Ok(received)).await.is_ok())
    }
}

fn silent(message: &str) -> PortError {
    PortError::new(ErrorKind::Unavailable, "PB-MYSQL-DISCONNECTED", message)
}

fn count_inner(body: &[u8]) -> PortResult<usize> {
    let plain = payload::mysql_transaction(body)
        .ok_or_else(|| corrupt("a compressed transaction of the log cannot be read"))?;
    let mut rest = &plain[..];
    let mut count = 0;
    while !rest.is_empty() {
        rest = Event::take(rest, false)?.1;
        count += 1;
    }
    Ok(count)
}

/// The bytes the driver took apart, together again. [`Event::take`] checks them
/// by size and checksum.
fn raw(event: &mysql_async::binlog::events::Event) -> Vec<u8> {
    let header = event.header();
    let mut bytes = Vec::with_capacity(HEADER_BYTES + event.data().len() + CHECKSUM_BYTES + 1);
    bytes.extend_from_slice(&header.timestamp().to_le_bytes());
    bytes.push(header.event_type_raw());
    bytes.extend_from_slice(&header.server_id().to_le_bytes());
    bytes.extend_from_slice(&header.event_size().to_le_bytes());
    bytes.extend_from_slice(&header.log_pos().to_le_bytes());
    bytes.extend_from_slice(&header.flags_raw().to_le_bytes());
    bytes.extend_from_slice(event.data());
    if header.event_type_raw() == kind::FORMAT_DESCRIPTION
        && let Ok(Some(algorithm)) = event.footer().get_checksum_alg()
    {
        bytes.push(algorithm as u8);
    }
    if bytes.len() < header.event_size() as usize
        && let Some(checksum) = event.checksum()
    {
        bytes.extend_from_slice(&checksum);
    }
    bytes
}
