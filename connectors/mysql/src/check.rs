//! Looks at everything protection or restore would need: connection,
//! privileges, settings, clock, tables. What cannot be looked at is unknown,
//! never ok.

mod privileges;
mod settings;
mod tables;

use crate::client::{Client, first};
use mysql_async::Conn;
use planb_model::Text;
use planb_model::finding::{Finding, Severity};
use planb_ports::database::DatabaseRole;
use planb_ports::{Clock, PortError};

/// Clocks this far apart make times in reports differ visibly.
const CLOCK_OFFSET_MS_WARNING: i64 = 1_000;
/// Clocks this far apart make the measured recovery point worthless.
const CLOCK_OFFSET_MS_ERROR: i64 = 30_000;

/// Runs every check.
pub(crate) async fn run(client: &Client, clock: &dyn Clock, role: DatabaseRole) -> Vec<Finding> {
    let mut report = Report {
        subject: client.config.subject(),
        findings: Vec::new(),
    };
    let mut conn = match client.connect().await {
        Ok(conn) => conn,
        Err(error) => {
            report.unlooked(&error, Severity::Error);
            return report.findings;
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
    report.findings
}

async fn check_clock(
    conn: &mut Conn,
    clock: &dyn Clock,
    report: &mut Report,
) -> Result<(), PortError> {
    let before = clock.now().as_millisecond();
    let sql = "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)";
    let server: Option<i64> = first(conn, "read the server's clock", sql).await?;
    let after = clock.now().as_millisecond();
    let Some(server) = server else { return Ok(()) };
    // The answer was made at some time between the two looks.
    let offset = if server < before {
        server - before
    } else {
        (server - after).max(0)
    };
    let severity = match offset.abs() {
        ms if ms >= CLOCK_OFFSET_MS_ERROR => Severity::Error,
        ms if ms >= CLOCK_OFFSET_MS_WARNING => Severity::Warning,
        _ => Severity::Ok,
    };
    let seconds = offset as f64 / 1000.0;
    report.add(
        "PB-MYSQL-CLOCK",
        severity,
        Text::new(
            format!("the server's clock is {seconds:.1} s from PlanB's"),
            format!("서버 시계가 PlanB의 시계와 {seconds:.1}초 차이 납니다"),
        ),
        Text::new(
            "synchronise both machines by NTP (chrony)",
            "두 시스템의 시간을 NTP(chrony)로 동기화하세요",
        ),
    );
    Ok(())
}

/// Gathers findings about one server.
pub(crate) struct Report {
    subject: String,
    pub(crate) findings: Vec<Finding>,
}

impl Report {
    /// Adds something that is as it should be.
    fn ok(&mut self, code: &str, reason: Text) {
        self.findings.push(Finding::ok(code, &self.subject, reason));
    }

    /// Adds something that was looked at; `fix` is left out when it is ok.
    fn add(&mut self, code: &str, severity: Severity, reason: Text, fix: Text) {
        self.findings.push(if severity == Severity::Ok {
            Finding::ok(code, &self.subject, reason)
        } else {
            Finding::failed(code, severity, &self.subject, reason, fix)
        });
    }

    /// Adds something that could not be looked at.
    fn unlooked(&mut self, error: &PortError, severity: Severity) {
        let chain = error.chain();
        let reason = Text::new(
            format!("could not be checked: {chain}"),
            format!("확인하지 못했습니다: {chain}"),
        );
        let fix = error.hint_text().cloned().unwrap_or_else(|| {
            Text::new(
                "see the error, mend it and check again",
                "오류 내용을 확인하고 조치한 뒤 다시 점검하세요",
            )
        });
        let code = error.code();
        self.findings
            .push(Finding::failed(code, severity, &self.subject, reason, fix));
    }
}
