//! The fence: older epochs are refused, and a fenced server takes no writes.

use crate::support::{Site, restore, service, snapshot};
use mysql_async::prelude::Queryable;
use planb_model::{Canary, Epoch};
use planb_ports::{Database, ErrorKind};

const SETUP: &[&str] = &[
    "CREATE DATABASE shop",
    "CREATE TABLE shop.t (id INT PRIMARY KEY)",
    "CREATE TABLE shop.u (id INT PRIMARY KEY)",
    "CREATE USER app@'127.0.0.1' IDENTIFIED BY 'secret'",
    "GRANT ALL ON shop.* TO app@'127.0.0.1'",
];

#[tokio::test]
async fn older_epochs_are_refused_both_ways() {
    let site = Site::start(1).await;
    let database = site.database();
    let state = database.fence_state(&service()).await.expect("read");
    assert_eq!((state.epoch, state.read_only), (None, false));
    database.fence(&service(), Epoch(3)).await.expect("fenced");
    database.fence(&service(), Epoch(3)).await.expect("again");
    let current = ErrorKind::Fenced { current: Epoch(3) };
    let error = database
        .promote(&service(), Epoch(2))
        .await
        .expect_err("older");
    assert_eq!(error.kind(), current);
    let error = database
        .fence(&service(), Epoch(2))
        .await
        .expect_err("older");
    assert_eq!(error.kind(), current);
    let state = database.fence_state(&service()).await.expect("read");
    assert_eq!((state.epoch, state.read_only), (Some(Epoch(3)), true));
    database
        .promote(&service(), Epoch(4))
        .await
        .expect("promoted");
    database.promote(&service(), Epoch(4)).await.expect("again");
    let state = database.fence_state(&service()).await.expect("read");
    assert_eq!((state.epoch, state.read_only), (Some(Epoch(4)), false));
    let error = database
        .fence(&service(), Epoch(3))
        .await
        .expect_err("older");
    assert_eq!(error.kind(), ErrorKind::Fenced { current: Epoch(4) });
}

#[tokio::test]
async fn a_fenced_server_takes_no_writes_and_open_transactions_are_ended() {
    let mut site = Site::start(1).await;
    site.run(SETUP).await;
    let mut open = site.connect_as("app", "secret").await.expect("connects");
    for sql in ["START TRANSACTION", "INSERT INTO shop.t VALUES (1)"] {
        open.query_drop(sql).await.expect(sql);
    }
    let mut locked = site.connect_as("app", "secret").await.expect("connects");
    locked
        .query_drop("LOCK TABLES shop.u READ")
        .await
        .expect("lock");
    let database = site.database();
    database.fence(&service(), Epoch(2)).await.expect("fenced");
    open.query_drop("COMMIT")
        .await
        .expect_err("its connection was ended");
    let write = async |site: &Site| {
        let mut conn = site.connect_as("app", "secret").await.expect("connects");
        conn.query_drop("INSERT INTO shop.t VALUES (2)").await
    };
    write(&site).await.expect_err("read-only");
    assert_eq!(
        site.one("SELECT COUNT(*) FROM shop.t").await.as_deref(),
        Some("0")
    );

    // An old primary's canaries do not count as fresh writes.
    let canary = |epoch| Canary {
        epoch: Epoch(epoch),
        sequence: 1,
        written_at: jiff::Timestamp::from_millisecond(1_700_000_000_000).expect("time"),
    };
    let error = database
        .write_canary(&service(), &canary(1))
        .await
        .expect_err("fenced");
    assert!(error.is_fenced());
    let error = database
        .write_canary(&service(), &canary(2))
        .await
        .expect_err("read-only");
    assert_eq!(error.code(), "PB-MYSQL-SOURCE-READ-ONLY");

    // A restart loses the switch and keeps the row; fencing again sets it again.
    site.server.restart().await.expect("restarts");
    let state = database.fence_state(&service()).await.expect("read");
    assert_eq!((state.epoch, state.read_only), (Some(Epoch(2)), false));
    database.fence(&service(), Epoch(2)).await.expect("again");
    write(&site).await.expect_err("read-only again");
}

#[tokio::test]
async fn a_copy_takes_no_writes_until_it_is_promoted() {
    let (source, target) = (Site::start(1).await, Site::start(2).await);
    source.run(SETUP).await;
    target.run(&SETUP[3..]).await;
    let (parts, facts) = snapshot(&source.database()).await;
    restore(&target.database(), &parts, &facts).await;
    let mut app = target.connect_as("app", "secret").await.expect("connects");
    app.query_drop("INSERT INTO shop.t VALUES (1)")
        .await
        .expect_err("read-only");
    target
        .database()
        .promote(&service(), Epoch(2))
        .await
        .expect("promoted");
    app.query_drop("INSERT INTO shop.t VALUES (1)")
        .await
        .expect("writes");
    // It is a source now.
    let (_, facts) = snapshot(&target.database()).await;
    target
        .database()
        .open_log(&facts.position)
        .await
        .expect("opens");
}
