//! Rows of a table, streamed into parts of bounded size and hashed on the way.

use super::KIND_ROWS;
use crate::catalog::Table;
use crate::client::{Client, run};
use crate::error::cannot;
use crate::lines;
use bytes::Bytes;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use planb_model::recovery::{PartSpec, RowHasher};
use planb_ports::{PartSink, PortResult, Progress, SnapshotSink};

/// A part is loaded as one transaction and retried as a whole.
const PART_BYTES_MAX: usize = 32 * 1024 * 1024;
/// What is handed to the sink at once.
const WRITE_BYTES: usize = 256 * 1024;

/// Counts bytes for the progress display.
pub(super) struct Meter<'a> {
    progress: &'a dyn Progress,
    done: u64,
    total: u64,
}

impl<'a> Meter<'a> {
    /// `total` is the server's estimate.
    pub fn new(progress: &'a dyn Progress, total: u64) -> Self {
        Self {
            progress,
            done: 0,
            total,
        }
    }

    fn add(&mut self, bytes: usize) {
        self.done += bytes as u64;
        // The estimate may be too low; never show more than all.
        self.progress
            .bytes(self.done, Some(self.total.max(self.done)));
    }
}

/// Writes the parts of a table while they are cut.
struct Parts<'a> {
    sink: &'a dyn SnapshotSink,
    open: Option<Box<dyn PartSink>>,
    table: &'a Table,
    number: usize,
    parts: usize,
    buffer: Vec<u8>,
    in_part: usize,
}

impl Parts<'_> {
    async fn line(&mut self, line: &[u8]) -> PortResult<usize> {
        if self.open.is_none() {
            self.parts += 1;
            let spec = PartSpec {
                name: format!("rows-{:05}-{:05}", self.number, self.parts),
                kind: KIND_ROWS.to_owned(),
                table: Some(self.table.label()),
            };
            self.open = Some(self.sink.begin(spec).await?);
        }
        self.buffer.extend_from_slice(line);
        self.buffer.push(b'\n');
        self.in_part += line.len() + 1;
        let mut written = 0;
        if self.buffer.len() >= WRITE_BYTES {
            written = self.flush().await?;
        }
        if self.in_part >= PART_BYTES_MAX {
            written += self.end().await?;
        }
        Ok(written)
    }

    async fn flush(&mut self) -> PortResult<usize> {
        let bytes = std::mem::take(&mut self.buffer);
        let written = bytes.len();
        if let Some(part) = &mut self.open
            && written > 0
        {
            part.write(Bytes::from(bytes)).await?;
        }
        Ok(written)
    }

    async fn end(&mut self) -> PortResult<usize> {
        let written = self.flush().await?;
        if let Some(part) = self.open.take() {
            part.end().await?;
        }
        self.in_part = 0;
        Ok(written)
    }
}

/// Writes a table's rows; an empty table has no part.
pub(super) async fn dump_table(
    client: &Client,
    conn: &mut Conn,
    table: &Table,
    number: usize,
    sink: &dyn SnapshotSink,
    meter: &mut Meter<'_>,
) -> PortResult<RowHasher> {
    let mut parts = Parts {
        sink,
        open: None,
        table,
        number,
        parts: 0,
        buffer: Vec::new(),
        in_part: 0,
    };
    let what = format!("read {}", table.label());
    let mut hasher = RowHasher::default();
    let mut line = Vec::new();
    raw_results(conn).await?;
    let sql = table.select(client.config.is_mariadb());
    let mut result = conn.query_iter(sql).await.map_err(cannot(&what))?;
    while let Some(row) = result.next().await.map_err(cannot(&what))? {
        line.clear();
        lines::encode(row, &mut line);
        hasher.add(&line);
        let written = parts.line(&line).await?;
        meter.add(written);
    }
    drop(result);
    let written = parts.end().await?;
    meter.add(written);
    text_results(conn).await?;
    Ok(hasher)
}

/// Hashes a table's rows without writing them anywhere.
pub(crate) async fn digest_table(
    client: &Client,
    conn: &mut Conn,
    table: &Table,
) -> PortResult<RowHasher> {
    let what = format!("read {}", table.label());
    let mut hasher = RowHasher::default();
    let mut line = Vec::new();
    raw_results(conn).await?;
    let sql = table.select(client.config.is_mariadb());
    let mut result = conn.query_iter(sql).await.map_err(cannot(&what))?;
    while let Some(row) = result.next().await.map_err(cannot(&what))? {
        line.clear();
        lines::encode(row, &mut line);
        hasher.add(&line);
    }
    drop(result);
    text_results(conn).await?;
    Ok(hasher)
}

/// Columns come in their own character sets, byte for byte.
pub(super) async fn raw_results(conn: &mut Conn) -> PortResult<()> {
    run(
        conn,
        "ask for raw bytes",
        "SET character_set_results = binary",
    )
    .await
}

/// Results are UTF-8 again.
pub(super) async fn text_results(conn: &mut Conn) -> PortResult<()> {
    run(conn, "ask for text", "SET character_set_results = utf8mb4").await
}
