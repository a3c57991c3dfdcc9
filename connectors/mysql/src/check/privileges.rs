//! Privileges of PlanB's account: each one that is needed and missing, with
//! the GRANT for it.

use crate::client::{Client, first, ident, rows};
use crate::own;
use mysql_async::Conn;
use planb_model::Text;
use planb_model::finding::Severity;
use planb_ports::database::DatabaseRole;
use planb_ports::{Findings, PortResult};

/// Where a privilege is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scope {
    Everywhere,
    Database(String),
}

impl Scope {
    fn sql(&self) -> String {
        match self {
            Scope::Everywhere => "*.*".to_owned(),
            Scope::Database(name) => format!("{}.*", ident(name)),
        }
    }
}

/// One line of `SHOW GRANTS`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Grant {
    privileges: Vec<String>,
    /// `None` for everywhere.
    database: Option<String>,
}

const MARIADB_BOTH: &[&str] = &["READ_ONLY ADMIN", "CONNECTION ADMIN", "PROCESS"];
const MARIADB_SOURCE: &[&str] = &["RELOAD", "REPLICATION SLAVE", "BINLOG MONITOR"];
const MARIADB_TARGET: &[&str] = &["BINLOG REPLAY", "BINLOG ADMIN", "SET USER"];
const MYSQL_BOTH: &[&str] = &["SYSTEM_VARIABLES_ADMIN", "CONNECTION_ADMIN", "PROCESS"];
const MYSQL_SOURCE: &[&str] = &[
    "RELOAD",
    "BACKUP_ADMIN",
    "REPLICATION SLAVE",
    "REPLICATION CLIENT",
    "SHOW_ROUTINE",
];
const MYSQL_TARGET: &[&str] = &["REPLICATION_APPLIER"];
/// In each protected database, to read it.
const READ: &[&str] = &["SELECT", "SHOW VIEW", "TRIGGER", "EVENT"];
/// In each protected database, to make it again.
const WRITE: &[&str] = &[
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "DROP",
    "ALTER",
    "INDEX",
    "REFERENCES",
    "CREATE VIEW",
    "SHOW VIEW",
    "CREATE ROUTINE",
    "ALTER ROUTINE",
    "TRIGGER",
    "EVENT",
];
/// In PlanB's own database.
const OWN: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE"];

/// Looks for what is missing.
pub(super) async fn check(
    client: &Client,
    conn: &mut Conn,
    role: DatabaseRole,
    report: &mut Findings,
) -> PortResult<()> {
    let lines: Vec<String> = rows(conn, "read the privileges", "SHOW GRANTS").await?;
    let grants: Vec<Grant> = lines.iter().filter_map(|line| parse(line)).collect();
    let missing: Vec<(&str, Scope)> = needed(client, role)
        .into_iter()
        .filter(|(privilege, scope)| !has(&grants, privilege, scope))
        .collect();
    if role == DatabaseRole::Target {
        function_creators(conn, &grants, report).await?;
    }
    if missing.is_empty() {
        report.ok(
            "PB-MYSQL-PRIVILEGE",
            Text::new(
                "PlanB's account has every privilege it needs",
                "PlanB 계정에 필요한 권한이 모두 있습니다",
            ),
        );
    }
    for (privilege, scope) in missing {
        let scope = scope.sql();
        report.add(
            "PB-MYSQL-PRIVILEGE",
            Severity::Error,
            Text::new(
                format!("PlanB's account lacks {privilege} on {scope}"),
                format!("PlanB 계정에 {scope}에 대한 {privilege} 권한이 없습니다"),
            ),
            Text::same(format!(
                "GRANT {privilege} ON {scope} TO {};",
                client.config.user
            )),
        );
    }
    Ok(())
}

/// Which of these the account does not have everywhere.
pub(crate) async fn missing_everywhere<'a>(
    conn: &mut Conn,
    wanted: &[&'a str],
) -> PortResult<Vec<&'a str>> {
    let lines: Vec<String> = rows(conn, "read the privileges", "SHOW GRANTS").await?;
    let grants: Vec<Grant> = lines.iter().filter_map(|line| parse(line)).collect();
    let lacks = |privilege: &&str| !has(&grants, privilege, &Scope::Everywhere);
    Ok(wanted.iter().copied().filter(lacks).collect())
}

/// Making triggers and functions needs more where a binlog is written.
async fn function_creators(
    conn: &mut Conn,
    grants: &[Grant],
    report: &mut Findings,
) -> PortResult<()> {
    let trusted: Option<i64> = first(
        conn,
        "read log_bin_trust_function_creators",
        "SELECT @@GLOBAL.log_bin_trust_function_creators OR NOT @@GLOBAL.log_bin",
    )
    .await?;
    if trusted == Some(0) && !has(grants, "SUPER", &Scope::Everywhere) {
        report.add(
            "PB-MYSQL-FUNCTION-CREATORS",
            Severity::Error,
            Text::new(
                "PlanB's account may not restore triggers and functions",
                "PlanB 계정으로 트리거와 함수를 복원할 수 없습니다",
            ),
            Text::new(
                "set log_bin_trust_function_creators=ON, or grant SUPER",
                "log_bin_trust_function_creators=ON으로 지정하거나 SUPER 권한을 부여하세요",
            ),
        );
    }
    Ok(())
}

fn needed(client: &Client, role: DatabaseRole) -> Vec<(&'static str, Scope)> {
    let mariadb = client.config.is_mariadb();
    let (both, source, target) = if mariadb {
        (MARIADB_BOTH, MARIADB_SOURCE, MARIADB_TARGET)
    } else {
        (MYSQL_BOTH, MYSQL_SOURCE, MYSQL_TARGET)
    };
    let (of_role, in_database) = match role {
        DatabaseRole::Source => (source, READ),
        DatabaseRole::Target => (target, WRITE),
    };
    let mut needed: Vec<(&str, Scope)> = Vec::new();
    for privilege in both.iter().chain(of_role) {
        needed.push((privilege, Scope::Everywhere));
    }
    for database in &client.config.databases {
        for privilege in in_database {
            needed.push((privilege, Scope::Database(database.clone())));
        }
    }
    for privilege in OWN {
        needed.push((privilege, Scope::Database(own::SCHEMA.to_owned())));
    }
    // Bodies of routines are hidden from everybody else.
    if mariadb && role == DatabaseRole::Source {
        needed.push(("SELECT", Scope::Database("mysql".to_owned())));
    }
    needed
}

fn has(grants: &[Grant], privilege: &str, scope: &Scope) -> bool {
    let covers = |grant: &Grant| match (&grant.database, scope) {
        (None, _) => true,
        (Some(granted), Scope::Database(wanted)) => granted == wanted,
        (Some(_), Scope::Everywhere) => false,
    };
    grants.iter().filter(|g| covers(g)).any(|grant| {
        grant
            .privileges
            .iter()
            .any(|p| p == privilege || p == "ALL PRIVILEGES" || p == synonym(privilege))
    })
}

/// MariaDB before 10.5.2 and MySQL have one name for both.
fn synonym(privilege: &str) -> &str {
    match privilege {
        "BINLOG MONITOR" => "REPLICATION CLIENT",
        other => other,
    }
}

/// Reads `GRANT a, b ON x.* TO …`. Grants on single tables, columns and
/// routines, and of roles, are left out.
fn parse(line: &str) -> Option<Grant> {
    let (privileges, rest) = line.strip_prefix("GRANT ")?.split_once(" ON ")?;
    let (object, _) = rest.split_once(" TO ")?;
    let database = match object.strip_suffix(".*")? {
        "*" => None,
        quoted => {
            let name = quoted.trim_matches('`').replace("``", "`");
            // Wildcards are written with a backslash when they are meant literally.
            Some(name.replace("\\_", "_").replace("\\%", "%"))
        }
    };
    Some(Grant {
        privileges: privileges
            .split(',')
            .map(|p| p.trim().to_uppercase())
            .collect(),
        database,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_read_and_cover_what_they_say() {
        let grants: Vec<Grant> = [
            "GRANT RELOAD, BINLOG MONITOR ON *.* TO `p`@`%` IDENTIFIED BY PASSWORD '*X'",
            "GRANT ALL PRIVILEGES ON `my\\_shop`.* TO `p`@`%`",
            "GRANT SELECT ON `other`.`t` TO `p`@`%`",
        ]
        .iter()
        .filter_map(|line| parse(line))
        .collect();
        let on = |name: &str| Scope::Database(name.to_owned());
        assert!(has(&grants, "RELOAD", &Scope::Everywhere));
        assert!(has(&grants, "TRIGGER", &on("my_shop")));
        assert!(!has(&grants, "TRIGGER", &Scope::Everywhere));
        assert!(!has(&grants, "PROCESS", &Scope::Everywhere));
        assert!(!has(&grants, "SELECT", &on("other")));
    }
}
