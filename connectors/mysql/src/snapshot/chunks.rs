//! Ranges of the primary key that a table is read by.
//!
//! Integer keys are split by their values, and what the server estimates to be
//! too much is split again, so gaps and crowds in the keys do not matter. Other
//! keys are split at values found by walking the key. A wrong estimate gives
//! larger or smaller chunks, never a row twice or none: neighbours share one
//! bound, and the outer ones have none.

use crate::catalog::{Column, Table};
use crate::client::{ident, literal};
use crate::error::cannot;
use crate::raw::{RawConn, SmallRow};
use planb_ports::PortResult;

/// Ranges of a table: at 32 MB each, half a terabyte; above it they grow.
const CHUNKS_MAX: u64 = 16 * 1024;
/// Questions for estimates, besides one for each wanted chunk.
const ESTIMATES_EXTRA: u64 = 512;

/// A range of a table's primary key, from `from` on and before `to`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Chunk {
    from: Option<Bound>,
    to: Option<Bound>,
}

/// Values of the first columns of a key, as literals.
type Bound = Vec<String>;

impl Chunk {
    /// The query that reads its rows, given the one that reads all.
    pub fn query(&self, table: &Table, select: &str) -> String {
        let key = names(table);
        let mut sql = select.to_owned();
        if key.is_empty() {
            return sql;
        }
        sql.push_str(" FORCE INDEX (PRIMARY)");
        let conditions: Vec<String> = [
            self.from.as_ref().map(|from| beyond(&key, from, ">", ">=")),
            self.to.as_ref().map(|to| beyond(&key, to, "<", "<")),
        ]
        .into_iter()
        .flatten()
        .collect();
        if !conditions.is_empty() {
            sql.push_str(" WHERE ");
            sql.push_str(&conditions.join(" AND "));
        }
        sql
    }
}

fn names(table: &Table) -> Vec<String> {
    let name = |place: &usize| ident(&table.columns[*place].name);
    table.key.iter().map(name).collect()
}

/// `(a > 1 OR (a = 1 AND b >= 2))`: what the servers find by the key, unlike
/// the comparison of tuples.
fn beyond(key: &[String], bound: &[String], strict: &str, last: &str) -> String {
    let mut text = String::new();
    let mut open = 0;
    for (index, (name, value)) in key.iter().zip(bound).enumerate() {
        if index + 1 == bound.len() {
            text.push_str(&format!("{name}{last}{value}"));
        } else {
            text.push_str(&format!("({name}{strict}{value} OR ({name}={value} AND "));
            open += 2;
        }
    }
    text.push_str(&")".repeat(open));
    text
}

/// How values of a column are found and written as bounds; `None` for types
/// whose values do not come back exactly, or that are not in the key's order.
fn kind(column: &Column) -> Option<Kind> {
    match column.data_type.as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => Some(Kind::Integer),
        "decimal" | "year" => Some(Kind::Number),
        "date" | "datetime" | "timestamp" | "time" | "uuid" | "inet4" | "inet6" => Some(Kind::Text),
        "char" | "varchar" => Some(Kind::Characters),
        "binary" | "varbinary" => Some(Kind::Bytes),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integer,
    Number,
    Text,
    Characters,
    Bytes,
}

impl Kind {
    fn literal(self, column: &Column, value: &[u8]) -> Option<String> {
        let text = || std::str::from_utf8(value).ok();
        let hex = || value.iter().map(|b| format!("{b:02x}")).collect::<String>();
        match self {
            Kind::Integer | Kind::Number => {
                let plain = |c: char| c.is_ascii_digit() || c == '-' || c == '.';
                text().filter(|t| t.chars().all(plain)).map(str::to_owned)
            }
            Kind::Text => text().map(literal),
            Kind::Bytes => Some(format!("X'{}'", hex())),
            Kind::Characters => {
                let (charset, collation) = column.collation.as_ref()?;
                Some(format!("_{charset} X'{}' COLLATE {collation}", hex()))
            }
        }
    }
}

/// Splits a table into chunks of about `target` bytes, in the order of the key.
pub(super) async fn plan(conn: &mut RawConn, table: &Table, target: u64) -> PortResult<Vec<Chunk>> {
    let wanted = (table.bytes / target.max(1)).min(CHUNKS_MAX);
    let columns: Vec<(&Column, Kind)> = table
        .key
        .iter()
        .map_while(|place| {
            let column = &table.columns[*place];
            kind(column).map(|kind| (column, kind))
        })
        .collect();
    let Some((_, first)) = columns.first() else {
        return Ok(vec![Chunk::default()]);
    };
    if wanted < 2 {
        return Ok(vec![Chunk::default()]);
    }
    let bounds = if *first == Kind::Integer {
        by_value(conn, table, wanted).await?
    } else {
        by_walking(conn, table, &columns, wanted).await?
    };
    Ok(between(bounds))
}

/// Chunks between bounds that ascend.
fn between(bounds: Vec<Bound>) -> Vec<Chunk> {
    let mut chunks = Vec::with_capacity(bounds.len() + 1);
    let mut from = None;
    for bound in bounds {
        chunks.push(Chunk {
            from: from.replace(bound.clone()),
            to: Some(bound),
        });
    }
    chunks.push(Chunk { from, to: None });
    chunks
}

async fn ask(conn: &mut RawConn, table: &Table, sql: &str) -> PortResult<Vec<SmallRow>> {
    let what = format!("find ranges of {}", table.label());
    conn.small_rows(sql).await.map_err(cannot(what))
}

fn number(value: Option<&Option<Vec<u8>>>) -> Option<i128> {
    let text = value?.as_ref()?;
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Bounds of the first column of the key, by halving what is too much.
async fn by_value(conn: &mut RawConn, table: &Table, wanted: u64) -> PortResult<Vec<Bound>> {
    let name = ident(&table.columns[table.key[0]].name);
    let sql = format!("SELECT MIN({name}),MAX({name}) FROM {}", table.quoted());
    let rows = ask(conn, table, &sql).await?;
    let ends = rows
        .first()
        .and_then(|row| Some((number(row.first())?, number(row.get(1))?)));
    let Some((low, high)) = ends else {
        return Ok(Vec::new());
    };
    let per_chunk = (table.rows / wanted).max(1);
    let mut questions = wanted * 4 + ESTIMATES_EXTRA;
    let steps = i128::from(wanted).min(high - low + 1);
    // The next range to look at is at the end.
    let mut ranges: Vec<(i128, i128)> = (0..steps)
        .rev()
        .map(|i| {
            let at = |i: i128| low + (high - low + 1) * i / steps;
            (at(i), at(i + 1))
        })
        .collect();
    let mut bounds = Vec::new();
    let mut gathered = 0;
    while let Some((from, to)) = ranges.pop() {
        let rows = estimate(conn, table, &name, (from, to)).await?;
        questions = questions.saturating_sub(1);
        if rows > per_chunk + per_chunk / 2 && to - from > 1 && questions > 0 {
            let middle = from + (to - from) / 2;
            ranges.push((middle, to));
            ranges.push((from, middle));
            continue;
        }
        if gathered > 0 && gathered + rows > per_chunk + per_chunk / 4 {
            bounds.push(vec![from.to_string()]);
            gathered = 0;
        }
        gathered += rows;
    }
    Ok(bounds)
}

/// How many rows the server expects in a range; it looks at the key's pages.
async fn estimate(
    conn: &mut RawConn,
    table: &Table,
    name: &str,
    (from, to): (i128, i128),
) -> PortResult<u64> {
    // MySQL shows a tree when it is not asked for rows (MariaDB passes that over),
    // and does not look at the pages of an index it is forced to use.
    let sql = format!(
        "EXPLAIN /*!80000 FORMAT=TRADITIONAL */ SELECT 1 FROM {} USE INDEX (PRIMARY) WHERE {name}>={from} AND {name}<{to}",
        table.quoted()
    );
    let rows = ask(conn, table, &sql).await?;
    // MySQL has a column of partitions before and one of filtering after it:
    // id, select_type, table, type, possible_keys, key, key_len, ref, rows, Extra.
    let found = rows.first().and_then(|row| {
        let place = if row.len() > 10 { 9 } else { 8 };
        number(row.get(place))
    });
    Ok(found.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
}

/// Bounds that are so many rows apart.
async fn by_walking(
    conn: &mut RawConn,
    table: &Table,
    columns: &[(&Column, Kind)],
    wanted: u64,
) -> PortResult<Vec<Bound>> {
    let per_chunk = (table.rows / wanted).max(1);
    let key: Vec<String> = columns.iter().map(|(c, _)| ident(&c.name)).collect();
    let list = key.join(",");
    let mut bounds: Vec<Bound> = Vec::new();
    while (bounds.len() as u64) < CHUNKS_MAX {
        let after = match bounds.last() {
            Some(bound) => format!(" WHERE {}", beyond(&key, bound, ">", ">=")),
            None => String::new(),
        };
        let sql = format!(
            "SELECT {list} FROM {} FORCE INDEX (PRIMARY){after} ORDER BY {list} \
             LIMIT 1 OFFSET {per_chunk}",
            table.quoted()
        );
        let rows = ask(conn, table, &sql).await?;
        let Some(row) = rows.first() else { break };
        let bound: Option<Bound> = columns
            .iter()
            .zip(row)
            .map(|((column, kind), value)| kind.literal(column, value.as_ref()?))
            .collect();
        match bound {
            Some(bound) if bounds.last() != Some(&bound) => bounds.push(bound),
            // A crowd under one value of a part of the key: it stays together.
            _ => break,
        }
    }
    Ok(bounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Vec<String> {
        ["`a`", "`b`", "`c`"].map(str::to_owned).into()
    }

    fn bound(values: &[&str]) -> Bound {
        values.iter().map(|v| (*v).to_owned()).collect()
    }

    #[test]
    fn bounds_of_several_columns_are_found_by_the_key() {
        assert_eq!(beyond(&key(), &bound(&["1"]), ">", ">="), "`a`>=1");
        assert_eq!(
            beyond(&key(), &bound(&["1", "2", "3"]), ">", ">="),
            "(`a`>1 OR (`a`=1 AND (`b`>2 OR (`b`=2 AND `c`>=3))))"
        );
        assert_eq!(
            beyond(&key(), &bound(&["1", "2"]), "<", "<"),
            "(`a`<1 OR (`a`=1 AND `b`<2))"
        );
    }

    #[test]
    fn neighbours_share_a_bound_and_the_outer_ones_have_none() {
        let chunks = between(vec![bound(&["5"]), bound(&["9"])]);
        assert_eq!(chunks.len(), 3);
        assert_eq!((&chunks[0].from, &chunks[2].to), (&None, &None));
        for pair in chunks.windows(2) {
            assert!(pair[0].to.is_some());
            assert_eq!(pair[0].to, pair[1].from);
        }
        assert_eq!(between(Vec::new()), [Chunk::default()]);
    }

    #[test]
    fn values_cannot_break_out_of_their_literals() {
        let column = Column {
            name: "k".into(),
            data_type: "varchar".into(),
            generated: false,
            collation: Some(("euckr".into(), "euckr_bin".into())),
        };
        let text = |kind: Kind, value: &[u8]| kind.literal(&column, value);
        assert_eq!(
            text(Kind::Characters, b"a'\xb0").as_deref(),
            Some("_euckr X'6127b0' COLLATE euckr_bin")
        );
        assert_eq!(text(Kind::Integer, b"1 OR 1"), None);
        assert_eq!(text(Kind::Text, b"a'b").as_deref(), Some(r"'a\'b'"));
    }
}
