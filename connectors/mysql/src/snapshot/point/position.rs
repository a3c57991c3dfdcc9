//! Where in the log a read view stands, and where the log ends.

use crate::binlog::position::BinlogPosition;
use crate::client::{first, literal};
use crate::error::cannot;
use crate::raw::RawConn;
use mysql_async::Conn;
use planb_ports::{ErrorKind, PortError, PortResult};

const BINLOG_OFF: &str = "PB-MYSQL-BINLOG-OFF";

/// A place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct At {
    pub position: BinlogPosition,
    /// MySQL's set; MariaDB is asked for it by the position.
    pub gtid: Option<String>,
}

/// MariaDB keeps the position with the read view, without any lock. `None`
/// when there is no binlog.
pub(super) async fn of_view(conn: &mut RawConn) -> PortResult<Option<At>> {
    let what = "read the position of the snapshot";
    let sql = "SHOW STATUS LIKE 'binlog_snapshot_%'";
    let status = conn.small_rows(sql).await.map_err(cannot(what))?;
    let of = |name: &str| {
        status.iter().find_map(|row| match row.as_slice() {
            [Some(n), Some(value)] if n.eq_ignore_ascii_case(name.as_bytes()) => {
                Some(String::from_utf8_lossy(value).into_owned()).filter(|v| !v.is_empty())
            }
            _ => None,
        })
    };
    let (Some(file), Some(offset)) = (of("binlog_snapshot_file"), of("binlog_snapshot_position"))
    else {
        return Ok(None);
    };
    Ok(Some(At {
        position: BinlogPosition::parse(&format!("{file}:{offset}"))?,
        gtid: None,
    }))
}

/// Where the log ends now; `None` when there is no binlog.
pub(super) async fn now(conn: &mut Conn, mariadb: bool) -> PortResult<Option<At>> {
    let position = match end_of_log(conn).await {
        Ok(position) => position,
        Err(error) if error.code() == BINLOG_OFF => return Ok(None),
        Err(error) => return Err(error),
    };
    let gtid: Option<String> = if mariadb {
        None
    } else {
        let sql = "SELECT REPLACE(@@GLOBAL.gtid_executed, '\\n', '')";
        first(conn, "read gtid_executed", sql).await?
    };
    Ok(Some(At {
        position,
        gtid: gtid.filter(|g| !g.is_empty()),
    }))
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
        (Some(file), Some(offset)) => Ok(BinlogPosition::new(file, offset)),
        _ => Err(binlog_off()),
    }
}

pub(super) fn binlog_off() -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        BINLOG_OFF,
        "the server writes no binlog",
    )
    .hint(
        "set log_bin=ON and binlog_format=ROW in its configuration and restart it",
        "서버 설정에 log_bin=ON과 binlog_format=ROW를 지정하고 다시 시작하세요",
    )
}
