//! Fences: who may write, and who is told that it may not.

use crate::bench::{Site, Vault, digests, order, orders, service};
use planb_model::{Canary, Epoch};
use planb_ports::database::FenceState;
use planb_ports::{Database, ErrorKind, PortResult};

fn kind(result: PortResult<()>) -> Result<(), ErrorKind> {
    result.map_err(|e| e.kind())
}

fn fenced_at(epoch: u64) -> Result<(), ErrorKind> {
    let current = Epoch(epoch);
    Err(ErrorKind::Fenced { current })
}

#[tokio::test]
async fn a_fence_stops_every_change_and_a_promotion_lets_them_through() {
    let (site, writer) = Site::with_orders();
    let database = &site.database;
    assert_eq!(
        database.fence_state(&service()).await.expect("known"),
        FenceState::default()
    );
    writer
        .execute_batch("CREATE VIRTUAL TABLE texts USING fts5 (body)")
        .expect("made");
    let before = digests(&site).await;
    for _ in 0..2 {
        database.fence(&service(), Epoch(2)).await.expect("fenced");
    }
    for change in [
        "INSERT INTO orders (what) VALUES ('late')",
        "INSERT OR IGNORE INTO orders (what) VALUES ('late')",
        "INSERT OR REPLACE INTO orders (id, what) VALUES (1, 'late')",
        "UPDATE OR IGNORE orders SET what = 'late'",
        "DELETE FROM orders",
    ] {
        let error = writer.execute_batch(change).expect_err(change);
        assert!(error.to_string().contains("PB-FENCED"), "{change}: {error}");
    }
    // The full-text module says it in its own words.
    let late = writer.execute_batch("INSERT INTO texts VALUES ('late')");
    assert!(late.is_err(), "a virtual table was written");
    assert_eq!(digests(&site).await, before);
    let state = database.fence_state(&service()).await.expect("known");
    assert_eq!(state.epoch, Some(Epoch(2)));
    assert!(state.read_only);

    for _ in 0..2 {
        database.promote(&service(), Epoch(3)).await.expect("open");
    }
    order(&writer, "in time");
    assert_eq!(orders(&writer), 3);
    let state = database.fence_state(&service()).await.expect("known");
    assert!(!state.read_only);
}

#[tokio::test]
async fn an_older_epoch_is_refused() {
    let (site, writer) = Site::with_orders();
    let database = &site.database;
    database.fence(&service(), Epoch(5)).await.expect("fenced");
    assert_eq!(
        kind(database.promote(&service(), Epoch(4)).await),
        fenced_at(5)
    );
    assert_eq!(
        kind(database.fence(&service(), Epoch(4)).await),
        fenced_at(5)
    );
    let canary = Canary {
        epoch: Epoch(4),
        sequence: 1,
        written_at: jiff::Timestamp::UNIX_EPOCH,
    };
    let written = database.write_canary(&service(), &canary).await;
    assert_eq!(kind(written), fenced_at(5));
    let late = writer.execute_batch("INSERT INTO orders (what) VALUES ('late')");
    assert!(late.is_err(), "the refused promotion opened it");
}

#[tokio::test]
async fn a_table_made_after_the_fence_is_fenced_by_the_next_one() {
    let (site, writer) = Site::with_orders();
    let database = &site.database;
    database.fence(&service(), Epoch(2)).await.expect("fenced");
    writer
        .execute_batch("CREATE TABLE \"late \"\"one\" (a)")
        .expect("not stopped by triggers");
    database.fence(&service(), Epoch(2)).await.expect("again");
    let late = writer.execute_batch("INSERT INTO \"late \"\"one\" VALUES (1)");
    assert!(late.is_err());
}

#[tokio::test]
async fn a_switchover_carries_the_data_and_not_the_fence() {
    let (source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    source
        .database
        .fence(&service(), Epoch(2))
        .await
        .expect("fenced");
    vault.ship(log.as_mut()).await;
    drop(writer);
    let target = vault.restore().await;
    assert_eq!(digests(&target).await, digests(&source).await);
    let state = target.database.fence_state(&service()).await;
    let copy = FenceState {
        epoch: None,
        read_only: true,
    };
    assert_eq!(state.expect("known"), copy, "the source's row is not ours");

    // The data itself was fenced under 2: nobody older may open it.
    let older = target.database.promote(&service(), Epoch(1)).await;
    assert_eq!(kind(older), fenced_at(2));
    assert!(target.database.applied().await.expect("known").is_some());
    for _ in 0..2 {
        target
            .database
            .promote(&service(), Epoch(2))
            .await
            .expect("promoted");
    }
    assert_eq!(target.database.applied().await.expect("known"), None);
    let service_there = target.service();
    order(&service_there, "at the new home");
    assert_eq!(orders(&service_there), 3);
    // And the log of the new home can be shipped in turn.
    let mut back = Vault::snapshot(&target).await;
    let mut log = back.open_log(&target).await.expect("opens");
    order(&service_there, "and shipped");
    assert!(back.ship(log.as_mut()).await >= 1);

    // The old home is fenced, so it may be replaced, and can come back.
    back.load(&source).await;
    for index in 0..back.segments.len() {
        back.apply(&source, index).await.expect("applied");
    }
    let early = source.database.promote(&service(), Epoch(1)).await;
    assert_eq!(kind(early), fenced_at(2), "its own fence row was forgotten");
    source
        .database
        .promote(&service(), Epoch(3))
        .await
        .expect("failed back");
    assert_eq!(orders(&source.service()), 4);
}

#[tokio::test]
async fn the_targets_own_newer_fence_outlives_a_restore() {
    let (source, _writer) = Site::with_orders();
    let vault = Vault::snapshot(&source).await;
    let (target, service_there) = Site::with_orders();
    target
        .database
        .fence(&service(), Epoch(7))
        .await
        .expect("fenced");
    drop(service_there);
    vault.load(&target).await;
    assert_eq!(
        kind(target.database.promote(&service(), Epoch(6)).await),
        fenced_at(7)
    );
    // A fence of a copy is remembered without touching its pages.
    target
        .database
        .fence(&service(), Epoch(8))
        .await
        .expect("fenced");
    assert!(target.database.applied().await.expect("known").is_some());
    assert_eq!(
        kind(target.database.promote(&service(), Epoch(7)).await),
        fenced_at(8)
    );
    target
        .database
        .promote(&service(), Epoch(8))
        .await
        .expect("promoted");
}
