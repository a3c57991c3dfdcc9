//! The canary row.

use crate::connect::has_table;
use crate::error::from_sqlite;
use crate::fence;
use planb_model::{Canary, ServiceName};
use planb_ports::{PortError, PortResult};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

/// Commits `canary` as the only one of `service`. A newer epoch in the fence
/// row refuses it: the writer is not the one who may act any more.
pub fn write(
    connection: &mut Connection,
    service: &ServiceName,
    canary: &Canary,
) -> PortResult<()> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(from_sqlite)?;
    if let Some(row) = fence::row(&transaction, service)?
        && row.epoch > canary.epoch
    {
        return Err(PortError::fenced(row.epoch, "the database", canary.epoch));
    }
    transaction
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS planb_canary (service TEXT PRIMARY KEY, mark TEXT NOT NULL)",
        )
        .and_then(|()| {
            transaction.execute(
                "INSERT INTO planb_canary VALUES (?1, ?2)
                 ON CONFLICT (service) DO UPDATE SET mark = excluded.mark",
                [service.as_str(), &canary.encode()],
            )
        })
        .map_err(from_sqlite)?;
    transaction.commit().map_err(from_sqlite)
}

/// The canary of `service`, if there is one.
pub fn read(connection: &Connection, service: &ServiceName) -> PortResult<Option<Canary>> {
    if !has_table(connection, "planb_canary")? {
        return Ok(None);
    }
    let mark: Option<String> = connection
        .query_row(
            "SELECT mark FROM planb_canary WHERE service = ?1",
            [service.as_str()],
            |row| row.get(0),
        )
        .optional()
        .map_err(from_sqlite)?;
    Ok(mark.and_then(|mark| Canary::decode(mark.as_bytes())))
}
