//! Rows of a table, however large their values are.
//!
//! SQLite hands a value out as a whole, and one may have 1,000,000,000 bytes. So
//! rows are read as they are, which is fastest, until SQLite meets a value
//! beyond [`LARGE_BYTES`]: its own limit (`SQLITE_LIMIT_LENGTH`) finds that
//! without a cost for the others. From that row on the size of each value is
//! asked for first, by `octet_length()`, which does not read it, and a large one
//! comes in pieces: <https://sqlite.org/c3ref/blob_open.html>.
//!
//! That way into a value is closed where a table has no row ID, generated
//! columns or over [`COLUMNS_MAX`] columns, and to text of a UTF-16 database:
//! such a row is read whole, once, and not copied.

use crate::digest::quote;
use crate::error::from_sqlite;
use planb_ports::PortResult;
use rusqlite::blob::Blob;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OptionalExtension};
use std::io::Read;

/// Values of more bytes are read in pieces. Opening one costs about what reading
/// a few KiB does.
pub const LARGE_BYTES: i32 = 256 * 1024;

/// What is read of a large value at once.
const PIECE_BYTES: usize = 256 * 1024;

/// Each takes two columns of a result, of which SQLite allows 2,000.
const COLUMNS_MAX: usize = 900;

/// Kinds of column in `table_xinfo`.
const VIRTUAL_COLUMN: i64 = 2;
const STORED_COLUMN: i64 = 3;

/// A value of a row.
pub enum Cell<'a> {
    /// One that lies in memory.
    Whole(ValueRef<'a>),
    /// One that is read in pieces.
    Large(Large<'a>),
}

/// A text or blob that is not in memory.
pub struct Large<'a> {
    /// Whether it is a text; in UTF-8 then.
    pub is_text: bool,
    blob: Blob<'a>,
}

impl<'a> Large<'a> {
    /// Its length in bytes.
    pub fn bytes(&self) -> u64 {
        self.blob.len() as u64
    }

    /// Hands on all of it, piece by piece.
    pub fn each_piece(&self, mut take: impl FnMut(&[u8])) -> PortResult<()> {
        let mut piece = vec![0; PIECE_BYTES.min(self.blob.len())];
        let mut at = 0;
        while at < self.blob.len() {
            let length = piece.len().min(self.blob.len() - at);
            let into = &mut piece[..length];
            self.blob.read_at_exact(into, at).map_err(from_sqlite)?;
            take(into);
            at += length;
        }
        Ok(())
    }

    /// The same as a file would be read.
    pub fn reader(self) -> impl Read + use<'a> {
        std::io::BufReader::with_capacity(PIECE_BYTES, self.blob)
    }
}

/// A table and those of its columns that are wanted.
pub struct Values<'c> {
    connection: &'c Connection,
    table: &'c str,
    columns: Vec<String>,
    ways: Ways,
}

/// How large values can be come by.
struct Ways {
    /// What the row ID is called; `None` when values come only whole.
    row_id: Option<&'static str>,
    /// Whether texts come in pieces, too.
    text: bool,
}

impl<'c> Values<'c> {
    /// The values of `columns`, unquoted, of all rows of `table`.
    pub fn of(
        connection: &'c Connection,
        table: &'c str,
        columns: Vec<String>,
    ) -> PortResult<Self> {
        let ways = ways(connection, table, columns.len())?;
        Ok(Self {
            connection,
            table,
            columns,
            ways,
        })
    }

    /// Visits every row.
    pub fn each(&self, mut visit: impl FnMut(&Row<'_>) -> PortResult<()>) -> PortResult<()> {
        let Some(row_id) = self.ways.row_id else {
            let sql = self.select(&self.quoted(), "");
            return self.run(&sql, None, &mut visit).map(drop);
        };
        let columns = format!("{row_id}, {}", self.quoted());
        let order = format!("ORDER BY {row_id}");
        let sql = self.select(&columns, &order);
        match self.run(&sql, Some(LARGE_BYTES), &mut visit)? {
            End::All => Ok(()),
            End::Large { after } => {
                let behind = after.map_or_else(String::new, |id| format!("WHERE {row_id} > {id}"));
                self.sized(row_id, &format!("{behind} {order}"), &mut visit)
            }
        }
    }

    /// Visits the rows in which one of the columns has a large value, and which
    /// `filter` lets through.
    pub fn each_large(
        &self,
        filter: &str,
        mut visit: impl FnMut(&Row<'_>) -> PortResult<()>,
    ) -> PortResult<()> {
        let large: Vec<_> = self.columns.iter().map(|c| is_large(&quote(c))).collect();
        let filter = format!("WHERE ({}) AND ({filter})", large.join(" OR "));
        match self.ways.row_id {
            Some(row_id) => self.sized(row_id, &filter, &mut visit),
            None => {
                let sql = self.select(&self.quoted(), &filter);
                self.run(&sql, None, &mut visit).map(drop)
            }
        }
    }

    /// Reads rows with the sizes of their values before them.
    fn sized(
        &self,
        row_id: &str,
        behind: &str,
        visit: &mut impl FnMut(&Row<'_>) -> PortResult<()>,
    ) -> PortResult<()> {
        let mut columns = vec![row_id.to_owned()];
        for column in &self.columns {
            let name = quote(column);
            let mut large = is_large(&name);
            if !self.ways.text {
                large = format!("{large} AND typeof({name}) = 'blob'");
            }
            columns.push(format!("iif({large}, NULL, {name})"));
            columns.push(format!("iif({large}, typeof({name}), NULL)"));
        }
        let sql = self.select(&columns.join(", "), behind);
        let mut statement = self.connection.prepare(&sql).map_err(from_sqlite)?;
        let mut rows = statement.query([]).map_err(from_sqlite)?;
        while let Some(row) = rows.next().map_err(from_sqlite)? {
            let id = row.get(0).map_err(from_sqlite)?;
            visit(&Row {
                values: self,
                row,
                form: Form::Sized { id },
            })?;
        }
        Ok(())
    }

    /// Reads rows as they are, until the end or a value beyond `limit` bytes.
    fn run(
        &self,
        sql: &str,
        limit: Option<i32>,
        visit: &mut impl FnMut(&Row<'_>) -> PortResult<()>,
    ) -> PortResult<End> {
        let mut statement = self.connection.prepare(sql).map_err(from_sqlite)?;
        let _limited = limit
            .map(|bytes| Limited::to(self.connection, bytes))
            .transpose()?;
        let mut rows = statement.query([]).map_err(from_sqlite)?;
        let mut after = None;
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(End::All),
                Err(error)
                    if limit.is_some() && error.sqlite_error_code() == Some(ErrorCode::TooBig) =>
                {
                    return Ok(End::Large { after });
                }
                Err(error) => return Err(from_sqlite(error)),
            };
            let first = usize::from(limit.is_some());
            if limit.is_some() {
                after = Some(row.get(0).map_err(from_sqlite)?);
            }
            visit(&Row {
                values: self,
                row,
                form: Form::Plain { first },
            })?;
        }
    }

    fn select(&self, columns: &str, behind: &str) -> String {
        format!("SELECT {columns} FROM {} {behind}", quote(self.table))
    }

    fn quoted(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|c| quote(c)).collect();
        names.join(", ")
    }
}

/// Why reading ended.
enum End {
    All,
    /// At a large value, behind the row of this ID.
    Large {
        after: Option<i64>,
    },
}

/// SQL for "`name` has a large value"; numbers are never as long.
fn is_large(name: &str) -> String {
    format!("octet_length({name}) > {LARGE_BYTES}")
}

/// SQL for "`name` has no large value".
pub fn is_small(name: &str) -> String {
    format!("coalesce(octet_length({name}), 0) <= {LARGE_BYTES}")
}

/// A row, while it is visited.
pub struct Row<'r> {
    values: &'r Values<'r>,
    row: &'r rusqlite::Row<'r>,
    form: Form,
}

/// What the row is made of.
enum Form {
    /// The values, from this column on.
    Plain { first: usize },
    /// The row ID, then for each value itself or NULL, and its type when it is large.
    Sized { id: i64 },
}

impl Row<'_> {
    /// Visits its values, in order.
    pub fn each(&self, mut visit: impl FnMut(Cell<'_>) -> PortResult<()>) -> PortResult<()> {
        (0..self.values.columns.len()).try_for_each(|column| visit(self.cell(column)?))
    }

    fn cell(&self, column: usize) -> PortResult<Cell<'_>> {
        let get = |at: usize| self.row.get_ref(at).map_err(from_sqlite);
        let id = match self.form {
            Form::Plain { first } => return get(first + column).map(Cell::Whole),
            Form::Sized { id } => id,
        };
        let kind = match get(2 + 2 * column)? {
            ValueRef::Text(kind) => kind,
            _ => return get(1 + 2 * column).map(Cell::Whole),
        };
        let Values { table, columns, .. } = self.values;
        let blob = self
            .values
            .connection
            .blob_open(MAIN_DB, *table, columns[column].as_str(), id, true)
            .map_err(from_sqlite)?;
        Ok(Cell::Large(Large {
            is_text: kind == b"text",
            blob,
        }))
    }
}

/// A connection whose values may have only so many bytes, for a while.
struct Limited<'c> {
    connection: &'c Connection,
    before: i32,
}

impl<'c> Limited<'c> {
    fn to(connection: &'c Connection, bytes: i32) -> PortResult<Self> {
        let before = connection
            .set_limit(Limit::SQLITE_LIMIT_LENGTH, bytes)
            .map_err(from_sqlite)?;
        Ok(Self { connection, before })
    }
}

impl Drop for Limited<'_> {
    fn drop(&mut self) {
        let restored = self
            .connection
            .set_limit(Limit::SQLITE_LIMIT_LENGTH, self.before);
        if let Err(error) = restored {
            tracing::warn!(%error, "a limit of SQLite stays as it is");
        }
    }
}

/// Names and kinds of the columns of a table, unquoted.
fn columns(connection: &Connection, table: &str) -> PortResult<Vec<(String, i64)>> {
    connection
        .prepare("SELECT name, hidden FROM pragma_table_xinfo(?1) ORDER BY cid")
        .and_then(|mut statement| {
            let rows = statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
        .map_err(from_sqlite)
}

/// Columns of `table` that are stored, unquoted.
pub fn stored_columns(connection: &Connection, table: &str) -> PortResult<Vec<String>> {
    let stored = columns(connection, table)?
        .into_iter()
        .filter(|(_, kind)| *kind != VIRTUAL_COLUMN);
    Ok(stored.map(|(name, _)| name).collect())
}

/// Columns of `table` that `SELECT *` reads, unquoted.
pub fn all_columns(connection: &Connection, table: &str) -> PortResult<Vec<String>> {
    let all = columns(connection, table)?;
    Ok(all.into_iter().map(|(name, _)| name).collect())
}

fn ways(connection: &Connection, table: &str, wanted: usize) -> PortResult<Ways> {
    let columns = columns(connection, table)?;
    let has = |name: &str| columns.iter().any(|(c, _)| c.eq_ignore_ascii_case(name));
    let is_generated = |kind: &i64| [VIRTUAL_COLUMN, STORED_COLUMN].contains(kind);
    let closed = wanted > COLUMNS_MAX
        || columns.iter().any(|(_, kind)| is_generated(kind))
        || is_without_row_id(connection, table)?;
    let encoding: String = connection
        .query_row("PRAGMA encoding", [], |row| row.get(0))
        .map_err(from_sqlite)?;
    let names = ["rowid", "_rowid_", "oid"];
    Ok(Ways {
        row_id: names.into_iter().find(|name| !closed && !has(name)),
        text: encoding == "UTF-8",
    })
}

fn is_without_row_id(connection: &Connection, table: &str) -> PortResult<bool> {
    let sql = "SELECT wr FROM pragma_table_list(?1) WHERE schema = 'main'";
    let found = connection
        .query_row(sql, [table], |row| row.get(0))
        .optional()
        .map_err(from_sqlite)?;
    // Not listed: nothing is known of it.
    Ok(found.unwrap_or(true))
}

#[cfg(test)]
mod tests;
