//! An open log: a walsender's stream, cut into batches between records.

use super::wal::{BadLog, Walker};
use super::{identify, slot, wal_file_bytes};
use crate::client::{Client, SMALL_STATEMENT_SECS_MAX, bounded};
use crate::error::{corrupt, disconnected, log_lost, other_timeline, protocol};
use crate::lsn::{Lsn, Stream};
use crate::wire::Wire;
use async_trait::async_trait;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use jiff::Timestamp;
use planb_model::recovery::LogPosition;
use planb_ports::{Clock, LogBatch, LogSource, PortResult};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Bytes taken from the connection before the clock is looked at again.
const TAKE_BYTES_MAX: usize = 1 << 20;
/// Microseconds from the epoch of Unix to PostgreSQL's, 2000-01-01.
const EPOCH_SHIFT_US: i64 = 946_684_800_000_000;
const WHAT: &str = "read the log";

/// What has been read and not been returned yet.
struct Pending {
    /// The end of the last batch, as it was said; and its place.
    from: LogPosition,
    start: Lsn,
    bytes: BytesMut,
    walker: Walker,
    /// When the first transaction of the batch came, and when the newest did.
    first: Option<Instant>,
    read_at: Option<Timestamp>,
}

/// See [`LogSource`].
pub(super) struct Source {
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    /// The timeline that is read.
    stream: Stream,
    /// The server has sent all of it: it was promoted.
    ended: bool,
    wire: Wire,
    /// Asks the server how far its log goes.
    asking: Option<Wire>,
    pending: Pending,
    /// Told to the server; zero until somebody told us.
    shipped: Lsn,
    /// The server wants to hear from us.
    owes_answer: bool,
}

impl Source {
    pub async fn open(
        client: Arc<Client>,
        clock: Arc<dyn Clock>,
        start: &LogPosition,
    ) -> PortResult<Self> {
        let (mut stream, lsn) = Stream::parse(start)?;
        let mut wire = client.replication().await?;
        let (found, end) = identify(&mut wire).await?;
        if found.system != stream.system {
            return Err(log_lost("another server answers at the address"));
        }
        found.goes_on(&stream, lsn).map_err(other_timeline)?;
        // At the very end of a timeline the next one is read at once.
        while found.end_of(stream.timeline) == Some(lsn) {
            stream = found.next_after(stream.timeline).unwrap_or(stream);
        }
        if end < lsn {
            return Err(log_lost(format!(
                "the server's log ends at {end}, before {lsn}"
            )));
        }
        if slot::look(&client).await? == slot::Slot::Lost {
            return Err(log_lost(
                "the server gave up the log of the replication slot",
            ));
        }
        slot::ensure(&client, &mut wire).await?;
        let file_bytes = wal_file_bytes(&mut wire).await?;
        let end = found.end_of(stream.timeline).unwrap_or(end);
        let mut source = Self {
            client,
            clock,
            stream,
            ended: false,
            wire,
            asking: None,
            pending: Pending {
                from: start.clone(),
                start: lsn,
                bytes: BytesMut::new(),
                walker: Walker::new(lsn, file_bytes),
                first: None,
                read_at: None,
            },
            // Reading may begin behind what is durable; zero says nothing.
            shipped: Lsn(0),
            owes_answer: false,
        };
        source.start(lsn, end).await?;
        if source.pending.from != source.stream.position(lsn) {
            let (before, now) = (&source.pending.from.stream, &source.stream.timeline);
            tracing::info!(before, now, at = %lsn, "the server was promoted; its log goes on");
        }
        Ok(source)
    }

    /// Has the server send its log from `lsn` on, which goes to `end` at least.
    async fn start(&mut self, lsn: Lsn, end: Lsn) -> PortResult<()> {
        let (slot, timeline) = (&self.client.config.slot, self.stream.timeline);
        let sql = format!("START_REPLICATION SLOT {slot} PHYSICAL {lsn} TIMELINE {timeline}");
        self.wire.send_query(WHAT, &sql).await?;
        self.wire.copy_begins(WHAT, b'W').await?;
        // A server that has not got that log any more says so instead of sending it.
        while self.pending.walker.end() == lsn && lsn < end {
            let first = self.wire.copy_data(WHAT);
            let first = bounded(WHAT, SMALL_STATEMENT_SECS_MAX, first).await?;
            self.take(first.ok_or_else(|| disconnected(WHAT))?)?;
        }
        Ok(())
    }

    /// The server has sent a timeline to its end. What came is returned; then
    /// whoever reads opens the log again, and goes on with the next timeline.
    fn timeline_ended(&mut self, flush_bytes: u64) -> PortResult<LogBatch> {
        let (end, boundary) = (self.pending.walker.end(), self.pending.walker.boundary());
        if boundary > self.pending.start {
            return Ok(self.cut(flush_bytes));
        }
        let timeline = self.stream.timeline;
        Err(match boundary == end {
            true => disconnected(WHAT),
            // The next one begins where nothing can be joined to it.
            false => other_timeline(format!(
                "timeline {timeline} ends inside of a record at {end}"
            )),
        })
    }

    /// Takes one message in.
    fn take(&mut self, mut message: Bytes) -> PortResult<()> {
        let short = |_| protocol("a message of the log is cut off");
        match message.try_get_u8().map_err(short)? {
            b'w' => {
                let start = message.try_get_u64().map_err(short)?;
                message.try_get_u64().map_err(short)?;
                message.try_get_i64().map_err(short)?;
                self.log(Lsn(start), &message)
            }
            b'k' => {
                message.try_get_u64().map_err(short)?;
                message.try_get_i64().map_err(short)?;
                self.owes_answer |= message.try_get_u8().map_err(short)? != 0;
                Ok(())
            }
            other => Err(protocol(format!("a message {other} in the log"))),
        }
    }

    fn log(&mut self, start: Lsn, bytes: &[u8]) -> PortResult<()> {
        let pending = &mut self.pending;
        if start != pending.walker.end() {
            let end = pending.walker.end();
            return Err(protocol(format!("the log jumped from {end} to {start}")));
        }
        let before = pending.walker.commits();
        let fed = pending.walker.feed(bytes);
        fed.map_err(|BadLog(why)| corrupt(format!("the server's log cannot be read: {why}")))?;
        pending.bytes.extend_from_slice(bytes);
        if pending.walker.commits() > before {
            pending.first.get_or_insert_with(Instant::now);
            pending.read_at = Some(self.clock.now());
        }
        Ok(())
    }

    /// Takes in what has come already, as long as there is no whole batch.
    fn take_here(&mut self, flush_bytes: u64) -> PortResult<()> {
        let enough = self.pending.bytes.len() + TAKE_BYTES_MAX;
        while self.pending.bytes.len() < enough && !self.is_full(flush_bytes) {
            match self.wire.copy_data_here() {
                Some(message) => self.take(message)?,
                None => break,
            }
        }
        Ok(())
    }

    /// The batch up to the last whole record that fits. What is left stays as old
    /// as it is.
    fn cut(&mut self, flush_bytes: u64) -> LogBatch {
        let now = self.clock.now();
        let pending = &mut self.pending;
        let mark = pending.walker.take(flush_bytes);
        let (start, end) = (pending.start, mark.at);
        let length = usize::try_from(end.0 - start.0).unwrap_or_default();
        let bytes = pending.bytes.split_to(length).freeze();
        pending.start = end;
        let read_at = pending.read_at.unwrap_or(now);
        if pending.walker.boundary() == end {
            (pending.first, pending.read_at) = (None, None);
        }
        // The same words as the end before, which may be of the timeline before.
        let end = match start < end {
            true => self.stream.position(end),
            false => pending.from.clone(),
        };
        LogBatch {
            start: std::mem::replace(&mut pending.from, end.clone()),
            end,
            bytes,
            transactions: mark.commits,
            read_at,
        }
    }

    /// A server that asks waits for what it sent: one that shuts down does not
    /// end before all of it is in the vault. So what has no commit is a batch, too.
    fn gather(&mut self) {
        let pending = &mut self.pending;
        if pending.walker.boundary() > pending.start {
            pending.first.get_or_insert_with(Instant::now);
            pending.read_at = Some(self.clock.now());
        }
    }

    fn is_full(&self, flush_bytes: u64) -> bool {
        self.pending.walker.boundary().0 - self.pending.start.0 >= flush_bytes
    }

    /// Tells the server what is in the vault, so that it may forget it.
    async fn answer(&mut self) -> PortResult<()> {
        let now = self.clock.now().as_microsecond() - EPOCH_SHIFT_US;
        let mut message = Vec::with_capacity(34);
        message.put_u8(b'r');
        for _ in ["written", "flushed", "applied"] {
            message.put_u64(self.shipped.0);
        }
        message.put_i64(now);
        message.put_u8(0);
        self.owes_answer = false;
        self.wire.copy_send(WHAT, &message).await
    }

    /// How far the server's log goes, with what is committed and not flushed yet.
    async fn server_end(&mut self) -> PortResult<Lsn> {
        let mut wire = match self.asking.take() {
            Some(wire) => wire,
            None => self.client.anywhere().await?,
        };
        let sql = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() \
                   ELSE pg_current_wal_insert_lsn() END";
        let end = wire.first("ask how far the log goes", sql).await?;
        self.asking = Some(wire);
        end.and_then(|text| text.parse().ok())
            .ok_or_else(|| protocol("the server does not say how far its log goes"))
    }
}

#[async_trait]
impl LogSource for Source {
    async fn next(
        &mut self,
        flush_bytes: u64,
        flush_interval: Duration,
        idle: Duration,
    ) -> PortResult<Option<LogBatch>> {
        let give_up = Instant::now() + idle;
        loop {
            if self.ended {
                return self.timeline_ended(flush_bytes).map(Some);
            }
            self.take_here(flush_bytes)?;
            if self.owes_answer {
                self.answer().await?;
                self.gather();
            }
            let due = self.pending.first.map(|first| first + flush_interval);
            let now = Instant::now();
            if self.is_full(flush_bytes) || due.is_some_and(|due| due <= now) {
                return Ok(Some(self.cut(flush_bytes)));
            }
            if due.is_none() && give_up <= now {
                return Ok(None);
            }
            let wait = tokio::time::timeout_at(due.unwrap_or(give_up), self.wire.copy_data(WHAT));
            match wait.await {
                Err(_) => {}
                Ok(Ok(Some(message))) => self.take(message)?,
                Ok(Ok(None)) => self.ended = true,
                Ok(Err(error)) => return Err(error),
            }
        }
    }

    async fn shipped(&mut self, position: &LogPosition) -> PortResult<()> {
        let (stream, lsn) = Stream::parse(position)?;
        let here = self.stream.goes_on(&stream, lsn).is_ok();
        if here && lsn > self.shipped {
            self.shipped = lsn;
        }
        self.answer().await
    }

    async fn is_drained(&mut self) -> PortResult<bool> {
        if self.pending.first.is_some() || self.ended {
            return Ok(false);
        }
        let end = self.server_end().await?;
        let here = self.pending.walker.end();
        // A server that stands at the beginning of a page counts its header.
        let header = if here.0.is_multiple_of(8192) { 40 } else { 0 };
        Ok(here.0 + header >= end.0)
    }
}
