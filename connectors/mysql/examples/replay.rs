//! Measures the replay of row changes: PlanB against `mariadb-binlog | mariadb`,
//! on the same log, into equal copies on equal servers.
//!
//! ```sh
//! cargo run --release -p planb-connector-mysql --example replay -- 300000 1000
//! ```
//!
//! The first number is how many rows are changed, one transaction each, the
//! second over how many keys. The servers flush once per second, which favours
//! the tool that commits each transaction. Prints one line of JSON.

/// What is measured.
const ENGINE: planb_model::recovery::Engine = planb_model::recovery::Engine::Mariadb;

#[expect(
    dead_code,
    unused_macros,
    unused_imports,
    reason = "shared with the contract tests"
)]
#[path = "../tests/contract/support.rs"]
mod support;

use mysql_async::prelude::Queryable;
use planb_ports::{Database, LogSegment};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Site, drain, header, mark, restore, snapshot};

/// Log applied at once, as a restore does.
const BATCH_BYTES: usize = 32 << 20;

async fn site(id: u32) -> Site {
    Site::start_with(id, |options| {
        let relaxed = ["--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0"];
        options.extra_args.extend(relaxed.map(str::to_owned));
    })
    .await
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| {
        let given = arguments.next().map(|text| text.parse::<u64>());
        given.map_or(default, |number| number.expect("a number"))
    };
    let (changes, keys) = (number(300_000), number(1_000));
    let (source, ours, theirs) = (site(1).await, site(2).await, site(3).await);
    // As sysbench makes its tables.
    source
        .run(&[
            "CREATE DATABASE shop",
            "CREATE TABLE shop.sbtest (id INT NOT NULL PRIMARY KEY, k INT NOT NULL, \
             c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL, KEY k (k))",
        ])
        .await;
    let fill = format!(
        "INSERT INTO shop.sbtest SELECT seq, seq, REPEAT('c', 119), REPEAT('p', 59) \
         FROM shop.seq_1_to_{keys}"
    );
    source.run(&[&fill]).await;
    let (parts, facts) = snapshot(&source.database()).await;
    let mut log = source
        .database()
        .open_log(&facts.position)
        .await
        .expect("opens");
    for target in [&ours, &theirs] {
        restore(&target.database(), &parts, &facts).await;
    }
    change(&source, changes, keys).await;

    let batches = drain(log.as_mut()).await;
    let bytes: usize = batches.iter().map(|batch| batch.bytes.len()).sum();
    let segments = batches.iter().zip(1..).map(|(batch, seq)| LogSegment {
        header: header(batch, seq),
        bytes: batch.bytes.clone(),
        mark: mark(&batch.end, seq + 1),
    });
    let segments: Vec<LogSegment> = segments.collect();
    let files = write(&theirs, &segments);
    let folded = replay(&ours, &segments).await;
    let tool = replay_by_tool(&theirs, &files);
    let wanted = source.database().digests().await.expect("digests");
    for target in [&ours, &theirs] {
        assert_eq!(target.database().digests().await.expect("digests"), wanted);
    }
    let line = format!(
        "{{\"changes\":{changes},\"keys\":{keys},\"segments\":{},\"logBytes\":{bytes},\
         \"planbMs\":{},\"toolMs\":{},\"times\":{:.1}}}",
        segments.len(),
        folded.as_millis(),
        tool.as_millis(),
        tool.as_secs_f64() / folded.as_secs_f64()
    );
    writeln!(std::io::stdout(), "{line}").expect("printed");
}

/// Changes rows of random keys.
async fn change(source: &Site, changes: u64, keys: u64) {
    let mut conn = source.connect().await;
    let procedure = format!(
        "CREATE PROCEDURE shop.work() BEGIN DECLARE i, which INT DEFAULT 0; \
         WHILE i < {changes} DO SET which = 1 + FLOOR(RAND(i) * {keys}); \
         UPDATE shop.sbtest SET k = k + 1, c = REPEAT(CHAR(97 + i MOD 26), 119) \
         WHERE id = which; \
         SET i = i + 1; END WHILE; END"
    );
    // What is made and dropped here is not of the log that is measured.
    conn.query_drop("SET sql_log_bin=0").await.expect("set");
    conn.query_drop(procedure).await.expect("made");
    conn.query_drop("SET sql_log_bin=1").await.expect("set");
    conn.query_drop("CALL shop.work()").await.expect("changed");
}

async fn replay(target: &Site, segments: &[LogSegment]) -> Duration {
    let database = target.database();
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

fn write(site: &Site, segments: &[LogSegment]) -> Vec<String> {
    let file = |segment: &LogSegment| {
        let name = format!("{:06}.binlog", segment.header.seq.0);
        let path = site.dir.path().join(name);
        std::fs::write(&path, &segment.bytes).expect("written");
        path.display().to_string()
    };
    segments.iter().map(file).collect()
}

fn replay_by_tool(target: &Site, files: &[String]) -> Duration {
    let begun = Instant::now();
    let mut reader = Command::new("mariadb-binlog")
        .arg("--no-defaults")
        .args(files)
        .stdout(Stdio::piped())
        .spawn()
        .expect("mariadb-binlog runs");
    let text = reader.stdout.take().expect("piped");
    let status = Command::new("mariadb")
        .args(["--no-defaults", "-h127.0.0.1", "-uroot", "--binary-mode"])
        .arg(format!("-P{}", target.server.port()))
        .stdin(text)
        .status()
        .expect("mariadb runs");
    assert!(status.success() && reader.wait().expect("ended").success());
    begun.elapsed()
}
