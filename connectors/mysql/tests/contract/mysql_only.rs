//! What MySQL's log has and MariaDB's has not.

use crate::support::{Site, apply, drain, numbers, restore, snapshot};
use mysql_async::prelude::Queryable;
use planb_ports::Database;

const SETUP: &[&str] = &[
    "CREATE DATABASE shop",
    "CREATE TABLE shop.t (id INT PRIMARY KEY, v LONGTEXT, j JSON)",
    "INSERT INTO shop.t VALUES (1, 'one', '{\"a\": 1, \"b\": \"twenty characters or so\"}')",
];

/// Ships what `statements` do in one session, applies it to a copy, and says
/// whether they were logged as the test wants: how many bytes, and the GTIDs.
async fn arrives(source: &Site, statements: &[&str]) -> (usize, Option<String>) {
    let copy = Site::start(2).await;
    let database = source.database();
    let (parts, facts) = snapshot(&database).await;
    restore(&copy.database(), &parts, &facts).await;
    let mut log = database.open_log(&facts.position).await.expect("opens");
    let mut conn = source.connect().await;
    for sql in statements {
        conn.query_drop(*sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    let batches = drain(log.as_mut()).await;
    for (batch, seq) in batches.iter().zip(1..) {
        apply(&copy.database(), batch, seq)
            .await
            .unwrap_or_else(|error| panic!("{}", error.chain()));
    }
    assert_eq!(
        copy.database().digests().await.expect("digests"),
        database.digests().await.expect("digests")
    );
    let end = &batches.last().expect("a batch").end;
    // The log can be taken up again right there.
    let mut again = database.open_log(end).await.expect("opens");
    assert_eq!(drain(again.as_mut()).await, []);
    let bytes = batches.iter().map(|b| b.bytes.len()).sum();
    (bytes, end.gtid.clone())
}

#[tokio::test]
async fn compressed_transactions_arrive() {
    let source = Site::start(1).await;
    source.run(SETUP).await;
    let many = concat!(
        "INSERT INTO shop.t (id, v) SELECT seq + 10, REPEAT('easy to compress ', 500) FROM ",
        numbers!(500)
    );
    let (bytes, gtid) = arrives(
        &source,
        &[
            "SET binlog_transaction_compression=ON",
            many,
            "UPDATE shop.t SET v = 'x' WHERE id > 400",
            "CREATE TABLE shop.copied AS SELECT id FROM shop.t WHERE id < 20",
            "DELETE FROM shop.t WHERE id BETWEEN 20 AND 30",
        ],
    )
    .await;
    assert!(bytes < 500_000, "not compressed: {bytes}");
    assert_eq!(gtid, source.one("SELECT @@gtid_executed").await);
}

#[tokio::test]
async fn gtids_with_tags_are_counted() {
    let source = Site::start(1).await;
    source.run(SETUP).await;
    let (_, gtid) = arrives(
        &source,
        &[
            "INSERT INTO shop.t (id) VALUES (2)",
            "SET gtid_next='AUTOMATIC:nightly'",
            "INSERT INTO shop.t (id) VALUES (3)",
            "INSERT INTO shop.t (id) VALUES (4)",
            "SET gtid_next='AUTOMATIC:a_rather_longer_name'",
            "INSERT INTO shop.t (id) VALUES (5)",
        ],
    )
    .await;
    let gtid = gtid.expect("a set");
    assert!(gtid.contains(":nightly:1-2"), "{gtid}");
    let executed = source.one("SELECT REPLACE(@@gtid_executed, '\n', '')");
    assert_eq!(Some(gtid), executed.await);
}

#[tokio::test]
async fn a_source_without_gtids_is_shipped_by_place_alone() {
    let source = Site::start_with(1, |options| options.gtid = false).await;
    source.run(SETUP).await;
    let (_, gtid) = arrives(
        &source,
        &[
            "INSERT INTO shop.t (id) VALUES (2)",
            "CREATE TABLE shop.copied AS SELECT id FROM shop.t",
        ],
    )
    .await;
    assert_eq!(gtid, None);
}

#[tokio::test]
async fn changes_of_parts_of_json_arrive() {
    let source = Site::start(1).await;
    source.run(SETUP).await;
    let (bytes, _) = arrives(
        &source,
        &[
            "SET binlog_row_value_options=PARTIAL_JSON, binlog_row_image=FULL",
            "UPDATE shop.t SET j = JSON_SET(j, '$.b', 'other')",
            "UPDATE shop.t SET j = JSON_REMOVE(j, '$.a')",
        ],
    )
    .await;
    assert!(bytes > 0);
}
