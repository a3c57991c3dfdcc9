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
use planb_ports::{Clock, Findings, PortResult};

/// Runs every check.
pub(crate) async fn run(client: &Client, clock: &dyn Clock, role: DatabaseRole) -> Vec<Finding> {
    let mut report = Findings::about(client.config.subject());
    let physical = client.config.method == Method::Physical;
    if role == DatabaseRole::Target && physical {
        target::check(client, &mut report);
        // Its server may be stopped, and its data is replaced.
        return report.into_vec();
    }
    let mut wire = match client.anywhere().await {
        Ok(wire) => wire,
        Err(error) => {
            report.unlooked(&error, Severity::Error);
            return report.into_vec();
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
    report.into_vec()
}

fn version(wire: &Wire, report: &mut Findings) {
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

fn encryption(client: &Client, report: &mut Findings) {
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

async fn check_clock(wire: &mut Wire, clock: &dyn Clock, report: &mut Findings) -> PortResult<()> {
    let before = clock.now().as_millisecond();
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let server = wire.first("read the server's clock", sql).await?;
    let after = clock.now().as_millisecond();
    let Some(server) = server.and_then(|text| text.parse::<i64>().ok()) else {
        return Ok(());
    };
    report.clock("PB-POSTGRES-CLOCK", before, server, after);
    Ok(())
}
