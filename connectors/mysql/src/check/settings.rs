//! Settings of the server.

use crate::client::{Client, first, rows};
use crate::version::{self, Version};
use mysql_async::{Conn, Row};
use planb_model::Text;
use planb_model::finding::Severity;
use planb_ports::database::DatabaseRole;
use planb_ports::{Findings, PortResult};
use std::collections::BTreeMap;

/// A binlog that is kept for less is gone when PlanB was down over a night.
const EXPIRE_SECS_MIN: u64 = 24 * 3600;
/// Row events of one row must fit, base64 and all.
const PACKET_BYTES_MIN: u64 = 16 * 1024 * 1024;

/// One setting that must have one of some values.
struct Rule {
    name: &'static str,
    code: &'static str,
    /// Good values, in upper case.
    good: &'static [&'static str],
    /// How bad another value is; at a target, what only a source needs is a warning.
    severity: Severity,
    only: Option<DatabaseRole>,
    why: (&'static str, &'static str),
}

const RULES: &[Rule] = &[
    Rule {
        name: "log_bin",
        code: "PB-MYSQL-BINLOG-OFF",
        good: &["ON"],
        severity: Severity::Error,
        only: None,
        why: (
            "without a binlog there is nothing to ship",
            "binlog가 없으면 전송할 변경 로그가 없습니다",
        ),
    },
    Rule {
        name: "binlog_format",
        code: "PB-MYSQL-BINLOG-FORMAT",
        good: &["ROW"],
        severity: Severity::Error,
        only: None,
        why: (
            "only row events are applied exactly",
            "행(ROW) 이벤트만 정확하게 재현됩니다",
        ),
    },
    Rule {
        name: "binlog_row_image",
        code: "PB-MYSQL-ROW-IMAGE",
        good: &["FULL", "FULL_NODUP"],
        severity: Severity::Error,
        only: None,
        why: (
            "tables without a key need whole rows",
            "키가 없는 테이블에는 전체 행 정보가 필요합니다",
        ),
    },
    Rule {
        name: "binlog_alter_two_phase",
        code: "PB-MYSQL-ALTER-TWO-PHASE",
        good: &["OFF"],
        severity: Severity::Error,
        only: None,
        why: (
            "ALTER TABLE in two parts cannot be applied from a segment",
            "두 단계로 기록된 ALTER TABLE은 세그먼트에서 적용할 수 없습니다",
        ),
    },
    Rule {
        name: "sync_binlog",
        code: "PB-MYSQL-DURABILITY",
        good: &["1"],
        severity: Severity::Warning,
        only: None,
        why: (
            "a crash may lose what was shipped already",
            "장애 시 이미 전송된 변경이 서버에서 사라질 수 있습니다",
        ),
    },
    Rule {
        name: "innodb_flush_log_at_trx_commit",
        code: "PB-MYSQL-DURABILITY",
        good: &["1"],
        severity: Severity::Warning,
        only: None,
        why: (
            "a crash may lose acknowledged transactions",
            "장애 시 커밋된 트랜잭션이 사라질 수 있습니다",
        ),
    },
    Rule {
        name: "local_infile",
        code: "PB-MYSQL-LOCAL-INFILE",
        good: &["ON"],
        severity: Severity::Error,
        only: Some(DatabaseRole::Target),
        why: (
            "snapshots are loaded by LOAD DATA LOCAL",
            "스냅샷은 LOAD DATA LOCAL로 적재합니다",
        ),
    },
    Rule {
        name: "event_scheduler",
        code: "PB-MYSQL-EVENTS",
        good: &["OFF", "DISABLED"],
        severity: Severity::Warning,
        only: Some(DatabaseRole::Target),
        why: (
            "events of privileged users would change the copy; switch it on after a failover",
            "특권 사용자의 이벤트가 복제본을 변경할 수 있습니다. 페일오버 후에 켜세요",
        ),
    },
];

type Settings = BTreeMap<String, String>;

/// Looks at all of them.
pub(super) async fn check(
    client: &Client,
    conn: &mut Conn,
    role: DatabaseRole,
    report: &mut Findings,
) -> PortResult<()> {
    let all: Vec<(String, String)> =
        rows(conn, "read the settings", "SHOW GLOBAL VARIABLES").await?;
    let settings: Settings = all
        .into_iter()
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect();
    version(client, conn, report).await?;
    for rule in RULES {
        if rule.only.is_none_or(|only| only == role)
            && let Some(value) = settings.get(rule.name)
        {
            apply(rule, value, role, report);
        }
    }
    numbers(&settings, role, report);
    if role == DatabaseRole::Source {
        filters(conn, report).await?;
    }
    Ok(())
}

fn apply(rule: &Rule, value: &str, role: DatabaseRole, report: &mut Findings) {
    let good = rule.good.contains(&value.to_uppercase().as_str());
    let severity = match (good, role, rule.only) {
        (true, ..) => Severity::Ok,
        // It matters when the target has become the source.
        (false, DatabaseRole::Target, None) => Severity::Warning,
        _ => rule.severity,
    };
    let (name, wanted) = (rule.name, rule.good[0]);
    let reason = if good {
        Text::same(format!("{name}={value}"))
    } else {
        let (en, ko) = rule.why;
        Text::new(
            format!("{name}={value}: {en}"),
            format!("{name}={value}: {ko}"),
        )
    };
    let fix = Text::new(
        format!("set {name}={wanted} in the server's configuration and restart it"),
        format!("서버 설정에서 {name}={wanted}(으)로 지정하고 다시 시작하세요"),
    );
    report.add(rule.code, severity, reason, fix);
}

async fn version(client: &Client, conn: &mut Conn, report: &mut Findings) -> PortResult<()> {
    let version = version::read(conn).await?;
    let good = version.fits(&client.config);
    let severity = if good { Severity::Ok } else { Severity::Error };
    let (text, engine) = (&version.text, client.config.engine);
    report.add(
        "PB-MYSQL-VERSION",
        severity,
        Text::new(
            format!("the server is {text}, the plan says {engine}"),
            format!("서버 버전은 {text}, 계획 파일의 엔진은 {engine}입니다"),
        ),
        Version::fix(),
    );
    Ok(())
}

fn numbers(settings: &Settings, role: DatabaseRole, report: &mut Findings) {
    let number = |name: &str| settings.get(name).and_then(|v| v.parse::<f64>().ok());
    if let Some(id) = number("server_id") {
        let severity = if id == 0.0 {
            Severity::Error
        } else {
            Severity::Ok
        };
        report.add(
            "PB-MYSQL-SERVER-ID",
            severity,
            Text::same(format!("server_id={id}")),
            Text::new(
                "give every server its own server_id, not 0",
                "서버마다 0이 아닌 고유한 server_id를 지정하세요",
            ),
        );
    }
    let seconds = number("binlog_expire_logs_seconds")
        .or_else(|| number("expire_logs_days").map(|days| days * 86_400.0));
    if let (Some(seconds), DatabaseRole::Source) = (seconds, role) {
        let short = seconds > 0.0 && seconds < EXPIRE_SECS_MIN as f64;
        report.add(
            "PB-MYSQL-EXPIRE",
            if short {
                Severity::Warning
            } else {
                Severity::Ok
            },
            Text::new(
                format!("binlogs are kept for {seconds} s (0: always)"),
                format!("binlog 보존 기간은 {seconds}초입니다(0은 무제한)"),
            ),
            Text::new(
                format!("set binlog_expire_logs_seconds to {EXPIRE_SECS_MIN} or more"),
                format!("binlog_expire_logs_seconds를 {EXPIRE_SECS_MIN} 이상으로 지정하세요"),
            ),
        );
    }
    if let Some(bytes) = number("max_allowed_packet") {
        let small = bytes < PACKET_BYTES_MIN as f64;
        report.add(
            "PB-MYSQL-PACKET",
            if small {
                Severity::Warning
            } else {
                Severity::Ok
            },
            Text::same(format!("max_allowed_packet={bytes}")),
            Text::new(
                format!("set max_allowed_packet to {PACKET_BYTES_MIN} or more at both sites"),
                format!(
                    "두 사이트 모두 max_allowed_packet을 {PACKET_BYTES_MIN} 이상으로 지정하세요"
                ),
            ),
        );
    }
}

/// A binlog that leaves databases out cannot be shipped whole.
async fn filters(conn: &mut Conn, report: &mut Findings) -> PortResult<()> {
    let sql = "SHOW MASTER STATUS";
    let row: Option<Row> = match first(conn, "read the binlog's filters", sql).await {
        Ok(row) => row,
        Err(_) => first(conn, "read the binlog's filters", "SHOW BINARY LOG STATUS").await?,
    };
    let Some(row) = row else { return Ok(()) };
    let filtered =
        (2..4).any(|i| matches!(row.get_opt::<String, _>(i), Some(Ok(text)) if !text.is_empty()));
    report.add(
        "PB-MYSQL-BINLOG-FILTER",
        if filtered {
            Severity::Error
        } else {
            Severity::Ok
        },
        Text::new(
            if filtered {
                "the binlog leaves databases out"
            } else {
                "the binlog has every database"
            },
            if filtered {
                "binlog에서 제외된 데이터베이스가 있습니다"
            } else {
                "모든 데이터베이스가 binlog에 기록됩니다"
            },
        ),
        Text::new(
            "remove binlog_do_db and binlog_ignore_db from the server's configuration",
            "서버 설정에서 binlog_do_db와 binlog_ignore_db를 제거하세요",
        ),
    );
    Ok(())
}
