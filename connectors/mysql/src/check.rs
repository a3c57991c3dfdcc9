//! Looks at everything protection or restore would need: connection,
//! privileges, settings, clock, tables. What cannot be looked at is unknown,
//! never ok.

pub(crate) mod privileges;
mod settings;
mod tables;

use crate::client::{Client, first};
use mysql_async::Conn;
use planb_model::Text;
use planb_model::finding::{Finding, Severity};
use planb_ports::database::DatabaseRole;
use planb_ports::{Clock, Findings, PortResult};

/// Runs every check.
pub(crate) async fn run(client: &Client, clock: &dyn Clock, role: DatabaseRole) -> Vec<Finding> {
    let mut report = Findings::about(client.config.subject());
    let mut conn = match client.connect().await {
        Ok(conn) => conn,
        Err(error) => {
            report.unlooked(&error, Severity::Error);
            return report.into_vec();
        }
    };
    report.ok(
        "PB-MYSQL-CONNECTED",
        Text::new("connected and logged in", "접속과 로그인에 성공했습니다"),
    );
    if let Err(error) = settings::check(client, &mut conn, role, &mut report).await {
        report.unlooked(&error, Severity::Unknown);
    }
    if let Err(error) = privileges::check(client, &mut conn, role, &mut report).await {
        report.unlooked(&error, Severity::Unknown);
    }
    if let Err(error) = check_clock(&mut conn, clock, &mut report).await {
        report.unlooked(&error, Severity::Unknown);
    }
    if role == DatabaseRole::Source
        && let Err(error) = tables::check(client, &mut conn, &mut report).await
    {
        report.unlooked(&error, Severity::Unknown);
    }
    report.into_vec()
}

async fn check_clock(conn: &mut Conn, clock: &dyn Clock, report: &mut Findings) -> PortResult<()> {
    let before = clock.now().as_millisecond();
    let sql = "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)";
    let server: Option<i64> = first(conn, "read the server's clock", sql).await?;
    let after = clock.now().as_millisecond();
    let Some(server) = server else { return Ok(()) };
    report.clock("PB-MYSQL-CLOCK", before, server, after);
    Ok(())
}
