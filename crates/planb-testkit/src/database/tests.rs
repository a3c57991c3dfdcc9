//! Tests of the fake database's promises.

use super::*;
use crate::SimClock;
use planb_model::recovery::{ObjectHash, PartManifest, SegmentBody, SegmentSeq, VAULT_FORMAT};
use planb_ports::PortError;
use planb_ports::contract::sink::MemorySink;
use planb_ports::progress::NoProgress;
use std::time::Duration;

fn service() -> ServiceName {
    ServiceName::new("orders").expect("a name")
}

fn database(name: &str) -> FakeDatabase {
    FakeDatabase::new(name, SimClock::at_new_year())
}

fn manifest(facts: &SnapshotFacts) -> SnapshotManifest {
    SnapshotManifest {
        format: VAULT_FORMAT,
        id: "s1".to_owned(),
        service: service(),
        epoch: Epoch(1),
        engine: Engine::Sqlite,
        server_version: facts.server_version.clone(),
        taken_at: jiff::Timestamp::UNIX_EPOCH,
        consistent_at: None,
        position: facts.position.clone(),
        next_segment: SegmentSeq::FIRST,
        parts: Vec::<PartManifest>::new(),
        tables: facts.tables.clone(),
        databases: facts.databases.clone(),
        encrypted: false,
    }
}

fn mark(position: &LogPosition) -> AppliedMark {
    AppliedMark {
        snapshot: "s1".to_owned(),
        epoch: Epoch(1),
        next_segment: SegmentSeq::FIRST,
        position: position.clone(),
    }
}

async fn snapshot(from: &FakeDatabase) -> (Vec<(PartSpec, Bytes)>, SnapshotFacts) {
    let (sink, options) = (MemorySink::default(), SnapshotOptions::default());
    let taken = from.snapshot(&sink, &options, &NoProgress).await;
    (sink.parts(), taken.expect("taken"))
}

async fn copy(from: &FakeDatabase, to: &FakeDatabase) -> SnapshotFacts {
    let (parts, facts) = snapshot(from).await;
    to.begin_restore(&manifest(&facts)).await.expect("ours");
    for (spec, bytes) in parts {
        let stream = futures::stream::iter([Ok(bytes)]);
        to.load_part(&spec, Box::pin(stream)).await.expect("loads");
    }
    to.end_restore(&mark(&facts.position)).await.expect("ends");
    facts
}

async fn apply(to: &FakeDatabase, batch: LogBatch) -> PortResult<SegmentEnd> {
    let header = SegmentHeader {
        format: VAULT_FORMAT,
        service: service(),
        epoch: Epoch(1),
        seq: SegmentSeq::FIRST,
        previous: ObjectHash::genesis(),
        written_at: batch.read_at,
        body: SegmentBody::Log {
            start: batch.start,
            end: batch.end.clone(),
            transactions: batch.transactions,
            raw_bytes: batch.bytes.len() as u64,
        },
    };
    to.apply_segment(&header, batch.bytes, &mark(&batch.end), None)
        .await
}

use planb_ports::LogBatch;

const SOON: Duration = Duration::from_millis(10);

#[tokio::test(start_paused = true)]
async fn snapshot_and_log_make_the_same_rows_elsewhere() {
    let (from, to) = (database("seoul"), database("busan"));
    for n in 0..100 {
        from.put(&format!("k{n}"), "v").expect("writable");
    }
    let facts = copy(&from, &to).await;
    assert_eq!(to.digests().await.expect("readable"), facts.tables);

    let mut log = from.open_log(&facts.position).await.expect("kept");
    assert!(log.is_drained().await.expect("readable"));
    assert_eq!(log.next(1000, SOON, SOON).await.expect("readable"), None);
    from.put("late", "1").expect("writable");
    let canary = Canary {
        epoch: Epoch(1),
        sequence: 1,
        written_at: jiff::Timestamp::UNIX_EPOCH,
    };
    from.write_canary(&service(), &canary)
        .await
        .expect("writable");
    assert!(!log.is_drained().await.expect("readable"));
    let batch = log.next(1_000_000, SOON, SOON).await.expect("readable");
    let batch = batch.expect("two transactions");
    assert_eq!(batch.transactions, 2);
    assert_eq!(Canary::newest_in(&batch.bytes), Some(canary));
    apply(&to, batch.clone()).await.expect("applies");
    assert_eq!(to.rows(), from.rows());
    assert_eq!(
        to.read_canary(&service()).await.expect("readable"),
        Some(canary)
    );
    let twice = apply(&to, batch).await.expect_err("it stands behind it");
    assert_eq!(twice.kind(), ErrorKind::Conflict);
}

#[tokio::test(start_paused = true)]
async fn an_older_epoch_neither_fences_nor_promotes() {
    let database = database("seoul");
    let (service, older) = (service(), |e: PortError| e.is_fenced());
    database.put("a", "1").expect("no fence row yet");
    database.promote(&service, Epoch(2)).await.expect("newer");
    database.promote(&service, Epoch(2)).await.expect("again");
    assert_eq!(database.effects("promote", Epoch(2)), 1);
    assert!(database.fence(&service, Epoch(1)).await.is_err_and(older));
    database.put("b", "1").expect("promoted");
    database.fence(&service, Epoch(3)).await.expect("newer");
    assert!(database.promote(&service, Epoch(2)).await.is_err_and(older));
    assert!(database.put("c", "1").is_err_and(older));
    database.kill();
    assert_eq!(
        database.ping().await.expect_err("dead").kind(),
        ErrorKind::Unavailable
    );
    database.revive();
    assert!(database.put("c", "1").is_err(), "a fence outlives a crash");
}

#[tokio::test(start_paused = true)]
async fn a_restore_never_replaces_foreign_tables_and_a_broken_one_is_never_promoted() {
    let (from, to) = (database("seoul"), database("busan"));
    from.put("a", "1").expect("writable");
    to.put("mine", "1").expect("writable");
    let (_, facts) = snapshot(&from).await;
    let refused = to.begin_restore(&manifest(&facts)).await;
    assert_eq!(refused.expect_err("foreign").kind(), ErrorKind::Conflict);
    assert!(to.has("mine"));

    to.promote(&service(), Epoch(1))
        .await
        .expect("no fence row");
    let refused = to.begin_restore(&manifest(&facts)).await;
    assert_eq!(refused.expect_err("live").kind(), ErrorKind::Conflict);
    assert!(to.has("mine"));

    to.revive_empty();
    copy(&from, &to).await;
    assert!(to.put("b", "1").is_err(), "a copy takes no writes");
    let mut log = from.open_log(&facts.position).await.expect("kept");
    from.put("b", "1").expect("writable");
    let batch = log
        .next(1, SOON, SOON)
        .await
        .expect("readable")
        .expect("one");
    to.break_next_apply();
    assert!(apply(&to, batch).await.is_err());
    assert_eq!(to.applied().await.expect("readable"), None);
    let refused = to.promote(&service(), Epoch(2)).await;
    assert_eq!(refused.expect_err("broken").kind(), ErrorKind::Conflict);
}

#[tokio::test(start_paused = true)]
async fn a_purged_or_foreign_log_is_lost() {
    let (from, to) = (database("seoul"), database("busan"));
    from.put("a", "1").expect("writable");
    let facts = copy(&from, &to).await;
    let lost = |opened: PortResult<Box<dyn LogSource>>| {
        opened.err().map(|e| e.kind()) == Some(ErrorKind::LogLost)
    };
    assert!(lost(to.open_log(&facts.position).await));
    from.put("b", "1").expect("writable");
    from.purge_log();
    assert!(lost(from.open_log(&facts.position).await));
}
