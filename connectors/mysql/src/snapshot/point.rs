//! The consistent point: a read view and the log position it stands at.

use crate::binlog::position::BinlogPosition;
use crate::client::{Client, first, literal, rows, run};
use crate::error::log_lost;
use crate::own;
use mysql_async::Conn;
use planb_model::recovery::LogPosition;
use planb_ports::{ErrorKind, PortError, PortResult};

/// Keeps table definitions as they are while a snapshot is read. Writers are
/// not blocked: MariaDB's `BACKUP STAGE BLOCK_DDL` and MySQL's
/// `LOCK INSTANCE FOR BACKUP` let rows change.
pub(super) struct DefinitionGuard {
    conn: Conn,
    release: &'static str,
}

impl DefinitionGuard {
    /// Waits for definitions that are just being changed, then holds.
    pub async fn hold(client: &Client) -> PortResult<Self> {
        let mut conn = client.connect().await?;
        let what = "hold back changes of table definitions";
        let (hold, release): (&[&str], _) = if client.config.is_mariadb() {
            (
                &["BACKUP STAGE START", "BACKUP STAGE BLOCK_DDL"],
                "BACKUP STAGE END",
            )
        } else {
            (&["LOCK INSTANCE FOR BACKUP"], "UNLOCK INSTANCE")
        };
        for sql in hold {
            run(&mut conn, what, *sql).await?;
        }
        Ok(Self { conn, release })
    }

    /// Lets them change again. Dropping the connection does the same.
    pub async fn release(mut self) -> PortResult<()> {
        let what = "let table definitions change again";
        run(&mut self.conn, what, self.release).await
    }
}

/// Begins the transaction whose read view the snapshot is, and says where in
/// the log it stands.
pub(super) async fn begin(client: &Client, conn: &mut Conn) -> PortResult<LogPosition> {
    let what = "begin a consistent snapshot";
    let repeatable = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";
    run(conn, what, repeatable).await?;
    let start = "START TRANSACTION WITH CONSISTENT SNAPSHOT";
    let position = if client.config.is_mariadb() {
        run(conn, what, start).await?;
        mariadb_position(conn).await?
    } else {
        // Commits wait for the few milliseconds between these statements.
        run(conn, what, "FLUSH TABLES WITH READ LOCK").await?;
        let begun = async {
            run(conn, what, start).await?;
            mysql_position(conn).await
        }
        .await;
        run(conn, what, "UNLOCK TABLES").await?;
        begun?
    };
    run(conn, what, "SAVEPOINT planb").await?;
    let stream = own::stream_name(conn, &client.config)
        .await?
        .ok_or_else(|| log_lost("the server has no identity of PlanB"))?;
    Ok(LogPosition {
        stream,
        at: position.0.to_string(),
        gtid: position.1,
    })
}

/// MariaDB keeps the position with the read view, without any lock.
async fn mariadb_position(conn: &mut Conn) -> PortResult<(BinlogPosition, Option<String>)> {
    let status: Vec<(String, String)> = rows(
        conn,
        "read the position of the snapshot",
        "SHOW STATUS LIKE 'binlog_snapshot_%'",
    )
    .await?;
    let of = |name: &str| {
        status
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone())
            .filter(|value| !value.is_empty())
    };
    let (Some(file), Some(offset)) = (of("Binlog_snapshot_file"), of("Binlog_snapshot_position"))
    else {
        return Err(binlog_off());
    };
    let position = BinlogPosition::parse(&format!("{file}:{offset}"))?;
    let gtid = mariadb_gtid_at(conn, &position).await?;
    Ok((position, gtid))
}

/// The GTID state at a position; `None` when the position is not between two
/// transactions of this server's log.
pub(crate) async fn mariadb_gtid_at(
    conn: &mut Conn,
    position: &BinlogPosition,
) -> PortResult<Option<String>> {
    let sql = format!(
        "SELECT BINLOG_GTID_POS({}, {})",
        literal(&position.file),
        position.offset
    );
    let gtid: Option<Option<String>> = first(conn, "read the GTID of a position", sql).await?;
    Ok(gtid.flatten())
}

async fn mysql_position(conn: &mut Conn) -> PortResult<(BinlogPosition, Option<String>)> {
    let position = end_of_log(conn).await?;
    let gtid: Option<String> = first(
        conn,
        "read gtid_executed",
        "SELECT REPLACE(@@GLOBAL.gtid_executed, '\\n', '')",
    )
    .await?;
    Ok((position, gtid.filter(|g| !g.is_empty())))
}

/// Where the log ends now.
pub(crate) async fn end_of_log(conn: &mut Conn) -> PortResult<BinlogPosition> {
    let what = "read the end of the binlog";
    // MySQL 8.4 has the new words only, MariaDB and MySQL 8.0 the old ones only.
    let row: Option<mysql_async::Row> = match first(conn, what, "SHOW BINARY LOG STATUS").await {
        Ok(row) => row,
        Err(error) if error.kind() == ErrorKind::Internal => {
            first(conn, what, "SHOW MASTER STATUS").await?
        }
        Err(error) => return Err(error),
    };
    let row = row.ok_or_else(binlog_off)?;
    match (row.get::<String, _>(0), row.get::<u64, _>(1)) {
        (Some(file), Some(offset)) => Ok(BinlogPosition { file, offset }),
        _ => Err(binlog_off()),
    }
}

fn binlog_off() -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-MYSQL-BINLOG-OFF",
        "the server writes no binlog",
    )
    .hint(
        "set log_bin=ON and binlog_format=ROW in its configuration and restart it",
        "서버 설정에 log_bin=ON과 binlog_format=ROW를 지정하고 다시 시작하세요",
    )
}
