//! Rows far larger than the memory there is. The limit is SQLite's own and holds
//! for the whole process, so this program has one test.

use planb_connector_sqlite::SqliteDatabase;
use planb_connector_system::SystemClock;
use planb_ports::contract::sink::MemorySink;
use planb_ports::progress::NoProgress;
use planb_ports::{ContentRule, Database, SnapshotOptions};
use rusqlite::Connection;
use std::sync::Arc;

/// Bytes of each large value.
const VALUE_BYTES: usize = 48_000_000;
/// Bytes SQLite may have in memory at once; its caches are 2 MB each.
const HEAP_BYTES_MAX: i64 = 16_000_000;

const SQL: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE files (id INTEGER PRIMARY KEY, name TEXT NOT NULL, bytes BLOB, words TEXT, data JSON);
    INSERT INTO files (name, words, data) VALUES ('small', '한글', '{}'), ('bad', CAST(x'ff' AS TEXT), '{');
    INSERT INTO files VALUES
        (10, 'large', zeroblob(?1), CAST(zeroblob(?1) AS TEXT), NULL),
        (11, 'both bad', NULL, CAST(zeroblob(?1) || x'ff' AS TEXT), CAST(zeroblob(?1) AS TEXT)),
        (12, 'good', NULL, NULL, '[1,' || printf('%.*c', ?1, ' ') || '2]')";

#[tokio::test]
async fn rows_larger_than_memory_are_hashed_checked_and_copied() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("orders.db");
    let service = Connection::open(&path).expect("opens");
    service
        .execute_batch(&SQL.replace("?1", &VALUE_BYTES.to_string()))
        .expect("made");
    let database = SqliteDatabase::new(&path, Arc::new(SystemClock::new()));

    // SQLite's own check looks whether a text in a numeric column, which one
    // declared as JSON is, would be a number: that value it reads whole.
    limit_heap(&service, HEAP_BYTES_MAX + VALUE_BYTES as i64);
    assert_eq!(database.integrity().await.expect("looked"), []);

    limit_heap(&service, HEAP_BYTES_MAX);
    let whole = service.query_row("SELECT bytes FROM files WHERE id = 10", [], |row| {
        row.get_ref(0).map(drop)
    });
    whole.expect_err("the limit holds");

    let digests = database.digests().await.expect("digests");
    assert_eq!(digests[0].rows, 5);
    let found = database.content_checks().await.expect("checked");
    let broken = |rule| found.iter().find(|c| c.rule == rule).map(|c| c.broken);
    assert_eq!(broken(ContentRule::Utf8), Some(2));
    assert_eq!(broken(ContentRule::Json), Some(2));

    let sink = MemorySink::default();
    let options = SnapshotOptions::default();
    let facts = database.snapshot(&sink, &options, &NoProgress).await;
    assert_eq!(facts.expect("a snapshot").tables, digests);
}

/// Can only be lowered.
fn limit_heap(connection: &Connection, bytes: i64) {
    let limit: i64 = connection
        .query_row(&format!("PRAGMA hard_heap_limit = {bytes}"), [], |row| {
            row.get(0)
        })
        .expect("limited");
    assert_eq!(limit, bytes);
}
