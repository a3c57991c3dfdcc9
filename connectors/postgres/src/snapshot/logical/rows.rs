//! Rows of tables by `COPY`, in chunks of pages, hashed on the way.

use super::{Held, KIND_ROWS, hold, import, large, lock_now};
use crate::catalog::Table;
use crate::client::Client;
use crate::client::ident;
use crate::error::{BUSY, ROW_SIZE, corrupt, protocol};
use crate::wire::{Piece, Wire};
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
pub(super) struct Chunk {
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
    let mut held = hold(client, database).await?;
    as_bytes(&mut held.wire).await?;
    let snapshot = held.snapshot.clone();
    let work = Work {
        client,
        database,
        snapshot: &snapshot,
        number: 0,
    };
    work.read(&mut held, None, 0, &planb_ports::progress::NoProgress)
        .await
}

impl Work<'_> {
    /// Writes the rows as parts.
    pub async fn dump(
        &self,
        held: &mut Held,
        sink: &dyn SnapshotSink,
        connections: usize,
        progress: &dyn Progress,
    ) -> PortResult<Vec<TableDigest>> {
        self.read(held, Some(sink), connections, progress).await
    }

    async fn read(
        &self,
        held: &mut Held,
        sink: Option<&dyn SnapshotSink>,
        connections: usize,
        progress: &dyn Progress,
    ) -> PortResult<Vec<TableDigest>> {
        let reading = Reading {
            work: *self,
            tables: &held.tables,
            sink,
            progress,
            hashers: Mutex::new(vec![RowHasher::default(); held.tables.len()]),
            done: Mutex::new(0),
            total: held.tables.iter().map(|t| t.pages * PAGE_BYTES).sum(),
        };
        let queue = Mutex::new(chunks(&held.tables));
        let kept = Mutex::new(VecDeque::new());
        let count = match connections {
            0 => CONNECTIONS,
            n => n.min(CONNECTIONS_MAX),
        };
        let worker = || async {
            let mut wire = self.open(sink).await?;
            while let Some(chunk) = next(&queue) {
                match lock_now(&mut wire, &held.tables[chunk.table]).await {
                    Ok(()) => reading.chunk(&mut wire, &chunk).await?,
                    // Somebody waits to change the table, and we would wait behind.
                    Err(error) if error.code() == BUSY => {
                        wire = self.open(sink).await?;
                        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                        kept.push_back(chunk);
                    }
                    Err(error) => return Err(error),
                }
            }
            PortResult::Ok(())
        };
        futures::future::try_join_all((0..count).map(|_| worker())).await?;
        // Who holds the tables need not wait for anybody.
        while let Some(chunk) = next(&kept) {
            reading.chunk(&mut held.wire, &chunk).await?;
        }
        Ok(reading.finish())
    }

    /// A connection that sees the snapshot.
    async fn open(&self, sink: Option<&dyn SnapshotSink>) -> PortResult<Wire> {
        let mut wire = import(self.client, self.database, self.snapshot).await?;
        if sink.is_none() {
            as_bytes(&mut wire).await?;
        }
        Ok(wire)
    }

    async fn rows(
        &self,
        wire: &mut Wire,
        table: &Table,
        chunk: &Chunk,
        sink: Option<&dyn SnapshotSink>,
    ) -> PortResult<RowHasher> {
        let what = format!("read {}", table.label());
        wire.copy_out(&what, &select(table, chunk)).await?;
        let mut rows = Rows::default();
        let mut part = None;
        let mut buffer = BytesMut::new();
        while let Some(piece) = wire.copy_piece(&what).await? {
            rows.add(table, &piece)?;
            let Some(sink) = sink else { continue };
            if part.is_none() {
                part = Some(sink.begin(self.spec(table, chunk)).await?);
            }
            buffer.extend_from_slice(&piece.bytes);
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
        Ok(rows.hasher)
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

/// A database of encoding SQL_ASCII takes any bytes. They are hashed as they are;
/// what is UTF-8 comes to the same.
async fn as_bytes(wire: &mut Wire) -> PortResult<()> {
    let encoding = wire.first("ask for the encoding", "SHOW server_encoding");
    match encoding.await?.as_deref() {
        Some("SQL_ASCII") => {
            let sql = "SET client_encoding = SQL_ASCII";
            wire.run("read bytes as they are", sql).await
        }
        _ => Ok(()),
    }
}

fn next(queue: &Mutex<VecDeque<Chunk>>) -> Option<Chunk> {
    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    queue.pop_front()
}

/// What the connections that read the rows of a database share.
struct Reading<'a> {
    work: Work<'a>,
    tables: &'a [Table],
    sink: Option<&'a dyn SnapshotSink>,
    progress: &'a dyn Progress,
    hashers: Mutex<Vec<RowHasher>>,
    /// Bytes of the tables that are read.
    done: Mutex<u64>,
    total: u64,
}

impl Reading<'_> {
    async fn chunk(&self, wire: &mut Wire, chunk: &Chunk) -> PortResult<()> {
        let table = &self.tables[chunk.table];
        self.progress.stage(&table.label());
        let read = self.work.rows(wire, table, chunk, self.sink).await;
        let hasher = match read {
            Err(error) if error.code() == ROW_SIZE => {
                return Err(large::named(self.work.client, table, chunk, error).await);
            }
            read => read?,
        };
        self.hashers.lock().unwrap_or_else(PoisonError::into_inner)[chunk.table].merge(hasher);
        let pages = chunk.to.unwrap_or(table.pages).saturating_sub(chunk.from);
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        *done += pages * PAGE_BYTES;
        self.progress.bytes(*done, Some(self.total));
        Ok(())
    }

    fn finish(self) -> Vec<TableDigest> {
        let hashers = self.hashers.into_inner();
        let hashers = hashers.unwrap_or_else(PoisonError::into_inner);
        let digests = self.tables.iter().zip(hashers);
        digests
            .map(|(table, hasher)| hasher.finish(table.label()))
            .collect()
    }
}

/// Rows on their way: hashed one by one, however long.
#[derive(Default)]
struct Rows {
    hasher: RowHasher,
    /// A row that has come in part.
    long: Option<blake3::Hasher>,
}

impl Rows {
    fn add(&mut self, table: &Table, piece: &Piece) -> PortResult<()> {
        let bytes = &piece.bytes[..];
        if piece.ends && bytes.last() != Some(&b'\n') {
            let label = table.label();
            return Err(protocol(format!("cannot read {label}: a row does not end")));
        }
        match (self.long.take(), piece.ends) {
            (None, true) => self.hasher.add(bytes),
            (begun, ends) => {
                let mut row = begun.unwrap_or_default();
                row.update(bytes);
                match ends {
                    true => self.hasher.add_hash(&row.finalize()),
                    false => self.long = Some(row),
                }
            }
        }
        Ok(())
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
    let (name, filter) = (table.quoted(), filter(chunk));
    format!("COPY (SELECT {columns} FROM ONLY {name}{filter}) TO STDOUT")
}

/// The condition that a row is in `chunk`.
pub(super) fn filter(chunk: &Chunk) -> String {
    let mut bounds = Vec::new();
    if chunk.from > 0 {
        bounds.push(format!("ctid >= '({},0)'", chunk.from));
    }
    if let Some(to) = chunk.to {
        bounds.push(format!("ctid < '({to},0)'"));
    }
    match bounds.is_empty() {
        true => String::new(),
        false => format!(" WHERE {}", bounds.join(" AND ")),
    }
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
