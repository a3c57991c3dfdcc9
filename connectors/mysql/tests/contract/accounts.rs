//! Users and roles: who is stored, and that they are the same in another server.

use crate::support::{IS_MARIADB, Parts, Site, per_engine, restore};
use mysql_async::prelude::Queryable;
use planb_model::recovery::PART_ACCOUNTS;
use planb_ports::contract::sink::MemorySink;
use planb_ports::progress::NoProgress;
use planb_ports::{
    Accounts, AccountsReport, Database, ErrorKind, PortResult, SnapshotFacts, SnapshotOptions,
};

/// A name that breaks quoting, and one of its passwords.
const ODD: &str = "o'br`ien \"주문\"";
const ODD_QUOTED: &str = "`o'br``ien \"주문\"`@`127.0.0.%`";
const PASSWORD: &str = "p'w\\ 비밀번호 \"`";

const DATA: &[&str] = &[
    "CREATE DATABASE shop",
    "CREATE DATABASE other",
    "CREATE TABLE shop.t (id INT PRIMARY KEY, `v ON v` TEXT)",
    "CREATE TABLE shop.`u TO u` (id INT PRIMARY KEY)",
    "INSERT INTO shop.t VALUES (1, 'one')",
    "CREATE PROCEDURE shop.p() SELECT 1",
    "CREATE DEFINER=`def`@`%` SQL SECURITY INVOKER VIEW shop.v AS SELECT id FROM shop.t",
];

const USERS: &[&str] = &[
    "CREATE USER app@'%' IDENTIFIED BY 'p\\'w\\\\ 비밀번호 \"`'",
    "GRANT SELECT, INSERT ON `shop`.* TO app@'%' WITH GRANT OPTION",
    "GRANT SELECT ON shop.`u TO u` TO app@'%'",
    "GRANT SELECT ON other.* TO app@'%'",
    "CREATE USER `o'br``ien \"주문\"`@'127.0.0.%' IDENTIFIED BY 'x' WITH MAX_QUERIES_PER_HOUR 1000 MAX_USER_CONNECTIONS 7",
    "GRANT SELECT (id), UPDATE (`v ON v`) ON shop.t TO `o'br``ien \"주문\"`@'127.0.0.%'",
    "GRANT EXECUTE ON PROCEDURE shop.p TO `o'br``ien \"주문\"`@'127.0.0.%'",
    "CREATE USER tls@'%' IDENTIFIED BY 'x' REQUIRE SSL",
    "GRANT DELETE ON `sh%`.* TO tls@'%'",
    "CREATE USER dba@'localhost' IDENTIFIED BY 'x'",
    "GRANT SELECT ON *.* TO dba@'localhost'",
    "CREATE USER locked@'%' IDENTIFIED BY 'x' ACCOUNT LOCK",
    "GRANT SELECT ON shop.t TO locked@'%'",
    "CREATE ROLE reader",
    "GRANT SELECT ON shop.* TO reader",
    "CREATE ROLE above",
    "GRANT reader TO above",
    "CREATE USER via@'%' IDENTIFIED BY 'via'",
    "GRANT above TO via@'%' WITH ADMIN OPTION",
    per_engine(
        "SET DEFAULT ROLE above FOR via@'%'",
        "SET DEFAULT ROLE above TO via@'%'",
    ),
    "CREATE USER def@'%' IDENTIFIED BY 'x'",
    // They have nothing to do with it.
    "CREATE USER watcher@'%' IDENTIFIED BY 'x'",
    "GRANT PROCESS ON *.* TO watcher@'%'",
    "CREATE USER elsewhere@'%' IDENTIFIED BY 'x'",
    "GRANT ALL ON other.* TO elsewhere@'%'",
];

/// Who is stored.
fn stored() -> Vec<String> {
    let role = |name: &str| format!("`{name}`{}", per_engine("", "@`%`"));
    let mut names = vec![
        role("above"),
        "`app`@`%`".into(),
        "`dba`@`localhost`".into(),
        "`def`@`%`".into(),
        "`locked`@`%`".into(),
        ODD_QUOTED.into(),
        role("reader"),
        "`tls`@`%`".into(),
        "`via`@`%`".into(),
    ];
    names.sort();
    names
}

async fn snapshot(database: &dyn Database) -> PortResult<(Parts, SnapshotFacts)> {
    let sink = MemorySink::default();
    let options = SnapshotOptions {
        accounts: true,
        ..SnapshotOptions::default()
    };
    let facts = database.snapshot(&sink, &options, &NoProgress).await?;
    Ok((sink.parts(), facts))
}

/// A copy of the rows, without users, and the part with the users.
async fn copy(source: &Site, id: u32) -> (Site, Vec<u8>) {
    let (mut parts, facts) = snapshot(&source.database()).await.expect("taken");
    let at = parts.iter().position(|(s, _)| s.kind == PART_ACCOUNTS);
    let (_, users) = parts.remove(at.expect("users"));
    let target = Site::start(id).await;
    restore(&target.database(), &parts, &facts).await;
    (target, users.to_vec())
}

async fn make(site: &Site, users: &[u8], how: Accounts) -> AccountsReport {
    let made = site.database().restore_accounts(users, how).await;
    let mut made = made.unwrap_or_else(|e| panic!("{}", e.chain()));
    made.created.sort();
    made.unchanged.sort();
    made
}

/// What a server says of an account, in its own words.
async fn said(site: &Site, name: &str) -> Vec<String> {
    let mut conn = site.connect().await;
    let mut said: Vec<String> = conn
        .query(format!("SHOW GRANTS FOR {name}"))
        .await
        .unwrap_or_else(|e| panic!("{name}: {e}"));
    said.retain(|line| !line.contains("`other`"));
    said.sort();
    if name.contains('@') {
        if !IS_MARIADB {
            let hex = "SET print_identified_with_as_hex=ON";
            conn.query_drop(hex).await.expect("set");
        }
        let create: Option<String> = conn
            .query_first(format!("SHOW CREATE USER {name}"))
            .await
            .expect("asked");
        said.extend(create);
    }
    said
}

#[tokio::test]
async fn users_log_in_as_before_and_may_do_exactly_what_they_might() {
    let source = Site::start(1).await;
    source.run(DATA).await;
    source.run(USERS).await;
    let (target, users) = copy(&source, 2).await;
    let text = String::from_utf8_lossy(&users);
    assert!(!text.contains("elsewhere") && !text.contains("watcher") && !text.contains("`other`"));
    let missing = target.database().missing_definers().await.expect("asked");
    assert_eq!(missing, ["`def`@`%`"]);

    let made = make(&target, &users, Accounts::Create).await;
    assert_eq!(made.problems, []);
    assert_eq!(made.created, stored());
    let left_out: Vec<&str> = made.notes.iter().map(|n| n.en.as_str()).collect();
    assert_eq!(
        left_out,
        ["`app`@`%`: 1 privileges elsewhere were not stored"]
    );
    for name in stored() {
        assert_eq!(
            said(&target, &name).await,
            said(&source, &name).await,
            "{name}"
        );
    }
    target
        .connect_as("app", PASSWORD)
        .await
        .expect("the old password");
    target
        .connect_as("app", "x")
        .await
        .expect_err("another one");
    target.connect_as(ODD, "x").await.expect("the old password");
    target
        .connect_as("tls", "x")
        .await
        .expect_err("without TLS");
    target.connect_as("locked", "x").await.expect_err("locked");
    let mut via = target
        .connect_as("via", "via")
        .await
        .expect("the old password");
    let value: Option<i64> = via
        .query_first("SELECT id FROM shop.t")
        .await
        .expect("by role");
    assert_eq!(value, Some(1));
    let refused = via.query_drop("DELETE FROM shop.t").await;
    refused.expect_err("a reader");
    let missing = target.database().missing_definers().await.expect("asked");
    assert_eq!(missing, [""; 0]);

    let again = make(&target, &users, Accounts::Create).await;
    assert_eq!((again.unchanged, again.created.len()), (stored(), 0));
    assert_eq!((again.kept.len(), again.problems.len()), (0, 0));
}

#[tokio::test]
async fn a_user_that_is_there_is_not_changed_unless_told() {
    let source = Site::start(1).await;
    source.run(DATA).await;
    source.run(USERS).await;
    let (target, users) = copy(&source, 2).await;
    target
        .run(&[
            "CREATE USER app@'%' IDENTIFIED BY 'mine'",
            "GRANT DELETE ON shop.* TO app@'%'",
            "CREATE ROLE boss",
            "GRANT boss TO app@'%'",
            per_engine(
                "SET DEFAULT ROLE boss FOR app@'%'",
                "SET DEFAULT ROLE boss TO app@'%'",
            ),
        ])
        .await;
    let before = said(&target, "`app`@`%`").await;
    let made = make(&target, &users, Accounts::Create).await;
    assert_eq!(
        (made.kept, made.problems.len()),
        (vec!["`app`@`%`".to_owned()], 0)
    );
    assert_eq!(said(&target, "`app`@`%`").await, before);
    target.connect_as("app", "mine").await.expect("theirs");

    let made = make(&target, &users, Accounts::Replace).await;
    assert_eq!(made.replaced, ["`app`@`%`"], "{:?}", made.problems);
    assert_eq!(
        said(&target, "`app`@`%`").await,
        said(&source, "`app`@`%`").await
    );
    target
        .connect_as("app", PASSWORD)
        .await
        .expect("the old password");
    target
        .connect_as("app", "mine")
        .await
        .expect_err("replaced");
}

#[tokio::test]
async fn what_cannot_be_made_is_told_and_the_others_are_made() {
    let source = Site::start(1).await;
    source.run(DATA).await;
    source.run(USERS).await;
    let (target, users) = copy(&source, 2).await;
    // One logs in by a plugin this server does not have.
    let text = String::from_utf8(users.clone()).expect("text");
    let begin = text.find("CREATE USER `via`").expect("there");
    let (head, tail) = text.split_at(begin);
    let (from, to) = per_engine(
        ("BY PASSWORD", "VIA ed25519 USING"),
        ("caching_sha2_password", "mysql_native_password"),
    );
    let other = format!("{head}{}", tail.replacen(from, to, 1));
    target.run(&["DROP TABLE shop.`u TO u`"]).await;
    let made = make(&target, other.as_bytes(), Accounts::Create).await;
    let problems: Vec<&str> = made.problems.iter().map(|p| p.en.as_str()).collect();
    assert_eq!(problems.len(), 1, "{problems:?}");
    let plugin = per_engine("ed25519", "mysql_native_password");
    assert!(
        problems[0].starts_with("`via`@`%`") && problems[0].contains(plugin),
        "{problems:?}"
    );
    assert!(
        made.created.contains(&"`app`@`%`".to_owned())
            && !made.created.contains(&"`via`@`%`".to_owned())
    );
    assert!(
        made.notes.iter().any(|n| n.en.contains("`u TO u`")),
        "{:?}",
        made.notes
    );
    target.connect_as("app", PASSWORD).await.expect("made");
    target.connect_as("via", "via").await.expect_err("not made");

    // A part of another kind of server.
    let (mine, theirs) = per_engine(("mariadb", "mysql"), ("mysql", "mariadb"));
    let foreign = text.replacen(mine, theirs, 1);
    let refused = target.database();
    let refused = refused
        .restore_accounts(foreign.as_bytes(), Accounts::Create)
        .await;
    assert_eq!(
        refused.expect_err("foreign").code(),
        "PB-MYSQL-OTHER-ENGINE"
    );
}

#[tokio::test]
async fn without_the_privilege_to_read_or_make_users_it_says_so() {
    let source = Site::start(1).await;
    source.run(DATA).await;
    source.run(USERS).await;
    let weak = [
        "CREATE USER weak@'127.0.0.1' IDENTIFIED BY 'x'",
        "GRANT RELOAD, PROCESS ON *.* TO weak@'127.0.0.1'",
        per_engine(
            "GRANT BINLOG MONITOR ON *.* TO weak@'127.0.0.1'",
            "GRANT BACKUP_ADMIN, REPLICATION CLIENT ON *.* TO weak@'127.0.0.1'",
        ),
        "GRANT ALL ON shop.* TO weak@'127.0.0.1'",
        "GRANT ALL ON planb.* TO weak@'127.0.0.1'",
    ];
    source.run(&weak).await;
    let refused = snapshot(&source.database_as("weak", "x")).await;
    let refused = refused.expect_err("not allowed");
    assert_eq!(
        (refused.kind(), refused.code()),
        (ErrorKind::PermissionDenied, "PB-MYSQL-USERS-PRIVILEGE")
    );
    let hint = refused.hint_text().expect("a hint");
    assert!(hint.en.contains("GRANT SELECT ON mysql.*"), "{hint}");
    let (target, users) = copy(&source, 2).await;
    target.run(&weak).await;
    target
        .run(&["GRANT SELECT ON mysql.* TO weak@'127.0.0.1'"])
        .await;
    let refused = target.database_as("weak", "x");
    let refused = refused.restore_accounts(&users, Accounts::Create).await;
    let refused = refused.expect_err("not allowed");
    assert_eq!(refused.code(), "PB-MYSQL-USERS-PRIVILEGE");
    let count = "SELECT COUNT(*) FROM mysql.user WHERE User IN ('app', 'via', 'dba')";
    assert_eq!(target.one(count).await.as_deref(), Some("0"));
}
