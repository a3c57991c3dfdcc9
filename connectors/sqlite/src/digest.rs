//! Row counts and hashes of tables, and SQLite's own integrity check.
//!
//! Counted: every ordinary table that is not PlanB's (also the shadow tables of
//! virtual ones, which hold their rows), `sqlite_sequence` (auto-increment
//! values must survive), and the schema itself as a table `sqlite_schema`, so
//! that views, indexes and triggers are compared. Not counted: virtual
//! generated columns (they follow from the others and may need functions of the
//! service), other `sqlite_…` tables, and row IDs without a column.

use crate::config::INTEGRITY_PROBLEMS_MAX;
use crate::error::from_sqlite;
use crate::values::{self, Cell, Values};
use planb_model::Text;
use planb_model::finding::{Finding, Severity};
use planb_model::recovery::{RowHasher, TableDigest};
use planb_ports::PortResult;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// Tables and other things of PlanB begin with this.
const OURS: &str = "planb_";

/// Columns of `sqlite_schema` that are compared.
const SCHEMA_COLUMNS: usize = 4;

/// Tags of the encoding.
const TEXT: u8 = 3;
const BLOB: u8 = 4;

/// An encoded row is gathered up to this, and hashed at once.
const ENCODED_BYTES_MAX: usize = 64 * 1024;

/// Names of all user tables, in order.
pub fn user_tables(connection: &Connection) -> PortResult<Vec<String>> {
    let mut statement = connection
        .prepare(
            "SELECT name FROM sqlite_schema
             WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name",
        )
        .map_err(from_sqlite)?;
    let names = statement
        .query_map([], |row| row.get::<_, String>(0))
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(from_sqlite)?;
    Ok(names
        .into_iter()
        .filter(|name| !name.starts_with(OURS) && !name.starts_with("sqlite_"))
        .collect())
}

/// Digests of everything the module says, by name, at one moment.
pub fn of_all_tables(connection: &Connection) -> PortResult<Vec<TableDigest>> {
    let mut digests = vec![of_schema(connection)?];
    let mut tables = user_tables(connection)?;
    if crate::connect::has_table(connection, "sqlite_sequence")? {
        tables.push("sqlite_sequence".to_owned());
    }
    for table in &tables {
        let columns = values::stored_columns(connection, table)?;
        let rows = Values::of(connection, table, columns)?;
        digests.push(of_rows(&rows, table)?);
    }
    digests.sort();
    Ok(digests)
}

fn of_schema(connection: &Connection) -> PortResult<TableDigest> {
    let mut statement = connection
        .prepare(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema
             WHERE name NOT LIKE 'planb\\_%' ESCAPE '\\' AND tbl_name NOT LIKE 'planb\\_%' ESCAPE '\\'",
        )
        .map_err(from_sqlite)?;
    let mut rows = statement.query([]).map_err(from_sqlite)?;
    let (mut hasher, mut encoded) = (RowHasher::default(), Encoded::default());
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        for column in 0..SCHEMA_COLUMNS {
            encoded.value(row.get_ref(column).map_err(from_sqlite)?);
        }
        encoded.end(&mut hasher);
    }
    Ok(hasher.finish("sqlite_schema"))
}

fn of_rows(rows: &Values<'_>, table: &str) -> PortResult<TableDigest> {
    let (mut hasher, mut encoded) = (RowHasher::default(), Encoded::default());
    rows.each(|row| {
        row.each(|cell| match cell {
            Cell::Whole(value) => {
                encoded.value(value);
                Ok(())
            }
            Cell::Large(large) => {
                encoded.head(if large.is_text { TEXT } else { BLOB }, large.bytes());
                large.each_piece(|piece| encoded.put(piece))
            }
        })?;
        encoded.end(&mut hasher);
        Ok(())
    })?;
    Ok(hasher.finish(table))
}

/// The encoding of a row: of each value its type, then its length where that is
/// not fixed, then its bytes. So two different rows never encode alike, also `1`,
/// `1.0`, `'1'` and `x'31'` not.
#[derive(Default)]
struct Encoded {
    bytes: Vec<u8>,
    /// What came before `bytes`, in a long row.
    before: Option<blake3::Hasher>,
}

impl Encoded {
    fn value(&mut self, value: ValueRef<'_>) {
        let mut sized = |tag: u8, bytes: &[u8]| {
            self.head(tag, bytes.len() as u64);
            self.put(bytes);
        };
        match value {
            ValueRef::Null => self.bytes.push(0),
            ValueRef::Integer(number) => self.number(1, number.to_le_bytes()),
            ValueRef::Real(number) => self.number(2, number.to_bits().to_le_bytes()),
            ValueRef::Text(bytes) => sized(TEXT, bytes),
            ValueRef::Blob(bytes) => sized(BLOB, bytes),
        }
    }

    fn number(&mut self, tag: u8, bytes: [u8; 8]) {
        self.bytes.push(tag);
        self.bytes.extend_from_slice(&bytes);
    }

    fn head(&mut self, tag: u8, length: u64) {
        self.number(tag, length.to_le_bytes());
    }

    /// Adds bytes; a long row is hashed on the way and not gathered.
    fn put(&mut self, bytes: &[u8]) {
        if self.bytes.len() + bytes.len() <= ENCODED_BYTES_MAX {
            self.bytes.extend_from_slice(bytes);
            return;
        }
        let before = self.before.get_or_insert_default();
        before.update(&self.bytes).update(bytes);
        self.bytes.clear();
    }

    /// Ends the row.
    fn end(&mut self, into: &mut RowHasher) {
        match self.before.take() {
            None => into.add(&self.bytes),
            Some(mut before) => into.add_hash(&before.update(&self.bytes).finalize()),
        }
        self.bytes.clear();
    }
}

/// A name as an SQL identifier.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Problems SQLite finds in the file, and rows that break foreign keys. The
/// latter are warnings: SQLite does not enforce foreign keys unless the service
/// asks for it, so the source may have had them.
pub fn integrity(connection: &Connection, subject: &str) -> PortResult<Vec<Finding>> {
    let mut findings = Vec::new();
    let sql = format!("PRAGMA integrity_check({INTEGRITY_PROBLEMS_MAX})");
    let mut statement = connection.prepare(&sql).map_err(from_sqlite)?;
    let problems = statement
        .query_map([], |row| row.get::<_, String>(0))
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(from_sqlite)?;
    for problem in problems.iter().filter(|p| *p != "ok") {
        findings.push(Finding::failed(
            "PB-SQLITE-INTEGRITY",
            Severity::Error,
            subject,
            Text::new(
                format!("sqlite's integrity check says: {problem}"),
                format!("SQLite 무결성 검사 결과: {problem}"),
            ),
            Text::new(
                "restore an older recovery point, and look at the disk",
                "이전 복구 지점으로 복원하고 디스크를 점검하세요",
            ),
        ));
    }
    let broken: i64 = connection
        .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |r| {
            r.get(0)
        })
        .map_err(from_sqlite)?;
    if broken > 0 {
        findings.push(Finding::failed(
            "PB-SQLITE-FOREIGN-KEYS",
            Severity::Warning,
            subject,
            Text::new(
                format!("{broken} rows refer to rows that do not exist"),
                format!("{broken}개 행이 존재하지 않는 행을 참조합니다"),
            ),
            Text::new(
                "look at `PRAGMA foreign_key_check`, also at the source",
                "원본에서도 `PRAGMA foreign_key_check` 결과를 확인하세요",
            ),
        ));
    }
    Ok(findings)
}
