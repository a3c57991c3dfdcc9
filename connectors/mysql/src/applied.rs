//! The applied mark: how far a restore has brought this server.

use crate::client::{Client, first, literal, run};
use crate::own;
use mysql_async::Conn;
use planb_model::recovery::AppliedMark;
use planb_ports::{ErrorKind, PortError, PortResult};

/// What the row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Applied {
    /// There is no row: never restored, or promoted since.
    Never,
    /// A restore or an apply was begun and not ended.
    Broken,
    /// At this mark.
    At(AppliedMark),
}

/// Reads the row. A mark that cannot be read counts as broken.
pub(crate) async fn read(client: &Client, conn: &mut Conn) -> PortResult<Applied> {
    if !own::exist(conn).await? {
        return Ok(Applied::Never);
    }
    let sql = format!(
        "SELECT dirty, mark FROM planb.applied WHERE scope = {}",
        literal(&own::scope(&client.config))
    );
    Ok(parsed(first(conn, "read the applied mark", sql).await?))
}

/// Locks the row until the transaction that is open ends. Refuses when the
/// target does not stand `at` this mark any more.
pub(crate) async fn lock(client: &Client, conn: &mut Conn, at: &AppliedMark) -> PortResult<()> {
    let sql = format!(
        "SELECT dirty, mark FROM planb.applied WHERE scope = {} FOR UPDATE",
        literal(&own::scope(&client.config))
    );
    match parsed(first(conn, "lock the applied mark", sql).await?) {
        Applied::At(mark) if mark == *at => Ok(()),
        _ => Err(PortError::new(
            ErrorKind::Conflict,
            "PB-MYSQL-NOT-CONTINUOUS",
            format!("somebody else took the target away from {}", at.position),
        )),
    }
}

fn parsed(row: Option<(i8, String)>) -> Applied {
    match row {
        None => Applied::Never,
        Some((0, mark)) => serde_json::from_str(&mark).map_or(Applied::Broken, Applied::At),
        Some(_) => Applied::Broken,
    }
}

/// Sets the mark, in the transaction that is open, if one is.
pub(crate) async fn set(client: &Client, conn: &mut Conn, mark: &AppliedMark) -> PortResult<()> {
    let json = serde_json::to_string(mark).map_err(|error| {
        PortError::new(
            ErrorKind::Internal,
            "PB-MYSQL-DRIVER",
            "cannot write the applied mark",
        )
        .source(error)
    })?;
    write(client, conn, 0, &json).await
}

/// Says that something was begun: until [`set`], only a new restore helps.
pub(crate) async fn begin(client: &Client, conn: &mut Conn) -> PortResult<()> {
    write(client, conn, 1, "").await
}

async fn write(client: &Client, conn: &mut Conn, dirty: u8, json: &str) -> PortResult<()> {
    let sql = format!(
        "REPLACE INTO planb.applied (scope, dirty, mark) VALUES ({}, {dirty}, {})",
        literal(&own::scope(&client.config)),
        literal(json)
    );
    run(conn, "write the applied mark", sql).await
}

/// Forgets it.
pub(crate) async fn clear(client: &Client, conn: &mut Conn) -> PortResult<()> {
    let sql = format!(
        "DELETE FROM planb.applied WHERE scope = {}",
        literal(&own::scope(&client.config))
    );
    run(conn, "forget the applied mark", sql).await
}
