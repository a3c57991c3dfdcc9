//! The fence row, and the triggers that make it bite.
//!
//! A row says under which epoch the database was last fenced or promoted. While
//! any row says read-only, triggers on every user table abort every change.
//! Tables made after the fence get theirs when it is set again.

use crate::connect::has_table;
use crate::digest::{quote, user_tables};
use crate::error::from_sqlite;
use planb_model::{Epoch, ServiceName};
use planb_ports::{PortError, PortResult};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Triggers of a fence begin with this.
const TRIGGER: &str = "planb_fence_";

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FenceRow {
    /// Epoch of whoever wrote it.
    pub epoch: Epoch,
    /// Whether changes are refused.
    pub read_only: bool,
}

/// Refuses `mine` when `row` is newer.
pub fn refuse_older(row: Option<FenceRow>, mine: Epoch) -> PortResult<()> {
    match row {
        Some(row) if row.epoch > mine => Err(PortError::fenced(row.epoch, "the database", mine)),
        _ => Ok(()),
    }
}

/// The row of `service`.
pub fn row(connection: &Connection, service: &ServiceName) -> PortResult<Option<FenceRow>> {
    Ok(rows(connection)?.remove(service))
}

/// All rows.
pub fn rows(connection: &Connection) -> PortResult<BTreeMap<ServiceName, FenceRow>> {
    let mut found = BTreeMap::new();
    if !has_table(connection, "planb_fence")? {
        return Ok(found);
    }
    let mut statement = connection
        .prepare("SELECT service, epoch, read_only FROM planb_fence")
        .map_err(from_sqlite)?;
    let mut rows = statement.query([]).map_err(from_sqlite)?;
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        let name: String = row.get(0).map_err(from_sqlite)?;
        let epoch: i64 = row.get(1).map_err(from_sqlite)?;
        let read_only = row.get(2).map_err(from_sqlite)?;
        let (Ok(service), Ok(epoch)) = (ServiceName::new(name), u64::try_from(epoch)) else {
            // Not a row of ours; it cannot fence anybody.
            continue;
        };
        let epoch = Epoch(epoch);
        found.insert(service, FenceRow { epoch, read_only });
    }
    Ok(found)
}

/// Sets the row of `service`, and the triggers by all rows, in one transaction.
/// Refuses when the row is newer.
pub fn set(connection: &mut Connection, service: &ServiceName, new: FenceRow) -> PortResult<()> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(from_sqlite)?;
    refuse_older(row(&transaction, service)?, new.epoch)?;
    let epoch = i64::try_from(new.epoch.0).unwrap_or(i64::MAX);
    transaction
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS planb_fence (
                 service TEXT PRIMARY KEY, epoch INTEGER NOT NULL, read_only INTEGER NOT NULL)",
        )
        .and_then(|()| {
            transaction.execute(
                "INSERT INTO planb_fence VALUES (?1, ?2, ?3) ON CONFLICT (service)
                 DO UPDATE SET epoch = excluded.epoch, read_only = excluded.read_only
                 WHERE (epoch, read_only) <> (excluded.epoch, excluded.read_only)",
                params![service.as_str(), epoch, new.read_only],
            )
        })
        .map_err(from_sqlite)?;
    let closed = rows(&transaction)?.into_values().find(|row| row.read_only);
    match closed {
        Some(row) => add_triggers(&transaction, row.epoch)?,
        None => drop_triggers(&transaction)?,
    }
    transaction.commit().map_err(from_sqlite)
}

fn add_triggers(transaction: &Transaction<'_>, epoch: Epoch) -> PortResult<()> {
    for table in user_tables(transaction)? {
        let id = &blake3::hash(table.as_bytes()).to_hex()[..16];
        for change in ["INSERT", "UPDATE", "DELETE"] {
            let name = quote(&format!("{TRIGGER}{id}_{}", change.to_lowercase()));
            let sql = format!(
                "CREATE TRIGGER IF NOT EXISTS {name} BEFORE {change} ON {} BEGIN
                     SELECT RAISE(ABORT, 'PB-FENCED: read-only since epoch {epoch}'); END",
                quote(&table)
            );
            transaction.execute_batch(&sql).map_err(from_sqlite)?;
        }
    }
    Ok(())
}

fn drop_triggers(transaction: &Transaction<'_>) -> PortResult<()> {
    let names: Vec<String> = transaction
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .and_then(|mut s| s.query_map([], |row| row.get(0))?.collect())
        .map_err(from_sqlite)?;
    for name in names.iter().filter(|name| name.starts_with(TRIGGER)) {
        transaction
            .execute_batch(&format!("DROP TRIGGER {}", quote(name)))
            .map_err(from_sqlite)?;
    }
    Ok(())
}

/// Whether anything says that PlanB has had its hand on this database.
pub fn has_row(connection: &Connection) -> PortResult<bool> {
    if !has_table(connection, "planb_fence")? {
        return Ok(false);
    }
    let one: Option<i64> = connection
        .query_row("SELECT 1 FROM planb_fence LIMIT 1", [], |row| row.get(0))
        .optional()
        .map_err(from_sqlite)?;
    Ok(one.is_some())
}
