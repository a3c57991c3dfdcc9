//! Puts events together to transactions. Nothing is changed: a transaction is
//! the events between two boundaries, byte for byte.
//!
//! On the way of every event: no more of it is looked at than this needs, and
//! its bytes are copied once.

use super::event::{Event, kind};
use super::gtid::{self, Gtid};
use super::position::BinlogPosition;
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
/// A transaction is held in memory until it is whole.
const TRANSACTION_BYTES_MAX: usize = 2 << 30;

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
    /// Where it begins in the bytes that are kept.
    start: usize,
    ends: Ends,
    identifier: Gtid,
    has_rows: bool,
}

/// The state between events.
#[derive(Debug)]
pub(crate) struct Grouper {
    databases: Vec<String>,
    /// Whole transactions, and behind them the open one.
    bytes: Vec<u8>,
    whole: VecDeque<Whole>,
    open: Option<Open>,
    seen: BinlogPosition,
}

impl Grouper {
    /// Begins at a boundary.
    pub fn new(databases: Vec<String>, start: BinlogPosition) -> Self {
        Self {
            databases,
            bytes: Vec::new(),
            whole: VecDeque::new(),
            open: None,
            seen: start,
        }
    }

    /// Takes out the whole transactions and their bytes; the open one stays.
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

    /// Bytes of whole transactions.
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
        let to = BinlogPosition {
            file: file.to_owned(),
            offset: u64::from_le_bytes(offset),
        };
        if to.file != self.seen.file {
            // No transaction spans two files. One that is open here was cut off
            // by a crash of the source, which took it back when it recovered.
            if let Some(open) = self.open.take() {
                self.bytes.truncate(open.start);
            }
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
        self.open = Some(Open {
            start: self.bytes.len(),
            ends,
            identifier,
            has_rows: false,
        });
        self.bytes.extend_from_slice(event.bytes());
        Ok(())
    }

    fn inside(&mut self, event: &Event<'_>) -> PortResult<()> {
        let Some(open) = &mut self.open else {
            return Err(corrupt(format!(
                "the log has an event of type {} outside of a transaction",
                event.kind()
            )));
        };
        if self.bytes.len() - open.start + event.bytes().len() > TRANSACTION_BYTES_MAX {
            return Err(log_lost("the log has a transaction of more than 2 GiB"));
        }
        self.bytes.extend_from_slice(event.bytes());
        if event.is_statement_context() {
            return Err(statement_logged());
        }
        open.has_rows |= event.is_rows();
        let (ends, has_rows) = (open.ends, open.has_rows);
        let done = match event.kind() {
            kind::XID | kind::TRANSACTION_PAYLOAD => true,
            kind::QUERY | kind::MARIADB_QUERY_COMPRESSED => self.query(event, ends, has_rows)?,
            _ => false,
        };
        if done {
            self.close();
        }
        Ok(())
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

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.whole.push_back(Whole {
                identifier: open.identifier,
                bytes: self.bytes.len() - open.start,
                end: self.seen.offset,
            });
        }
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
mod tests {
    use super::super::event::testing;
    use super::*;

    fn grouper() -> Grouper {
        let start = BinlogPosition::parse("b.000001:4").expect("position");
        Grouper::new(vec!["shop".into()], start)
    }

    /// Takes one event; returns the bytes of the transaction it ends.
    fn push(grouper: &mut Grouper, bytes: &[u8]) -> PortResult<Option<Vec<u8>>> {
        let (event, _) = Event::take(bytes, true)?;
        grouper.push(&event)?;
        let Some((whole, bytes)) = grouper.take_whole() else {
            return Ok(None);
        };
        assert_eq!(whole.len(), 1);
        assert_eq!(whole[0].bytes, bytes.len());
        assert_eq!(whole[0].end, grouper.seen().offset);
        Ok(Some(bytes))
    }

    fn mariadb_gtid(sequence: u64, flags: u8) -> Vec<u8> {
        let mut body = sequence.to_le_bytes().to_vec();
        body.extend_from_slice(&[0, 0, 0, 0, flags, 0, 0, 0, 0, 0, 0]);
        testing::event(kind::MARIADB_GTID, &body)
    }

    #[test]
    fn a_mariadb_transaction_is_whole_with_its_commit_and_not_before() {
        let mut grouper = grouper();
        let parts = [
            mariadb_gtid(7, 0),
            testing::table_map(1, "shop", "t"),
            testing::rows(1, true, b"row"),
        ];
        for part in &parts {
            assert_eq!(push(&mut grouper, part).expect("taken"), None);
        }
        let xid = testing::at(kind::XID, &[0; 8], 900);
        let whole = push(&mut grouper, &xid).expect("taken").expect("whole");
        assert_eq!(whole, [parts.concat(), xid].concat());
        assert_eq!(grouper.seen().to_string(), "b.000001:900");
    }

    #[test]
    fn whole_transactions_are_taken_out_from_before_the_open_one() {
        let mut grouper = grouper();
        let mut take = |bytes: &[u8]| {
            let (event, _) = Event::take(bytes, true).expect("event");
            grouper.push(&event).expect("taken");
            grouper.whole_bytes()
        };
        let (first, second) = (mariadb_gtid(7, 0), mariadb_gtid(8, 0));
        let (xid, end) = (
            testing::at(kind::XID, &[0; 8], 90),
            testing::at(kind::XID, &[0; 8], 95),
        );
        assert_eq!(take(&first), 0);
        assert_eq!(take(&xid), first.len() + xid.len());
        assert_eq!(take(&second), first.len() + xid.len());
        let (whole, bytes) = grouper.take_whole().expect("one");
        assert_eq!(bytes, [first, xid].concat());
        assert_eq!(
            (whole.len(), &whole[0].identifier),
            (1, &Gtid::Mariadb(0, 1, 7))
        );
        assert_eq!(grouper.take_whole(), None);
        assert_eq!(
            push(&mut grouper, &end).expect("taken"),
            Some([second, end].concat())
        );
    }

    #[test]
    fn a_place_beyond_32_bits_is_noticed() {
        let mut grouper = grouper();
        push(&mut grouper, &mariadb_gtid(7, 0)).expect("taken");
        let rows = testing::rows(1, true, b"row");
        push(&mut grouper, &testing::at_of(&rows, u32::MAX)).expect("taken");
        let error = push(&mut grouper, &testing::at(kind::XID, &[0; 8], 90)).expect_err("wrapped");
        assert_eq!(error.code(), "PB-MYSQL-LOG-LOST");
    }

    #[test]
    fn definitions_are_transactions_of_their_own() {
        let mut grouper = grouper();
        let create = testing::query("shop", "CREATE TABLE t (a INT)");
        push(&mut grouper, &mariadb_gtid(1, 1)).expect("taken");
        assert!(push(&mut grouper, &create).expect("taken").is_some());
        let gtid = testing::event(kind::ANONYMOUS_GTID, &[0; 20]);
        push(&mut grouper, &gtid).expect("taken");
        assert!(push(&mut grouper, &create).expect("taken").is_some());
        push(&mut grouper, &gtid).expect("taken");
        push(&mut grouper, &testing::query("shop", "BEGIN")).expect("taken");
        assert!(push(&mut grouper, &create).expect("taken").is_none());
        assert!(
            push(&mut grouper, &testing::query("", "COMMIT"))
                .expect("taken")
                .is_some()
        );
    }

    #[test]
    fn what_cannot_be_replayed_is_refused_at_the_source() {
        let refused = |events: &[Vec<u8>]| {
            let mut grouper = grouper();
            events
                .iter()
                .find_map(|event| push(&mut grouper, event).err())
                .map(|error| error.code())
        };
        let insert = |database: &str| testing::query(database, "INSERT INTO t VALUES (UUID())");
        assert_eq!(
            refused(&[mariadb_gtid(1, 0), insert("shop")]),
            Some("PB-MYSQL-LOG-LOST")
        );
        assert_eq!(refused(&[mariadb_gtid(1, 0), insert("other")]), None);
        assert_eq!(refused(&[mariadb_gtid(1, 64)]), Some("PB-MYSQL-XA"));
        assert_eq!(
            refused(&[testing::event(kind::INCIDENT, &[1, 0])]),
            Some("PB-MYSQL-LOG-LOST")
        );
        assert_eq!(
            refused(&[testing::rows(1, true, b"")]),
            Some("PB-MYSQL-CORRUPT")
        );
    }

    #[test]
    fn rotation_moves_the_position_and_ends_nothing() {
        let mut grouper = grouper();
        let mut body = 4u64.to_le_bytes().to_vec();
        body.extend_from_slice(b"b.000002");
        push(&mut grouper, &testing::at(kind::ROTATE, &body, 500)).expect("taken");
        assert_eq!(grouper.seen().to_string(), "b.000002:4");
    }

    #[test]
    fn a_transaction_cut_off_by_a_crash_is_dropped_and_the_next_file_read() {
        let mut grouper = grouper();
        push(&mut grouper, &mariadb_gtid(7, 0)).expect("taken");
        push(&mut grouper, &testing::rows(1, true, b"cut off")).expect("taken");
        let mut body = 4u64.to_le_bytes().to_vec();
        body.extend_from_slice(b"b.000002");
        push(&mut grouper, &testing::event(kind::ROTATE, &body)).expect("taken");
        push(&mut grouper, &mariadb_gtid(7, 0)).expect("taken");
        let xid = testing::at(kind::XID, &[0; 8], 90);
        let whole = push(&mut grouper, &xid).expect("taken").expect("whole");
        assert_eq!(whole, [mariadb_gtid(7, 0), xid].concat());
        assert_eq!(grouper.seen().to_string(), "b.000002:90");
    }
}
