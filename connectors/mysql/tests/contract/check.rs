//! What a check finds, and how errors are told apart.

use crate::support::{
    IS_MARIADB, Site, TestClock, apply, drain, per_engine, restore, service, snapshot,
    snapshot_into,
};
use planb_connector_mysql::MysqlDatabase;
use planb_model::finding::{Finding, Severity};
use planb_model::{Epoch, Secret};
use planb_ports::contract::sink::MemorySink;
use planb_ports::database::DatabaseRole;
use planb_ports::{Database, ErrorKind};
use std::sync::Arc;

/// What docs.md grants an account.
const GRANTS: &[&str] = &[
    "CREATE USER planb@'127.0.0.1' IDENTIFIED BY 'secret'",
    per_engine(
        "GRANT RELOAD, PROCESS, REPLICATION SLAVE, BINLOG MONITOR, BINLOG ADMIN, BINLOG REPLAY, \
     READ_ONLY ADMIN, CONNECTION ADMIN, SET USER ON *.* TO planb@'127.0.0.1'",
        "GRANT RELOAD, BACKUP_ADMIN, REPLICATION SLAVE, REPLICATION CLIENT, PROCESS, SHOW_ROUTINE, \
     REPLICATION_APPLIER, SYSTEM_VARIABLES_ADMIN, SESSION_VARIABLES_ADMIN, CONNECTION_ADMIN, \
     SET_ANY_DEFINER, ALLOW_NONEXISTENT_DEFINER, SYSTEM_USER ON *.* TO planb@'127.0.0.1'",
    ),
    per_engine("GRANT SELECT ON mysql.* TO planb@'127.0.0.1'", "DO 1"),
    "GRANT ALL ON shop.* TO planb@'127.0.0.1'",
    "GRANT ALL ON planb.* TO planb@'127.0.0.1'",
];
const DATA: &[&str] = &[
    "CREATE DATABASE shop",
    "CREATE TABLE shop.t (id INT PRIMARY KEY, v TEXT)",
    "INSERT INTO shop.t VALUES (1, 'a')",
    "CREATE VIEW shop.v AS SELECT id FROM shop.t",
    "CREATE PROCEDURE shop.p() SELECT 1",
    "CREATE TRIGGER shop.tr BEFORE INSERT ON shop.t FOR EACH ROW SET NEW.v = 'b'",
];

fn bad(findings: &[Finding]) -> Vec<(&str, Severity)> {
    findings
        .iter()
        .filter(|f| f.severity != Severity::Ok)
        .map(|f| (f.code.as_str(), f.severity))
        .collect()
}

#[tokio::test]
async fn the_documented_grants_are_enough_and_each_of_them_is_needed() {
    let source = Site::start(1).await;
    // MySQL's default is on.
    let quiet = "--event-scheduler=OFF".to_owned();
    let target = Site::start_with(2, |options| options.extra_args.push(quiet)).await;
    source.run(DATA).await;
    for site in [&source, &target] {
        site.run(GRANTS).await;
    }
    let (from, to) = (
        source.database_as("planb", "secret"),
        target.database_as("planb", "secret"),
    );
    assert_eq!(bad(&from.check(DatabaseRole::Source).await), []);
    assert_eq!(
        bad(&to.check(DatabaseRole::Target).await),
        [("PB-MYSQL-FUNCTION-CREATORS", Severity::Error)]
    );
    target
        .run(&["SET GLOBAL log_bin_trust_function_creators=ON"])
        .await;
    assert_eq!(bad(&to.check(DatabaseRole::Target).await), []);

    let (parts, facts) = snapshot(&from).await;
    let mut log = from.open_log(&facts.position).await.expect("opens");
    restore(&to, &parts, &facts).await;
    source
        .run(&[
            "INSERT INTO shop.t VALUES (2, '')",
            "ALTER TABLE shop.t ADD w INT",
        ])
        .await;
    for (batch, seq) in drain(log.as_mut()).await.iter().zip(1..) {
        apply(&to, batch, seq)
            .await
            .unwrap_or_else(|error| panic!("{}", error.chain()));
    }
    assert_eq!(
        to.digests().await.expect("digests"),
        from.digests().await.expect("digests")
    );
    from.fence(&service(), Epoch(2)).await.expect("fenced");
    from.fence(&service(), Epoch(2)).await.expect("again");
    to.promote(&service(), Epoch(2)).await.expect("promoted");

    without_privileges(&source, &from).await;
}

/// Each privilege that is taken away is noticed, by the check and by the work.
async fn without_privileges(source: &Site, from: &MysqlDatabase) {
    if !IS_MARIADB {
        // What fences it keeps accounts from being changed, too.
        source.run(&["SET GLOBAL super_read_only = 0"]).await;
    }
    source
        .run(&[per_engine(
            "REVOKE BINLOG MONITOR, RELOAD ON *.* FROM planb@'127.0.0.1'",
            "REVOKE BACKUP_ADMIN, RELOAD ON *.* FROM planb@'127.0.0.1'",
        )])
        .await;
    let findings = from.check(DatabaseRole::Source).await;
    let lacking: Vec<&Finding> = findings
        .iter()
        .filter(|f| f.code == "PB-MYSQL-PRIVILEGE" && f.severity == Severity::Error)
        .collect();
    assert_eq!(lacking.len(), 2, "{findings:?}");
    let fix = lacking[0].fix.as_ref().expect("fix");
    assert!(fix.en.starts_with("GRANT RELOAD ON *.* TO"), "{fix}");
    // Rows can still be read, by one connection.
    let facts = snapshot_into(from, &MemorySink::default()).await;
    facts.unwrap_or_else(|error| panic!("{}", error.chain()));
    source
        .run(&["REVOKE ALL ON shop.* FROM planb@'127.0.0.1'"])
        .await;
    let error = snapshot_into(from, &MemorySink::default())
        .await
        .expect_err("no privilege");
    assert_eq!(
        error.kind(),
        ErrorKind::PermissionDenied,
        "{}",
        error.chain()
    );
    assert_eq!(error.code(), "PB-MYSQL-PRIVILEGE");
}

#[tokio::test]
async fn unreachable_wrong_password_and_binlog_off_are_told_apart() {
    let mut site = Site::start_with(1, |options| options.binlog = false).await;
    site.run(DATA).await;
    let findings = site.database().check(DatabaseRole::Source).await;
    let off = findings
        .iter()
        .find(|f| f.code == "PB-MYSQL-BINLOG-OFF")
        .expect("found");
    assert_eq!(off.severity, Severity::Error);
    assert!(off.fix.is_some());
    let error = snapshot_into(&site.database(), &MemorySink::default())
        .await
        .expect_err("no binlog");
    assert_eq!(error.code(), "PB-MYSQL-BINLOG-OFF", "{}", error.chain());

    let wrong = site.database_as("root", "not-the-password");
    let error = wrong.ping().await.expect_err("refused");
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Unauthenticated, "PB-MYSQL-AUTH")
    );
    assert!(!error.chain().contains("not-the-password"));
    let findings = wrong.check(DatabaseRole::Source).await;
    assert_eq!(bad(&findings), [("PB-MYSQL-AUTH", Severity::Error)]);

    site.server.kill();
    let error = site.database().ping().await.expect_err("down");
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Unavailable, "PB-MYSQL-UNREACHABLE")
    );
    let findings = site.database().check(DatabaseRole::Target).await;
    assert_eq!(bad(&findings), [("PB-MYSQL-UNREACHABLE", Severity::Error)]);
}

#[tokio::test]
async fn weak_settings_and_tables_are_named() {
    let site = Site::start_with(1, |options| {
        options.extra_args = [
            "--binlog-format=MIXED",
            "--sync-binlog=0",
            "--local-infile=OFF",
        ]
        .map(str::to_owned)
        .to_vec();
    })
    .await;
    site.run(DATA).await;
    site.run(&[
        "CREATE TABLE shop.nokey (id INT)",
        "CREATE TABLE shop.aria (id INT PRIMARY KEY) ENGINE=MyISAM",
    ])
    .await;
    let mut config = site.config();
    config.password = Some(Secret::new(""));
    let ahead = MysqlDatabase::connect_lazy(config, Arc::new(TestClock(60)));
    assert_eq!(
        bad(&ahead.check(DatabaseRole::Source).await),
        [
            ("PB-MYSQL-BINLOG-FORMAT", Severity::Error),
            ("PB-MYSQL-DURABILITY", Severity::Warning),
            ("PB-MYSQL-CLOCK", Severity::Error),
            ("PB-MYSQL-NOT-INNODB", Severity::Warning),
            ("PB-MYSQL-NO-KEY", Severity::Warning),
        ]
    );
    let target = site.database().check(DatabaseRole::Target).await;
    assert!(bad(&target).contains(&("PB-MYSQL-LOCAL-INFILE", Severity::Error)));
    assert!(
        target
            .iter()
            .all(|f| f.fix.is_some() || f.severity == Severity::Ok)
    );
}
