//! Restores that break off, restores that are refused, and how fast they are.

use crate::support::{
    IS_MARIADB, Site, load, manifest, mark, numbers, per_engine, restore, snapshot,
};
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

/// Names that break quoting, rows around the limit of a command, bytes that
/// need a backslash, a table without a key.
const ODD: &[&str] = &[
    "CREATE DATABASE shop",
    "CREATE TABLE shop.`주문 ``내'역\"` (`번호 \"1'` INT PRIMARY KEY, `값 ``v` LONGBLOB, \
     KEY `색인 ``k'` (`값 ``v`(10)))",
    "INSERT INTO shop.`주문 ``내'역\"` VALUES (1, REPEAT('x', 262130)), (2, REPEAT('y', 262144)), \
     (3, REPEAT('z', 262150)), (4, REPEAT(CHAR(0,9,10,13,92), 100000)), (5, NULL), (6, ''), \
     (7, REPEAT('w', 3000000)), (8, UNHEX('FF80C0')), (9, 'end')",
    "CREATE TABLE shop.`키 없음` (v VARCHAR(50), n INT)",
    "INSERT INTO shop.`키 없음` VALUES ('a', 1), ('a', 1), (NULL, NULL), ('\\\\N', 0), ('', -1)",
    "CREATE PROCEDURE shop.`절차 ``p'` () SELECT 1",
];
/// Rows of [`ODD`] that are longer than a line of a command may be.
const ODD_LONG_ROWS: u64 = 4;

#[tokio::test]
async fn odd_names_and_rows_of_every_length_survive_many_in_a_command_and_as_a_file() {
    let source = Site::start(1).await;
    source.run(ODD).await;
    let (parts, facts) = snapshot(&source.database()).await;
    let loads = "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS \
                 WHERE VARIABLE_NAME='COM_LOAD'";
    // MariaDB's second server takes commands of half a megabyte at most.
    let limits: &[(u32, &str)] = per_engine(&[(2, "64M"), (3, "512K")], &[(2, "64M")]);
    for (id, packet) in limits.iter().copied() {
        let target = Site::start_with(id, |options| {
            let limit = format!("--max-allowed-packet={packet}");
            options.extra_args.push(limit);
        })
        .await;
        restore(&target.database(), &parts, &facts).await;
        let digests = target.database().digests().await.expect("digests");
        assert_eq!(digests, facts.tables, "{packet}");
        let procedure = "SELECT ROUTINE_NAME FROM information_schema.ROUTINES \
                         WHERE ROUTINE_SCHEMA='shop'";
        assert_eq!(target.one(procedure).await.as_deref(), Some("절차 `p'"));
        if IS_MARIADB {
            let rows = parts.iter().filter(|(spec, _)| spec.kind == "rows");
            let expected = if packet == "64M" {
                ODD_LONG_ROWS
            } else {
                rows.count() as u64
            };
            assert_eq!(target.one(loads).await, Some(expected.to_string()));
        }
    }
}

#[tokio::test]
async fn a_part_that_ends_inside_of_a_row_is_not_loaded() {
    let (source, target) = (Site::start(1).await, Site::start(2).await);
    source.run(SMALL).await;
    let (parts, facts) = snapshot(&source.database()).await;
    let database = target.database();
    let begun = database.begin_restore(&manifest(&parts, &facts)).await;
    begun.expect("begin");
    load(&database, &parts[0].0, &parts[0].1)
        .await
        .expect("schema");
    let (rows, bytes) = &parts[1];
    let whole = bytes.len() - 1;
    let cut = load(&database, rows, &bytes[..whole]).await;
    if IS_MARIADB {
        assert_eq!(cut.expect_err("cut").code(), "PB-MYSQL-CORRUPT");
        let count = target.one("SELECT COUNT(*) FROM shop.t").await;
        assert_eq!(count.as_deref(), Some("0"));
    }
}
