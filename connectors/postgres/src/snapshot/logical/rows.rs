//! Rows of tables by `COPY`, in chunks of pages, hashed on the way.

use super::{KIND_ROWS, export, import};
use crate::catalog::{self, Table};
use crate::client::Client;
use crate::client::ident;
use crate::error::{corrupt, protocol};
use crate::wire::Wire;
use bytes::BytesMut;
use planb_model::recovery::{PartSpec, RowHasher, TableDigest};
use planb_ports::{PortResult, Progress, SnapshotSink};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Pages of a chunk: 64 MiB of a table.
const CHUNK_PAGES: u64 = 8_192;
/// What is handed to the sink at once.
const WRITE_BYTES: usize = 256 * 1024;
/// Connections when nobody says: the server works on two, we on the rest.
const CONNECTIONS: usize = 3;
/// More would only press on the server.
const CONNECTIONS_MAX: usize = 16;
const PAGE_BYTES: u64 = 8_192;

/// A run of pages of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Chunk {
    table: usize,
    number: usize,
    /// First page, and the first that is not in it; `None` is the end of the
    /// table, which may have grown.
    from: u64,
    to: Option<u64>,
}

/// The rows of one database.
#[derive(Clone, Copy)]
pub(crate) struct Work<'a> {
    pub client: &'a Client,
    pub database: &'a str,
    pub snapshot: &'a str,
    /// Of the database in the snapshot, from 1.
    pub number: usize,
}

/// Digests of all tables of `database` at one point.
pub(crate) async fn digests(client: &Client, database: &str) -> PortResult<Vec<TableDigest>> {
    let (mut holder, snapshot) = export(client, database).await?;
    let tables = catalog::tables(&mut holder, database).await?;
    let work = Work {
        client,
        database,
        snapshot: &snapshot,
        number: 0,
    };
    work.read(&tables, None, 0, &planb_ports::progress::NoProgress)
        .await
}

impl Work<'_> {
    /// Writes the rows as parts.
    pub async fn dump(
        &self,
        tables: &[Table],
        sink: &dyn SnapshotSink,
        connections: usize,
        progress: &dyn Progress,
    ) -> PortResult<Vec<TableDigest>> {
        self.read(tables, Some(sink), connections, progress).await
    }

    async fn read(
        &self,
        tables: &[Table],
        sink: Option<&dyn SnapshotSink>,
        connections: usize,
        progress: &dyn Progress,
    ) -> PortResult<Vec<TableDigest>> {
        let queue = Mutex::new(chunks(tables));
        let hashers = Mutex::new(vec![RowHasher::default(); tables.len()]);
        let total = tables.iter().map(|t| t.pages * PAGE_BYTES).sum();
        let done = Mutex::new(0);
        let count = match connections {
            0 => CONNECTIONS,
            n => n.min(CONNECTIONS_MAX),
        };
        let worker = || async {
            let mut wire = import(self.client, self.database, self.snapshot).await?;
            loop {
                let chunk = queue
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .pop_front();
                let Some(chunk) = chunk else {
                    return PortResult::Ok(());
                };
                let table = &tables[chunk.table];
                progress.stage(&table.label());
                let hasher = self.chunk(&mut wire, table, &chunk, sink).await?;
                hashers.lock().unwrap_or_else(PoisonError::into_inner)[chunk.table].merge(hasher);
                let pages = chunk.to.unwrap_or(table.pages).saturating_sub(chunk.from);
                let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                *done += pages * PAGE_BYTES;
                progress.bytes(*done, Some(total));
            }
        };
        futures::future::try_join_all((0..count).map(|_| worker())).await?;
        let hashers = hashers.into_inner().unwrap_or_else(PoisonError::into_inner);
        let digests = tables.iter().zip(hashers);
        Ok(digests
            .map(|(table, hasher)| hasher.finish(table.label()))
            .collect())
    }

    async fn chunk(
        &self,
        wire: &mut Wire,
        table: &Table,
        chunk: &Chunk,
        sink: Option<&dyn SnapshotSink>,
    ) -> PortResult<RowHasher> {
        let what = format!("read {}", table.label());
        wire.copy_out(&what, &select(table, chunk)).await?;
        let mut hasher = RowHasher::default();
        let mut part = None;
        let mut buffer = BytesMut::new();
        while let Some(row) = wire.copy_data(&what).await? {
            if row.last() != Some(&b'\n') {
                return Err(protocol(format!("cannot {what}: a row does not end")));
            }
            hasher.add(&row);
            let Some(sink) = sink else { continue };
            if part.is_none() {
                part = Some(sink.begin(self.spec(table, chunk)).await?);
            }
            buffer.extend_from_slice(&row);
            if let Some(part) = &mut part
                && buffer.len() >= WRITE_BYTES
            {
                part.write(buffer.split().freeze()).await?;
            }
        }
        wire.ready(&what).await?;
        if let Some(mut part) = part {
            part.write(buffer.freeze()).await?;
            part.end().await?;
        }
        Ok(hasher)
    }

    fn spec(&self, table: &Table, chunk: &Chunk) -> PartSpec {
        PartSpec {
            name: format!(
                "rows-{:03}-{:05}-{:05}",
                self.number,
                chunk.table + 1,
                chunk.number
            ),
            kind: KIND_ROWS.to_owned(),
            table: Some(format!("{}.{}", ident(self.database), table.quoted())),
        }
    }
}

/// All tables as chunks, the largest tables first.
fn chunks(tables: &[Table]) -> VecDeque<Chunk> {
    let mut chunks = VecDeque::new();
    for (table, facts) in tables.iter().enumerate() {
        let count = facts.pages.div_ceil(CHUNK_PAGES).max(1);
        for number in 0..count {
            chunks.push_back(Chunk {
                table,
                number: usize::try_from(number).unwrap_or(usize::MAX) + 1,
                from: number * CHUNK_PAGES,
                to: (number + 1 < count).then_some((number + 1) * CHUNK_PAGES),
            });
        }
    }
    chunks
}

fn select(table: &Table, chunk: &Chunk) -> String {
    let columns = table.columns.join(",");
    let mut bounds = Vec::new();
    if chunk.from > 0 {
        bounds.push(format!("ctid >= '({},0)'", chunk.from));
    }
    if let Some(to) = chunk.to {
        bounds.push(format!("ctid < '({to},0)'"));
    }
    let filter = match bounds.is_empty() {
        true => String::new(),
        false => format!(" WHERE {}", bounds.join(" AND ")),
    };
    let name = table.quoted();
    format!("COPY (SELECT {columns} FROM ONLY {name}{filter}) TO STDOUT")
}

/// Takes `"db"."schema"."table"` apart; quotes inside are doubled.
pub(crate) fn names(text: &str) -> PortResult<Vec<String>> {
    let bad = || corrupt(format!("{text} does not name a table"));
    let mut names = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.strip_prefix('"').ok_or_else(bad)?;
        let mut name = String::new();
        loop {
            let (before, after) = rest.split_once('"').ok_or_else(bad)?;
            name.push_str(before);
            match after.strip_prefix('"') {
                Some(after) => {
                    name.push('"');
                    rest = after;
                }
                None => {
                    rest = after;
                    break;
                }
            }
        }
        names.push(name);
        if rest.is_empty() {
            return Ok(names);
        }
        rest = rest.strip_prefix('.').ok_or_else(bad)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(pages: u64) -> Table {
        Table {
            database: "shop".into(),
            schema: "public".into(),
            name: "a\"b".into(),
            pages,
            columns: vec!["id".into(), "v".into()],
        }
    }

    #[test]
    fn chunks_cover_a_table_and_its_growth() {
        let all = chunks(&[table(CHUNK_PAGES * 2 + 1), table(0)]);
        let bounds: Vec<_> = all.iter().map(|c| (c.table, c.from, c.to)).collect();
        let one = CHUNK_PAGES;
        assert_eq!(
            bounds,
            [
                (0, 0, Some(one)),
                (0, one, Some(2 * one)),
                (0, 2 * one, None),
                (1, 0, None)
            ]
        );
        assert_eq!(
            select(&table(0), &all[1]),
            "COPY (SELECT id,v FROM ONLY \"public\".\"a\"\"b\" WHERE ctid >= '(8192,0)' \
             AND ctid < '(16384,0)') TO STDOUT"
        );
    }

    #[test]
    fn names_are_taken_apart_whatever_is_in_them() {
        let wanted = ["a.b".to_owned(), "주문".to_owned(), "c\"d".to_owned()];
        let text = wanted.each_ref().map(|n| ident(n)).join(".");
        assert_eq!(names(&text).expect("good"), wanted);
        for bad in ["", "a", "\"a", "\"a\"b", "\"a\"."] {
            assert!(names(bad).is_err(), "{bad}");
        }
    }
}
