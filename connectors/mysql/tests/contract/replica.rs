//! A source that failed over by itself: its replica answers in its place, with
//! other files and offsets and the same transactions.

use crate::support::{DEADLINE, Site, apply, drain, numbers, per_engine, restore, snapshot};
use planb_connector_mysql::MysqlDatabase;
use planb_model::recovery::LogPosition;
use planb_ports::{Database, ErrorKind, LogBatch};
use std::cmp::Ordering;
use std::time::Duration;

const SETUP: &[&str] = &[
    "CREATE DATABASE shop",
    "CREATE TABLE shop.t (id INT PRIMARY KEY, v TEXT)",
    "INSERT INTO shop.t VALUES (1, 'one')",
];
const EXECUTED: &str = per_engine("SELECT @@gtid_current_pos", "SELECT @@gtid_executed");
const STOP: &str = per_engine("STOP SLAVE", "STOP REPLICA");
const START: &str = per_engine("START SLAVE", "START REPLICA");

/// A server whose GTIDs go on from its source's, as replicas' do.
pub async fn server(id: u32) -> Site {
    Site::start_with(id, |options| {
        let more = per_engine(
            ["--gtid-domain-id=0", "--log-slave-updates=ON"],
            ["--log-replica-updates=ON", "--skip-replica-start"],
        );
        options.extra_args.extend(more.map(str::to_owned));
    })
    .await
}

/// A source with data and a replica that has it all.
async fn source_and_replica() -> (Site, Site) {
    let (source, replica) = (server(1).await, server(2).await);
    source.run(SETUP).await;
    follow(&source, &replica).await;
    (source, replica)
}

/// Makes a server the replica of another one.
pub async fn follow(source: &Site, replica: &Site) {
    let port = source.server.port();
    let follow = per_engine(
        format!(
            "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='root', \
             MASTER_USE_GTID=slave_pos"
        )
        .as_str(),
        format!(
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, \
             SOURCE_USER='root', SOURCE_AUTO_POSITION=1"
        )
        .as_str(),
    )
    .to_owned();
    // Its files have other numbers than its source's.
    let rotate = "FLUSH BINARY LOGS";
    replica.run(&[rotate, rotate, &follow, START]).await;
}

/// Waits until the replica has what the source has.
pub async fn caught_up(source: &Site, replica: &Site) {
    let there = source.one(EXECUTED).await.expect("a state");
    let seconds = DEADLINE.as_secs();
    let wait = per_engine(
        format!("SELECT MASTER_GTID_WAIT('{there}', {seconds})").as_str(),
        format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{there}', {seconds})").as_str(),
    )
    .to_owned();
    assert_eq!(replica.one(&wait).await.as_deref(), Some("0"), "{there}");
}

async fn promote(replica: &Site) {
    let forget = per_engine("RESET SLAVE ALL", "RESET REPLICA ALL");
    replica.run(&[STOP, forget]).await;
}

async fn refused(database: &MysqlDatabase, from: &LogPosition) -> String {
    let opened = database.open_log(from).await.map(|_| ());
    let error = opened.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::LogLost, "{}", error.chain());
    error.chain()
}

#[tokio::test]
async fn the_log_goes_on_at_a_promoted_replica() {
    let (mut source, replica) = source_and_replica().await;
    let copy = Site::start(3).await;
    let old = source.database();
    let (parts, facts) = snapshot(&old).await;
    restore(&copy.database(), &parts, &facts).await;
    let mut log = old.open_log(&facts.position).await.expect("opens");
    source
        .run(&["INSERT INTO shop.t VALUES (2, 'shipped')"])
        .await;
    let mut batches = drain(log.as_mut()).await;
    // Not shipped, and replicated.
    source
        .run(&["INSERT INTO shop.t VALUES (3, 'only replicated')"])
        .await;
    caught_up(&source, &replica).await;
    source.server.kill();
    promote(&replica).await;
    replica
        .run(&[
            "INSERT INTO shop.t VALUES (4, 'new')",
            "FLUSH BINARY LOGS",
            "ALTER TABLE shop.t ADD COLUMN w INT",
            "UPDATE shop.t SET w = id",
        ])
        .await;

    let new = replica.database();
    let last = batches.last().expect("a batch").end.clone();
    let mut log = new.open_log(&last).await.expect("goes on");
    let after = drain(log.as_mut()).await;
    assert_eq!(after[0].start, last);
    assert_ne!(after[0].end.stream, last.stream);
    assert_eq!(after.iter().map(|b| b.transactions).sum::<u64>(), 4);
    let order = |a, b| new.log_order(a, b);
    assert_eq!(order(&last, &after[0].end), Some(Ordering::Less));
    assert_eq!(
        order(&after[0].end, &facts.position),
        Some(Ordering::Greater)
    );
    batches.extend(after);
    for (batch, seq) in batches.iter().zip(1..) {
        apply(&copy.database(), batch, seq)
            .await
            .unwrap_or_else(|error| panic!("{}", error.chain()));
    }
    assert_eq!(
        copy.database().digests().await.expect("digests"),
        new.digests().await.expect("digests")
    );

    // From there on it is the source as any other.
    let end = &batches.last().expect("a batch").end;
    replica
        .run(&["INSERT INTO shop.t VALUES (5, 'later', 5)"])
        .await;
    let mut again = new.open_log(end).await.expect("opens");
    let later = drain(again.as_mut()).await;
    assert_eq!((later.len(), &later[0].start), (1, end));
}

#[tokio::test]
async fn a_snapshot_of_the_old_source_is_continued_by_the_new_ones_log() {
    let (mut source, replica) = source_and_replica().await;
    let copy = Site::start(3).await;
    let old = source.database();
    let (_, first) = snapshot(&old).await;
    source
        .run(&["INSERT INTO shop.t VALUES (2, 'in the later snapshot')"])
        .await;
    let (parts, later) = snapshot(&old).await;
    source.run(&["DELETE FROM shop.t WHERE id = 2"]).await;
    caught_up(&source, &replica).await;
    source.server.kill();
    promote(&replica).await;
    replica
        .run(&["INSERT INTO shop.t VALUES (2, 'again')"])
        .await;

    // Shipped from the first snapshot on, the later one lies inside the segment.
    let new = replica.database();
    let mut log = new.open_log(&first.position).await.expect("goes on");
    let batches = drain(log.as_mut()).await;
    assert_eq!((batches.len(), batches[0].transactions), (1, 3));
    restore(&copy.database(), &parts, &later).await;
    apply(&copy.database(), &batches[0], 1)
        .await
        .unwrap_or_else(|error| panic!("{}", error.chain()));
    assert_eq!(
        copy.database().digests().await.expect("digests"),
        new.digests().await.expect("digests")
    );
}

#[tokio::test]
async fn a_replica_that_lacks_what_was_shipped_is_refused() {
    let (mut source, replica) = source_and_replica().await;
    let old = source.database();
    let (_, facts) = snapshot(&old).await;
    caught_up(&source, &replica).await;
    replica.run(&[STOP]).await;
    let mut log = old.open_log(&facts.position).await.expect("opens");
    source
        .run(&["INSERT INTO shop.t VALUES (2, 'never replicated')"])
        .await;
    let last = drain(log.as_mut())
        .await
        .last()
        .expect("a batch")
        .end
        .clone();
    source.server.kill();
    let why = refused(&replica.database(), &last).await;
    assert!(why.contains("lacks"), "{why}");
    // Writing on makes it no better: the same number, another transaction.
    promote(&replica).await;
    for id in [7, 8] {
        let insert = format!("INSERT INTO shop.t VALUES ({id}, 'its own')");
        replica.run(&[&insert]).await;
        refused(&replica.database(), &last).await;
    }
}

#[tokio::test]
async fn a_replica_with_a_transaction_of_its_own_is_refused() {
    let (mut source, replica) = source_and_replica().await;
    let old = source.database();
    let (_, facts) = snapshot(&old).await;
    caught_up(&source, &replica).await;
    replica
        .run(&["UPDATE shop.t SET v = 'not what the source has'"])
        .await;
    source.run(&["INSERT INTO shop.t VALUES (2, 'both')"]).await;
    let mut log = old.open_log(&facts.position).await.expect("opens");
    let last = drain(log.as_mut())
        .await
        .last()
        .expect("a batch")
        .end
        .clone();
    caught_up(&source, &replica).await;
    source.server.kill();
    promote(&replica).await;
    refused(&replica.database(), &last).await;
    replica
        .run(&["FLUSH BINARY LOGS", "INSERT INTO shop.t VALUES (3, 'new')"])
        .await;
    refused(&replica.database(), &last).await;
    // Seen before it went wrong, the log goes on: all of its own comes after.
    let opened = replica.database().open_log(&facts.position).await;
    assert!(opened.is_ok());
}

#[tokio::test]
async fn a_replica_that_purged_the_place_is_refused() {
    let (mut source, replica) = source_and_replica().await;
    let (_, facts) = snapshot(&source.database()).await;
    source.run(&["INSERT INTO shop.t VALUES (2, 'two')"]).await;
    caught_up(&source, &replica).await;
    source.server.kill();
    promote(&replica).await;
    replica.run(&["FLUSH BINARY LOGS"]).await;
    let opened = replica.database().open_log(&facts.position).await;
    assert!(opened.is_ok(), "the log is there yet");
    let until = std::time::Instant::now() + DEADLINE;
    loop {
        let newest = "binlog.000004";
        replica
            .run(&[&format!("PURGE BINARY LOGS TO '{newest}'")])
            .await;
        let left = std::fs::read_dir(replica.dir.path().join("data")).expect("data");
        let names = left.map(|e| e.expect("entry").file_name().into_string().expect("name"));
        let old = names.filter(|n| n.starts_with("binlog.0") && n.as_str() < newest);
        if old.count() == 0 {
            break;
        }
        assert!(std::time::Instant::now() < until);
    }
    refused(&replica.database(), &facts.position).await;
}

/// About 12 MB of log in one transaction.
const LONG: &[&str] = &[
    "ALTER TABLE shop.t ADD COLUMN w INT DEFAULT 0",
    "USE shop",
    concat!(
        "INSERT INTO shop.t (id, v) SELECT seq + 10, REPEAT(SHA2(seq, 256), 8) FROM ",
        numbers!(24000)
    ),
    "INSERT INTO shop.t (id, v) VALUES (2, 'after')",
];

/// Ships the log up to a place inside of a transaction of the source that its
/// replica has, or has not, when it takes over; what it has then is in the copy.
async fn taken_over_inside_of_a_transaction(replica_has_it: bool) {
    let (mut source, replica) = source_and_replica().await;
    let copy = Site::start(3).await;
    let old = source.database();
    let (parts, facts) = snapshot(&old).await;
    restore(&copy.database(), &parts, &facts).await;
    let mut log = old.open_log(&facts.position).await.expect("opens");
    source.run(&LONG[..1]).await;
    caught_up(&source, &replica).await;
    if !replica_has_it {
        replica.run(&[STOP]).await;
    }
    source.run(&LONG[1..]).await;
    if replica_has_it {
        caught_up(&source, &replica).await;
    }
    let mut batches: Vec<LogBatch> = Vec::new();
    while batches
        .iter()
        .filter(|batch| batch.transactions == 0)
        .count()
        < 2
    {
        let next = log.next(1, Duration::ZERO, DEADLINE).await.expect("read");
        batches.push(next.expect("a batch"));
    }
    drop(log);
    source.server.kill();
    promote(&replica).await;
    replica
        .run(&["INSERT INTO shop.t (id, v) VALUES (3, 'new')"])
        .await;
    let new = replica.database();
    let last = batches.last().expect("a batch").end.clone();
    let mut log = new.open_log(&last).await.expect("goes on");
    let after = drain(log.as_mut()).await;
    assert_eq!(after[0].start, last);
    assert_ne!(after[0].end.stream, last.stream);
    assert_eq!(after[0].transactions == 0, replica_has_it);
    batches.extend(after);
    for (batch, seq) in batches.iter().zip(1..) {
        apply(&copy.database(), batch, seq)
            .await
            .unwrap_or_else(|error| panic!("{}", error.chain()));
    }
    assert_eq!(
        copy.database().digests().await.expect("digests"),
        new.digests().await.expect("digests")
    );
    let aside = "SELECT COUNT(*) FROM information_schema.TABLES \
                 WHERE TABLE_SCHEMA = 'planb' AND TABLE_NAME LIKE 'pending%'";
    assert_eq!(copy.one(aside).await.as_deref(), Some("0"));
    let rows = if replica_has_it { "24003" } else { "2" };
    assert_eq!(
        copy.one("SELECT COUNT(*) FROM shop.t").await.as_deref(),
        Some(rows)
    );
}

#[tokio::test]
async fn a_replica_begins_a_transaction_anew_of_which_a_part_was_shipped() {
    taken_over_inside_of_a_transaction(true).await;
}

#[tokio::test]
async fn a_part_of_a_transaction_that_the_replica_lacks_is_dropped() {
    taken_over_inside_of_a_transaction(false).await;
}
