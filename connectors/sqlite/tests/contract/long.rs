//! Transactions longer than a segment.

use crate::bench::{Site, Vault, digests, order, service};
use planb_model::Epoch;
use planb_model::recovery::{SegmentBody, SegmentHeader};
use planb_ports::{Database, ErrorKind, LogSource};
use rusqlite::Connection;
use std::path::PathBuf;

/// What a segment of a long transaction may have: a piece of it, and the header.
const SEGMENT_BYTES_MAX: usize = (4 << 20) + 32;

/// 20 MB that also change what is there, in one transaction.
const LONG: &str = "BEGIN; UPDATE orders SET what = what || '!', n = n + 1;
    INSERT INTO orders (what, n) VALUES (randomblob(12000000), 1), (randomblob(8000000), 2);
    DELETE FROM orders WHERE id = 2; COMMIT";

/// A source whose log has a short, a long and a short transaction behind a snapshot.
async fn shipped() -> (Site, Connection, Vault, Box<dyn LogSource>) {
    let (source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    order(&writer, "before");
    vault.ship(log.as_mut()).await;
    writer.execute_batch(LONG).expect("written");
    vault.ship(log.as_mut()).await;
    order(&writer, "after");
    vault.ship(log.as_mut()).await;
    (source, writer, vault, log)
}

fn transactions(header: &SegmentHeader) -> u64 {
    match header.body {
        SegmentBody::Log { transactions, .. } => transactions,
        SegmentBody::Closed { .. } => 0,
    }
}

/// The first segment of the long transaction, and the one with its commit.
fn long(vault: &Vault) -> (usize, usize) {
    let piece = |(header, _): &(SegmentHeader, _)| transactions(header) == 0;
    let first = vault.segments.iter().position(piece).expect("in pieces");
    let last = vault.segments.iter().rposition(piece).expect("in pieces") + 1;
    assert!(last - first >= 3, "{first} to {last}");
    (first, last)
}

fn pending(site: &Site) -> PathBuf {
    site.disk().join("orders.db.planb-pending")
}

#[tokio::test]
async fn a_long_transaction_goes_in_pieces_and_is_there_with_its_commit() {
    let (source, _writer, vault, _log) = shipped().await;
    for (_, bytes) in &vault.segments {
        assert!(bytes.len() <= SEGMENT_BYTES_MAX, "{}", bytes.len());
    }
    let (first, last) = long(&vault);
    let mut target = Site::new();
    vault.load(&target).await;
    for index in 0..first {
        vault.apply(&target, index).await.expect("applied");
    }
    let before = digests(&target).await;
    for index in first..last {
        vault.apply(&target, index).await.expect("put aside");
        assert_eq!(digests(&target).await, before, "segment {index}");
        let mark = target.database.applied().await.expect("known");
        assert_eq!(mark, Some(vault.mark(index + 1)));
        assert!(pending(&target).exists());
        // Nothing of it is in memory only.
        target.restart_planb();
    }
    for index in last..vault.segments.len() {
        vault.apply(&target, index).await.expect("applied");
    }
    assert_eq!(digests(&target).await, digests(&source).await);
    assert_eq!(target.database.integrity().await.expect("looked"), []);
    assert!(!pending(&target).exists());
}

#[tokio::test]
async fn a_copy_promoted_inside_a_transaction_has_nothing_of_it() {
    let (_source, _writer, vault, _log) = shipped().await;
    let (first, last) = long(&vault);
    let target = Site::new();
    vault.load(&target).await;
    for index in 0..first {
        vault.apply(&target, index).await.expect("applied");
    }
    let before = digests(&target).await;
    for index in first..last {
        vault.apply(&target, index).await.expect("put aside");
    }
    let promoted = target.database.promote(&service(), Epoch(2)).await;
    promoted.expect("promoted");
    assert_eq!(digests(&target).await, before);
    assert_eq!(target.database.integrity().await.expect("looked"), []);
    assert!(!pending(&target).exists());
}

#[tokio::test]
async fn log_that_was_put_aside_and_is_gone_is_noticed() {
    let (_source, _writer, vault, _log) = shipped().await;
    let (first, last) = long(&vault);
    let target = Site::new();
    vault.load(&target).await;
    for index in 0..last {
        vault.apply(&target, index).await.expect("applied");
    }
    let whole = std::fs::read(pending(&target)).expect("read");
    std::fs::write(pending(&target), &whole[..whole.len() - 1]).expect("cut off");
    let refused = vault.apply(&target, last).await.expect_err("cut off");
    assert_eq!(
        (refused.kind(), refused.code()),
        (ErrorKind::Conflict, "PB-SQLITE-NOT-OURS")
    );
    // What a call that did not come to its end left behind does no harm.
    std::fs::write(pending(&target), [&whole[..], b"more"].concat()).expect("grown");
    vault.apply(&target, last).await.expect("applied");
    // A segment that is missing is, too.
    let other = Site::new();
    vault.load(&other).await;
    for index in 0..=first {
        vault.apply(&other, index).await.expect("applied");
    }
    let refused = vault.apply(&other, last).await.expect_err("a gap");
    assert_eq!(refused.kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn a_reader_that_starts_inside_a_transaction_goes_on_there() {
    let (mut source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    writer.execute_batch(LONG).expect("written");
    for _ in 0..2 {
        let batch = log.next(1, std::time::Duration::ZERO, std::time::Duration::ZERO);
        let batch = batch.await.expect("read").expect("a piece");
        assert_eq!(batch.transactions, 0);
        vault.add(batch);
    }
    drop(log);
    source.restart_planb();
    let mut log = vault.open_log(&source).await.expect("opens");
    order(&writer, "after");
    vault.ship(log.as_mut()).await;
    // Also what was read at once, when the log was opened.
    for (_, bytes) in &vault.segments {
        assert!(bytes.len() <= SEGMENT_BYTES_MAX, "{}", bytes.len());
    }
    let target = vault.restore().await;
    assert_eq!(digests(&target).await, digests(&source).await);
}
