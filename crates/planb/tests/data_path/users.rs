//! Users of a real MariaDB server: backed up, refused in the open, restored.

use crate::desk::{Desk, sqlite};
use crate::mariadb::{connect, server, url};
use mysql_async::prelude::Queryable;
use planb_launch::mariadb::MariaDb;
use std::process::Command;

/// An age key; its file and its public half.
fn age_key(desk: &Desk) -> (String, String) {
    let file = desk.path("vault.key");
    let made = Command::new("age-keygen").arg("-o").arg(&file).output();
    assert!(made.expect("age-keygen runs").status.success());
    let text = std::fs::read_to_string(&file).expect("a key");
    let public = text.lines().find_map(|l| l.strip_prefix("# public key: "));
    (
        file.display().to_string(),
        public.expect("a public key").to_owned(),
    )
}

async fn logs_in(server: &MariaDb, user: &str, password: &str) -> bool {
    let options = mysql_async::OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(server.port())
        .user(Some(user))
        .pass(Some(password))
        .prefer_socket(false);
    mysql_async::Conn::new(options).await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn users_come_along_when_asked_for_and_never_in_the_open() {
    let desk = Desk::new();
    let (key, public) = age_key(&desk);
    let source = server(&desk, "source", 1).await;
    let mut conn = connect(&source).await;
    for sql in [
        "CREATE DATABASE shop",
        "CREATE TABLE shop.t (id INT PRIMARY KEY)",
        "CREATE USER app@'%' IDENTIFIED BY 'secret word'",
        "GRANT SELECT ON shop.* TO app@'%'",
        "CREATE DEFINER=gone@'%' SQL SECURITY INVOKER VIEW shop.v AS SELECT 1 AS one",
    ] {
        conn.query_drop(sql).await.expect(sql);
    }
    let from = url(&source);
    let backup = ["backup", "--database", &from, "--with-users"];
    desk.refused(&backup, 1, "PB-REPO-USERS-IN-THE-OPEN");
    // Encrypted from the start, without users at first.
    let sealed = ["--recipient", &public, "--identity", &key];
    let with = |arguments: &[&str]| -> Vec<String> {
        let all = arguments.iter().chain(&sealed);
        all.map(|&a| a.to_owned()).collect()
    };
    let json = |arguments: &[&str]| {
        let arguments = with(arguments);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        desk.json(&arguments)
    };
    assert_eq!(json(&["backup", "--database", &from])["users"], false);
    let target = server(&desk, "target", 2).await;
    let to = url(&target);
    let refused = desk.refused(
        &["restore", "--to", &to, "--with-users", "--identity", &key],
        1,
        "PB-RESTORE-NO-USERS",
    );
    assert!(refused.contains("nothing was changed"), "{refused}");
    assert_eq!(json(&backup)["users"], true);
    let drilled = json(&["verify"]);
    assert_eq!(drilled[0]["findings"]["passed"], true, "{drilled}");
    let dry = json(&["restore", "--to", &to, "--with-users", "--dry-run"]);
    assert_eq!(dry["dryRun"], true);

    let restored = json(&["restore", "--to", &to, "--with-users"]);
    assert_eq!(restored["users"]["created"][0], "`app`@`%`", "{restored}");
    assert_eq!(restored["missingDefiners"][0], "`gone`@`%`", "{restored}");
    assert!(logs_in(&target, "app", "secret word").await);
    let mut conn = connect(&target).await;
    conn.query_drop("ALTER USER app@'%' IDENTIFIED BY 'mine'")
        .await
        .expect("changed");
    let again = json(&["restore", "--to", &to, "--with-users", "--replace"]);
    assert_eq!(again["users"]["kept"][0], "`app`@`%`", "{again}");
    assert!(logs_in(&target, "app", "mine").await);
    let again = json(&[
        "restore",
        "--to",
        &to,
        "--with-users",
        "--replace-users",
        "--replace",
    ]);
    assert_eq!(again["users"]["replaced"][0], "`app`@`%`", "{again}");
    assert!(logs_in(&target, "app", "secret word").await);
    let without = json(&["restore", "--to", &to, "--replace"]);
    assert!(without["users"].is_null(), "{without}");
    desk.refused(
        &["restore", "--to", &to, "--replace-users"],
        2,
        "--with-users",
    );
}

#[test]
fn sqlite_says_that_it_has_no_users() {
    let desk = Desk::new();
    let (key, public) = age_key(&desk);
    sqlite(&desk.path("a.db"), "CREATE TABLE t (id)");
    let from = desk.sqlite("a.db");
    let arguments = [
        "backup",
        "--database",
        &from,
        "--with-users",
        "--recipient",
        &public,
        "--identity",
        &key,
    ];
    let said = desk.refused(&arguments, 1, "PB-SQLITE-NO-USERS");
    assert!(said.contains("SQLite has no users"), "{said}");
}
