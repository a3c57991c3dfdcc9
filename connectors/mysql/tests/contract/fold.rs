//! Folded changes lead to the very rows that the log leads to.

#[path = "fold/workload.rs"]
pub mod workload;

use crate::support::{
    IS_MARIADB, Site, drain, header, mark, per_engine, restore, service, snapshot,
};
use mysql_async::prelude::Queryable;
use planb_model::recovery::{SegmentBody, SegmentHeader};
use planb_model::{Canary, Epoch};
use planb_ports::{Database, LogBatch, LogSegment, LogSource, SegmentEnd};
use workload::{Dice, OWN_TABLES, TABLES};

pub fn as_segments(batches: &[LogBatch], first: u64) -> Vec<LogSegment> {
    let numbered = batches.iter().zip(first..);
    let segment = |(batch, seq): (&LogBatch, u64)| LogSegment {
        header: header(batch, seq),
        bytes: batch.bytes.clone(),
        mark: mark(&batch.end, seq + 1),
    };
    numbered.map(segment).collect()
}

async fn pair(tables: &[&[&str]]) -> (Site, Site, Box<dyn LogSource>) {
    let (source, target) = (Site::start(1).await, Site::start(2).await);
    for some in tables {
        source.run(some).await;
    }
    let (parts, facts) = snapshot(&source.database()).await;
    let log = source.database().open_log(&facts.position).await;
    restore(&target.database(), &parts, &facts).await;
    (source, target, log.expect("opens"))
}

/// Applies all there is and says how many segments that were. The target must
/// not have taken anything back: then it would have been applied unfolded.
async fn catch_up(target: &Site, log: &mut dyn LogSource, next: u64) -> u64 {
    let segments = as_segments(&drain(log).await, next);
    catch_up_with_segments(target, &segments).await;
    // MySQL refuses some of what MariaDB takes; it is applied unfolded then.
    if IS_MARIADB {
        assert_eq!(status(target, "Com_rollback").await, 0, "not folded");
    }
    segments.len() as u64
}

async fn catch_up_with_segments(target: &Site, segments: &[LogSegment]) {
    let done = target.database().apply_segments(segments, None).await;
    let done = done.unwrap_or_else(|error| panic!("{}", error.chain()));
    assert_eq!(done, (segments.len(), SegmentEnd::All));
}

pub async fn status(site: &Site, name: &str) -> u64 {
    let mut conn = site.connect().await;
    let sql = format!("SHOW GLOBAL STATUS LIKE '{name}'");
    let row: Option<(String, String)> = conn.query_first(sql).await.expect("status");
    row.expect("a value").1.parse().expect("a number")
}

pub async fn random_changes(source: &Site, dice: &mut Dice, count: u64, sequences: bool) {
    let mut conn = source.connect().await;
    let setup = "SET NAMES utf8mb4, sql_mode=''";
    conn.query_drop(setup).await.expect("set");
    conn.query_drop("USE shop").await.expect("use");
    for _ in 0..count {
        match dice.roll(30) {
            0 => conn.query_drop("BEGIN").await.expect("begin"),
            1 => conn.query_drop("COMMIT").await.expect("commit"),
            2 if dice.roll(3) == 0 => conn.query_drop("ROLLBACK").await.expect("rollback"),
            _ => {}
        }
        let sql = dice.statement(if sequences { 36 } else { 35 });
        if let Err(error) = conn.query_drop(&sql).await {
            // Some break a key all the same, or meet a foreign key.
            let mysql_async::Error::Server(server) = &error else {
                panic!("{sql}: {error}");
            };
            assert!(
                [1062, 1267, 1451, 1452, 3854].contains(&server.code),
                "{sql}: {error}"
            );
        }
    }
    conn.query_drop("COMMIT").await.expect("commit");
}

#[tokio::test]
async fn random_changes_folded_are_the_same_rows() {
    let (source, target, mut log) = pair(&[TABLES, OWN_TABLES]).await;
    let mut next = 1;
    for seed in 1..=8u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random_changes(&source, &mut dice, 600, true).await;
        next += catch_up(&target, log.as_mut(), next).await;
        let wanted = source.database().digests().await.expect("digests");
        let found = target.database().digests().await.expect("digests");
        assert_eq!(found, wanted, "seed {seed}");
        // The rows of a table may be right and its keys not.
        assert!(
            target
                .database()
                .integrity()
                .await
                .expect("asked")
                .is_empty()
        );
    }
}

#[tokio::test]
async fn many_changes_of_a_row_are_applied_once() {
    let setup: &[&str] = &[
        "CREATE DATABASE shop",
        "CREATE TABLE shop.hot (id INT PRIMARY KEY, v INT)",
        "INSERT INTO shop.hot VALUES (1, 0), (2, 0)",
    ];
    let (source, target, mut log) = pair(&[setup]).await;
    let mut conn = source.connect().await;
    for _ in 0..500 {
        let sql = "UPDATE shop.hot SET v = v + 1";
        conn.query_drop(sql).await.expect("updated");
    }
    let before = status(&target, "Handler_update").await;
    catch_up(&target, log.as_mut(), 1).await;
    // The two rows, and PlanB's mark.
    assert!(status(&target, "Handler_update").await - before <= 6);
    let rows = "SELECT GROUP_CONCAT(id, ':', v) FROM shop.hot";
    assert_eq!(target.one(rows).await.as_deref(), Some("1:500,2:500"));
}

/// Folds all there is at the source and applies that.
async fn catch_up_folded(source: &Site, target: &Site, log: &mut dyn LogSource, next: u64) -> u64 {
    let segments = as_segments(&drain(log).await, next);
    let (first, last) = (
        segments.first().expect("one"),
        segments.last().expect("one"),
    );
    let pairs: Vec<_> = segments
        .iter()
        .map(|segment| (segment.header.clone(), segment.bytes.clone()))
        .collect();
    let folded = source.database().fold(&pairs).await;
    let folded = folded.unwrap_or_else(|error| panic!("{}", error.chain()));
    let folded = folded.expect("no definitions, no actions of foreign keys");
    let taken = target
        .database()
        .apply_folded(
            &whole(&first.header, &last.header),
            folded.clone(),
            &last.mark,
        )
        .await
        .unwrap_or_else(|error| panic!("{}", error.chain()));
    if !IS_MARIADB && !taken {
        // MySQL refuses some of what MariaDB takes. Nothing of it is left, and
        // the log itself is applied.
        catch_up_with_segments(target, &segments).await;
        return segments.len() as u64;
    }
    assert!(taken, "refused");
    let logged: usize = segments.iter().map(|s| s.bytes.len()).sum();
    assert!(folded.len() * 2 < logged, "{} of {logged}", folded.len());
    segments.len() as u64
}

/// The header of what lies between two segments.
fn whole(first: &SegmentHeader, last: &SegmentHeader) -> SegmentHeader {
    let (SegmentBody::Log { start, .. }, SegmentBody::Log { end, .. }) = (&first.body, &last.body)
    else {
        panic!("not log");
    };
    let mut whole = first.clone();
    whole.body = SegmentBody::Log {
        start: start.clone(),
        end: end.clone(),
        transactions: 0,
        raw_bytes: 0,
    };
    whole
}

const TIED: &str = "ALTER TABLE shop.owned DROP FOREIGN KEY owned_ibfk_1, \
                    ADD FOREIGN KEY (p) REFERENCES shop.owner (id)";

#[tokio::test]
async fn random_changes_folded_at_the_source_are_the_same_rows() {
    let untied: &[&str] = &[TIED];
    let (source, target, mut log) = pair(&[TABLES, &OWN_TABLES[..2], untied]).await;
    let mut next = 1;
    for seed in 11..=16u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random_changes(&source, &mut dice, 600, false).await;
        let canary = Canary {
            epoch: Epoch(1),
            sequence: seed,
            written_at: jiff::Timestamp::UNIX_EPOCH,
        };
        let written = source.database().write_canary(&service(), &canary).await;
        written.expect("written");
        next += catch_up_folded(&source, &target, log.as_mut(), next).await;
        let wanted = source.database().digests().await.expect("digests");
        let found = target.database().digests().await.expect("digests");
        assert_eq!(found, wanted, "seed {seed}");
        assert!(
            target
                .database()
                .integrity()
                .await
                .expect("asked")
                .is_empty()
        );
        let read = target
            .database()
            .read_canary(&service())
            .await
            .expect("read");
        assert_eq!(read, Some(canary));
    }
}

#[tokio::test]
async fn what_cannot_be_folded_is_said_and_what_cannot_be_taken_leaves_nothing() {
    let (source, target, mut log) = pair(&[TABLES]).await;
    let fold = async |batches: &[LogBatch]| {
        let pairs: Vec<_> = batches
            .iter()
            .map(|batch| (header(batch, 1), batch.bytes.clone()))
            .collect();
        source.database().fold(&pairs).await.expect("asked")
    };
    source.run(&["INSERT INTO shop.owner VALUES (1, 1)"]).await;
    let tied = drain(log.as_mut()).await;
    assert_eq!(fold(&tied).await, None, "InnoDB may change rows of owned");
    catch_up_with(&target, &tied).await;
    source.run(&["INSERT INTO shop.parent VALUES (1, 1)"]).await;
    let plain = drain(log.as_mut()).await;
    let folded = fold(&plain).await.expect("folded");
    source.run(&["ALTER TABLE shop.parent ADD x INT"]).await;
    let defined = drain(log.as_mut()).await;
    assert_eq!(fold(&defined).await, None, "a definition");
    assert_eq!(fold(&[]).await, None);

    // A target that has the row: nothing of it stays, and the mark neither moves.
    let database = target.database();
    let before = database.applied().await.expect("read");
    let end = mark(&plain[0].end, 3);
    let header = header(&plain[0], 2);
    target.run(&["INSERT INTO shop.parent VALUES (1, 7)"]).await;
    let taken = database.apply_folded(&header, folded.clone(), &end).await;
    assert!(!taken.expect("asked"));
    assert_eq!(database.applied().await.expect("read"), before);
    // One whose tables are tied otherwise than the source's.
    target
        .run(&[
            "DELETE FROM shop.parent",
            "CREATE TABLE shop.more (id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES shop.parent (id) ON DELETE CASCADE)",
        ])
        .await;
    let taken = database.apply_folded(&header, folded.clone(), &end).await;
    assert!(!taken.expect("asked"));
    target.run(&["DROP TABLE shop.more"]).await;
    let taken = database.apply_folded(&header, folded.clone(), &end).await;
    assert!(taken.expect("asked"));
    assert_eq!(database.applied().await.expect("read"), Some(end.clone()));
    let again = database.apply_folded(&header, folded, &end).await;
    assert_eq!(again.expect_err("again").code(), "PB-MYSQL-NOT-CONTINUOUS");
}

async fn catch_up_with(target: &Site, batches: &[LogBatch]) {
    let segments = as_segments(batches, 1);
    let done = target.database().apply_segments(&segments, None).await;
    assert_eq!(done.expect("applied"), (segments.len(), SegmentEnd::All));
}

#[tokio::test]
async fn the_number_of_a_row_that_came_and_went_is_not_given_again() {
    let setup: &[&str] = &[
        "CREATE DATABASE shop",
        "CREATE TABLE shop.orders (id INT AUTO_INCREMENT PRIMARY KEY, u INT UNIQUE)",
        "INSERT INTO shop.orders (u) VALUES (1), (2)",
    ];
    let (source, target, mut log) = pair(&[setup]).await;
    source
        .run(&[
            "INSERT INTO shop.orders (u) VALUES (3), (4), (5)",
            "DELETE FROM shop.orders WHERE id > 3",
            "UPDATE shop.orders SET u = 5 WHERE id = 1",
        ])
        .await;
    catch_up(&target, log.as_mut(), 1).await;
    let insert = "INSERT INTO shop.orders (u) VALUES (9)";
    for site in [&source, &target] {
        site.run(&[insert]).await;
        let id = "SELECT id FROM shop.orders WHERE u = 9";
        assert_eq!(site.one(id).await.as_deref(), Some("6"));
    }
}

#[tokio::test]
async fn a_server_that_overlooks_missing_rows_gets_the_log_as_it_is() {
    let setup: &[&str] = &[
        "CREATE DATABASE shop",
        "CREATE TABLE shop.hot (id INT PRIMARY KEY, v INT)",
        "INSERT INTO shop.hot VALUES (1, 0)",
    ];
    let (source, target, mut log) = pair(&[setup]).await;
    target
        .run(&[per_engine(
            "SET GLOBAL slave_exec_mode='IDEMPOTENT'",
            "SET GLOBAL replica_exec_mode='IDEMPOTENT'",
        )])
        .await;
    for _ in 0..20 {
        source.run(&["UPDATE shop.hot SET v = v + 1"]).await;
    }
    let before = status(&target, "Handler_update").await;
    catch_up(&target, log.as_mut(), 1).await;
    assert!(status(&target, "Handler_update").await - before >= 20);
    assert_eq!(
        target.one("SELECT v FROM shop.hot").await.as_deref(),
        Some("20")
    );
}
