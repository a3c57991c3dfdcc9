//! `planb restore --at` and `--dry-run`, on every engine: to a place in the
//! engine's own words or to a moment, before the first point, behind the last,
//! in a gap, and to what is no point at all. A dry run tells what would be
//! restored and changes nothing.

use crate::desk::{Desk, count, errors, sqlite, terminate};
use crate::postgres_home::Home;
use crate::{mariadb, postgres};
use mysql_async::prelude::Queryable;
use planb_launch::postgres::{Postgres, PostgresOptions};
use serde_json::Value;
use std::process::Child;

const LONG_AGO: &str = "2000-01-01T00:00:00Z";
const LONG_AFTER: &str = "2999-01-01T00:00:00Z";

/// Streams `database` until its log is in the vault.
fn stream(desk: &Desk, database: &str) -> Child {
    let stream = desk.start(&["stream", "--database", database, "--json"], "stream.log");
    desk.wait("log is in the vault", "stream.log", || {
        (desk.said("stream.log").contains("\"snapshot\"")
            && !desk.json(&["points"])[0]["snapshot"]["log"].is_null())
        .then_some(())
    });
    stream
}

/// Waits until what was written before is in the vault.
fn shipped(desk: &Desk) {
    let now = jiff::Timestamp::now().to_string();
    desk.wait("the log goes on", "stream.log", || {
        let points = desk.json(&["points"]);
        let at = points[0]["snapshot"]["log"]["to"]["at"]
            .as_str()?
            .to_owned();
        (at > now).then_some(())
    });
}

fn plan(desk: &Desk, to: &str, at: &str) -> Value {
    let dry = desk.json(&["restore", "--to", to, "--at", at, "--dry-run"]);
    assert_eq!(dry["dryRun"], true);
    let plan = &dry["plan"];
    assert!(plan["load"]["storedBytes"].as_u64() > Some(0), "{dry}");
    assert!(plan["snapshot"].is_string(), "{dry}");
    dry
}

/// What every engine says of points that are not there; nothing is touched.
fn no_such_points(desk: &Desk, to: &str, places: &[(&str, &str)]) {
    let common = [
        (LONG_AGO, "PB-REPO-TOO-OLD"),
        ("yesterday", "PB-CLI-POINT"),
        ("2026-02-30T00:00:00Z", "PB-CLI-POINT"),
        ("", "PB-CLI-POINT"),
        ("snapshot:nope", "PB-REPO-NO-SNAPSHOT"),
    ];
    for (at, code) in common.iter().chain(places) {
        for dry in [false, true] {
            for (lang, is_korean) in [("en", false), ("ko", true)] {
                let mut arguments = vec!["restore", "--to", to, "--at", at, "--lang", lang];
                arguments.extend(dry.then_some("--dry-run"));
                let output = desk.run(&arguments);
                let said = errors(&output);
                assert!(!output.status.success(), "{at}: {said}");
                assert!(said.contains(code), "{at}: {code} in {said}");
                let korean = said.chars().any(|c| ('가'..='힣').contains(&c));
                assert_eq!(korean, is_korean, "{at} {lang}: {said}");
            }
        }
    }
}

/// A moment behind the last point: told by the dry run in both languages, and
/// by the restore that goes as far as there is log.
fn behind_the_last(desk: &Desk, to: &str) {
    let dry = plan(desk, to, LONG_AFTER);
    assert_eq!(dry["plan"]["reaches"], false, "{dry}");
    for (lang, words, time) in [
        (
            "en",
            "ends before the asked point",
            "not known before the first drill",
        ),
        ("ko", "요청한 시점 전에 끝납니다", "첫 검증"),
    ] {
        let arguments = [
            "restore",
            "--to",
            to,
            "--at",
            LONG_AFTER,
            "--dry-run",
            "--lang",
            lang,
        ];
        let output = desk.run(&arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", errors(&output));
        assert!(said.contains(words) && said.contains(time), "{said}");
    }
}

/// A stream of a database with two rows, both shipped; and where to restore to.
fn two_rows(desk: &Desk) -> (String, Child) {
    let (source, to) = (desk.sqlite("a.db"), desk.sqlite("b.db"));
    sqlite(
        &desk.path("a.db"),
        "CREATE TABLE t (v INT); INSERT INTO t VALUES (1)",
    );
    let running = stream(desk, &source);
    sqlite(&desk.path("a.db"), "INSERT INTO t VALUES (2)");
    shipped(desk);
    (to, running)
}

#[test]
fn sqlite_to_a_moment() {
    let desk = Desk::new();
    let (to, running) = two_rows(&desk);
    let moment = jiff::Timestamp::now().to_string();
    sqlite(&desk.path("a.db"), "INSERT INTO t VALUES (3)");
    shipped(&desk);
    assert_eq!(terminate(running), Some(0), "{}", desk.said("stream.log"));

    no_such_points(
        &desk,
        &to,
        &[("0-1-42", "PB-REPO-POINT"), ("0/3000148", "PB-REPO-POINT")],
    );
    behind_the_last(&desk, &to);
    let dry = plan(&desk, &to, &moment);
    assert_eq!(dry["plan"]["reaches"], true, "{dry}");
    assert_eq!(dry["estimatedSeconds"], Value::Null);
    assert!(!desk.path("b.db").exists(), "a dry run changes nothing");
    let restored = desk.json(&["restore", "--to", &to, "--at", &moment]);
    assert_eq!(
        count(&desk.path("b.db"), "SELECT max(v) FROM t"),
        2,
        "{restored}"
    );
    let restored = desk.json(&["restore", "--to", &to, "--at", LONG_AFTER, "--replace"]);
    assert_eq!(restored["reached"], "log-ends");
    assert_eq!(count(&desk.path("b.db"), "SELECT max(v) FROM t"), 3);

    // After a drill the time is known, and the clean point can be planned.
    desk.json(&["verify"]);
    let third = desk.sqlite("c.db");
    let dry = desk.json(&["restore", "--to", &third, "--clean", "--dry-run"]);
    assert!(dry["estimatedSeconds"].as_f64() > Some(0.0), "{dry}");
    assert!(!desk.path("c.db").exists(), "a dry run changes nothing");
    let both = ["restore", "--to", &third, "--clean", "--at", "latest"];
    assert_eq!(desk.run(&both).status.code(), Some(2));
}

#[test]
fn sqlite_to_a_moment_in_a_gap() {
    let desk = Desk::new();
    let (to, running) = two_rows(&desk);
    assert_eq!(terminate(running), Some(0), "{}", desk.said("stream.log"));
    // Nobody reads while the log is begun anew.
    sqlite(
        &desk.path("a.db"),
        "INSERT INTO t VALUES (3); PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t VALUES (4)",
    );
    let gap = jiff::Timestamp::now().to_string();
    let running = stream(&desk, &desk.sqlite("a.db"));
    shipped(&desk);
    assert_eq!(terminate(running), Some(0), "{}", desk.said("stream.log"));
    assert_eq!(desk.json(&["points"]).as_array().map(Vec::len), Some(2));

    let dry = plan(&desk, &to, &gap);
    assert_eq!(dry["plan"]["reaches"], false, "{dry}");
    let restored = desk.json(&["restore", "--to", &to, "--at", &gap]);
    assert_eq!(restored["reached"], "log-ends", "{restored}");
    assert_eq!(count(&desk.path("b.db"), "SELECT max(v) FROM t"), 2);
}

async fn highest(conn: &mut mysql_async::Conn) -> Option<i32> {
    let highest = conn.query_first("SELECT MAX(v) FROM shop.t").await;
    highest.expect("a number")
}

/// Two rows behind a place that `sql` names, and one after it; then there and
/// back. `conn` and `target` are of two servers of one engine.
async fn to_a_gtid(
    mut conn: mysql_async::Conn,
    mut target: mysql_async::Conn,
    (source, to): (String, String),
    gtid: impl Fn(String) -> String,
    sql: &str,
    wrong: &[(&str, &str)],
) {
    let desk = Desk::new();
    for sql in [
        "CREATE DATABASE shop",
        "CREATE TABLE shop.t (v INT PRIMARY KEY)",
        "INSERT INTO shop.t VALUES (1)",
    ] {
        conn.query_drop(sql).await.expect("a statement");
    }
    let running = stream(&desk, &source);
    conn.query_drop("INSERT INTO shop.t VALUES (2)")
        .await
        .expect("a row");
    let place = gtid(conn.query_first(sql).await.expect("asked").expect("a GTID"));
    conn.query_drop("INSERT INTO shop.t VALUES (3)")
        .await
        .expect("a row");
    shipped(&desk);
    assert_eq!(terminate(running), Some(0), "{}", desk.said("stream.log"));

    no_such_points(&desk, &to, wrong);
    behind_the_last(&desk, &to);
    let dry = plan(&desk, &to, &place);
    assert_eq!(dry["plan"]["reaches"], true, "{dry}");
    let there = "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'shop'";
    let found: Option<u32> = target.query_first(there).await.expect("asked");
    assert_eq!(found, Some(0), "a dry run changes nothing");
    let restored = desk.json(&["restore", "--to", &to, "--at", &place]);
    assert_eq!(restored["reached"], "asked", "{restored}");
    assert_eq!(highest(&mut target).await, Some(2), "{place}: {restored}");
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_to_a_gtid() {
    let desk = Desk::new();
    let (source, target) = (
        mariadb::server(&desk, "source", 1).await,
        mariadb::server(&desk, "target", 2).await,
    );
    to_a_gtid(
        mariadb::connect(&source).await,
        mariadb::connect(&target).await,
        (mariadb::url(&source), mariadb::url(&target)),
        |last| last,
        "SELECT @@last_gtid",
        &[
            ("0-1-99999999", "PB-REPO-NOT-SHIPPED"),
            ("0-1-x", "PB-REPO-POINT"),
            ("0/3000148", "PB-REPO-POINT"),
        ],
    )
    .await;
}

/// Left out where there is no server.
mod on_mysql {
    use super::*;
    use planb_launch::mysql::{Mysql, MysqlOptions};

    #[tokio::test(flavor = "multi_thread")]
    async fn to_a_gtid_and_back() {
        let desk = Desk::new();
        let options = |name, id| MysqlOptions::new(desk.path(name), id);
        let source = Mysql::start(options("source", 1)).await.expect("a server");
        let target = Mysql::start(options("target", 2)).await.expect("a server");
        let connect = async |port| {
            let options = mysql_async::OptsBuilder::default()
                .ip_or_hostname("127.0.0.1")
                .tcp_port(port)
                .user(Some(Mysql::USER))
                .prefer_socket(false);
            mysql_async::Conn::new(options).await.expect("a connection")
        };
        let url = |port| format!("mysql://root@127.0.0.1:{port}/shop");
        super::to_a_gtid(
            connect(source.port()).await,
            connect(target.port()).await,
            (url(source.port()), url(target.port())),
            // `uuid:1-57`: the last transaction.
            |set| {
                let (uuid, numbers) = set.rsplit_once(':').expect("a set");
                let last = numbers.rsplit('-').next().expect("a number");
                format!("{uuid}:{last}")
            },
            "SELECT @@gtid_executed",
            &[
                ("3e11fa47-71ca-11e1-9e33-c80aa9429562:5", "PB-REPO-"),
                ("3e11fa47-71ca-11e1:5", "PB-REPO-NOT-SHIPPED"),
                ("0/3000148", "PB-REPO-POINT"),
            ],
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_to_an_lsn() {
    let desk = Desk::new();
    let options = PostgresOptions::new(desk.path("source"));
    let source = Postgres::start(options).await.expect("a server");
    let sql = |sql: &str| postgres::run(&source, "postgres", sql);
    sql("CREATE TABLE t (v int); INSERT INTO t VALUES (1)");
    let url = format!("postgresql://postgres@127.0.0.1:{}/postgres", source.port());
    let running = stream(&desk, &url);
    sql("INSERT INTO t VALUES (2)");
    let place = sql("SELECT pg_current_wal_lsn()");
    sql("INSERT INTO t VALUES (3)");
    shipped(&desk);
    assert_eq!(terminate(running), Some(0), "{}", desk.said("stream.log"));

    let home = Home::new(&desk, "target", &source);
    let to = home.url();
    no_such_points(
        &desk,
        &to,
        &[
            ("FF/0", "PB-REPO-NOT-SHIPPED"),
            ("0/28", "PB-REPO-TOO-OLD"),
            ("0/XYZ1", "PB-REPO-POINT"),
            ("0-1-42", "PB-REPO-POINT"),
        ],
    );
    behind_the_last(&desk, &to);
    let dry = plan(&desk, &to, &place);
    assert_eq!(dry["plan"]["reaches"], true, "{dry}");
    assert!(!home.data.exists(), "a dry run changes nothing");
    let restored = desk.json(&["restore", "--to", &to, "--at", &place]);
    assert_eq!(restored["reached"], "asked", "{restored}");
    assert_eq!(home.run("SELECT max(v) FROM t"), "2", "{restored}");
}
