//! The rows of a part in commands of many rows, in one transaction.

use super::super::batch::{Batch, LINE_BYTES_MAX};
use super::{WARNINGS, all_taken, all_unchanged};
use crate::catalog::Table;
use crate::error::{cannot, corrupt};
use crate::raw::{RawConn, Taken};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use mysql_async::Error;
use planb_ports::PortResult;

/// Loads a part into MariaDB.
pub(super) async fn load(
    mut conn: RawConn,
    table: &Table,
    mut bytes: BoxStream<'_, PortResult<Bytes>>,
) -> PortResult<()> {
    let what = format!("load {}", table.label());
    let begun = conn.run("START TRANSACTION").await;
    begun.map_err(cannot(&what))?;
    let prepared = conn.prepare(&table.insert(true)).await;
    let statement = prepared.map_err(cannot(&what))?;
    let mut loader = Loader {
        batch: Batch::new(statement.head(), statement.values),
        conn,
        table,
        what,
        begun: Vec::new(),
        in_file: false,
        rows: 0,
        taken: 0,
    };
    // When the part breaks off, the connection is closed and nothing stays.
    while let Some(piece) = bytes.next().await {
        loader.piece(&piece?).await?;
    }
    loader.end().await
}

struct Loader<'t> {
    conn: RawConn,
    table: &'t Table,
    what: String,
    batch: Batch,
    /// The start of a line that goes on in the next piece.
    begun: Vec<u8>,
    /// A line too long for a command is on its way.
    in_file: bool,
    rows: u64,
    taken: u64,
}

impl Loader<'_> {
    async fn piece(&mut self, piece: &[u8]) -> PortResult<()> {
        let mut rest = piece;
        if self.in_file || !self.begun.is_empty() {
            let end = rest.iter().position(|b| *b == b'\n');
            let (line, after) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
            rest = after;
            if self.in_file {
                self.file(line, end.is_some()).await?;
            } else {
                self.begun.extend_from_slice(line);
                if end.is_some() {
                    let line = std::mem::take(&mut self.begun);
                    self.lines(&line).await?;
                }
            }
        }
        let left = self.lines(rest).await?;
        self.begun.extend_from_slice(left);
        if self.begun.len() > LINE_BYTES_MAX {
            let begun = std::mem::take(&mut self.begun);
            self.begin_file().await?;
            self.file(&begun, false).await?;
        }
        Ok(())
    }

    /// Takes whole lines; what is left has no end yet.
    async fn lines<'a>(&mut self, mut text: &'a [u8]) -> PortResult<&'a [u8]> {
        while !text.is_empty() {
            let Some(length) = self.batch.add(text)? else {
                return Ok(text);
            };
            let (line, rest) = text.split_at(length);
            text = rest;
            if length > LINE_BYTES_MAX {
                self.batch.take_back();
                self.begin_file().await?;
                self.file(line, true).await?;
            } else if self.batch.is_full() {
                self.send().await?;
            }
        }
        Ok(text)
    }

    async fn send(&mut self) -> PortResult<()> {
        let Some((command, rows)) = self.batch.command() else {
            return Ok(());
        };
        let taken = self.conn.execute(command).await;
        self.rows += rows;
        self.batch.clear();
        self.count(taken).await
    }

    async fn begin_file(&mut self) -> PortResult<()> {
        self.send().await?;
        let begun = self.conn.begin_file(&self.table.load(true, "planb")).await;
        self.in_file = true;
        begun.map_err(cannot(&self.what))
    }

    async fn file(&mut self, bytes: &[u8], ends: bool) -> PortResult<()> {
        let sent = self.conn.file(bytes).await;
        sent.map_err(cannot(&self.what))?;
        if ends {
            let taken = self.conn.end_file().await;
            self.rows += 1;
            self.in_file = false;
            self.count(taken).await?;
        }
        Ok(())
    }

    async fn count(&mut self, taken: Result<Taken, Error>) -> PortResult<()> {
        let taken = taken.map_err(cannot(&self.what))?;
        self.taken += taken.rows;
        if taken.warnings == 0 {
            return Ok(());
        }
        let warnings = self.conn.small_rows(WARNINGS).await;
        let warnings = warnings.map_err(cannot(&self.what))?;
        let text = |value: &Option<Vec<u8>>| {
            String::from_utf8_lossy(value.as_deref().unwrap_or_default()).into_owned()
        };
        let told = warnings.iter().filter_map(|row| match row.as_slice() {
            [_, code, message, ..] => Some((text(code).parse().ok()?, text(message))),
            _ => None,
        });
        all_unchanged(&self.table.label(), told)
    }

    async fn end(mut self) -> PortResult<()> {
        if self.in_file || !self.begun.is_empty() {
            return Err(corrupt(format!(
                "a part of {} ends inside of a row",
                self.table.label()
            )));
        }
        self.send().await?;
        all_taken(&self.table.label(), self.rows, self.taken)?;
        let committed = self.conn.run("COMMIT").await;
        committed.map_err(cannot(&self.what))
    }
}
