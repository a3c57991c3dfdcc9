//! There and back on real MariaDB servers, with names that need quoting and a
//! table without a key; drilled in a scratch server that is gone afterwards.

use crate::desk::{Desk, terminate};
use mysql_async::prelude::Queryable;
use planb_launch::mariadb::{MariaDb, MariaDbOptions};
use planb_launch::postgres::{Postgres, PostgresOptions};

const ROWS: u32 = 500;

pub async fn server(desk: &Desk, name: &str, id: u32) -> MariaDb {
    let options = MariaDbOptions::new(desk.path(name), id);
    MariaDb::start(options).await.expect("a MariaDB server")
}

pub async fn connect(server: &MariaDb) -> mysql_async::Conn {
    let options = mysql_async::OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(server.port())
        .user(Some(MariaDb::USER))
        .prefer_socket(false);
    mysql_async::Conn::new(options).await.expect("a connection")
}

pub fn url(server: &MariaDb) -> String {
    format!("mariadb://root@127.0.0.1:{}/shop", server.port())
}

async fn fill(server: &MariaDb) {
    let mut conn = connect(server).await;
    for sql in [
        "CREATE DATABASE shop CHARACTER SET utf8mb4".to_owned(),
        "CREATE TABLE shop.`주문 'x' \"y\"` (id INT PRIMARY KEY, note TEXT)".to_owned(),
        "CREATE TABLE shop.`no key` (a INT, b VARCHAR(20))".to_owned(),
        format!(
            "INSERT INTO shop.`주문 'x' \"y\"` SELECT seq, CONCAT('주문 ', seq) FROM shop.seq_1_to_{ROWS}"
        ),
        "INSERT INTO shop.`no key` VALUES (1, 'a'), (1, 'a'), (NULL, NULL)".to_owned(),
    ] {
        conn.query_drop(sql).await.expect("a statement");
    }
    conn.disconnect().await.expect("a goodbye");
}

async fn rows(server: &MariaDb) -> (u32, u32) {
    let mut conn = connect(server).await;
    let sql =
        "SELECT (SELECT COUNT(*) FROM shop.`주문 'x' \"y\"`), (SELECT COUNT(*) FROM shop.`no key`)";
    let counted = conn
        .query_first(sql)
        .await
        .expect("numbers")
        .expect("a row");
    conn.disconnect().await.expect("a goodbye");
    counted
}

#[tokio::test(flavor = "multi_thread")]
async fn streamed_drilled_restored_and_promoted() {
    let desk = Desk::new();
    let source = server(&desk, "source", 1).await;
    fill(&source).await;
    let stream = desk.start(
        &["stream", "--database", &url(&source), "--json"],
        "stream.log",
    );
    desk.wait("a canary is in the vault", "stream.log", || {
        (desk.said("stream.log").contains("\"snapshot\"")
            && !desk.json(&["points"])[0]["snapshot"]["log"].is_null())
        .then_some(())
    });
    // Beside the running stream, which must not notice.
    let backup = desk.json(&["backup", "--database", &url(&source)]);
    let mut conn = connect(&source).await;
    conn.query_drop("INSERT INTO shop.`no key` VALUES (2, 'late')")
        .await
        .expect("a row");
    conn.disconnect().await.expect("a goodbye");
    assert_eq!(terminate(stream), Some(0), "{}", desk.said("stream.log"));

    let drills = desk.json(&["verify", "--all"]);
    let drills = drills.as_array().expect("drills");
    assert_eq!(drills.len(), 2, "{drills:?}");
    assert!(
        drills.iter().all(|d| d["findings"]["passed"] == true),
        "{drills:?}"
    );
    assert_eq!(
        drills[0]["findings"]["equalsSnapshot"], backup["snapshot"],
        "{drills:?}"
    );
    let inserts = drills[0]["findings"]["measures"]
        .as_array()
        .expect("measures");
    let counted = |m: &serde_json::Value| m["signal"] == "inserts" && m["table"] == "shop.no key";
    assert!(
        inserts.iter().any(counted),
        "rows of the log are counted: {inserts:?}"
    );
    let points = desk.json(&["points"]);
    assert_eq!(points[0]["isVerified"], true, "{points}");

    let target = server(&desk, "target", 2).await;
    let restored = desk.json(&["restore", "--to", &url(&target)]);
    assert_eq!(rows(&target).await, (ROWS, 4), "{restored}");
    desk.refused(
        &["restore", "--to", &url(&target)],
        1,
        "PB-RESTORE-NOT-EMPTY",
    );
    let wrong = ["restore", "--to", &desk.sqlite("x.db"), "--verify", "off"];
    let output = desk.run(&wrong);
    assert_eq!(output.status.code(), Some(1), "another engine");
    assert!(!desk.path("x.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn engines_that_do_not_fit_are_told_before_anything_is_changed() {
    let desk = Desk::new();
    let source = server(&desk, "source", 1).await;
    fill(&source).await;
    // The URL says MySQL, and MariaDB answers.
    let mysql = format!("mysql://root@127.0.0.1:{}/shop", source.port());
    desk.refused(&["backup", "--database", &mysql], 1, "PB-MYSQL-VERSION");
    desk.json(&["backup", "--database", &url(&source)]);
    desk.refused(&["restore", "--to", &mysql], 1, "PB-MYSQL-VERSION");

    // A vault of MariaDB, and PostgreSQL to restore into.
    let options = PostgresOptions::new(desk.path("postgres"));
    let postgres = Postgres::start(options).await.expect("a PostgreSQL server");
    let to = format!(
        "postgresql://postgres@127.0.0.1:{}/postgres",
        postgres.port()
    );
    for arguments in [&["restore", "--to", &to][..], &["follow", "--to", &to]] {
        desk.refused(arguments, 1, "PB-POSTGRES-OTHER-ENGINE");
    }
    // And the other way, from a vault of SQLite.
    let file = desk.sqlite("a.db");
    crate::desk::sqlite(&desk.path("a.db"), "CREATE TABLE t (a TEXT)");
    let service = ["--service", "file"];
    desk.json(&[&["backup", "--database", &file][..], &service].concat());
    let target = server(&desk, "target", 2).await;
    let to = url(&target);
    desk.refused(
        &[&["restore", "--to", &to][..], &service].concat(),
        1,
        "PB-MYSQL-OTHER-ENGINE",
    );
    assert_eq!(rows(&source).await, (ROWS, 3));
}
