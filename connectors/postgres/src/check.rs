//! Looks at everything protection or restore would need: connection,
//! privileges, settings, clock. What cannot be looked at is unknown, never ok.

mod account;
mod settings;
mod target;

use crate::client::{Client, VERSION_MIN, major_version};
use crate::config::Method;
use crate::wire::Wire;
use planb_model::Text;
use planb_model::finding::{Finding, Severity};
use planb_ports::database::DatabaseRole;
use planb_ports::{Clock, PortError, PortResult};

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
    let physical = client.config.method == Method::Physical;
    if role == DatabaseRole::Target && physical {
        target::check(client, &mut report);
        // Its server may be stopped, and its data is replaced.
        return report.findings;
    }
    let mut wire = match client.anywhere().await {
        Ok(wire) => wire,
        Err(error) => {
            report.unlooked(&error, Severity::Error);
            return report.findings;
        }
    };
    report.ok(
        "PB-POSTGRES-CONNECTED",
        Text::new("connected and logged in", "접속과 로그인에 성공했습니다"),
    );
    version(&wire, &mut report);
    encryption(client, &mut report);
    let looked = [
        account::check(client, &mut wire, role, &mut report).await,
        settings::check(client, &mut wire, role, &mut report).await,
        check_clock(&mut wire, clock, &mut report).await,
    ];
    for error in looked.into_iter().filter_map(Result::err) {
        report.unlooked(&error, Severity::Unknown);
    }
    if role == DatabaseRole::Source && physical {
        match client.replication().await {
            Ok(_) => report.ok(
                "PB-POSTGRES-REPLICATION",
                Text::new("replication is allowed", "복제 접속이 허용됩니다"),
            ),
            Err(error) => report.unlooked(&error, Severity::Error),
        }
    }
    report.findings
}

fn version(wire: &Wire, report: &mut Report) {
    let text = wire.server_version().to_owned();
    let good = major_version(&text).is_some_and(|version| version >= VERSION_MIN);
    report.add(
        "PB-POSTGRES-VERSION",
        if good { Severity::Ok } else { Severity::Error },
        Text::same(format!("PostgreSQL {text}")),
        Text::new(
            "PostgreSQL 15 or later is needed",
            "PostgreSQL 15 이상이 필요합니다",
        ),
    );
}

fn encryption(client: &Client, report: &mut Report) {
    if client.config.tls_ca.is_some() {
        report.ok(
            "PB-POSTGRES-TLS",
            Text::new(
                "the connection is encrypted and the server's certificate verified",
                "연결이 암호화되며 서버 인증서가 검증됩니다",
            ),
        );
    }
}

async fn check_clock(wire: &mut Wire, clock: &dyn Clock, report: &mut Report) -> PortResult<()> {
    let before = clock.now().as_millisecond();
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let server = wire.first("read the server's clock", sql).await?;
    let after = clock.now().as_millisecond();
    let Some(server) = server.and_then(|text| text.parse::<i64>().ok()) else {
        return Ok(());
    };
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
        "PB-POSTGRES-CLOCK",
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
    findings: Vec<Finding>,
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
