//! MariaDB: killed while log waits, then a second outage without a kill, then
//! one in which the source is lost for good.

use super::{Outage, kill};
use crate::desk::terminate;
use crate::mariadb::{connect, server, url};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use planb_launch::mariadb::MariaDb;

/// Waits on disk before anything else happens.
const WAITS_BYTES: u64 = 2 << 20;

async fn fill(server: &MariaDb) {
    let mut conn = connect(server).await;
    for sql in [
        "CREATE DATABASE shop",
        "CREATE TABLE shop.orders (id BIGINT PRIMARY KEY AUTO_INCREMENT, note MEDIUMBLOB)",
        "INSERT INTO shop.orders (note) VALUES ('first')",
    ] {
        conn.query_drop(sql).await.expect("a statement");
    }
    conn.disconnect().await.expect("a goodbye");
}

/// One row that does not compress.
async fn order(conn: &mut Conn) {
    let sql = "INSERT INTO shop.orders (note) SELECT \
               GROUP_CONCAT(RANDOM_BYTES(1024) SEPARATOR '') FROM shop.seq_1_to_60";
    conn.query_drop(sql).await.expect("a row");
}

async fn sum(server: &MariaDb) -> (u64, u64) {
    let mut conn = connect(server).await;
    let sql = "SELECT COUNT(*), CAST(SUM(CRC32(CONCAT(id, note))) AS UNSIGNED) FROM shop.orders";
    let sum = conn.query_first(sql).await.expect("asked").expect("a row");
    conn.disconnect().await.expect("a goodbye");
    sum
}

/// File and offset, so that they compare.
fn place(text: &str) -> (String, u64) {
    let (file, offset) = text.rsplit_once(':').expect("file and offset");
    (file.to_owned(), offset.parse().expect("an offset"))
}

async fn end_of_log(conn: &mut Conn) -> (String, u64) {
    let status: mysql_async::Row = conn
        .query_first("SHOW MASTER STATUS")
        .await
        .expect("asked")
        .expect("a binlog");
    (
        status.get(0).expect("a file"),
        status.get(1).expect("an offset"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_outlives_a_vault_that_stands_still_and_a_kill() {
    let outage = Outage::new().await;
    let source = server(&outage.desk, "source", 1).await;
    fill(&source).await;
    let mut conn = connect(&source).await;

    let stream = outage.stream(&url(&source), "first.log");
    outage.until_protected("first.log");
    let write = async || order(&mut conn).await;
    outage.stand_still("first.log", WAITS_BYTES, write).await;
    kill(stream);
    order(&mut conn).await;
    outage.azurite.resume();

    // The next life ships what waited and what came after, and outlives another outage.
    let stream = outage.stream(&url(&source), "second.log");
    outage.until_protected("second.log");
    outage.until_drained("second.log");
    let write = async || order(&mut conn).await;
    outage.stand_still("second.log", WAITS_BYTES, write).await;
    outage.azurite.resume();
    outage.until_drained("second.log");
    assert_eq!(
        terminate(stream),
        Some(0),
        "{}",
        outage.desk.said("second.log")
    );
    let said = outage.desk.said("second.log");
    assert!(
        !said.contains("spoolDiscarded") && !said.contains("logLost"),
        "{said}"
    );

    let target = server(&outage.desk, "target", 2).await;
    outage.restore(&url(&target));
    assert_eq!(sum(&target).await, sum(&source).await);
    conn.disconnect().await.expect("a goodbye");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spool_is_the_only_copy_when_mariadb_is_lost() {
    let outage = Outage::new().await;
    let source = server(&outage.desk, "source", 1).await;
    fill(&source).await;
    let mut conn = connect(&source).await;
    let stream = outage.stream(&url(&source), "stream.log");
    outage.until_protected("stream.log");
    let write = async || order(&mut conn).await;
    outage.stand_still("stream.log", 1, write).await;
    let end = end_of_log(&mut conn).await;
    outage.desk.wait("all of it on disk", "stream.log", || {
        let to = outage.spooled_to()?;
        (place(&to) >= end).then_some(())
    });
    kill(stream);
    let expected = sum(&source).await;
    conn.disconnect().await.expect("a goodbye");
    let address = url(&source);
    drop(source);
    outage.azurite.resume();

    // It ships what waits before it finds that there is no database.
    let mut stream = outage.stream(&address, "late.log");
    assert!(!stream.wait().expect("it ends").success());
    assert_eq!(outage.files(), Vec::<String>::new());
    let target = server(&outage.desk, "target", 2).await;
    outage.restore(&url(&target));
    assert_eq!(sum(&target).await, expected);
}
