//! Connections that load.

use crate::client::{Client, first, run};
use crate::error::cannot;
use crate::raw::RawConn;
use crate::snapshot::readers_default;
use mysql_async::Conn;
use planb_ports::{ErrorKind, PortResult};

/// Loaders of one table wait for each other where it numbers rows; that is no
/// reason to give up.
const LOCK_WAIT_SECS: u32 = 24 * 3600;

/// How many parts with rows are loaded at once.
pub(crate) fn loaders() -> usize {
    readers_default()
}

/// A connection for a part.
pub(super) async fn open(client: &Client) -> PortResult<Conn> {
    let mut conn = client.connect().await?;
    run(&mut conn, "prepare the restore", settings(client)).await?;
    unlogged(client, &mut conn).await?;
    Ok(conn)
}

/// A connection for many rows, in the state of `conn`, which [`open`] made.
pub(super) async fn open_raw(client: &Client, conn: &mut Conn) -> PortResult<RawConn> {
    let logged: Option<u8> = first(conn, "read sql_log_bin", "SELECT @@sql_log_bin").await?;
    let mut raw = RawConn::connect(client).await?;
    let mut settings = settings(client);
    if logged == Some(0) {
        settings.push_str(", sql_log_bin=0");
    }
    let prepared = raw.run(&settings).await;
    prepared.map_err(cannot("prepare the restore"))?;
    Ok(raw)
}

/// The rows were checked at the source. MariaDB's load into an empty table
/// without unique checks goes through temporary files, at twice the work of a
/// load in the order of the key, so these checks stay on there.
fn settings(client: &Client) -> String {
    let engine = if client.config.is_mariadb() {
        "check_constraint_checks=0"
    } else {
        "unique_checks=0"
    };
    format!("SET foreign_key_checks=0, innodb_lock_wait_timeout={LOCK_WAIT_SECS}, {engine}")
}

/// Keeps what is restored out of the target's own binlog, which would double
/// the work: it is in the vault. Not where replicas of the target need it, and
/// not when the account may not.
pub(crate) async fn unlogged(client: &Client, conn: &mut Conn) -> PortResult<()> {
    let replicas: Option<u64> = first(
        conn,
        "look for replicas",
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'",
    )
    .await?;
    if replicas != Some(0) {
        return Ok(());
    }
    match run(conn, "leave the binlog out", "SET sql_log_bin=0").await {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            tracing::warn!(
                target_server = client.config.subject(),
                "the restore is written into the target's binlog too: the account may not set sql_log_bin"
            );
            Ok(())
        }
        other => other,
    }
}
