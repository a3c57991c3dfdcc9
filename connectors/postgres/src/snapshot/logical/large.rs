//! Rows the server cannot hand out as text: which they are, and how large.
//!
//! A row of `COPY` must fit one buffer of the server (`MaxAllocSize` in its
//! utils/memutils.h), and text needs more room than what it stands for: two
//! digits for each byte of a `bytea`, up to two characters for one of a text.

use super::rows::{Chunk, filter};
use crate::catalog::Table;
use crate::client::{Client, literal};
use crate::error::row_size;
use crate::wire::Wire;
use planb_ports::{PortError, PortResult};

/// The longest row the server makes, in bytes.
const ROW_BYTES_MAX: u64 = (1 << 30) - 1;
/// Rows that are named.
const NAMED_MAX: usize = 3;
/// Characters of a key that are told.
const KEY_CHARACTERS_MAX: u32 = 64;
/// Somebody who changes the table is not waited for: naming is a courtesy.
const LOCK_WAIT_MS_MAX: u32 = 2_000;

/// A row, by its key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Large {
    key: String,
    /// Bytes of its text: at least, and at most.
    least: u64,
    most: u64,
}

/// Says in `error`, the server's refusal of a row of `chunk`, which it was. When
/// that cannot be found out the error stays as it is: it names the table.
pub(super) async fn named(
    client: &Client,
    table: &Table,
    chunk: &Chunk,
    error: PortError,
) -> PortError {
    let rows = match largest(client, table, chunk).await {
        Ok(rows) => told(rows),
        Err(other) => {
            tracing::debug!(error = other.chain(), "a row that is too large has no name");
            return error;
        }
    };
    match rows.is_empty() {
        true => error,
        false => {
            let label = table.label();
            row_size(format!("cannot read {label}: {}", rows.join("; "))).source(error)
        }
    }
}

/// Those that are surely too large; if there is none, the one that may be.
fn told(rows: Vec<Large>) -> Vec<String> {
    let is_certain = |row: &Large| row.least > ROW_BYTES_MAX;
    let mut too_large: Vec<_> = rows.iter().filter(|row| is_certain(row)).collect();
    if too_large.is_empty() {
        too_large.extend(rows.iter().filter(|row| row.most > ROW_BYTES_MAX).take(1));
    }
    let one = |row: &&Large| {
        let Large { key, least, most } = row;
        format!(
            "the row with {key} has {least} to {most} bytes as text, the server makes {ROW_BYTES_MAX}"
        )
    };
    too_large.iter().map(one).collect()
}

async fn largest(client: &Client, table: &Table, chunk: &Chunk) -> PortResult<Vec<Large>> {
    let mut wire = client.connect(&table.database).await?;
    let what = "look for rows that are too large";
    let patience = format!("SET lock_timeout = {LOCK_WAIT_MS_MAX}");
    wire.run(what, &patience).await?;
    let key = key(&mut wire, table).await?;
    let (least, most) = sizes(&mut wire, table).await?;
    let sql = format!(
        "SELECT {key}, least, most FROM (SELECT *, ctid AS planb_place, \
         ({least})::bigint AS least, ({most})::bigint AS most FROM ONLY {}{}) AS t \
         ORDER BY most DESC LIMIT {NAMED_MAX}",
        table.quoted(),
        filter(chunk)
    );
    let row = |row: crate::wire::Row| {
        let mut fields = row.into_iter();
        Some(Large {
            key: fields.next()??,
            least: fields.next()??.parse().ok()?,
            most: fields.next()??.parse().ok()?,
        })
    };
    let rows = wire.rows(what, &sql).await?;
    Ok(rows.into_iter().filter_map(row).collect())
}

/// SQL for the primary key of a row, `id=7, part=2`; for its place where there
/// is none.
async fn key(wire: &mut Wire, table: &Table) -> PortResult<String> {
    let sql = format!(
        "SELECT quote_ident(a.attname) FROM pg_index i, \
         unnest(i.indkey) WITH ORDINALITY AS k (number, place), pg_attribute a \
         WHERE i.indrelid = {0}::regclass AND i.indisprimary \
         AND a.attrelid = i.indrelid AND a.attnum = k.number AND k.place <= i.indnkeyatts \
         ORDER BY k.place",
        literal(&table.quoted())
    );
    let columns = wire.rows("look for the primary key", &sql).await?;
    let columns: Vec<_> = columns.into_iter().flatten().flatten().collect();
    if columns.is_empty() {
        return Ok("'ctid=' || planb_place".to_owned());
    }
    let one = |name: &String| {
        let label = literal(&format!("{name}="));
        format!("{label} || left({name}::text, {KEY_CHARACTERS_MAX})")
    };
    let columns: Vec<_> = columns.iter().map(one).collect();
    Ok(columns.join(" || ', ' || "))
}

/// SQL for the bytes of a row's text, at least and at most. No value is read for
/// it; of types that are neither text nor bytes only the stored size is known.
async fn sizes(wire: &mut Wire, table: &Table) -> PortResult<(String, String)> {
    let sql = format!(
        "SELECT quote_ident(a.attname), coalesce(nullif(t.typbasetype, 0), t.oid)::regtype \
         FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
         WHERE a.attrelid = {}::regclass AND a.attnum > 0 AND NOT a.attisdropped \
         AND a.attgenerated = ''",
        literal(&table.quoted())
    );
    let (mut least, mut most) = (vec!["0::bigint".to_owned()], vec!["0::bigint".to_owned()]);
    for row in wire.rows("look at the columns", &sql).await? {
        let [Some(name), Some(kind)] = &row[..] else {
            continue;
        };
        let (low, high) = match kind.as_str() {
            "bytea" => {
                let hex = format!("2 * octet_length({name})::bigint + 3");
                (hex.clone(), hex)
            }
            "text" | "character varying" | "character" => {
                let bytes = format!("octet_length({name})::bigint");
                (bytes.clone(), format!("2 * {bytes}"))
            }
            _ => {
                let stored = format!("pg_column_size({name})::bigint");
                (stored.clone(), stored)
            }
        };
        least.push(format!("coalesce({low}, 0)"));
        most.push(format!("coalesce({high}, 0)"));
    }
    Ok((least.join(" + "), most.join(" + ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_surely_too_large_are_told_before_those_that_may_be() {
        let row = |key: &str, least, most| Large {
            key: key.into(),
            least,
            most,
        };
        let (fits, over) = (ROW_BYTES_MAX, ROW_BYTES_MAX + 1);
        let text = told(vec![row("id=1", 9, over), row("id=2", over, over)]);
        assert_eq!(
            text,
            [
                "the row with id=2 has 1073741824 to 1073741824 bytes as text, the server makes 1073741823"
            ]
        );
        let text = told(vec![row("id=1", 9, over), row("id=3", 8, over)]);
        assert_eq!(
            text,
            ["the row with id=1 has 9 to 1073741824 bytes as text, the server makes 1073741823"]
        );
        assert_eq!(told(vec![row("id=1", fits, fits)]), [""; 0]);
    }
}
