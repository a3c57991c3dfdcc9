//! How this connector opens databases: never making one, never checkpointing
//! behind the log reader's back.

use crate::config::{LOCK_PAUSE_MICROS, LOCK_TRIES_MAX, Paths, RESTART_LOCK_TRIES_MAX};
use crate::error::{self, from_sqlite};
use planb_ports::PortResult;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// Which file a path leads to; another one when it was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The file at `path`; `Unavailable` when there is none.
    pub fn of(path: &Path) -> PortResult<Self> {
        let facts = std::fs::metadata(path).map_err(|e| error::from_io(path, e))?;
        Ok(Self {
            device: facts.dev(),
            inode: facts.ino(),
        })
    }
}

/// Opens the live database for reading and writing.
pub fn live(paths: &Paths) -> PortResult<Connection> {
    // A clearer answer than SQLite's for the common case.
    FileId::of(&paths.database)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection =
        Connection::open_with_flags(&paths.database, flags).map_err(from_sqlite)?;
    be_patient(&mut connection)?;
    // Closing the last connection would delete the WAL, and a checkpoint of ours
    // at a wrong moment would let the next writer begin it anew.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .map_err(from_sqlite)?;
    connection
        .query_row("PRAGMA wal_autocheckpoint = 0", [], |_| Ok(()))
        .map_err(from_sqlite)?;
    Ok(connection)
}

/// Has `connection` wait for locks.
pub fn be_patient(connection: &mut Connection) -> PortResult<()> {
    connection
        .busy_handler(Some(|tries| wait(tries, LOCK_TRIES_MAX)))
        .map_err(from_sqlite)
}

/// Has `connection` wait for locks only as long as a checkpoint is worth.
pub fn be_brief(connection: &mut Connection) -> PortResult<()> {
    connection
        .busy_handler(Some(|tries| wait(tries, RESTART_LOCK_TRIES_MAX)))
        .map_err(from_sqlite)
}

fn wait(tries: i32, most: i32) -> bool {
    std::thread::sleep(Duration::from_micros(LOCK_PAUSE_MICROS));
    tries < most
}

/// Opens a file nobody writes now, without locks and without a WAL: a restored
/// copy, which reading must not change.
pub fn still(path: &Path) -> PortResult<Connection> {
    FileId::of(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(still_uri(path), flags).map_err(from_sqlite)
}

fn still_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte));
            }
            _ => uri.push_str(&format!("%{byte:02x}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

/// The journal mode of an open database.
pub fn journal_mode(connection: &Connection) -> PortResult<String> {
    connection
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .map_err(from_sqlite)
}

/// Whether it has a table called `name`.
pub fn has_table(connection: &Connection, name: &str) -> PortResult<bool> {
    connection
        .query_row(
            "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = ?1",
            [name],
            |row| row.get(0),
        )
        .map_err(from_sqlite)
}
