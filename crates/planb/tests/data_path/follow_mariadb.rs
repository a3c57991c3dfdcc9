//! A warm standby of a real MariaDB: killed in the middle of what it applies, and
//! promoted with every row when its source has stopped.

use crate::desk::{Desk, terminate};
use crate::mariadb::{connect, server, url};
use mysql_async::prelude::Queryable;
use planb_launch::mariadb::MariaDb;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often the standby is killed while a transaction of its is open.
const KILLS: usize = 4;
/// What a promotion may take here: a debug build beside other tests. The gate of
/// 2 s is measured by `cargo xtask bench vault --only follow`.
const PROMOTION_SECS_MAX: f64 = 20.0;

/// Tables that foreign keys tie together, with and without actions, and one
/// where a transaction that is applied twice shows.
const TABLES: &[&str] = &[
    "CREATE DATABASE shop",
    "CREATE TABLE shop.parent (id INT PRIMARY KEY, n INT NOT NULL)",
    "CREATE TABLE shop.child (id INT AUTO_INCREMENT PRIMARY KEY, p INT NOT NULL, pad TEXT, \
     FOREIGN KEY (p) REFERENCES parent (id))",
    "CREATE TABLE shop.owned (id INT AUTO_INCREMENT PRIMARY KEY, p INT NOT NULL, \
     FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE)",
    "CREATE TABLE shop.keyless (n INT)",
    "INSERT INTO shop.parent VALUES (0, 0)",
];
const CHECKSUM: &str = "CHECKSUM TABLE shop.parent, shop.child, shop.owned, shop.keyless EXTENDED";

/// One transaction after the other until it is stopped.
async fn write(source: &MariaDb, stop: &AtomicBool) -> i64 {
    let mut conn = connect(source).await;
    let mut n = 0;
    while !stop.load(Ordering::SeqCst) {
        n += 1;
        for sql in [
            "BEGIN".to_owned(),
            format!("INSERT INTO shop.parent VALUES ({n}, 0)"),
            format!(
                "INSERT INTO shop.child (p, pad) SELECT {n}, REPEAT('x', 500) FROM shop.seq_1_to_20"
            ),
            format!("INSERT INTO shop.owned (p) VALUES ({n}), (0)"),
            "UPDATE shop.parent SET n = n + 1 WHERE id = 0".to_owned(),
            format!("INSERT INTO shop.keyless VALUES ({n})"),
            format!("DELETE FROM shop.child WHERE p = {}", n - 5),
            format!("DELETE FROM shop.parent WHERE id = {} AND id > 0", n - 5),
            "COMMIT".to_owned(),
        ] {
            conn.query_drop(&sql)
                .await
                .unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
    }
    n
}

async fn sums(server: &MariaDb) -> Vec<(String, Option<u64>)> {
    connect(server).await.query(CHECKSUM).await.expect("sums")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_is_killed_while_it_applies_goes_on_and_takes_over() {
    let desk = Desk::new();
    let (source, target) = (
        server(&desk, "source", 1).await,
        server(&desk, "target", 2).await,
    );
    let mut conn = connect(&source).await;
    for sql in TABLES {
        conn.query_drop(*sql).await.expect(sql);
    }
    let (from, to) = (url(&source), url(&target));
    let arguments = [
        "stream",
        "--database",
        &from,
        "--flush-interval",
        "200ms",
        "--json",
    ];
    let stream = desk.start(&arguments, "stream.log");
    let follow = ["follow", "--to", &to, "--json", "--every", "100ms"];
    let stop = AtomicBool::new(false);
    let killing = async {
        let mut running = desk.start(&follow, "follow.log");
        desk.wait("a snapshot is loaded", "follow.log", || {
            desk.said("follow.log").contains("\"loaded\"").then_some(())
        });
        let mut watching = connect(&target).await;
        for _ in 0..KILLS {
            // Row events are on their way into the transaction that is open then.
            let open = "SELECT COUNT(*) FROM information_schema.PROCESSLIST \
                        WHERE INFO LIKE 'BINLOG%'";
            let deadline = Instant::now() + Duration::from_secs(60);
            loop {
                let count: Option<u64> = watching.query_first(open).await.expect("asked");
                if count > Some(0) {
                    break;
                }
                assert!(Instant::now() < deadline, "{}", desk.said("follow.log"));
            }
            running.kill().expect("a signal");
            running.wait().expect("it ends");
            running = desk.start(&follow, "follow.log");
        }
        stop.store(true, Ordering::SeqCst);
        running
    };
    let (written, mut running) = tokio::join!(write(&source, &stop), killing);
    assert!(written > 0);
    assert_eq!(terminate(stream), Some(0), "{}", desk.said("stream.log"));
    desk.json(&["follow", "--to", &to, "--promote"]);
    assert!(
        running.wait().expect("it ends").success(),
        "{}",
        desk.said("follow.log")
    );
    assert_eq!(sums(&target).await, sums(&source).await);
    let said = desk.said("follow.log");
    let promoted = said
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find(|event| event["event"] == "promoted");
    let seconds = promoted.and_then(|event| event["seconds"].as_f64());
    assert!(seconds.is_some_and(|s| s < PROMOTION_SECS_MAX), "{said}");
    let mut conn = connect(&target).await;
    conn.query_drop("INSERT INTO shop.keyless VALUES (-1)")
        .await
        .expect("it takes writes");
    let read_only: Option<u8> = conn.query_first("SELECT @@read_only").await.expect("asked");
    assert_eq!(read_only, Some(0));
}
