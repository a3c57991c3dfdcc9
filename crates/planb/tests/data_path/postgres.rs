//! Drills of PostgreSQL in scratch servers that PlanB starts and removes: of a
//! whole server by files, its log replayed and its rows compared with those of
//! the next snapshot's drill; and of rows.

use crate::desk::{Desk, terminate};
use planb_launch::postgres::{Postgres, PostgresOptions};
use std::process::Command;

async fn server(desk: &Desk) -> Postgres {
    let options = PostgresOptions::new(desk.path("source"));
    Postgres::start(options).await.expect("a PostgreSQL server")
}

pub fn run(server: &Postgres, database: &str, sql: &str) -> String {
    let output = Command::new(server.bin_dir().join("psql"))
        .args(["-XqtA", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1"])
        .args(["-U", Postgres::USER, "-d", database, "-c", sql])
        .args(["-p", &server.port().to_string()])
        .output()
        .expect("psql runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{sql}: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Names that need quoting, a table without a key, a large value, a foreign key.
fn fill(server: &Postgres) {
    run(server, "postgres", "CREATE DATABASE \"가게 'x\"");
    for sql in [
        "CREATE TABLE \"주문 'x' \"\"y\"\"\" (id int PRIMARY KEY, note text)",
        "CREATE TABLE \"no key\" (a int, b text)",
        "CREATE TABLE item (id int PRIMARY KEY, of_order int REFERENCES \"주문 'x' \"\"y\"\"\")",
        "INSERT INTO \"주문 'x' \"\"y\"\"\" SELECT n, '주문 ' || n FROM generate_series(1, 500) n",
        "INSERT INTO \"no key\" VALUES (1, 'a'), (1, 'a'), (NULL, repeat('x', 20000000))",
        "INSERT INTO item SELECT n, n FROM generate_series(1, 100) n",
    ] {
        run(server, "가게 'x", sql);
    }
}

fn url(server: &Postgres, query: &str) -> String {
    let port = server.port();
    format!("postgresql://postgres@127.0.0.1:{port}/%EA%B0%80%EA%B2%8C%20'x{query}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_server_is_drilled_by_its_files_and_its_log() {
    let desk = Desk::new();
    let source = server(&desk).await;
    fill(&source);
    let database = url(&source, "");
    let stream = desk.start(&["stream", "--database", &database, "--json"], "stream.log");
    desk.wait("log is in the vault", "stream.log", || {
        (desk.said("stream.log").contains("\"snapshot\"")
            && !desk.json(&["points"])[0]["snapshot"]["log"].is_null())
        .then_some(())
    });
    run(
        &source,
        "가게 'x",
        "INSERT INTO \"no key\" SELECT n, 'between' FROM generate_series(1, 200) n",
    );
    let second = desk.json(&["backup", "--database", &database]);
    run(&source, "가게 'x", "DELETE FROM \"no key\" WHERE a = 1");
    assert_eq!(terminate(stream), Some(0), "{}", desk.said("stream.log"));
    let drills = desk.json(&["verify", "--all"]);
    let found: Vec<_> = drills.as_array().expect("drills").iter().collect();
    assert_eq!(found.len(), 2, "{drills}");
    for drill in &found {
        let found = &drill["findings"];
        assert_eq!(found["passed"], true, "{drills}");
        let measures = found["measures"].as_array().expect("measures");
        let keys = |m: &&serde_json::Value| m["signal"] == "orphans" && m["value"] == 0.0;
        assert!(measures.iter().any(|m| keys(&m)), "{measures:?}");
        assert!(
            found["rows"].as_object().expect("rows").len() >= 3,
            "{found}"
        );
    }
    assert_eq!(
        found[0]["findings"]["equalsSnapshot"], second["snapshot"],
        "every row after the log between: {drills}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_drilled_in_an_empty_server() {
    let desk = Desk::new();
    let source = server(&desk).await;
    fill(&source);
    desk.json(&["backup", "--database", &url(&source, "?method=logical")]);
    let drills = desk.json(&["verify"]);
    let found = &drills[0]["findings"];
    assert_eq!(found["passed"], true, "{drills}");
    assert_eq!(found["rowsCompared"], 603, "{drills}");
    let points = desk.json(&["points"]);
    assert_eq!(points[0]["isVerified"], true, "{points}");
}
