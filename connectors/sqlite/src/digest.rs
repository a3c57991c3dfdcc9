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
use planb_model::Text;
use planb_model::finding::{Finding, Severity};
use planb_model::recovery::{RowHasher, TableDigest};
use planb_ports::PortResult;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// Tables and other things of PlanB begin with this.
const OURS: &str = "planb_";

/// Column kind of `table_xinfo` for virtual generated columns.
const VIRTUAL_COLUMN: i64 = 2;

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
        let columns = stored_columns(connection, table)?;
        let sql = format!("SELECT {} FROM {}", columns.join(", "), quote(table));
        digests.push(of_rows(connection, &sql, table)?);
    }
    digests.sort();
    Ok(digests)
}

fn of_schema(connection: &Connection) -> PortResult<TableDigest> {
    of_rows(
        connection,
        "SELECT type, name, tbl_name, sql FROM sqlite_schema
         WHERE name NOT LIKE 'planb\\_%' ESCAPE '\\' AND tbl_name NOT LIKE 'planb\\_%' ESCAPE '\\'",
        "sqlite_schema",
    )
}

fn of_rows(connection: &Connection, sql: &str, table: &str) -> PortResult<TableDigest> {
    let mut statement = connection.prepare(sql).map_err(from_sqlite)?;
    let columns = statement.column_count();
    let mut rows = statement.query([]).map_err(from_sqlite)?;
    let mut hasher = RowHasher::default();
    let mut encoded = Vec::new();
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        encoded.clear();
        for column in 0..columns {
            encode(row.get_ref(column).map_err(from_sqlite)?, &mut encoded);
        }
        hasher.add(&encoded);
    }
    Ok(hasher.finish(table))
}

/// Type, then length where it is not fixed, then the bytes: two different rows
/// never encode alike, also `1`, `1.0`, `'1'` and `x'31'` not.
fn encode(value: ValueRef<'_>, into: &mut Vec<u8>) {
    let mut sized = |tag: u8, bytes: &[u8]| {
        into.push(tag);
        into.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        into.extend_from_slice(bytes);
    };
    match value {
        ValueRef::Null => into.push(0),
        ValueRef::Integer(number) => {
            into.push(1);
            into.extend_from_slice(&number.to_le_bytes());
        }
        ValueRef::Real(number) => {
            into.push(2);
            into.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        ValueRef::Text(bytes) => sized(3, bytes),
        ValueRef::Blob(bytes) => sized(4, bytes),
    }
}

fn stored_columns(connection: &Connection, table: &str) -> PortResult<Vec<String>> {
    let mut statement = connection
        .prepare("SELECT name, hidden FROM pragma_table_xinfo(?1) ORDER BY cid")
        .map_err(from_sqlite)?;
    let columns = statement
        .query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect::<Result<Vec<(String, i64)>, _>>)
        .map_err(from_sqlite)?;
    Ok(columns
        .into_iter()
        .filter(|(_, kind)| *kind != VIRTUAL_COLUMN)
        .map(|(name, _)| quote(&name))
        .collect())
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
