//! Reading the log: batches, resuming, losing it.

use crate::support::{DEADLINE, Site, drain, service, snapshot};
use planb_model::{Canary, Epoch};
use planb_ports::{Database, ErrorKind, PortResult};
use std::time::{Duration, Instant};

const FLUSH: Duration = Duration::from_millis(50);
const IDLE: Duration = Duration::from_millis(300);

/// More files than a server with a bound of 64 MB keeps.
const FILES: u32 = 8;

/// Ends so many files of the log.
pub fn switch(site: &Site, files: u32) {
    for _ in 0..files {
        let sql = "CREATE TABLE x AS SELECT 1; DROP TABLE x; SELECT pg_switch_wal()";
        site.run("postgres", sql);
        site.run("postgres", "CHECKPOINT");
    }
}

async fn site() -> Site {
    let site = Site::start().await;
    site.run(
        "postgres",
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, v text)",
    );
    site
}

fn kind<T>(answer: PortResult<T>, what: &str) -> ErrorKind {
    match answer {
        Ok(_) => panic!("{what}: no error"),
        Err(error) => error.kind(),
    }
}

#[tokio::test]
async fn batches_are_whole_joined_and_the_servers_own_bytes() {
    let site = site().await;
    let database = site.database();
    let taken = snapshot(&database).await;
    let mut log = database
        .open_log(&taken.facts.position)
        .await
        .expect("opens");
    // The snapshot ended a file of the log: what filled it up is no transaction.
    let mut batches = drain(log.as_mut()).await;
    assert_eq!(log.next(1 << 20, FLUSH, IDLE).await.expect("idle"), None);

    site.run("postgres", "INSERT INTO t (v) VALUES ('one')");
    site.run("postgres", "SELECT pg_switch_wal()");
    site.run("postgres", "INSERT INTO t (v) VALUES ('two')");
    batches.extend(drain(log.as_mut()).await);
    assert_eq!(batches[0].start, taken.facts.position);
    assert_eq!(batches.iter().map(|b| b.transactions).sum::<u64>(), 2);
    // Byte for byte what lies on the server's disk.
    let all: Vec<u8> = batches.iter().flat_map(|b| b.bytes.to_vec()).collect();
    let wal = site.server.data_dir().join("pg_wal");
    let mut files: Vec<_> = std::fs::read_dir(wal)
        .expect("listed")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.is_file() && path.extension().is_none())
        .collect();
    files.sort();
    let disk: Vec<u8> = files
        .iter()
        .flat_map(|f| std::fs::read(f).expect("read"))
        .collect();
    assert!(
        disk.windows(all.len()).any(|w| w == all),
        "not the bytes on disk"
    );
}

#[tokio::test]
async fn a_batch_is_cut_by_size_and_giving_up_a_wait_loses_nothing() {
    let site = site().await;
    let database = site.database();
    let taken = snapshot(&database).await;
    let mut log = database
        .open_log(&taken.facts.position)
        .await
        .expect("opens");
    let before = drain(log.as_mut()).await;
    assert!(before.iter().all(|b| b.transactions == 0));
    site.run(
        "postgres",
        "INSERT INTO t (v) SELECT repeat(md5(s::text), 30) FROM generate_series(1, 5000) s",
    );
    // The interval is longer than the test: only size ends a batch.
    let big = log
        .next(1 << 20, DEADLINE, DEADLINE)
        .await
        .expect("log")
        .expect("batch");
    let rest = drain(log.as_mut()).await;
    let sizes: Vec<_> = [&big]
        .into_iter()
        .chain(&rest)
        .map(|b| b.bytes.len())
        .collect();
    assert!(sizes[0] > 1 << 19, "{sizes:?}");
    assert!(sizes.iter().all(|bytes| *bytes <= 1 << 20), "{sizes:?}");
    assert!(sizes.iter().sum::<usize>() > 4 << 20, "{sizes:?}");
    let transactions = |b: &[planb_ports::LogBatch]| b.iter().map(|b| b.transactions).sum::<u64>();
    assert_eq!(big.transactions + transactions(&rest), 1);

    site.run("postgres", "INSERT INTO t (v) VALUES ('a')");
    let until = Instant::now() + DEADLINE;
    while log.is_drained().await.expect("asked") || {
        let wait = log.next(1 << 20, DEADLINE, DEADLINE);
        tokio::time::timeout(Duration::from_millis(20), wait)
            .await
            .is_ok()
    } {
        assert!(Instant::now() < until);
    }
    let batch = log
        .next(1 << 20, Duration::ZERO, DEADLINE)
        .await
        .expect("log")
        .expect("batch");
    assert_eq!(batch.transactions, 1);
    assert_eq!(batch.start, rest.last().unwrap_or(&big).end);
}

#[tokio::test]
async fn a_restarted_source_is_read_on_without_a_gap() {
    let mut site = site().await;
    let database = site.database();
    let taken = snapshot(&database).await;
    let mut log = database
        .open_log(&taken.facts.position)
        .await
        .expect("opens");
    site.run("postgres", "INSERT INTO t (v) VALUES ('before')");
    let before = drain(log.as_mut()).await;
    let end = before.last().expect("batch").end.clone();
    log.shipped(&end).await.expect("told");
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
    assert_eq!(
        kind(database.open_log(&end).await, "down"),
        ErrorKind::Unavailable
    );
    site.server.restart().await.expect("recovers");
    site.run("postgres", "INSERT INTO t (v) VALUES ('after')");
    let mut log = database.open_log(&end).await.expect("opens");
    let after = drain(log.as_mut()).await;
    assert_eq!(after[0].start, end);
    assert_eq!(after.iter().map(|b| b.transactions).sum::<u64>(), 1);
}

/// The server waits for those who read its log: also for what has no commit.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_shut_down_ends_with_all_its_log_read() {
    let mut site = site().await;
    let database = site.database();
    let taken = snapshot(&database).await;
    let mut log = database
        .open_log(&taken.facts.position)
        .await
        .expect("opens");
    drain(log.as_mut()).await;
    site.run("postgres", "INSERT INTO t (v) VALUES ('last')");
    let stopping = tokio::task::spawn_blocking(move || {
        let mut stop = crate::support::as_server(&site.server.bin_dir().join("pg_ctl"));
        stop.args(["stop", "--mode=fast", "--wait", "--silent", "--timeout=30"]);
        stop.arg("--pgdata").arg(site.server.data_dir());
        (stop.status().expect("pg_ctl runs").success(), site)
    });
    let mut batches = Vec::new();
    let error = loop {
        match log.next(1 << 20, FLUSH, IDLE).await {
            Ok(Some(batch)) => {
                log.shipped(&batch.end).await.expect("told");
                batches.push(batch);
            }
            Ok(None) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
    let (ended, site_again) = stopping.await.expect("joined");
    assert!(ended, "the server did not end");
    site = site_again;
    assert_eq!(batches.iter().map(|b| b.transactions).sum::<u64>(), 1);
    let end = batches.last().expect("some").end.clone();
    site.server.restart().await.expect("starts again");
    let mut log = database.open_log(&end).await.expect("goes on");
    site.run("postgres", "INSERT INTO t (v) VALUES ('next')");
    let next = drain(log.as_mut()).await;
    assert_eq!(next[0].start, end);
}

#[tokio::test]
async fn a_lost_log_is_told_from_a_lost_connection() {
    let site =
        Site::start_with(&["max_wal_size=32MB", "min_wal_size=32MB", "wal_keep_size=0"]).await;
    let database = site.database();
    let taken = snapshot(&database).await;
    // Without its slot the server forgets the log after some checkpoints.
    site.run("postgres", "SELECT pg_drop_replication_slot('planb')");
    switch(&site, FILES);
    assert_eq!(
        kind(database.open_log(&taken.facts.position).await, "dropped"),
        ErrorKind::LogLost
    );

    // A new snapshot goes on.
    let again = snapshot(&database).await;
    database
        .open_log(&again.facts.position)
        .await
        .expect("opens");
    let other = Site::start().await;
    assert_eq!(
        kind(
            other.database().open_log(&again.facts.position).await,
            "other"
        ),
        ErrorKind::LogLost
    );
    let mut ahead = again.facts.position.clone();
    ahead.at = "FF/0".into();
    assert_eq!(
        kind(database.open_log(&ahead).await, "ahead"),
        ErrorKind::LogLost
    );
}

#[tokio::test]
async fn log_beyond_the_servers_bound_is_given_up_and_mended_by_a_snapshot() {
    let bounds = [
        "max_slot_wal_keep_size=64MB",
        "max_wal_size=32MB",
        "min_wal_size=32MB",
    ];
    let site = Site::start_with(&bounds).await;
    let database = site.database();
    let taken = snapshot(&database).await;
    switch(&site, FILES);
    let status = "SELECT wal_status FROM pg_replication_slots";
    assert_eq!(site.run("postgres", status), "lost");
    assert_eq!(
        kind(database.open_log(&taken.facts.position).await, "lost"),
        ErrorKind::LogLost
    );
    let again = snapshot(&database).await;
    assert_ne!(site.run("postgres", status), "lost");
    database
        .open_log(&again.facts.position)
        .await
        .expect("opens");
}

#[tokio::test]
async fn shipped_log_may_be_forgotten_and_canaries_are_found() {
    let site = site().await;
    let database = site.database();
    let taken = snapshot(&database).await;
    let mut log = database
        .open_log(&taken.facts.position)
        .await
        .expect("opens");
    let canary = |sequence| Canary {
        epoch: Epoch(1),
        sequence,
        written_at: jiff::Timestamp::from_millisecond(1_700_000_000_000).expect("time"),
    };
    for sequence in 1..=20 {
        database
            .write_canary(&service(), &canary(sequence))
            .await
            .expect("written");
    }
    assert_eq!(
        database.read_canary(&service()).await.expect("read"),
        Some(canary(20))
    );
    let batches = drain(log.as_mut()).await;
    let all: Vec<u8> = batches.iter().flat_map(|b| b.bytes.to_vec()).collect();
    // One in a hundred lies across two pages; two in a row do not.
    let newest = Canary::newest_in(&all).expect("one");
    assert!(newest.sequence >= 19, "{newest:?}");

    let end = &batches.last().expect("some").end;
    log.shipped(end).await.expect("told");
    let until = Instant::now() + DEADLINE;
    let kept = "SELECT restart_lsn FROM pg_replication_slots WHERE slot_name = 'planb'";
    while site.run("postgres", kept) != end.at {
        assert!(Instant::now() < until, "the slot does not move");
    }
}
