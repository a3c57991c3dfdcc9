//! The tables, their version, and how connections are opened.

use crate::audit::{self, Audit};
use crate::error;
use jiff::Timestamp;
use planb_ports::{ErrorKind, PortError, PortResult};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::path::Path;
use std::time::Duration;

/// Version of the tables written by this build, in `user_version`.
pub const SCHEMA_VERSION: i64 = 3;

/// The first version with an audit log.
const AUDIT_SINCE_VERSION: i64 = 2;

/// Marks the file as planb's state, in `application_id`: "PlnB".
const APPLICATION_ID: i64 = 0x506c_6e42;

/// How long a reader's lock is waited for. Only readers can be in the way: the
/// one writer is this process.
const BUSY_TIMEOUT_SECS: u64 = 5;

const TABLES: &str = "
CREATE TABLE service (
    name TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL CHECK (epoch >= 1),
    active TEXT NOT NULL,
    active_epoch INTEGER NOT NULL CHECK (active_epoch <= epoch),
    claimed_by TEXT,
    updated_at TEXT NOT NULL
) STRICT;
CREATE TABLE execution (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    service TEXT NOT NULL,
    finished INTEGER NOT NULL DEFAULT 0 CHECK (finished IN (0, 1)),
    document TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX execution_one_unfinished ON execution (service) WHERE finished = 0;
CREATE INDEX execution_by_service ON execution (service, place);
CREATE TABLE journal (
    execution TEXT NOT NULL REFERENCES execution (id),
    seq INTEGER NOT NULL CHECK (seq >= 1),
    at TEXT NOT NULL,
    entry TEXT NOT NULL,
    PRIMARY KEY (execution, seq)
) STRICT, WITHOUT ROWID;
";

const AUDIT_TABLE: &str = "
CREATE TABLE audit (
    size INTEGER PRIMARY KEY CHECK (size >= 1),
    entry TEXT NOT NULL,
    frontier BLOB NOT NULL,
    checkpoint TEXT NOT NULL
) STRICT;
";

/// Logs that could not be continued, as they were found. Older versions, which
/// do not know of it, are refused: they would take the log after it for the first.
const ASIDE_TABLE: &str = "
CREATE TABLE audit_aside (
    log INTEGER NOT NULL CHECK (log >= 1),
    size INTEGER NOT NULL,
    entry TEXT NOT NULL,
    frontier BLOB NOT NULL,
    checkpoint TEXT NOT NULL,
    PRIMARY KEY (log, size)
) STRICT, WITHOUT ROWID;
";

/// Opens the file for the one writer, making it when it is missing or empty. A
/// state of an older planb gets its audit log here.
pub fn open(path: &Path, audit: &Audit, now: Timestamp) -> PortResult<Connection> {
    let mut connection = Connection::open(path).map_err(error::from_sqlite)?;
    set_up(&connection)?;
    let version = check_version(&connection)?;
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
        .map_err(error::from_sqlite)?;
    if version < SCHEMA_VERSION {
        make(&mut connection, version, audit, now)?;
    }
    check_whole(&connection)?;
    Ok(connection)
}

/// Opens an existing file for reading.
pub fn open_read_only(path: &Path) -> PortResult<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(error::from_sqlite)?;
    set_up(&connection)?;
    if check_version(&connection)? == 0 {
        return Err(error::corrupt("it has no tables"));
    }
    Ok(connection)
}

fn set_up(connection: &Connection) -> PortResult<()> {
    connection
        .busy_timeout(Duration::from_secs(BUSY_TIMEOUT_SECS))
        .map_err(error::from_sqlite)?;
    connection
        .pragma_update(None, "foreign_keys", true)
        .map_err(error::from_sqlite)
}

/// The version in the file; 0 for an empty file. Refuses files of a newer
/// planb and files of somebody else.
fn check_version(connection: &Connection) -> PortResult<i64> {
    let number = |sql: &str| -> PortResult<i64> {
        connection
            .query_row(sql, [], |row| row.get(0))
            .map_err(error::from_sqlite)
    };
    let version = number("PRAGMA user_version")?;
    let application = number("PRAGMA application_id")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    if tables == 0 && version == 0 {
        return Ok(0);
    }
    if application != APPLICATION_ID {
        return Err(PortError::new(
            ErrorKind::Invalid,
            "PB-STATE-FOREIGN",
            "the state file is a database of another program",
        )
        .hint(
            "give planb a state directory of its own",
            "PlanB 전용 상태 디렉터리를 지정하세요",
        ));
    }
    if version > SCHEMA_VERSION {
        return Err(PortError::new(
            ErrorKind::Unsupported,
            "PB-STATE-NEWER",
            format!("the state has version {version}, this planb knows {SCHEMA_VERSION}"),
        )
        .hint(
            "use the newer planb that wrote it",
            "이 상태를 기록한 최신 버전의 PlanB를 사용하세요",
        ));
    }
    Ok(version)
}

/// Makes what `version` does not have, all of it or nothing.
fn make(
    connection: &mut Connection,
    version: i64,
    audit: &Audit,
    now: Timestamp,
) -> PortResult<()> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(error::from_sqlite)?;
    if version == 0 {
        transaction
            .execute_batch(TABLES)
            .and_then(|()| transaction.pragma_update(None, "application_id", APPLICATION_ID))
            .map_err(error::from_sqlite)?;
    }
    if version < AUDIT_SINCE_VERSION {
        transaction
            .execute_batch(AUDIT_TABLE)
            .map_err(error::from_sqlite)?;
        audit::begin(&transaction, audit, now, None)?;
    }
    transaction
        .execute_batch(ASIDE_TABLE)
        .and_then(|()| transaction.pragma_update(None, "user_version", SCHEMA_VERSION))
        .map_err(error::from_sqlite)?;
    transaction.commit().map_err(error::from_sqlite)
}

/// Whether an open state has an audit log.
pub fn has_audit(connection: &Connection) -> PortResult<bool> {
    Ok(check_version(connection)? >= AUDIT_SINCE_VERSION)
}

/// The first version that puts broken logs aside.
const ASIDE_SINCE_VERSION: i64 = 3;

/// Whether an open state can have a log that was put aside.
pub fn has_aside(connection: &Connection) -> PortResult<bool> {
    Ok(check_version(connection)? >= ASIDE_SINCE_VERSION)
}

/// A damaged state must be found when it is opened, not in the middle of a failover.
fn check_whole(connection: &Connection) -> PortResult<()> {
    let answer: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(error::from_sqlite)?;
    if answer == "ok" {
        Ok(())
    } else {
        Err(error::corrupt(&answer))
    }
}
