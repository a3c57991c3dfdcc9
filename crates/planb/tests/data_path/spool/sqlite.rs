//! SQLite: the write-ahead log waits as any other.

use super::{Outage, kill};
use crate::desk::{count, sqlite, terminate};

const TABLE: &str = "CREATE TABLE orders (id INTEGER PRIMARY KEY, note BLOB);
    INSERT INTO orders (note) VALUES ('first');";
const ORDER: &str = "INSERT INTO orders (note) VALUES (randomblob(20000));";

fn rows(path: &std::path::Path) -> Vec<(i64, Vec<u8>)> {
    let connection = rusqlite::Connection::open(path).expect("a database");
    let select = "SELECT id, CAST(note AS BLOB) FROM orders ORDER BY id";
    let mut statement = connection.prepare(select).expect("a table");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let rows: Result<_, _> = rows.expect("rows").collect();
    rows.expect("whole rows")
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_outlives_a_vault_that_stands_still_and_a_kill() {
    let outage = Outage::new().await;
    let source = outage.desk.path("a.db");
    sqlite(&source, TABLE);
    let database = outage.desk.sqlite("a.db");
    let stream = outage.stream(&database, "first.log");
    outage.until_protected("first.log");
    let write = async || sqlite(&source, ORDER);
    outage.stand_still("first.log", 100_000, write).await;
    kill(stream);
    sqlite(&source, ORDER);
    outage.azurite.resume();

    let stream = outage.stream(&database, "second.log");
    outage.until_protected("second.log");
    outage.until_drained("second.log");
    assert_eq!(
        terminate(stream),
        Some(0),
        "{}",
        outage.desk.said("second.log")
    );
    outage.restore(&outage.desk.sqlite("b.db"));
    let target = outage.desk.path("b.db");
    assert!(count(&target, "SELECT count(*) FROM orders") > 5);
    assert_eq!(rows(&target), rows(&source));
}
