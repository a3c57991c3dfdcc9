//! Roles: who is stored, and that they are the same in another server.

use crate::support::{Site, connect, load, manifest, mark};
use planb_connector_postgres::{Method, PostgresDatabase};
use planb_model::Secret;
use planb_model::recovery::PART_ACCOUNTS;
use planb_ports::contract::sink::MemorySink;
use planb_ports::progress::NoProgress;
use planb_ports::{Accounts, AccountsReport, Database, ErrorKind, PortResult, SnapshotOptions};

const ROLES: &str = r#"
CREATE ROLE "주문 ""x" LOGIN PASSWORD 'p''w 비밀번호' CONNECTION LIMIT 9 VALID UNTIL '2099-01-02';
CREATE ROLE owner LOGIN PASSWORD 'owner';
CREATE ROLE reader NOLOGIN; CREATE ROLE above; GRANT reader TO above;
CREATE ROLE via LOGIN PASSWORD 'via'; GRANT above TO via WITH ADMIN OPTION;
CREATE ROLE backup LOGIN PASSWORD 'b'; GRANT pg_read_all_data TO backup;
CREATE ROLE elsewhere LOGIN PASSWORD 'e';
CREATE DATABASE shop OWNER owner; CREATE DATABASE other OWNER elsewhere;
ALTER ROLE via IN DATABASE shop SET search_path = "$user", public;
ALTER ROLE via SET work_mem = '5MB';
ALTER ROLE via IN DATABASE other SET work_mem = '6MB';
REVOKE CONNECT ON DATABASE shop FROM PUBLIC;
GRANT CONNECT ON DATABASE shop TO via, "주문 ""x";
"#;

const DATA: &str = r#"
SET ROLE owner;
CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1);
GRANT SELECT ON t TO reader; GRANT INSERT ON t TO "주문 ""x";
"#;

/// Everything the server knows of roles that has to do with the test.
const SAID: &str = r#"
SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication,
  rolbypassrls, rolconnlimit, rolpassword, rolvaliduntil AT TIME ZONE 'UTC',
  (SELECT string_agg(r.rolname || m.admin_option::text, ',' ORDER BY r.rolname)
   FROM pg_auth_members m JOIN pg_authid r ON r.oid = m.roleid WHERE m.member = a.oid),
  (SELECT string_agg(s.setconfig::text, ',' ORDER BY s.setdatabase <> 0) FROM pg_db_role_setting s
   LEFT JOIN pg_database d ON d.oid = s.setdatabase
   WHERE s.setrole = a.oid AND coalesce(d.datname, 'shop') = 'shop')
FROM pg_authid a WHERE oid <> 10 AND NOT starts_with(rolname, 'pg_') AND rolname <> 'elsewhere' ORDER BY 1
"#;

fn logical(site: &Site) -> PostgresDatabase {
    logical_as(site, None)
}

fn logical_as(site: &Site, user: Option<(&str, &str)>) -> PostgresDatabase {
    let mut config = site.config();
    config.method = Method::Logical;
    config.databases = vec!["shop".into()];
    if let Some((user, password)) = user {
        config.user = user.into();
        config.password = Some(Secret::new(password));
    }
    connect(config)
}

async fn taken(database: &dyn Database) -> PortResult<crate::support::Snapshot> {
    let sink = MemorySink::default();
    let options = SnapshotOptions {
        accounts: true,
        ..SnapshotOptions::default()
    };
    let facts = database.snapshot(&sink, &options, &NoProgress).await?;
    let parts = sink.parts();
    Ok(crate::support::Snapshot { parts, facts })
}

/// As the vault does it: empty, roles, then everything else.
async fn restored(site: &Site, taken: &crate::support::Snapshot, how: Accounts) -> AccountsReport {
    let copy = logical(site);
    assert!(copy.accounts_first());
    let begun = copy.begin_restore(&manifest(taken)).await;
    begun.unwrap_or_else(|e| panic!("{}", e.chain()));
    let users = |kind: &str| kind == PART_ACCOUNTS;
    let part = taken.parts.iter().find(|(spec, _)| users(&spec.kind));
    let made = copy.restore_accounts(&part.expect("users").1, how).await;
    let made = made.unwrap_or_else(|e| panic!("{}", e.chain()));
    for (spec, bytes) in taken.parts.iter().filter(|(spec, _)| !users(&spec.kind)) {
        let loaded = load(&copy, spec, bytes).await;
        loaded.unwrap_or_else(|e| panic!("{}: {}", spec.name, e.chain()));
    }
    let ended = copy.end_restore(&mark(&taken.facts.position, 1)).await;
    ended.unwrap_or_else(|e| panic!("{}", e.chain()));
    site.run("postgres", "ALTER DATABASE shop CONNECTION LIMIT -1");
    made
}

async fn logs_in(site: &Site, user: &str, password: &str) -> bool {
    logical_as(site, Some((user, password)))
        .ping()
        .await
        .is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_log_in_as_before_and_may_do_exactly_what_they_might() {
    let (source, target) = (Site::start().await, Site::start().await);
    for sql in ROLES.split_inclusive(";") {
        source.run("postgres", sql);
    }
    source.run("shop", DATA);
    let taken = taken(&logical(&source)).await;
    let taken = taken.unwrap_or_else(|e| panic!("{}", e.chain()));
    let text = String::from_utf8_lossy(&taken.parts[0].1).into_owned();
    assert!(
        !text.contains("elsewhere") && !text.contains("6MB"),
        "{text}"
    );
    target.run("postgres", "CREATE DATABASE shop");
    target.run("postgres", "CREATE ROLE via LOGIN PASSWORD 'mine'");

    let made = restored(&target, &taken, Accounts::Create).await;
    assert_eq!(made.problems, []);
    assert_eq!(made.kept, ["\"via\""]);
    let names = [
        "\"above\"",
        "\"backup\"",
        "\"owner\"",
        "\"reader\"",
        "\"주문 \"\"x\"",
    ];
    let mut created = made.created.clone();
    created.sort();
    assert_eq!(created, names);
    assert!(logs_in(&target, "via", "mine").await, "left as it was");
    let again = restored(&target, &taken, Accounts::Replace).await;
    assert_eq!(
        (again.replaced, again.unchanged.len()),
        (vec!["\"via\"".to_owned()], names.len())
    );

    assert_eq!(target.run("postgres", SAID), source.run("postgres", SAID));
    let doors = "SELECT r.rolname, d.datacl FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba \
                 WHERE datname = 'shop'";
    let sorted = |site: &Site| {
        let mut text: Vec<char> = site.run("postgres", doors).chars().collect();
        text.sort_unstable();
        text
    };
    assert_eq!(sorted(&target), sorted(&source));
    let tables = "SELECT relacl FROM pg_class WHERE relname = 't'";
    assert_eq!(target.run("shop", tables), source.run("shop", tables));
    assert!(
        logs_in(&target, "주문 \"x", "p'w 비밀번호").await,
        "the old password"
    );
    assert!(!logs_in(&target, "주문 \"x", "another").await);
    assert!(logs_in(&target, "via", "via").await, "the old password");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_read_hashes_is_told_so() {
    let source = Site::start().await;
    for sql in ROLES.split_inclusive(";") {
        source.run("postgres", sql);
    }
    let refused = taken(&logical_as(&source, Some(("owner", "owner")))).await;
    let refused = refused.err().expect("not allowed");
    assert_eq!(
        (refused.kind(), refused.code()),
        (ErrorKind::PermissionDenied, "PB-POSTGRES-USERS-PRIVILEGE")
    );
}
