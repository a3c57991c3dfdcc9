//! Restoring to a moment or a place, and at every segment's end.

use crate::support::{Home, Site, apply, apply_until, drain, restore, service, snapshot};
use jiff::Timestamp;
use planb_model::Epoch;
use planb_ports::{Database, ErrorKind, LogBatch, LogSource, SegmentEnd, Until};

async fn add(site: &Site, log: &mut dyn LogSource, v: i32) -> Vec<LogBatch> {
    site.run("postgres", &format!("INSERT INTO t VALUES ({v})"));
    drain(log).await
}

/// The server's clock, to the microsecond, after every commit before.
fn now(site: &Site) -> Timestamp {
    let text = site.run(
        "postgres",
        "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
    );
    text.parse().expect("a time")
}

const ROWS: &str = "SELECT string_agg(v::text, ',' ORDER BY v) FROM t";

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_stops_at_the_asked_moment_or_place() {
    let site = Site::start().await;
    site.run("postgres", "CREATE TABLE t (v int)");
    let source = site.database();
    let taken = snapshot(&source).await;
    let mut log = source.open_log(&taken.facts.position).await.expect("opens");
    let first = add(&site, log.as_mut(), 1).await;
    site.run("postgres", "INSERT INTO t VALUES (2)");
    let (moment, place) = (
        now(&site),
        site.run("postgres", "SELECT pg_current_wal_lsn()"),
    );
    site.run("postgres", "INSERT INTO t VALUES (3)");
    site.run("postgres", "INSERT INTO t VALUES (4)");
    let second = drain(log.as_mut()).await;
    let last = second.last().expect("some").end.clone();

    for until in [Until::Time(moment), Until::Position(place)] {
        let home = Home::new(&site);
        let copy = home.database();
        restore(&copy, &taken).await;
        let mut seq = 1;
        for batch in &first {
            let end = apply_until(&copy, batch, seq, Some(&until)).await;
            assert_eq!(
                end.unwrap_or_else(|e| panic!("{}", e.chain())),
                SegmentEnd::All
            );
            seq += 1;
        }
        let mut stopped = None;
        for batch in &second {
            let end = apply_until(&copy, batch, seq, Some(&until)).await;
            if let SegmentEnd::Stopped(at) = end.unwrap_or_else(|e| panic!("{}", e.chain())) {
                stopped = Some(at);
                break;
            }
            seq += 1;
        }
        let at = stopped.expect("the point lies inside");
        assert!(source.log_order(&at, &last).expect("one log").is_lt());
        let mark = copy.applied().await.expect("known").expect("a mark");
        assert_eq!((mark.position, mark.next_segment.0), (at, seq));
        assert_eq!(home.run("postgres", ROWS), "1,2", "{until:?}");
        copy.promote(&service(), Epoch(2))
            .await
            .unwrap_or_else(|e| panic!("{}", e.chain()));
        assert_eq!(home.run("postgres", ROWS), "1,2", "{until:?}");
        home.run("postgres", "INSERT INTO t VALUES (9)");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_segment_end_is_a_point_to_promote_at() {
    let site = Site::start().await;
    site.run("postgres", "CREATE TABLE t (v int)");
    let source = site.database();
    let taken = snapshot(&source).await;
    let mut log = source.open_log(&taken.facts.position).await.expect("opens");
    let mut batches = Vec::new();
    let mut ends = Vec::new();
    for v in 1..=3 {
        batches.extend(add(&site, log.as_mut(), v).await);
        ends.push(batches.len());
    }
    for (upto, rows) in ends.iter().zip(["1", "1,2", "1,2,3"]) {
        let home = Home::new(&site);
        let copy = home.database();
        restore(&copy, &taken).await;
        for (seq, batch) in (1..).zip(&batches[..*upto]) {
            apply(&copy, batch, seq).await;
        }
        // Not waited for: promoting waits until all of it is replayed.
        copy.promote(&service(), Epoch(2))
            .await
            .unwrap_or_else(|e| panic!("{}", e.chain()));
        assert_eq!(home.run("postgres", ROWS), rows);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_off_applies_are_done_again_and_wrong_segments_are_refused() {
    let site = Site::start().await;
    site.run("postgres", "CREATE TABLE t (v int)");
    let source = site.database();
    let taken = snapshot(&source).await;
    let mut log = source.open_log(&taken.facts.position).await.expect("opens");
    let begin = add(&site, log.as_mut(), 0).await;
    let first = add(&site, log.as_mut(), 1).await.remove(0);
    let second = add(&site, log.as_mut(), 2).await.remove(0);
    let home = Home::new(&site);
    let copy = home.database();
    restore(&copy, &taken).await;
    let mut next = 1;
    for batch in &begin {
        apply(&copy, batch, next).await;
        next += 1;
    }

    let refused = async |batch: &LogBatch, kind: ErrorKind| {
        let error = apply_until(&copy, batch, next, None)
            .await
            .expect_err("refused");
        assert_eq!(error.kind(), kind, "{}", error.chain());
    };
    refused(&second, ErrorKind::Conflict).await;
    let mut damaged = first.clone();
    let mut bytes = damaged.bytes.to_vec();
    bytes[..4].copy_from_slice(&[0; 4]);
    damaged.bytes = bytes.into();
    refused(&damaged, ErrorKind::Corrupt).await;
    let mut short = first.clone();
    short.bytes = short.bytes.slice(..short.bytes.len() - 8);
    refused(&short, ErrorKind::Corrupt).await;
    let gtid = Until::Position("0-1-42".into());
    let error = apply_until(&copy, &first, next, Some(&gtid))
        .await
        .expect_err("a GTID");
    assert_eq!(error.kind(), ErrorKind::Invalid);

    // The server is lost with the segment written; the mark may or may not be.
    apply(&copy, &first, next).await;
    home.kill();
    let again = home.database();
    let mark = again.applied().await.expect("known").expect("a mark");
    assert_eq!(mark.position, first.end);
    apply(&again, &second, next + 1).await;
    assert_eq!(
        again.digests().await.expect("digests"),
        source.digests().await.expect("digests")
    );
    assert_eq!(home.run("postgres", ROWS), "0,1,2");
}
