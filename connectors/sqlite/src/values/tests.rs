//! Whatever way a row is read, its digest is the one that vaults have.

use super::*;
use crate::digest;
use planb_model::recovery::{RowHasher, TableDigest};

/// Digests as they were made before values came in pieces: every row whole.
fn whole(connection: &Connection, table: &str) -> TableDigest {
    let columns = stored_columns(connection, table).expect("columns");
    let columns: Vec<_> = columns.iter().map(|c| quote(c)).collect();
    let sql = format!("SELECT {} FROM {}", columns.join(", "), quote(table));
    let mut statement = connection.prepare(&sql).expect("prepared");
    let mut rows = statement.query([]).expect("run");
    let mut hasher = RowHasher::default();
    while let Some(row) = rows.next().expect("read") {
        let mut encoded = Vec::new();
        for column in 0..columns.len() {
            let mut sized = |tag: u8, bytes: &[u8]| {
                encoded.push(tag);
                encoded.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
                encoded.extend_from_slice(bytes);
            };
            match row.get_ref(column).expect("a value") {
                ValueRef::Null => encoded.push(0),
                ValueRef::Integer(number) => {
                    encoded.push(1);
                    encoded.extend_from_slice(&number.to_le_bytes());
                }
                ValueRef::Real(number) => {
                    encoded.push(2);
                    encoded.extend_from_slice(&number.to_bits().to_le_bytes());
                }
                ValueRef::Text(bytes) => sized(3, bytes),
                ValueRef::Blob(bytes) => sized(4, bytes),
            }
        }
        hasher.add(&encoded);
    }
    hasher.finish(table)
}

fn database(sql: &str) -> Connection {
    let connection = Connection::open_in_memory().expect("a database");
    connection.execute_batch(sql).expect("statements");
    connection
}

/// How many values of `table` come in pieces, when the digests are right.
fn check(connection: &Connection, table: &str) -> usize {
    let digests = digest::of_all_tables(connection).expect("digests");
    let found = digests.into_iter().find(|d| d.table == table);
    assert_eq!(found, Some(whole(connection, table)), "{table}");
    let columns = stored_columns(connection, table).expect("columns");
    let mut pieces = 0;
    let values = Values::of(connection, table, columns).expect("a table");
    let counted = values.each(|row| {
        row.each(|cell| {
            pieces += usize::from(matches!(cell, Cell::Large(_)));
            Ok(())
        })
    });
    counted.expect("read");
    let limit = connection.limit(Limit::SQLITE_LIMIT_LENGTH);
    assert_eq!(limit.expect("known"), 1_000_000_000, "{table}");
    pieces
}

/// Rows of all sizes around the limit, with and without large ones behind them.
const ROWS: &str = "
    VALUES (-7, 'a', x'00ff', 1.5), (-3, NULL, NULL, NULL), (1, 2, 3, 4),
    (2, printf('%.*c', 262144, 'x'), zeroblob(262144), 'exactly'),
    (3, printf('%.*c', 262145, 'x'), zeroblob(262145), 'one more'),
    (4, replace(printf('%.*c', 100001, 'x'), 'x', '한글'), randomblob(1000003), NULL),
    (5, CAST(zeroblob(300000) AS TEXT), '', x''),
    (6, CAST(randomblob(300000) AS TEXT), 'small again', 1e300),
    (9, 'last', printf('%.*c', 300000, 'y'), -1)";

#[test]
fn a_row_in_pieces_has_the_digest_it_has_as_a_whole() {
    let connection = database(&format!(
        "CREATE TABLE \"주문 'x'\" (\"번호 \"\"n\" INTEGER PRIMARY KEY, \"a b\" TEXT, v, \"select\");
         INSERT INTO \"주문 'x'\" {ROWS};
         CREATE TABLE hidden (rowid, a TEXT, b, _rowid_); INSERT INTO hidden {ROWS};
         CREATE TABLE \"small\" (a, b, c, d); INSERT INTO \"small\" VALUES (1, 'a', NULL, x'00'), (2, '', 1.5, 9)"
    ));
    assert_eq!(check(&connection, "주문 'x'"), 7);
    assert_eq!(check(&connection, "hidden"), 7);
    assert_eq!(check(&connection, "small"), 0);
}

#[test]
fn what_cannot_be_read_in_pieces_is_read_whole() {
    let many: Vec<_> = (0..COLUMNS_MAX).map(|n| format!(", c{n}")).collect();
    let connection = database(&format!(
        "CREATE TABLE without (id PRIMARY KEY, a, b, c) WITHOUT ROWID; INSERT INTO without {ROWS};
         CREATE TABLE stored (id INTEGER PRIMARY KEY, a, b, c, d AS (a || 'x') STORED, e AS (b || 'y'));
         INSERT INTO stored (id, a, b, c) {ROWS};
         CREATE TABLE shadowed (rowid, oid, _ROWID_, c); INSERT INTO shadowed {ROWS};
         CREATE TABLE wide (id INTEGER PRIMARY KEY {}); INSERT INTO wide (id, c0, c1, c2) {ROWS}",
        many.concat()
    ));
    for table in ["without", "stored", "shadowed", "wide"] {
        assert_eq!(check(&connection, table), 0);
    }
}

#[test]
fn text_of_a_utf16_database_is_hashed_as_utf8() {
    let sql = format!(
        "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, c); INSERT INTO t {ROWS}"
    );
    assert_eq!(check(&database(&sql), "t"), 2);
}
