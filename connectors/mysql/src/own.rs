//! PlanB's own small tables in a protected server.
//!
//! - `fence`: the epoch that was last fenced or promoted, per service;
//! - `canary`: the newest canary, per service; the only one that is carried
//!   over to another site, by its row events;
//! - `applied`: how far a restore has come, per set of databases;
//! - `identity`: names this server's data, because MariaDB has no server UUID;
//! - `lanes`, `lane_done`, `lane_redo`: a group of log that is applied over
//!   several connections, made when the first one is.

use crate::client::{first, run};
use crate::config::MysqlConfig;
use mysql_async::Conn;
use planb_ports::PortResult;

/// The database they are in.
pub(crate) const SCHEMA: &str = "planb";
/// The table of canaries, whose row events are applied at the other site.
pub(crate) const CANARY_TABLE: &str = "canary";

/// Makes the database they are in.
pub(crate) const CREATE_SCHEMA: &str = "CREATE DATABASE IF NOT EXISTS planb CHARACTER SET utf8mb4";
/// Makes the table of canaries.
pub(crate) const CREATE_CANARY: &str = "CREATE TABLE IF NOT EXISTS planb.canary (\
     service VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, \
     mark VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL) ENGINE=InnoDB";

const TABLES: [(&str, &str); 4] = [
    (
        "fence",
        "CREATE TABLE IF NOT EXISTS planb.fence (\
         service VARCHAR(63) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, \
         epoch BIGINT UNSIGNED NOT NULL) ENGINE=InnoDB",
    ),
    (CANARY_TABLE, CREATE_CANARY),
    (
        "applied",
        "CREATE TABLE IF NOT EXISTS planb.applied (\
         scope CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, \
         dirty TINYINT NOT NULL, \
         mark TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL) ENGINE=InnoDB",
    ),
    (
        "identity",
        "CREATE TABLE IF NOT EXISTS planb.identity (\
         id TINYINT NOT NULL PRIMARY KEY, \
         uuid CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL) ENGINE=InnoDB",
    ),
];

/// Whether the tables are there.
pub(crate) async fn exist(conn: &mut Conn) -> PortResult<bool> {
    let sql = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'planb' \
               AND TABLE_NAME IN ('fence', 'canary', 'applied', 'identity')";
    let count: Option<usize> = first(conn, "look for PlanB's tables", sql).await?;
    Ok(count == Some(TABLES.len()))
}

/// Makes the tables that are missing. Writes nothing when all are there.
pub(crate) async fn ensure(conn: &mut Conn) -> PortResult<()> {
    if !exist(conn).await? {
        run(conn, "create PlanB's database", CREATE_SCHEMA).await?;
        for (name, sql) in TABLES {
            run(conn, &format!("create PlanB's table {name}"), sql).await?;
        }
    }
    let known: Option<u8> = first(
        conn,
        "read PlanB's identity",
        "SELECT id FROM planb.identity",
    )
    .await?;
    if known.is_none() {
        run(
            conn,
            "write PlanB's identity",
            "INSERT IGNORE INTO planb.identity (id, uuid) VALUES (1, UUID())",
        )
        .await?;
    }
    Ok(())
}

/// Names the log of this server: the server, and the history its data has.
/// `None` when PlanB has never been here.
///
/// A replica has the history of its source, because `planb.identity` is
/// replicated; a server that was made anew, or restored by PlanB, has its own.
pub(crate) async fn stream_name(
    conn: &mut Conn,
    config: &MysqlConfig,
) -> PortResult<Option<String>> {
    if !exist(conn).await? {
        return Ok(None);
    }
    let sql = if config.is_mariadb() {
        "SELECT CONCAT('mariadb:', @@server_id, ':', uuid) FROM planb.identity"
    } else {
        "SELECT CONCAT('mysql:', @@server_uuid, ':', uuid) FROM planb.identity"
    };
    first(conn, "read PlanB's identity", sql).await
}

/// The history in the name of a log: two servers' logs of the same one go on
/// from each other.
pub(crate) fn lineage(stream: &str) -> &str {
    stream.rsplit(':').next().unwrap_or(stream)
}

/// The key of this configuration in `planb.applied`.
pub(crate) fn scope(config: &MysqlConfig) -> String {
    let mut names = config.databases.clone();
    names.sort();
    let mut text = Vec::new();
    for name in names {
        text.extend_from_slice(name.as_bytes());
        text.push(0);
    }
    blake3::hash(&text).to_hex()[..32].to_owned()
}
