//! Puts events together to transactions. Nothing is changed: a transaction is
//! the events between two boundaries, byte for byte. A long one is given out in
//! pieces, between two events.
//!
//! On the way of every event: no more of it is looked at than this needs, and
//! its bytes are copied once.

use super::event::{Event, kind};
use super::gtid::{self, Gtid};
use super::piece::{self, Course, PIECE_BYTES};
use super::position::{BinlogPosition, Inside};
use super::query;
use super::run::Whole;
use super::statement::{self, Statement};
use crate::error::{corrupt, log_lost};
use crate::script;
use planb_ports::{ErrorKind, PortError, PortResult};
use std::collections::VecDeque;

/// MariaDB's GTID event: the transaction is the one event after it.
const MARIADB_FLAG_STANDALONE: u8 = 1;
/// MariaDB's GTID event: a transaction of two phases.
const MARIADB_FLAGS_XA: u8 = 64 | 128;
/// Where the flags are in MariaDB's GTID event.
const MARIADB_FLAGS_AT: usize = 12;

/// How the open transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// By the next event.
    WithNext,
    /// By a commit.
    WithCommit,
    /// Its first statement tells (MySQL).
    NotKnown,
}

/// The open transaction.
#[derive(Debug)]
struct Open {
    /// Where it, or its next piece, begins in the bytes that are kept.
    start: usize,
    /// Where it begins in its file.
    begin: u64,
    course: Course,
    ends: Ends,
    identifier: Gtid,
    has_rows: bool,
}

/// The state between events.
#[derive(Debug)]
pub(crate) struct Grouper {
    databases: Vec<String>,
    /// Whole transactions and pieces, and behind them what is open.
    bytes: Vec<u8>,
    whole: VecDeque<Whole>,
    open: Option<Open>,
    seen: BinlogPosition,
    /// How much was shipped before of the transaction that begins at this offset.
    shipped: Option<(u64, Inside)>,
    piece_bytes: usize,
}

impl Grouper {
    /// Begins at `start`. Inside of a transaction, the events are wanted from its
    /// beginning: those that were shipped are compared and left out.
    pub fn new(databases: Vec<String>, mut start: BinlogPosition) -> Self {
        Self {
            databases,
            bytes: Vec::new(),
            whole: VecDeque::new(),
            open: None,
            shipped: start.inside.take().map(|inside| (start.offset, inside)),
            seen: start,
            piece_bytes: PIECE_BYTES,
        }
    }

    /// The same with other pieces.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn in_pieces_of(mut self, bytes: usize) -> Self {
        self.piece_bytes = bytes;
        self
    }

    /// Takes out the whole transactions and pieces; what is open stays.
    pub fn take_whole(&mut self) -> Option<(VecDeque<Whole>, Vec<u8>)> {
        if self.whole.is_empty() {
            return None;
        }
        let start = self.open.as_ref().map_or(self.bytes.len(), |o| o.start);
        let rest = self.bytes.split_off(start);
        if let Some(open) = &mut self.open {
            open.start = 0;
        }
        let bytes = std::mem::replace(&mut self.bytes, rest);
        Some((std::mem::take(&mut self.whole), bytes))
    }

    /// Bytes that can be taken out.
    pub fn whole_bytes(&self) -> usize {
        match &self.open {
            Some(open) => open.start,
            None => self.bytes.len(),
        }
    }

    /// Position after the last event, whether it ended a transaction or not.
    pub fn seen(&self) -> &BinlogPosition {
        &self.seen
    }

    /// Takes the next event. Before one that changes file or format, the whole
    /// transactions must be taken out.
    pub fn push(&mut self, event: &Event<'_>) -> PortResult<()> {
        if event.kind() == kind::ROTATE {
            return self.rotate(event);
        }
        if event.next_offset() != 0 && !event.is_artificial() {
            let offset = u64::from(event.next_offset());
            if self.open.is_some() && offset < self.seen.offset {
                // The servers write the lower 32 bits only.
                return Err(log_lost("a binlog file grew beyond 4 GiB"));
            }
            self.seen.offset = offset;
        }
        match event.kind() {
            kind::FORMAT_DESCRIPTION
            | kind::STOP
            | kind::HEARTBEAT
            | kind::HEARTBEAT_V2
            | kind::PREVIOUS_GTIDS
            | kind::MARIADB_BINLOG_CHECKPOINT
            | kind::MARIADB_GTID_LIST
            | kind::MARIADB_START_ENCRYPTION => Ok(()),
            kind::INCIDENT => Err(log_lost(
                "the source says that its log misses something (incident event)",
            )),
            kind::XA_PREPARE => Err(xa()),
            kind::MARIADB_GTID => self.begin_mariadb(event),
            kind::GTID | kind::ANONYMOUS_GTID | kind::GTID_TAGGED => {
                self.begin(event, Ends::NotKnown)
            }
            _ => self.inside(event),
        }
    }

    fn rotate(&mut self, event: &Event<'_>) -> PortResult<()> {
        let body = event.body();
        let offset = body.get(..8).and_then(|b| b.try_into().ok());
        let file = body.get(8..).and_then(|b| std::str::from_utf8(b).ok());
        let (Some(offset), Some(file)) = (offset, file) else {
            return Err(corrupt("a rotate event of the log cannot be read"));
        };
        let to = BinlogPosition::new(file, u64::from_le_bytes(offset));
        if to.file != self.seen.file {
            // No transaction spans two files. One that is open here was cut off
            // by a crash of the source, which took it back when it recovered. A
            // part that was given out already is not continued then, and whoever
            // put it aside drops it.
            if let Some(open) = self.open.take() {
                self.bytes.truncate(open.start);
            }
            self.shipped = None;
        }
        self.seen = to;
        Ok(())
    }

    fn begin_mariadb(&mut self, event: &Event<'_>) -> PortResult<()> {
        let flags = event.body().get(MARIADB_FLAGS_AT).copied().unwrap_or(0);
        if flags & MARIADB_FLAGS_XA != 0 {
            return Err(xa());
        }
        let ends = if flags & MARIADB_FLAG_STANDALONE != 0 {
            Ends::WithNext
        } else {
            Ends::WithCommit
        };
        self.begin(event, ends)
    }

    fn begin(&mut self, event: &Event<'_>, ends: Ends) -> PortResult<()> {
        if self.open.is_some() {
            return Err(corrupt("a transaction of the log begins inside of another"));
        }
        let identifier =
            gtid::read(event).ok_or_else(|| corrupt("a GTID of the log cannot be read"))?;
        let size = event.bytes().len() as u64;
        let begin = match event.next_offset() {
            0 => self.seen.offset,
            next => u64::from(next).saturating_sub(size),
        };
        let shipped = match self.shipped.take() {
            Some((at, _)) if at != begin => return Err(piece::another()),
            shipped => shipped.map(|(_, inside)| inside),
        };
        self.open = Some(Open {
            start: self.bytes.len(),
            begin,
            course: Course::begin(shipped),
            ends,
            identifier,
            has_rows: false,
        });
        self.keep(event)
    }

    /// Keeps the event, unless it was shipped before.
    fn keep(&mut self, event: &Event<'_>) -> PortResult<()> {
        if let Some(open) = &mut self.open
            && open.course.pass(event)?
        {
            self.bytes.extend_from_slice(event.bytes());
        }
        Ok(())
    }

    /// Gives out what there is of the open transaction.
    fn cut(&mut self) {
        let Some(open) = &mut self.open else { return };
        let bytes = self.bytes.get(open.start..).unwrap_or_default();
        let piece = open.course.cut(bytes);
        self.whole.push_back(Whole {
            identifier: open.identifier.clone(),
            bytes: bytes.len(),
            end: open.begin,
            piece: Some(piece),
        });
        open.start = self.bytes.len();
    }

    fn inside(&mut self, event: &Event<'_>) -> PortResult<()> {
        let Some(open) = &self.open else {
            return Err(corrupt(format!(
                "the log has an event of type {} outside of a transaction",
                event.kind()
            )));
        };
        // One large row is no reason to ship its commit by itself.
        let is_long = self.bytes.len() - open.start >= self.piece_bytes;
        if is_long && event.kind() != kind::XID {
            self.cut();
        }
        self.keep(event)?;
        if event.is_statement_context() {
            return Err(statement_logged());
        }
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        open.has_rows |= event.is_rows();
        let (ends, has_rows) = (open.ends, open.has_rows);
        let done = match event.kind() {
            kind::XID | kind::TRANSACTION_PAYLOAD => true,
            kind::QUERY | kind::MARIADB_QUERY_COMPRESSED => self.query(event, ends, has_rows)?,
            _ => false,
        };
        if done { self.close() } else { Ok(()) }
    }

    /// Looks at a statement; says whether it ends the transaction.
    fn query(&mut self, event: &Event<'_>, ends: Ends, has_rows: bool) -> PortResult<bool> {
        let query = query::text(event)?;
        match statement::classify(&query.sql) {
            Statement::Begin => {
                self.set_ends(Ends::WithCommit);
                Ok(false)
            }
            Statement::Commit => Ok(true),
            // Only transactions over engines with and without transactions are
            // logged with what was taken back. They cannot be told apart here.
            Statement::Rollback if has_rows => Err(log_lost(
                "the log has a transaction that was partly taken back",
            )),
            Statement::Rollback => Ok(ends != Ends::WithCommit || is_whole_rollback(&query.sql)),
            Statement::Savepoint => Ok(false),
            Statement::Xa => Err(xa()),
            Statement::Rows if self.concerns_us(&query) => Err(statement_logged()),
            Statement::Rows | Statement::Definition { .. } | Statement::Site => match ends {
                Ends::WithNext => Ok(true),
                Ends::WithCommit => Ok(false),
                Ends::NotKnown if statement::starts_transaction(&query.sql) => {
                    self.set_ends(Ends::WithCommit);
                    Ok(false)
                }
                Ends::NotKnown => Ok(true),
            },
        }
    }

    fn set_ends(&mut self, to: Ends) {
        if let Some(open) = &mut self.open {
            open.ends = to;
        }
    }

    /// Whether a statement may change rows of the protected databases.
    fn concerns_us(&self, query: &query::Text<'_>) -> bool {
        self.databases.iter().any(|name| {
            query.database.as_ref() == name.as_bytes()
                || script::find(&query.sql, name.as_bytes()).is_some()
        })
    }

    fn close(&mut self) -> PortResult<()> {
        if let Some(open) = self.open.take() {
            self.whole.push_back(Whole {
                identifier: open.identifier,
                bytes: self.bytes.len() - open.start,
                end: self.seen.offset,
                piece: open.course.end()?,
            });
        }
        Ok(())
    }
}

fn is_whole_rollback(sql: &[u8]) -> bool {
    sql.trim_ascii().eq_ignore_ascii_case(b"ROLLBACK")
}

fn statement_logged() -> PortError {
    log_lost("a change was logged as a statement and not as rows").hint(
        "set binlog_format=ROW for every session; PlanB takes a new snapshot by itself",
        "모든 세션에서 binlog_format=ROW를 사용하세요. PlanB가 자동으로 새 스냅샷을 만듭니다",
    )
}

fn xa() -> PortError {
    PortError::new(
        ErrorKind::Unsupported,
        "PB-MYSQL-XA",
        "the log has XA transactions",
    )
    .hint(
        "PlanB cannot protect databases written by XA transactions yet",
        "PlanB는 아직 XA 트랜잭션을 사용하는 데이터베이스를 보호할 수 없습니다",
    )
}

#[cfg(test)]
mod tests;
