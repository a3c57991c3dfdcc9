//! Snapshots that are taken while the log is open.

use crate::bench::{Site, Vault, digests, order};
use planb_model::recovery::{LogPosition, SegmentBody, SegmentSeq};
use planb_ports::{Database, ErrorKind};
use std::cmp::Ordering;
use std::time::Duration;

/// Enough for a WAL to be begun anew.
const MANY: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
     INSERT INTO orders (what) SELECT hex(randomblob(500)) FROM n";

/// A WAL begins with these four bytes, the last of which tells the byte order.
fn begins_a_wal(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x37, 0x7f, 0x06, 0x82]) || bytes.starts_with(&[0x37, 0x7f, 0x06, 0x83])
}

fn end_of(vault: &Vault, index: usize) -> &LogPosition {
    match &vault.segments[index].0.body {
        SegmentBody::Log { end, .. } => end,
        SegmentBody::Closed { .. } => panic!("no log"),
    }
}

/// The later snapshot with what of `vault` follows it.
pub fn behind(later: &Vault, vault: &Vault) -> Vault {
    let ends: Vec<_> = (0..vault.segments.len())
        .map(|index| end_of(vault, index))
        .collect();
    let at = ends.iter().position(|end| **end == later.manifest.position);
    let next = at.expect("a segment ends exactly at the snapshot") + 1;
    let mut later = later.clone();
    later.manifest.next_segment = SegmentSeq(next as u64 + 1);
    later.segments = vault.segments[next..].to_vec();
    later
}

async fn same(vault: &Vault, source: &Site) {
    let target = vault.restore().await;
    assert_eq!(digests(&target).await, digests(source).await);
    assert_eq!(target.database.integrity().await.expect("checked"), []);
}

#[tokio::test]
async fn a_later_snapshot_stands_in_the_log_and_its_log_is_whole_without_what_was_before() {
    let (source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    order(&writer, "shipped before");
    vault.ship(log.as_mut()).await;
    let mut later = Vec::new();
    for round in 1..4 {
        order(
            &writer,
            &format!("in the snapshot, not shipped yet {round}"),
        );
        let snapshot = Vault::snapshot(&source).await;
        let compare = |a: &LogPosition| source.database.log_order(a, &snapshot.manifest.position);
        assert_eq!(compare(&vault.end()), Some(Ordering::Less));
        for after in 0..round {
            writer
                .execute("UPDATE orders SET n = n + 1", [])
                .expect("written");
            order_and_ship(&writer, &mut vault, log.as_mut(), after).await;
        }
        assert_eq!(compare(&vault.end()), Some(Ordering::Greater));
        later.push(snapshot);
    }
    order_and_ship(&writer, &mut vault, log.as_mut(), 9).await;
    for snapshot in &later {
        let rest = behind(snapshot, &vault);
        let (_, first) = rest.segments.first().expect("log behind it");
        assert!(begins_a_wal(first), "it needs what was before");
        same(&rest, &source).await;
    }
    // The one before goes on over all of them.
    same(&vault, &source).await;
}

async fn order_and_ship(
    writer: &rusqlite::Connection,
    vault: &mut Vault,
    log: &mut dyn planb_ports::LogSource,
    round: usize,
) {
    order(writer, &format!("behind the snapshot {round}"));
    assert!(vault.ship(log).await >= 1);
}

#[tokio::test]
async fn a_log_opened_again_from_before_the_snapshot_parts_there_all_the_same() {
    let (source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let log = vault.open_log(&source).await.expect("opens");
    order(&writer, "in both");
    let later = Vault::snapshot(&source).await;
    order(&writer, "behind");
    drop(log);
    let mut log = vault.open_log(&source).await.expect("opens again");
    vault.ship(log.as_mut()).await;
    same(&behind(&later, &vault), &source).await;
    same(&vault, &source).await;
}

#[tokio::test]
async fn a_snapshot_when_everything_is_shipped_has_log_behind_it_all_the_same() {
    let (source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    vault.ship(log.as_mut()).await;
    let later = Vault::snapshot(&source).await;
    vault.ship(log.as_mut()).await;
    order_and_ship(&writer, &mut vault, log.as_mut(), 0).await;
    same(&behind(&later, &vault), &source).await;
    same(&vault, &source).await;
}

#[tokio::test]
async fn a_segment_whose_bytes_do_not_come_by_the_copys_place_is_refused() {
    let (source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    order(&writer, "one");
    vault.ship(log.as_mut()).await;
    order(&writer, "two, which the copy lacks");
    while !vault.end().at.starts_with("wal:1:") {
        writer.execute_batch(MANY).expect("written");
        vault.ship(log.as_mut()).await;
    }
    let target = Site::new();
    vault.load(&target).await;
    vault.apply(&target, 0).await.expect("applied");
    // The first segment of the next WAL says that it starts before the copy's place.
    let new_wal = (1..vault.segments.len()).find(|i| begins_a_wal(&vault.segments[*i].1));
    let index = new_wal.expect("a new WAL");
    let early = vault.manifest.position.clone();
    if let SegmentBody::Log { start, .. } = &mut vault.segments[index].0.body {
        *start = early;
    }
    let error = vault.apply(&target, index).await.expect_err("a gap");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let mark = target.database.applied().await.expect("known");
    assert_eq!(mark, Some(vault.mark(1)));
}

#[tokio::test]
async fn a_restart_right_at_the_snapshot_goes_on_with_the_whole_wal() {
    let (mut source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    order(&writer, "in the snapshot");
    let later = Vault::snapshot(&source).await;
    vault.ship(log.as_mut()).await;
    assert_eq!(vault.end(), later.manifest.position);
    drop(log);
    source.restart_planb();
    order(&writer, "behind");
    let mut log = vault.open_log(&source).await.expect("opens");
    vault.ship(log.as_mut()).await;
    let rest = behind(&later, &vault);
    assert!(begins_a_wal(&rest.segments[0].1));
    same(&rest, &source).await;
    same(&vault, &source).await;
}

#[tokio::test]
async fn a_wal_begun_anew_right_behind_a_snapshot_is_applied() {
    let (source, writer) = Site::with_orders();
    // Longer than what is begun anew, and all of it in the snapshot.
    writer
        .execute_batch(&format!("PRAGMA wal_autocheckpoint = 0; {MANY}"))
        .expect("written");
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    let idle = log.next(1, Duration::ZERO, Duration::ZERO).await;
    assert_eq!(idle.expect("reads").map(|b| b.transactions), None);
    order(&writer, "behind");
    vault.ship(log.as_mut()).await;
    assert!(vault.end().at.starts_with("wal:1:"), "{}", vault.end());
    same(&vault, &source).await;
}

#[tokio::test]
async fn what_the_copy_has_of_a_segment_is_skipped() {
    let (source, writer) = Site::with_orders();
    let vault = Vault::snapshot(&source).await;
    let ship_all = async || {
        let mut vault = vault.clone();
        let mut log = vault.open_log(&source).await.expect("opens");
        vault.ship(log.as_mut()).await;
        assert_eq!(vault.segments.len(), 1);
        vault
    };
    order(&writer, "in both segments");
    let short = ship_all().await;
    order(&writer, "in the long one only");
    writer
        .execute("DELETE FROM orders WHERE id = 1", [])
        .expect("written");
    let long = ship_all().await;

    let target = short.restore().await;
    long.apply(&target, 0).await.expect("goes on inside");
    assert_eq!(digests(&target).await, digests(&source).await);
    assert_eq!(
        target.database.applied().await.expect("known"),
        Some(long.mark(1))
    );
    let again = long.apply(&target, 0).await;
    assert_eq!(again.map_err(|e| e.kind()), Err(ErrorKind::Invalid));
}

#[tokio::test]
async fn without_an_open_log_a_snapshot_begins_a_log_of_its_own() {
    let (source, writer) = Site::with_orders();
    let vault = Vault::snapshot(&source).await;
    let log = vault.open_log(&source).await.expect("opens");
    order(&writer, "x");
    drop(log);
    let other = Vault::snapshot(&source).await;
    let (one, two) = (&vault.manifest.position, &other.manifest.position);
    assert_ne!(one.stream, two.stream);
    assert_eq!(source.database.log_order(one, two), None);
}
