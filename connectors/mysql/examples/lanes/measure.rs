//! The work of both programs.

use crate::support::{Parts, Site, TestClock, drain, header, mark, restore, snapshot};
use mysql_async::prelude::Queryable;
use planb_connector_mysql::{MysqlConfig, MysqlDatabase};
use planb_ports::{Database, LogSegment, SnapshotFacts};
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Log applied at once, as a restore does.
const BATCH_BYTES: usize = 32 << 20;
/// Tables, as sysbench makes them.
const TABLES: u64 = 8;
/// Rows in each before.
const TABLE_ROWS: u64 = 50_000;
/// Connections that are compared.
const LANES: [usize; 3] = [1, 2, 4];

/// Measures what the arguments say.
pub async fn run() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| {
        let given = arguments.next().map(|text| text.parse::<u64>());
        given.map_or(default, |number| number.expect("a number"))
    };
    let (changes, rounds) = (number(300_000), number(3));
    let source = Site::start_with(1, |options| {
        let relaxed = ["--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0"];
        options.extra_args.extend(relaxed.map(str::to_owned));
    })
    .await;
    // With the durability a server comes with, and room for its tables.
    let target = Site::start_with(2, |options| {
        let pool = "--innodb-buffer-pool-size=1G".to_owned();
        options.extra_args.push(pool);
    })
    .await;
    fill(&source).await;
    let (parts, facts) = snapshot(&source.database()).await;
    let log = source.database().open_log(&facts.position).await;
    change(&source, changes).await;
    let batches = drain(log.expect("opens").as_mut()).await;
    let segments = batches.iter().zip(1..).map(|(batch, seq)| LogSegment {
        header: header(batch, seq),
        bytes: batch.bytes.clone(),
        mark: mark(&batch.end, seq + 1),
    });
    let segments: Vec<LogSegment> = segments.collect();
    let wanted = source.database().digests().await.expect("digests");
    let mut times = vec![Vec::new(); LANES.len()];
    for _ in 0..rounds {
        for (lanes, times) in LANES.into_iter().zip(&mut times) {
            times.push(
                apply(&target, &parts, &facts, &segments, lanes)
                    .await
                    .as_millis(),
            );
            let found = target.database().digests().await;
            assert_eq!(found.expect("digests"), wanted);
        }
    }
    let bytes: usize = segments.iter().map(|segment| segment.bytes.len()).sum();
    for (lanes, mut times) in LANES.into_iter().zip(times) {
        times.sort_unstable();
        let line = format!(
            "{{\"engine\":\"{}\",\"changes\":{changes},\"logBytes\":{bytes},\"lanes\":{lanes},\
             \"medianMs\":{},\"allMs\":{times:?}}}",
            crate::ENGINE,
            times[times.len() / 2]
        );
        writeln!(std::io::stdout(), "{line}").expect("printed");
    }
}

async fn fill(source: &Site) {
    source.run(&["CREATE DATABASE shop"]).await;
    let mut conn = source.connect().await;
    conn.query_drop("USE shop").await.expect("used");
    for table in 1..=TABLES {
        let create = format!(
            "CREATE TABLE shop.sbtest{table} (id INT NOT NULL PRIMARY KEY, k INT NOT NULL, \
             c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL, KEY k (k))"
        );
        let rows = format!(
            "INSERT INTO shop.sbtest{table} WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL \
             SELECT n + 1 FROM s WHERE n < {TABLE_ROWS}) \
             SELECT n, n * 7919 % {TABLE_ROWS}, SHA2(n, 256), LEFT(SHA2(n, 224), 32) FROM s"
        );
        for sql in [create, rows] {
            conn.query_drop(sql).await.expect("filled");
        }
    }
}

/// Changes rows as `oltp_write_only` does, a table by a connection.
async fn change(source: &Site, changes: u64) {
    // What is made here is not of the log that is measured.
    let mut conn = source.connect().await;
    conn.query_drop("SET sql_log_bin=0").await.expect("set");
    // A round changes two rows, takes one out and puts one in.
    let rounds = changes / TABLES / 4;
    for table in 1..=TABLES {
        let procedure = format!(
            "CREATE PROCEDURE shop.work{table}() BEGIN DECLARE i, one, two INT DEFAULT 0; \
             WHILE i < {rounds} DO SET one = 1 + FLOOR(RAND() * {TABLE_ROWS}), \
             two = 1 + FLOOR(RAND() * {TABLE_ROWS}); START TRANSACTION; \
             UPDATE shop.sbtest{table} SET k = k + 1 WHERE id = one; \
             UPDATE shop.sbtest{table} SET c = SHA2(RAND(), 256) WHERE id = two; \
             DELETE FROM shop.sbtest{table} WHERE id = one; \
             INSERT INTO shop.sbtest{table} VALUES (one, two, SHA2(i, 256), LEFT(SHA2(i, 224), 32)); \
             COMMIT; SET i = i + 1; END WHILE; END"
        );
        conn.query_drop(procedure).await.expect("made");
    }
    let all = (1..=TABLES).map(async |table| {
        let mut conn = source.connect().await;
        let work = format!("CALL shop.work{table}()");
        conn.query_drop(work).await.expect("changed");
    });
    futures::future::join_all(all).await;
}

async fn apply(
    target: &Site,
    parts: &Parts,
    facts: &SnapshotFacts,
    segments: &[LogSegment],
    lanes: usize,
) -> Duration {
    restore(&target.database(), parts, facts).await;
    let config = MysqlConfig {
        apply_lanes: lanes,
        ..target.config()
    };
    let database = MysqlDatabase::connect_lazy(config, Arc::new(TestClock(0)));
    let begun = Instant::now();
    let mut rest = segments;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take_while(|segment| {
            let before = bytes;
            bytes += segment.bytes.len();
            before < BATCH_BYTES
        });
        let (batch, after) = rest.split_at(fits.count());
        database.apply_segments(batch, None).await.expect("applied");
        rest = after;
    }
    begun.elapsed()
}
