//! The open log: batches of whole transactions out of what the reader receives.

use super::event::MAGIC;
use super::group::Grouper;
use super::gtid::GtidState;
use super::junction::{self, Search};
use super::position::BinlogPosition;
use super::reader::Reader;
use super::run::Received;
use super::segment;
use crate::client::Client;
use crate::error::log_lost;
use crate::own;
use crate::snapshot::{end_of_log, mariadb_gtid_at};
use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use mysql_async::Conn;
use planb_model::recovery::LogPosition;
use planb_ports::{Clock, LogBatch, LogSource, PortError, PortResult};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Opens the log at `start`, after making sure that it is still the same log.
pub(crate) async fn open(
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    start: &LogPosition,
) -> PortResult<Box<dyn LogSource>> {
    let mut source = Source {
        state: GtidState::parse(client.config.is_mariadb(), start.gtid.as_deref()),
        client,
        clock,
        stream: start.stream.clone(),
        end: start.clone(),
        reader: None,
        waiting: VecDeque::new(),
        waiting_bytes: 0,
        failed: None,
        asking: None,
    };
    source.connect().await?;
    Ok(Box::new(source))
}

/// How long the search for a place in another log waits before it looks
/// whether the log has ended.
const SEARCH_PAUSE_MAX: Duration = Duration::from_millis(200);

fn another(client: &Client) -> PortError {
    let subject = client.config.subject();
    log_lost(format!("another server answers at {subject}"))
}

fn ended() -> PortError {
    PortError::new(
        planb_ports::ErrorKind::Unavailable,
        "PB-MYSQL-DISCONNECTED",
        "the log reader ended",
    )
}

struct Source {
    client: Arc<Client>,
    clock: Arc<dyn Clock>,
    /// Names the log that is read.
    stream: String,
    /// Position after the last transaction that was returned.
    end: LogPosition,
    /// GTID state there.
    state: GtidState,
    reader: Option<Reader>,
    waiting: VecDeque<Received>,
    waiting_bytes: u64,
    /// What ended the reader, until it is returned.
    failed: Option<PortError>,
    /// Connection for asking where the log ends.
    asking: Option<Conn>,
}

impl Source {
    /// Begins to receive after what was returned last. Only when nothing waits.
    async fn connect(&mut self) -> PortResult<()> {
        let mut conn = self.client.connect().await?;
        let Some(stream) = own::stream_name(&mut conn, &self.client.config).await? else {
            return Err(another(&self.client));
        };
        let (reader, rest) = if stream == self.end.stream {
            (self.go_on(&mut conn).await?, None)
        } else if own::lineage(&stream) == own::lineage(&self.end.stream) {
            self.change_over(&mut conn, &stream).await?
        } else {
            return Err(another(&self.client));
        };
        if self.client.config.is_mariadb() {
            self.client.learn_origins(&mut conn).await?;
        }
        self.stream = stream;
        self.reader = Some(reader);
        if let Some(rest) = rest {
            self.push(rest);
        }
        Ok(())
    }

    /// The same server as before: its log has the position.
    async fn go_on(&self, conn: &mut Conn) -> PortResult<Reader> {
        let position = BinlogPosition::parse(&self.end.at)?;
        self.check_lineage(conn, &position, self.end.gtid.as_deref())
            .await?;
        self.read(position).await
    }

    /// A replica took the place of the source: reads its log up to the place
    /// where what was received ends. Returns what came with that and stands
    /// behind it, too.
    async fn change_over(
        &self,
        conn: &mut Conn,
        stream: &str,
    ) -> PortResult<(Reader, Option<Received>)> {
        let (mut search, head) = Search::begin(&self.client, conn, self.state.clone()).await?;
        let end = end_of_log(conn).await?;
        let mut reader = self.read(head.clone()).await?;
        let mut place = head;
        let mut rest = None;
        while !search.is_done() {
            let next = tokio::time::timeout(SEARCH_PAUSE_MAX, reader.received.recv()).await;
            match next {
                Ok(Some(received)) => {
                    let mut received = received?;
                    while !search.is_done()
                        && let Some((passed, _)) = received.run.take_first()
                    {
                        if passed.ends() {
                            search.pass(&passed.identifier)?;
                            place = BinlogPosition::new(&received.run.file, passed.end);
                        }
                    }
                    rest = (!received.run.whole.is_empty()).then_some(received);
                }
                Ok(None) => return Err(ended()),
                // First the position, then the channel: see `is_drained`.
                Err(_) if reader.seen() >= end && reader.received.is_empty() => {
                    return Err(junction::parted("it lacks transactions that were shipped"));
                }
                Err(_) => {}
            }
        }
        tracing::info!(from = %self.end, to = %stream, at = %place, "the log goes on at another server");
        Ok((reader, rest))
    }

    async fn read(&self, from: BinlogPosition) -> PortResult<Reader> {
        let grouper = Grouper::new(self.client.config.databases.clone(), from);
        Reader::start(&self.client, self.clock.clone(), grouper).await
    }

    /// The position must exist, and what was executed before it must be the same.
    async fn check_lineage(
        &self,
        conn: &mut Conn,
        position: &BinlogPosition,
        gtid: Option<&str>,
    ) -> PortResult<()> {
        let end = end_of_log(conn).await?;
        if *position > end {
            return Err(log_lost(format!(
                "the log ends at {end}, before {position}: it was reset or restored"
            )));
        }
        if self.client.config.is_mariadb() {
            let Some(now) = mariadb_gtid_at(conn, position).await? else {
                return Err(no_gtid_at(conn, position).await?);
            };
            if GtidState::parse(true, Some(&now)) != GtidState::parse(true, gtid) {
                return Err(log_lost(format!(
                    "other transactions stand before {position}: the log was reset"
                )));
            }
            return Ok(());
        }
        let size = file_bytes(conn, &position.file).await?;
        if size.is_none_or(|size| position.offset > size) {
            return Err(no_longer(position));
        }
        let Some(gtid) = gtid else { return Ok(()) };
        let sql = format!(
            "SELECT GTID_SUBSET({}, @@GLOBAL.gtid_executed)",
            crate::client::literal(gtid)
        );
        let subset: Option<i64> = crate::client::first(conn, "compare GTIDs", sql).await?;
        if subset == Some(1) {
            Ok(())
        } else {
            Err(log_lost("the server lacks transactions that were shipped"))
        }
    }

    fn push(&mut self, received: Received) {
        self.waiting_bytes += received.run.bytes.len() as u64;
        self.waiting.push_back(received);
    }

    /// Takes transactions off the front: as many as fit, at least one, all of
    /// one format and of one file. So the place of each in that file is known
    /// from its events, which do not name the file. A piece goes alone.
    fn batch(&mut self, flush_bytes: u64) -> Option<LogBatch> {
        if self.piece_is_next() {
            return self.piece();
        }
        let first = self.waiting.front()?;
        let (format, file) = (first.run.format.clone(), first.run.file.clone());
        let mut bytes = (MAGIC.len() + format.len()) as u64;
        let (mut offset, mut read_at) = (0, first.read_at);
        let mut transactions = Vec::new();
        while let Some(next) = self.waiting.front_mut() {
            if next.run.file != file || !same_format(&format, &next.run.format) {
                break;
            }
            let Some(whole) = next.run.whole.front() else {
                self.waiting.pop_front();
                continue;
            };
            let more = whole.bytes as u64;
            if !transactions.is_empty() && (whole.piece.is_some() || bytes + more > flush_bytes) {
                break;
            }
            bytes += more;
            read_at = next.read_at;
            self.waiting_bytes -= more;
            if let Some((whole, taken)) = next.run.take_first() {
                offset = whole.end;
                self.state.add(&whole.identifier);
                transactions.push(taken);
            }
        }
        self.drop_empty();
        let at = BinlogPosition::new(file, offset);
        let bytes = segment::write(&format, &transactions);
        Some(self.batch_to(&at, bytes, transactions.len() as u64, read_at))
    }

    fn piece_is_next(&self) -> bool {
        let next = self.waiting.front().and_then(|next| next.run.whole.front());
        next.is_some_and(|whole| whole.piece.is_some())
    }

    /// Takes a piece of a long transaction off the front. Only with the last one
    /// its transaction stands before the place that is reached.
    fn piece(&mut self) -> Option<LogBatch> {
        let next = self.waiting.front_mut()?;
        let (whole, taken) = next.run.take_first()?;
        let (read_at, ends) = (next.read_at, whole.ends());
        let mut at = BinlogPosition::new(&next.run.file, whole.end);
        let piece = whole.piece?;
        at.inside = piece.inside;
        let bytes = segment::write(&next.run.format, &[&piece.maps[..], &taken[..]]);
        self.waiting_bytes -= whole.bytes as u64;
        if ends {
            self.state.add(&whole.identifier);
        }
        drop(taken);
        self.drop_empty();
        Some(self.batch_to(&at, bytes, u64::from(ends), read_at))
    }

    fn drop_empty(&mut self) {
        let is_empty = |next: &Received| next.run.whole.is_empty();
        while self.waiting.front().is_some_and(is_empty) {
            self.waiting.pop_front();
        }
    }

    /// The batch from the end of the one before up to `at`.
    fn batch_to(
        &mut self,
        at: &BinlogPosition,
        bytes: Vec<u8>,
        transactions: u64,
        read_at: Timestamp,
    ) -> LogBatch {
        let end = LogPosition {
            stream: self.stream.clone(),
            at: at.to_string(),
            gtid: self.state.text(),
        };
        LogBatch {
            start: std::mem::replace(&mut self.end, end.clone()),
            end,
            bytes: Bytes::from(bytes),
            transactions,
            read_at,
        }
    }

    /// When the waiting transactions must be returned.
    fn due(&self, flush_bytes: u64, flush_interval: Duration, idle_until: Instant) -> Instant {
        match self.waiting.front() {
            None => idle_until,
            Some(_) if self.piece_is_next() => Instant::now(),
            Some(_) if self.failed.is_some() || self.waiting_bytes >= flush_bytes => Instant::now(),
            Some(first) => first.arrived + flush_interval,
        }
    }
}

/// Whether the events of one can be read with the other: only their times and
/// places in the file may differ.
fn same_format(a: &Arc<Vec<u8>>, b: &Arc<Vec<u8>>) -> bool {
    /// Header, and after it binlog version, server version, creation time.
    const CREATED: std::ops::Range<usize> = 19 + 2 + 50..19 + 2 + 50 + 4;
    let rest = |f: &[u8]| {
        let tail = f.len().saturating_sub(4);
        (
            f.get(19..CREATED.start).map(<[u8]>::to_vec),
            f.get(CREATED.end..tail).map(<[u8]>::to_vec),
        )
    };
    Arc::ptr_eq(a, b) || rest(a) == rest(b)
}

fn no_longer(position: &BinlogPosition) -> PortError {
    log_lost(format!("the log no longer has {position}"))
}

/// Size of a file of the log; `None` when there is no such file.
async fn file_bytes(conn: &mut Conn, file: &str) -> PortResult<Option<u64>> {
    let what = "list the binlog files";
    let files: Vec<mysql_async::Row> = crate::client::rows(conn, what, "SHOW BINARY LOGS").await?;
    let of = |row: &mysql_async::Row| row.get::<String, _>(0).as_deref() == Some(file);
    Ok(files.iter().find(|row| of(row)).and_then(|row| row.get(1)))
}

/// Why MariaDB tells no GTID of a position. It does not look behind an event
/// larger than `max_allowed_packet`, which an UPDATE of a row of half of that is:
/// nothing is lost then, and a new snapshot would meet the same event again.
async fn no_gtid_at(conn: &mut Conn, position: &BinlogPosition) -> PortResult<PortError> {
    let Some(size) = file_bytes(conn, &position.file).await? else {
        return Ok(no_longer(position));
    };
    let end = BinlogPosition::new(&position.file, size);
    if position.offset > size || mariadb_gtid_at(conn, &end).await?.is_some() {
        return Ok(no_longer(position));
    }
    let file = &position.file;
    Ok(PortError::new(
        planb_ports::ErrorKind::Invalid,
        "PB-MYSQL-PACKET",
        format!("the source has an event in {file} that is larger than its max_allowed_packet"),
    )
    .hint(
        "set max_allowed_packet of the source to twice its largest row or more (SET GLOBAL is enough); \
         the stream goes on where it was",
        "원본 서버의 max_allowed_packet을 가장 큰 행의 두 배 이상으로 지정하세요(SET GLOBAL로 충분). \
         스트림은 중단된 곳에서 이어집니다",
    ))
}

#[async_trait]
impl LogSource for Source {
    async fn next(
        &mut self,
        flush_bytes: u64,
        flush_interval: Duration,
        idle: Duration,
    ) -> PortResult<Option<LogBatch>> {
        let idle_until = Instant::now() + idle;
        loop {
            if self.waiting.is_empty() {
                if let Some(error) = self.failed.take() {
                    return Err(error);
                }
                if self.reader.is_none() {
                    self.connect().await?;
                }
            }
            let due = self.due(flush_bytes, flush_interval, idle_until);
            let received = match &mut self.reader {
                Some(reader) if due > Instant::now() => {
                    tokio::time::timeout_at(due.into(), reader.received.recv()).await
                }
                // Too late to wait; take what is there already.
                Some(reader) => match reader.received.try_recv() {
                    Ok(received) if self.waiting_bytes < flush_bytes => Ok(Some(received)),
                    Ok(received) => {
                        self.keep(Some(received));
                        return Ok(self.batch(flush_bytes));
                    }
                    Err(_) => return Ok(self.batch(flush_bytes)),
                },
                None => return Ok(self.batch(flush_bytes)),
            };
            match received {
                Ok(received) => self.keep(received),
                Err(_) => return Ok(self.batch(flush_bytes)),
            }
        }
    }

    async fn shipped(&mut self, _position: &LogPosition) -> PortResult<()> {
        // Neither server keeps binlogs for a reader; their expiry time does.
        Ok(())
    }

    async fn is_drained(&mut self) -> PortResult<bool> {
        let end = self.ask_end().await?;
        let Some(reader) = &self.reader else {
            return Ok(false);
        };
        // First the position, then the channel: the reader fills the channel first.
        let seen = reader.seen();
        Ok(seen >= end
            && reader.received.is_empty()
            && self.waiting.is_empty()
            && self.failed.is_none())
    }
}

impl Source {
    /// Where the log ends, asked on a connection that is kept. A kept one may
    /// have broken since.
    async fn ask_end(&mut self) -> PortResult<BinlogPosition> {
        if let Some(mut conn) = self.asking.take()
            && let Ok(end) = end_of_log(&mut conn).await
        {
            self.asking = Some(conn);
            return Ok(end);
        }
        let mut conn = self.client.connect().await?;
        let end = end_of_log(&mut conn).await?;
        self.asking = Some(conn);
        Ok(end)
    }

    /// Keeps what the reader handed over, or why it ended.
    fn keep(&mut self, received: Option<PortResult<Received>>) {
        match received {
            Some(Ok(received)) => self.push(received),
            Some(Err(error)) => {
                self.failed = Some(error);
                self.reader = None;
            }
            None => {
                self.failed = Some(ended());
                self.reader = None;
            }
        }
    }
}
