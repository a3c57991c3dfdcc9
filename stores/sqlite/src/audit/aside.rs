//! A log that cannot be continued: it is put aside as it was found, and a new
//! one begins whose first entry says so. A recovery does not wait for an audit.

use super::{Audit, begin, broken};
use crate::error::from_sqlite;
use jiff::Timestamp;
use planb_audit::{Break, Broken, Entry, Frontier, Hash};
use planb_ports::{PortError, PortResult};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

/// Puts the log aside and begins a new one with what the tables hold.
pub fn begin_again(
    connection: &mut Connection,
    audit: &Audit,
    kept: Option<String>,
    why: &PortError,
    now: Timestamp,
) -> PortResult<Break> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(from_sqlite)?;
    let found = Break {
        log: put_aside(&transaction)?,
        why: why.to_string(),
        entries: 0,
        root: String::new(),
        checkpoint: None,
        kept,
    };
    let found = described(&transaction, found)?;
    begin(&transaction, audit, now, Some(found.clone()))?;
    transaction.commit().map_err(from_sqlite)?;
    Ok(found)
}

/// Moves every row, as it is, and gives the number it has among those aside.
fn put_aside(transaction: &Transaction<'_>) -> PortResult<i64> {
    let next = "SELECT coalesce(max(log), 0) + 1 FROM audit_aside";
    let log: i64 = transaction
        .query_row(next, [], |row| row.get(0))
        .map_err(from_sqlite)?;
    transaction
        .execute(
            "INSERT INTO audit_aside (log, size, entry, frontier, checkpoint)
             SELECT ?1, size, entry, frontier, checkpoint FROM audit",
            params![log],
        )
        .and_then(|_| transaction.execute("DELETE FROM audit", []))
        .map_err(from_sqlite)?;
    Ok(log)
}

/// What was put aside as `found.log`.
fn described(connection: &Connection, mut found: Break) -> PortResult<Break> {
    (found.entries, found.root) = root(connection, found.log)?;
    found.checkpoint = connection
        .query_row(
            "SELECT checkpoint FROM audit_aside WHERE log = ?1 ORDER BY size DESC LIMIT 1",
            params![found.log],
            |row| row.get(0),
        )
        .optional()
        .map_err(from_sqlite)?;
    Ok(found)
}

/// Entries put aside as `log`, in the order they were found.
pub fn entries(connection: &Connection, log: i64) -> PortResult<Vec<String>> {
    let mut statement = connection
        .prepare_cached("SELECT entry FROM audit_aside WHERE log = ?1 ORDER BY size")
        .map_err(from_sqlite)?;
    let rows = statement.query_map(params![log], |row| row.get(0));
    rows.and_then(Iterator::collect).map_err(from_sqlite)
}

fn root(connection: &Connection, log: i64) -> PortResult<(u64, String)> {
    let mut frontier = Frontier::default();
    for entry in entries(connection, log)? {
        frontier.push(Hash::leaf(entry.as_bytes()));
    }
    Ok((frontier.size(), frontier.root().base64()))
}

/// What a log says about the one before it; `None` when it is the first.
pub fn before(first: Option<&Entry>) -> Option<&Break> {
    match first {
        Some(Entry::Began { after, .. }) => after.as_deref(),
        _ => None,
    }
}

/// The log that begins with `first` continues none, or what it continues is
/// still what was put aside; either way a broken one is told.
pub fn check(connection: &Connection, first: Option<&Entry>, entries: usize) -> PortResult<()> {
    let Some(found) = before(first) else {
        return Ok(());
    };
    if root(connection, found.log)? != (found.entries, found.root.clone()) {
        let what = format!("what was put aside of log {}", found.log);
        return Err(broken(Broken::Store { what }));
    }
    Err(broken(Broken::Before {
        why: found.why.clone(),
        entries: entries as u64,
    }))
}
