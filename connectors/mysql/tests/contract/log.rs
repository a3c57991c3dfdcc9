//! Reading the log: batches, rotation, resuming, losing it.

use crate::support::{DEADLINE, Site, binlog_tool, drain, numbers, per_engine, snapshot};
use mysql_async::prelude::Queryable;
use planb_model::Canary;
use planb_ports::{Database, ErrorKind};
use std::time::{Duration, Instant};

const SETUP: &[&str] = &[
    "CREATE DATABASE shop",
    "CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, v LONGTEXT)",
];
const FLUSH: Duration = Duration::from_millis(50);
const IDLE: Duration = Duration::from_millis(300);

#[tokio::test]
async fn batches_are_whole_joined_and_readable_by_the_ordinary_tool() {
    let site = Site::start(1).await;
    site.run(SETUP).await;
    let database = site.database();
    let (_, facts) = snapshot(&database).await;
    let mut log = database.open_log(&facts.position).await.expect("opens");
    assert_eq!(log.next(1 << 20, FLUSH, IDLE).await.expect("idle"), None);
    assert!(log.is_drained().await.expect("asked"));

    site.run(&[
        "INSERT INTO shop.t (v) VALUES ('one')",
        "FLUSH BINARY LOGS",
        "INSERT INTO shop.t (v) VALUES ('two')",
        "ALTER TABLE shop.t ADD COLUMN w INT",
    ])
    .await;
    let batches = drain(log.as_mut()).await;
    assert_eq!(batches.first().expect("a batch").start, facts.position);
    assert_eq!(batches.iter().map(|b| b.transactions).sum::<u64>(), 3);
    let end = &batches.last().expect("a batch").end;
    assert!(end.at.starts_with("binlog.000002:"), "{end:?}");
    // Their events do not name the file, so a batch is of one only.
    let first = &batches.first().expect("a batch").end;
    assert!(first.at.starts_with("binlog.000001:"), "{first:?}");
    let gtid = per_engine("SELECT @@gtid_binlog_pos", "SELECT @@gtid_executed");
    assert_eq!(end.gtid, site.one(gtid).await);

    let file = site.dir.path().join("segment");
    let mut text = String::new();
    for batch in &batches {
        std::fs::write(&file, &batch.bytes).expect("write");
        let output = std::process::Command::new(binlog_tool())
            .args(["--no-defaults", "--verbose", "--verify-binlog-checksum"])
            .arg(&file)
            .output()
            .expect("runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text.push_str(&String::from_utf8_lossy(&output.stdout));
    }
    for expected in ["@2='one'", "@2='two'", "ALTER TABLE shop.t"] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
}

#[tokio::test]
async fn a_batch_is_cut_by_size_and_a_large_transaction_is_one_batch() {
    let site = Site::start(1).await;
    site.run(SETUP).await;
    let database = site.database();
    let (_, facts) = snapshot(&database).await;
    let mut log = database.open_log(&facts.position).await.expect("opens");
    let row = "INSERT INTO shop.t (v) VALUES (REPEAT('x', 300000))";
    site.run(&[row; 10]).await;
    let big = concat!(
        "INSERT INTO shop.t (v) SELECT REPEAT('y', 1000000) FROM ",
        numbers!(5)
    );
    site.run(&[big]).await;
    let until = Instant::now() + DEADLINE;
    let mut sizes = Vec::new();
    while sizes.iter().map(|(n, _)| n).sum::<u64>() < 11 {
        assert!(Instant::now() < until);
        // The interval is longer than the test: only size ends a batch.
        let batch = log
            .next(1 << 20, DEADLINE, DEADLINE)
            .await
            .expect("log")
            .expect("batch");
        sizes.push((batch.transactions, batch.bytes.len()));
    }
    let (last, before) = sizes.split_last().expect("batches");
    assert!(last.0 == 1 && last.1 > 5_000_000, "{sizes:?}");
    assert!(
        before.iter().all(|(_, bytes)| *bytes <= 1 << 20),
        "{sizes:?}"
    );
    assert!(before.iter().any(|(n, _)| *n == 3), "{sizes:?}");
}

#[tokio::test]
async fn giving_up_a_wait_loses_nothing() {
    let site = Site::start(1).await;
    site.run(SETUP).await;
    let database = site.database();
    let (_, facts) = snapshot(&database).await;
    let mut log = database.open_log(&facts.position).await.expect("opens");
    site.run(&["INSERT INTO shop.t (v) VALUES ('a')"]).await;
    // The batch is due in a minute; every wait before is given up.
    let until = Instant::now() + DEADLINE;
    loop {
        let wait = log.next(1 << 20, DEADLINE, DEADLINE);
        assert!(
            tokio::time::timeout(Duration::from_millis(20), wait)
                .await
                .is_err()
        );
        if !log.is_drained().await.expect("asked") {
            break;
        }
        assert!(Instant::now() < until);
    }
    let batch = log
        .next(1 << 20, Duration::ZERO, IDLE)
        .await
        .expect("log")
        .expect("batch");
    assert_eq!((batch.transactions, &batch.start), (1, &facts.position));
}

#[tokio::test]
async fn a_restarted_source_is_read_on_without_a_gap() {
    let mut site = Site::start(1).await;
    site.run(SETUP).await;
    let database = site.database();
    let (_, facts) = snapshot(&database).await;
    let mut log = database.open_log(&facts.position).await.expect("opens");
    site.run(&["INSERT INTO shop.t (v) VALUES ('before')"])
        .await;
    let before = drain(log.as_mut()).await;
    site.server.kill();
    let until = Instant::now() + DEADLINE;
    let error = loop {
        match log.next(1 << 20, FLUSH, IDLE).await {
            Ok(batch) => assert_eq!(batch, None),
            Err(error) => break error,
        }
        assert!(Instant::now() < until);
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
    site.server.restart().await.expect("recovers");
    site.run(&["INSERT INTO shop.t (v) VALUES ('after')"]).await;
    // The same log object goes on by itself, and so does a new one.
    let after = drain(log.as_mut()).await;
    assert_eq!(after[0].start, before.last().expect("batch").end);
    let mut again = database.open_log(&after[0].start).await.expect("opens");
    assert_eq!(
        drain(again.as_mut()).await[0].end,
        after.last().expect("batch").end
    );
}

#[tokio::test]
async fn a_lost_log_is_told_from_a_lost_connection() {
    let mut site = Site::start(1).await;
    site.run(SETUP).await;
    let database = site.database();
    let (_, facts) = snapshot(&database).await;
    let lost = async |what: &str| {
        let error = database
            .open_log(&facts.position)
            .await
            .map(|_| ())
            .expect_err(what);
        assert_eq!(
            error.kind(),
            ErrorKind::LogLost,
            "{what}: {}",
            error.chain()
        );
    };
    // The server gives a file up only when its last transactions are on disk.
    let until = Instant::now() + DEADLINE;
    site.run(&["FLUSH BINARY LOGS"]).await;
    while site.dir.path().join("data/binlog.000001").exists() {
        site.run(&["PURGE BINARY LOGS TO 'binlog.000002'"]).await;
        assert!(Instant::now() < until);
    }
    lost("purged").await;

    // The same file and offset, other transactions.
    let (_, facts) = snapshot(&database).await;
    site.run(&[
        per_engine("RESET MASTER", "RESET BINARY LOGS AND GTIDS"),
        "CREATE TABLE shop.u (id INT)",
        "FLUSH BINARY LOGS",
    ])
    .await;
    let many = ["INSERT INTO shop.t (v) VALUES (REPEAT('x', 1000))"; 5];
    site.run(&many).await;
    let error = database
        .open_log(&facts.position)
        .await
        .map(|_| ())
        .expect_err("reset");
    assert_eq!(error.kind(), ErrorKind::LogLost, "reset: {}", error.chain());

    let other = Site::start(7).await;
    other.run(SETUP).await;
    let (_, others) = snapshot(&other.database()).await;
    let error = database
        .open_log(&others.position)
        .await
        .map(|_| ())
        .expect_err("another");
    assert_eq!(
        error.kind(),
        ErrorKind::LogLost,
        "another: {}",
        error.chain()
    );

    site.server.kill();
    let error = database
        .open_log(&facts.position)
        .await
        .map(|_| ())
        .expect_err("down");
    assert_eq!(
        error.kind(),
        ErrorKind::Unavailable,
        "down: {}",
        error.chain()
    );
}

#[tokio::test]
async fn changes_logged_as_statements_are_noticed_at_the_source() {
    let site = Site::start(1).await;
    site.run(SETUP).await;
    let database = site.database();
    let (_, facts) = snapshot(&database).await;
    let mut log = database.open_log(&facts.position).await.expect("opens");
    let mut conn = site.connect().await;
    for sql in [
        "SET binlog_format=STATEMENT",
        "INSERT INTO shop.t (v) VALUES (RAND())",
    ] {
        conn.query_drop(sql).await.expect(sql);
    }
    let error = log
        .next(1 << 20, FLUSH, DEADLINE)
        .await
        .expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::LogLost, "{}", error.chain());
    assert!(error.to_string().contains("statement"), "{error}");
}

#[tokio::test]
async fn canaries_are_found_in_the_raw_bytes() {
    let site = Site::start(1).await;
    site.run(SETUP).await;
    let database = site.database();
    let (_, facts) = snapshot(&database).await;
    let mut log = database.open_log(&facts.position).await.expect("opens");
    let canary = |sequence| Canary {
        epoch: planb_model::Epoch(1),
        sequence,
        written_at: jiff::Timestamp::from_millisecond(1_700_000_000_000).expect("time"),
    };
    for sequence in [1, 2] {
        database
            .write_canary(&crate::support::service(), &canary(sequence))
            .await
            .expect("written");
    }
    let batches = drain(log.as_mut()).await;
    let newest = batches
        .iter()
        .filter_map(|b| Canary::newest_in(&b.bytes))
        .last();
    assert_eq!(newest, Some(canary(2)));
}
