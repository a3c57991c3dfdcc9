//! Restores that break off, restores that are refused, and how fast they are.

use crate::support::{Site, load, manifest, mark, numbers, per_engine, restore, snapshot};
use bytes::Bytes;
use futures::StreamExt;
use planb_ports::{Database, ErrorKind, PortError};
use std::time::{Duration, Instant};

const SMALL: &[&str] = &[
    "CREATE DATABASE shop",
    "CREATE TABLE shop.t (id INT PRIMARY KEY, v TEXT)",
    concat!(
        "INSERT INTO shop.t SELECT seq, REPEAT('x', 100) FROM ",
        numbers!(20000)
    ),
];

#[tokio::test]
async fn a_restore_that_broke_off_leaves_no_mark_and_can_be_done_again() {
    let (source, target) = (Site::start(1).await, Site::start(2).await);
    source.run(SMALL).await;
    let (parts, facts) = snapshot(&source.database()).await;
    let database = target.database();
    restore(&database, &parts, &facts).await;
    assert_eq!(
        database.applied().await.expect("read"),
        Some(mark(&facts.position, 1))
    );

    database
        .begin_restore(&manifest(&parts, &facts))
        .await
        .expect("begin");
    let (schema, schema_bytes) = &parts[0];
    load(&database, schema, schema_bytes).await.expect("schema");
    let (rows, row_bytes) = &parts[1];
    let broken: Vec<Result<Bytes, PortError>> = vec![
        Ok(Bytes::copy_from_slice(&row_bytes[..row_bytes.len() / 2])),
        Err(PortError::new(
            ErrorKind::Unavailable,
            "PB-TEST",
            "the vault went away",
        )),
    ];
    let error = database
        .load_part(rows, futures::stream::iter(broken).boxed())
        .await
        .expect_err("broken off");
    assert_eq!(error.code(), "PB-TEST");
    assert_eq!(database.applied().await.expect("read"), None);

    restore(&database, &parts, &facts).await;
    assert_eq!(
        database.applied().await.expect("read"),
        Some(mark(&facts.position, 1))
    );
    assert_eq!(database.digests().await.expect("digests"), facts.tables);
}

#[tokio::test]
async fn what_planb_did_not_put_there_is_not_replaced() {
    let (source, target) = (Site::start(1).await, Site::start(2).await);
    source.run(SMALL).await;
    target
        .run(&["CREATE DATABASE shop", "CREATE TABLE shop.mine (id INT)"])
        .await;
    let (parts, facts) = snapshot(&source.database()).await;
    let error = target
        .database()
        .begin_restore(&manifest(&parts, &facts))
        .await
        .expect_err("refused");
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Conflict, "PB-MYSQL-NOT-EMPTY")
    );
    assert_eq!(
        target
            .one("SELECT COUNT(*) FROM shop.mine")
            .await
            .as_deref(),
        Some("0")
    );
    // Without a restore under way nothing is loaded either.
    let (schema, bytes) = &parts[0];
    let error = load(&target.database(), schema, bytes)
        .await
        .expect_err("refused");
    assert_eq!(error.code(), "PB-MYSQL-NO-RESTORE");
}

#[tokio::test]
async fn rows_the_target_does_not_take_are_noticed() {
    let (source, target) = (Site::start(1).await, Site::start(2).await);
    source.run(SMALL).await;
    let (parts, facts) = snapshot(&source.database()).await;
    let database = target.database();
    database
        .begin_restore(&manifest(&parts, &facts))
        .await
        .expect("begin");
    load(&database, &parts[0].0, &parts[0].1)
        .await
        .expect("schema");
    let twice = b"1\ta\n1\tb\n";
    let error = load(&database, &parts[1].0, twice)
        .await
        .expect_err("a duplicate");
    assert_eq!(error.code(), "PB-MYSQL-CORRUPT");
}

#[tokio::test]
async fn definitions_of_others_become_ours_where_we_may_not_make_theirs() {
    let (source, target) = (Site::start(1).await, Site::start(2).await);
    source.run(SMALL).await;
    source
        .run(&[
            "CREATE DEFINER=`gone`@`%` VIEW shop.v AS SELECT id FROM shop.t",
            "CREATE DEFINER=`gone`@`%` TRIGGER shop.tr BEFORE INSERT ON shop.t FOR EACH ROW SET @a=1",
        ])
        .await;
    let (parts, facts) = snapshot(&source.database()).await;
    target
        .run(&[
            "SET GLOBAL log_bin_trust_function_creators=ON",
            "CREATE USER weak@'127.0.0.1' IDENTIFIED BY 'x'",
            per_engine(
                "GRANT RELOAD, PROCESS, BINLOG MONITOR, BINLOG ADMIN, BINLOG REPLAY, READ_ONLY ADMIN, \
                 CONNECTION ADMIN ON *.* TO weak@'127.0.0.1'",
                "GRANT RELOAD, PROCESS, BACKUP_ADMIN, REPLICATION CLIENT, REPLICATION_APPLIER, \
                 SYSTEM_VARIABLES_ADMIN, SESSION_VARIABLES_ADMIN, CONNECTION_ADMIN, SYSTEM_USER \
                 ON *.* TO weak@'127.0.0.1'",
            ),
            "GRANT ALL ON shop.* TO weak@'127.0.0.1'",
            "GRANT ALL ON planb.* TO weak@'127.0.0.1'",
        ])
        .await;
    restore(&target.database_as("weak", "x"), &parts, &facts).await;
    let definers = "SELECT GROUP_CONCAT(DEFINER) FROM (SELECT DEFINER FROM information_schema.VIEWS \
         WHERE TABLE_SCHEMA='shop' UNION ALL SELECT DEFINER FROM information_schema.TRIGGERS \
         WHERE TRIGGER_SCHEMA='shop') x";
    let found = target.one(definers).await;
    assert_eq!(found.as_deref(), Some("weak@127.0.0.1,weak@127.0.0.1"));
}

/// A snapshot of 100 MB is taken, loaded and compared. The figure is printed;
/// the bound is wide, for debug builds and busy machines.
#[tokio::test]
async fn a_hundred_megabytes_are_restored_in_time() {
    let (source, target) = (Site::start(1).await, Site::start(2).await);
    source
        .run(&[
            "CREATE DATABASE shop",
            "CREATE TABLE shop.orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, customer VARCHAR(40) \
             NOT NULL, item VARCHAR(80) NOT NULL, amount DECIMAL(12,2) NOT NULL, placed DATETIME(3) \
             NOT NULL, note TEXT, KEY (customer), KEY (placed))",
            concat!(
                "INSERT INTO shop.orders SELECT seq, CONCAT('customer-', seq % 10007), \
                 CONCAT('item-', LEFT(SHA2(seq, 256), 32)), seq / 100, '2026-01-01' + INTERVAL seq SECOND, \
                 REPEAT(LEFT(SHA2(seq, 256), 32), 3) FROM ",
                numbers!(500000)
            ),
        ])
        .await;
    let started = Instant::now();
    let (parts, facts) = snapshot(&source.database()).await;
    let taken = started.elapsed();
    let bytes: usize = parts.iter().map(|(_, b)| b.len()).sum();
    assert!(bytes > 90_000_000, "{bytes}");
    assert!(parts.len() >= 4, "parts are not bounded");
    let started = Instant::now();
    restore(&target.database(), &parts, &facts).await;
    let loaded = started.elapsed();
    let started = Instant::now();
    let digests = target.database().digests().await.expect("digests");
    let compared = started.elapsed();
    assert_eq!(digests, facts.tables);
    println!("{bytes} bytes: snapshot {taken:?}, restore {loaded:?}, digests {compared:?}");
    assert!(loaded < Duration::from_secs(120), "{loaded:?}");
}
