//! What PlanB's account may do.

use crate::client::Client;
use crate::config::Method;
use crate::own;
use crate::wire::Wire;
use planb_model::Text;
use planb_model::finding::Severity;
use planb_ports::database::DatabaseRole;
use planb_ports::{Findings, PortResult};

/// Looks at the attributes of the account.
pub(super) async fn check(
    client: &Client,
    wire: &mut Wire,
    role: DatabaseRole,
    report: &mut Findings,
) -> PortResult<()> {
    let sql = "SELECT rolsuper, rolreplication, rolcreatedb, \
               pg_has_role(current_user, 'pg_read_all_data', 'usage') \
               FROM pg_roles WHERE rolname = current_user";
    let rows = wire.rows("look at PlanB's account", sql).await?;
    let row = rows.into_iter().next().unwrap_or_default();
    let has = |at: usize| row.get(at).cloned().flatten().as_deref() == Some("t");
    let (superuser, user) = (has(0), &client.config.user);
    if role == DatabaseRole::Source && client.config.method == Method::Physical {
        let statement = format!("ALTER ROLE {user} REPLICATION");
        needs(report, superuser || has(1), "REPLICATION", &statement);
    }
    if role == DatabaseRole::Source {
        let statement = format!("GRANT pg_read_all_data TO {user}");
        needs(report, superuser || has(3), "pg_read_all_data", &statement);
    }
    let own = client.own().await?.is_some();
    if !own || role == DatabaseRole::Target {
        let statement = format!("ALTER ROLE {user} CREATEDB");
        needs(report, superuser || has(2), "CREATEDB", &statement);
    }
    report.add(
        "PB-POSTGRES-FENCE-WEAK",
        if superuser { Severity::Ok } else { Severity::Warning },
        match superuser {
            true => Text::new(
                "the fence can close every database",
                "모든 데이터베이스를 펜싱할 수 있습니다",
            ),
            false => Text::new(
                "without SUPERUSER the fence closes only databases this account owns, and it cannot read them while they are closed",
                "SUPERUSER 권한이 없으면 이 계정이 소유한 데이터베이스만 펜싱할 수 있고, 펜싱 중에는 읽을 수 없습니다",
            ),
        },
        Text::new(
            format!("ALTER ROLE {user} SUPERUSER, where the server is yours"),
            format!("직접 운영하는 서버라면 ALTER ROLE {user} SUPERUSER를 실행하세요"),
        ),
    );
    if role == DatabaseRole::Source {
        superusers(wire, report).await?;
    }
    Ok(())
}

fn needs(report: &mut Findings, has: bool, what: &str, statement: &str) {
    report.add(
        "PB-POSTGRES-PRIVILEGE",
        if has { Severity::Ok } else { Severity::Error },
        match has {
            true => Text::new(
                format!("{what} is granted"),
                format!("{what} 권한이 있습니다"),
            ),
            false => Text::new(
                format!("{what} is missing"),
                format!("{what} 권한이 없습니다"),
            ),
        },
        Text::same(statement),
    );
}

/// Superusers go through the fence: the application must not be one.
async fn superusers(wire: &mut Wire, report: &mut Findings) -> PortResult<()> {
    let sql = format!(
        "SELECT string_agg(DISTINCT a.usename::text, ', ') FROM pg_stat_activity a \
         JOIN pg_roles r ON r.oid = a.usesysid WHERE r.rolsuper AND a.usename <> current_user \
         AND a.backend_type = 'client backend' AND a.datname <> '{}'",
        own::DATABASE
    );
    if let Some(names) = wire.first("look for superusers at work", &sql).await? {
        report.add(
            "PB-POSTGRES-SUPERUSERS",
            Severity::Warning,
            Text::new(
                format!("superusers are logged in ({names}); the fence does not bind them"),
                format!(
                    "슈퍼유저가 접속해 있습니다({names}). 슈퍼유저는 펜싱으로 막을 수 없습니다"
                ),
            ),
            Text::new(
                "give the application an account without SUPERUSER",
                "애플리케이션에는 SUPERUSER가 아닌 계정을 사용하세요",
            ),
        );
    }
    Ok(())
}
