//! Rules SQLite does not hold rows to by itself: foreign keys, text that is
//! UTF-8, and JSON in columns that are declared so.

use crate::digest::{quote, user_tables};
use crate::error::{self, from_sqlite};
use crate::values::{self, Cell, Large, Values};
use planb_ports::{BrokenKey, ContentCheck, ContentRule, PortResult};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Row counts of everything that has a digest, by name.
pub fn row_counts(connection: &Connection) -> PortResult<Vec<(String, u64)>> {
    let schema = "SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'planb\\_%' ESCAPE '\\'
         AND tbl_name NOT LIKE 'planb\\_%' ESCAPE '\\'";
    let mut counts = vec![("sqlite_schema".to_owned(), count(connection, schema)?)];
    let mut tables = user_tables(connection)?;
    if crate::connect::has_table(connection, "sqlite_sequence")? {
        tables.push("sqlite_sequence".to_owned());
    }
    for table in tables {
        let sql = format!("SELECT count(*) FROM {}", quote(&table));
        let rows = count(connection, &sql)?;
        counts.push((table, rows));
    }
    counts.sort();
    Ok(counts)
}

/// Counts the rows that break a rule, by table.
pub fn check(connection: &Connection) -> PortResult<Vec<ContentCheck>> {
    let mut checks = Vec::new();
    for table in user_tables(connection)? {
        let mut add = |rule, broken| {
            checks.push(ContentCheck {
                rule,
                table: table.clone(),
                broken,
            });
        };
        if let Some(orphans) = orphans(connection, &table)? {
            add(ContentRule::ForeignKey, orphans);
        }
        add(ContentRule::Utf8, not_utf8(connection, &table)?);
        if let Some(broken) = not_json(connection, &table)? {
            add(ContentRule::Json, broken);
        }
    }
    Ok(checks)
}

/// `None` when the table has no foreign key.
fn orphans(connection: &Connection, table: &str) -> PortResult<Option<u64>> {
    let keys = of_table(
        connection,
        "SELECT count(*) FROM pragma_foreign_key_list(?1)",
        table,
    )?;
    if keys == 0 {
        return Ok(None);
    }
    let sql = "SELECT count(DISTINCT rowid) FROM pragma_foreign_key_check(?1)";
    of_table(connection, sql, table).map(Some)
}

/// Foreign keys with rows that lead nowhere. SQLite's have no name: they are
/// called after their columns.
pub fn broken_keys(connection: &Connection) -> PortResult<Vec<BrokenKey>> {
    let sql = "SELECT (SELECT group_concat(l.\"from\", ', ') FROM pragma_foreign_key_list(?1) l WHERE l.id = c.fkid) \
               || ' -> ' || c.parent, count(*) FROM pragma_foreign_key_check(?1) c GROUP BY c.fkid, c.parent";
    let mut broken = Vec::new();
    for table in user_tables(connection)? {
        let mut statement = connection.prepare(sql).map_err(from_sqlite)?;
        let rows = statement.query_map([&table], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)));
        for row in rows.map_err(from_sqlite)? {
            let (key, rows) = row.map_err(from_sqlite)?;
            let (table, rows) = (table.clone(), rows.unsigned_abs());
            broken.push(BrokenKey { table, key, rows });
        }
    }
    broken.sort();
    Ok(broken)
}

/// Rows with a text that is none.
fn not_utf8(connection: &Connection, table: &str) -> PortResult<u64> {
    let columns = values::all_columns(connection, table)?;
    let mut broken = 0;
    Values::of(connection, table, columns)?.each(|row| {
        let mut good = true;
        row.each(|cell| {
            good &= match cell {
                Cell::Whole(ValueRef::Text(bytes)) => std::str::from_utf8(bytes).is_ok(),
                Cell::Large(large) if large.is_text => is_utf8(&large)?,
                Cell::Whole(_) | Cell::Large(_) => true,
            };
            Ok(())
        })?;
        broken += u64::from(!good);
        Ok(())
    })?;
    Ok(broken)
}

fn is_utf8(large: &Large<'_>) -> PortResult<bool> {
    let (mut good, mut rest) = (true, Vec::new());
    large.each_piece(|piece| {
        if !good {
            return;
        }
        // What the last piece ended with is the beginning of a character.
        rest.extend_from_slice(piece);
        match std::str::from_utf8(&rest) {
            Ok(_) => rest.clear(),
            Err(error) if error.error_len().is_none() => drop(rest.drain(..error.valid_up_to())),
            Err(_) => good = false,
        }
    })?;
    Ok(good && rest.is_empty())
}

/// Rows with a value that is no JSON in a column declared as JSON; `None` when
/// there is no such column.
fn not_json(connection: &Connection, table: &str) -> PortResult<Option<u64>> {
    let sql = "SELECT name FROM pragma_table_info(?1) WHERE upper(type) IN ('JSON', 'JSONB')";
    let mut statement = connection.prepare(sql).map_err(from_sqlite)?;
    let names = statement
        .query_map([table], |row| row.get::<_, String>(0))
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(from_sqlite)?;
    // A blob may be SQLite's own binary form, which only newer versions read.
    // SQLite builds a value in memory to look at it, so large ones come below.
    let bad = |name: &String| {
        let name = quote(name);
        let small = values::is_small(&name);
        format!(
            "({small} AND {name} IS NOT NULL AND typeof({name}) <> 'blob' AND NOT json_valid({name}))"
        )
    };
    let bad: Vec<String> = names.iter().map(bad).collect();
    if bad.is_empty() {
        return Ok(None);
    }
    let bad = bad.join(" OR ");
    let sql = format!("SELECT count(*) FROM {} WHERE {bad}", quote(table));
    let mut broken = count(connection, &sql)?;
    let large = Values::of(connection, table, names)?;
    large.each_large(&format!("NOT ({bad})"), |row| {
        let mut good = true;
        row.each(|cell| {
            good &= match cell {
                Cell::Large(large) if large.is_text => is_json(large.reader())?,
                Cell::Whole(ValueRef::Text(text)) => is_json(text)?,
                Cell::Whole(_) | Cell::Large(_) => true,
            };
            Ok(())
        })?;
        broken += u64::from(!good);
        Ok(())
    })?;
    Ok(Some(broken))
}

/// Whether the text is JSON (RFC 8259), as `json_valid()` has it. What is in it
/// is passed over and not built.
fn is_json(text: impl std::io::Read) -> PortResult<bool> {
    let mut reader = serde_json::Deserializer::from_reader(text);
    let read = IgnoredAny::deserialize(&mut reader).and_then(|_| reader.end());
    match read {
        Err(error) if error.is_io() => Err(error::unreadable_value(error.into())),
        read => Ok(read.is_ok()),
    }
}

fn of_table(connection: &Connection, sql: &str, table: &str) -> PortResult<u64> {
    let counted: i64 = connection
        .query_row(sql, [table], |row| row.get(0))
        .map_err(from_sqlite)?;
    Ok(counted.unsigned_abs())
}

fn count(connection: &Connection, sql: &str) -> PortResult<u64> {
    let counted: i64 = connection
        .query_row(sql, [], |row| row.get(0))
        .map_err(from_sqlite)?;
    Ok(counted.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_rows_are_counted_by_rule_and_table() {
        let connection = Connection::open_in_memory().expect("a database");
        connection
            .execute_batch(
                "PRAGMA foreign_keys = OFF;
                 CREATE TABLE \"부모\" (id INTEGER PRIMARY KEY, note TEXT);
                 CREATE TABLE \"child 'x'\" (id INTEGER PRIMARY KEY,
                     p INTEGER REFERENCES \"부모\", data JSON);
                 INSERT INTO \"부모\" VALUES (1, '한글'), (2, CAST(x'ff41' AS TEXT));
                 INSERT INTO \"child 'x'\" VALUES (1, 1, '{\"a\":1}'), (2, 9, 'no'), (3, NULL, NULL);",
            )
            .expect("statements");
        let mut found = check(&connection).expect("checked");
        found.sort();
        let check = |rule, table: &str, broken| ContentCheck {
            rule,
            table: table.into(),
            broken,
        };
        assert_eq!(
            found,
            [
                check(ContentRule::ForeignKey, "child 'x'", 1),
                check(ContentRule::Utf8, "child 'x'", 0),
                check(ContentRule::Utf8, "부모", 1),
                check(ContentRule::Json, "child 'x'", 1),
            ]
        );
        let key = BrokenKey {
            table: "child 'x'".into(),
            key: "p -> 부모".into(),
            rows: 1,
        };
        assert_eq!(broken_keys(&connection).expect("counted"), [key]);
        let counts = row_counts(&connection).expect("counted");
        assert_eq!(
            counts,
            [
                ("child 'x'".to_owned(), 3),
                ("sqlite_schema".to_owned(), 2),
                ("부모".to_owned(), 2),
            ]
        );
    }
}
