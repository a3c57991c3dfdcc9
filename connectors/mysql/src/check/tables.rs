//! The protected databases themselves.

use crate::catalog::{self, Kind};
use crate::client::{Client, literals, rows};
use mysql_async::Conn;
use planb_model::Text;
use planb_model::finding::Severity;
use planb_ports::{Findings, PortResult};

/// A message names this many tables and counts the others.
const NAMED_MAX: usize = 5;

/// Looks for databases that are not there and for tables that are harder to protect.
pub(super) async fn check(
    client: &Client,
    conn: &mut Conn,
    report: &mut Findings,
) -> PortResult<()> {
    databases_are_there(client, conn, report).await?;
    tables_have_transactions(client, conn, report).await?;
    tables_have_keys(client, conn, report).await
}

async fn databases_are_there(
    client: &Client,
    conn: &mut Conn,
    report: &mut Findings,
) -> PortResult<()> {
    let databases = &client.config.databases;
    let there: Vec<String> = rows(
        conn,
        "list the databases",
        format!(
            "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME IN ({})",
            literals(databases)
        ),
    )
    .await?;
    let missing: Vec<String> = databases
        .iter()
        .filter(|d| !there.contains(d))
        .cloned()
        .collect();
    let severity = if missing.is_empty() {
        Severity::Ok
    } else {
        Severity::Error
    };
    let names = missing.join(", ");
    report.add(
        "PB-MYSQL-NO-DATABASE",
        severity,
        match severity {
            Severity::Ok => Text::new("every database is there", "모든 데이터베이스가 있습니다"),
            _ => Text::new(
                format!("not there, or hidden from PlanB's account: {names}"),
                format!("없거나 PlanB 계정에 보이지 않는 데이터베이스: {names}"),
            ),
        },
        Text::new(
            "mend the names in the plan, or grant SELECT on them",
            "계획 파일의 이름을 고치거나 SELECT 권한을 부여하세요",
        ),
    );
    Ok(())
}

async fn tables_have_transactions(
    client: &Client,
    conn: &mut Conn,
    report: &mut Findings,
) -> PortResult<()> {
    let tables = catalog::read(client, conn).await?;
    let odd: Vec<String> = tables
        .iter()
        .filter(|t| t.kind == Kind::Base)
        .filter(|t| {
            !t.engine
                .as_deref()
                .is_some_and(|e| e.eq_ignore_ascii_case("InnoDB"))
        })
        .map(catalog::Table::label)
        .collect();
    warn(
        report,
        "PB-MYSQL-NOT-INNODB",
        &odd,
        (
            "tables without transactions: a snapshot of them may be torn, and a broken apply needs a new restore",
            "트랜잭션을 지원하지 않는 테이블: 스냅샷이 일관되지 않을 수 있고 적용이 중단되면 다시 복원해야 합니다",
        ),
        (
            "ALTER TABLE … ENGINE=InnoDB",
            "ALTER TABLE … ENGINE=InnoDB로 변환하세요",
        ),
    );
    Ok(())
}

async fn tables_have_keys(
    client: &Client,
    conn: &mut Conn,
    report: &mut Findings,
) -> PortResult<()> {
    let keyless: Vec<(String, String)> = rows(
        conn,
        "look for tables without a primary key",
        format!(
            "SELECT t.TABLE_SCHEMA, t.TABLE_NAME FROM information_schema.TABLES t \
             LEFT JOIN information_schema.TABLE_CONSTRAINTS c \
             ON c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME \
             AND c.CONSTRAINT_TYPE IN ('PRIMARY KEY', 'UNIQUE') \
             WHERE t.TABLE_SCHEMA IN ({}) AND t.TABLE_TYPE = 'BASE TABLE' \
             AND c.TABLE_NAME IS NULL ORDER BY 1, 2",
            literals(&client.config.databases)
        ),
    )
    .await?;
    let keyless: Vec<String> = keyless.iter().map(|(d, t)| catalog::label(d, t)).collect();
    warn(
        report,
        "PB-MYSQL-NO-KEY",
        &keyless,
        (
            "tables without a key: each changed row is searched through the whole table when the log is applied",
            "키가 없는 테이블: 로그를 적용할 때 변경된 행마다 테이블 전체를 검색합니다",
        ),
        ("add a primary key", "기본 키를 추가하세요"),
    );
    Ok(())
}

fn warn(
    report: &mut Findings,
    code: &str,
    tables: &[String],
    (en, ko): (&str, &str),
    fix: (&str, &str),
) {
    if tables.is_empty() {
        return;
    }
    let named = tables[..tables.len().min(NAMED_MAX)].join(", ");
    let more = tables.len().saturating_sub(NAMED_MAX);
    let (more_en, more_ko) = match more {
        0 => (String::new(), String::new()),
        _ => (format!(" and {more} more"), format!(" 외 {more}개")),
    };
    report.add(
        code,
        Severity::Warning,
        Text::new(
            format!("{en}: {named}{more_en}"),
            format!("{ko}: {named}{more_ko}"),
        ),
        Text::new(fix.0, fix.1),
    );
}
