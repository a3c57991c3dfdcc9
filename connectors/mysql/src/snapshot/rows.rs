//! Rows of all tables, read by several connections side by side, hashed, and
//! written into parts of bounded size.

use super::KIND_ROWS;
use super::chunks;
use super::queue::{Next, Queue};
use crate::catalog::Table;
use crate::client::{Client, run};
use crate::error::cannot;
use crate::raw::{Piece, RawConn, RowsEnd};
use crate::sum::{Method, RowSum};
use futures::future::try_join_all;
use mysql_async::{Conn, Error};
use planb_model::recovery::{PartSpec, TableDigest};
use planb_ports::{ErrorKind, PartSink, PortError, PortResult, Progress, SnapshotSink};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;

/// A part is loaded as one transaction and retried as a whole.
const PART_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bounds of what a connection reads by one query.
const CHUNK_BYTES_MIN: u64 = 8 * 1024 * 1024;
const CHUNK_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Chunks for each connection, so that all are busy until the end.
const CHUNKS_EACH: u64 = 8;
/// Pieces between a connection and its part.
const PIECES_WAITING_MAX: usize = 2;

/// Where rows go.
pub(super) struct Output<'a> {
    pub sink: &'a dyn SnapshotSink,
    pub progress: &'a dyn Progress,
    /// The server's estimate of all bytes.
    pub total: u64,
    pub done: AtomicU64,
}

impl Output<'_> {
    fn add(&self, bytes: usize) {
        let bytes = bytes as u64;
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        // The estimate may be too low; never show more than all.
        self.progress.bytes(done, Some(self.total.max(done)));
    }
}

/// Reads base tables whole.
pub(super) struct Reader<'a> {
    client: &'a Client,
    tables: &'a [&'a Table],
    method: Method,
    queue: Queue,
    chunk_bytes: u64,
    /// Without it, rows are only hashed.
    output: Option<Output<'a>>,
}

impl<'a> Reader<'a> {
    pub fn new(
        client: &'a Client,
        tables: &'a [&'a Table],
        method: Method,
        output: Option<Output<'a>>,
    ) -> Self {
        let sizes: Vec<u64> = tables.iter().map(|t| t.bytes).collect();
        Self {
            client,
            tables,
            method,
            queue: Queue::new(&sizes, method),
            chunk_bytes: 0,
            output,
        }
    }

    /// Reads everything by these connections, which see the same rows.
    pub async fn run(mut self, conns: Vec<RawConn>) -> PortResult<Vec<TableDigest>> {
        let total: u64 = self.tables.iter().map(|t| t.bytes).sum();
        let wanted = total / (conns.len() as u64 * CHUNKS_EACH).max(1);
        self.chunk_bytes = wanted.clamp(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX);
        let this = &self;
        try_join_all(conns.into_iter().map(|conn| this.work(conn))).await?;
        let sums = self.queue.sums().into_iter().zip(self.tables);
        let mut digests: Vec<_> = sums.map(|(sum, table)| sum.finish(table.label())).collect();
        digests.sort();
        Ok(digests)
    }

    /// What one connection does.
    async fn work(&self, mut conn: RawConn) -> PortResult<()> {
        let what = "ask for raw bytes";
        // Columns come in their own character sets, byte for byte.
        let sql = "SET character_set_results = binary";
        conn.run(sql).await.map_err(cannot(what))?;
        let mut current = None;
        loop {
            let changed = self.queue.changed();
            match self.queue.next(current) {
                Next::Plan(index) => {
                    let table = self.tables[index];
                    let chunks = chunks::plan(&mut conn, table, self.chunk_bytes).await?;
                    self.queue.planned(index, chunks);
                    current = Some(index);
                }
                Next::Read(index, chunk) => {
                    if let Some(output) = &self.output
                        && current != Some(index)
                    {
                        output.progress.stage(&self.tables[index].label());
                    }
                    current = Some(index);
                    let table = self.tables[index];
                    let select = table.select(self.client.config.is_mariadb());
                    let sql = chunk.query(table, &select);
                    conn = self.read(conn, index, sql).await?;
                    // Definitions are locked by the transaction only as long as needed.
                    let release = "ROLLBACK TO SAVEPOINT planb";
                    conn.run(release).await.map_err(cannot("release a table"))?;
                }
                Next::Wait => changed.await,
                Next::Done => return Ok(()),
            }
        }
    }

    /// Reads the rows of one query, on a thread of its own.
    async fn read(&self, conn: RawConn, index: usize, sql: String) -> PortResult<RawConn> {
        let table = self.tables[index];
        let what = format!("read {}", table.label());
        let (sender, receiver) = mpsc::channel(PIECES_WAITING_MAX);
        let pieces = self.output.is_some().then_some(sender);
        let reading = tokio::spawn(read(conn, sql, self.method, pieces));
        let written = match &self.output {
            Some(output) => self.write(output, index, receiver).await,
            None => Ok(()),
        };
        let (conn, read) = reading.await.map_err(|e| broken(&what).source(e))?;
        let (sum, end) = read.map_err(cannot(&what))?;
        written?;
        if end == RowsEnd::Unwanted {
            return Err(broken(&what));
        }
        self.queue.read(index, sum);
        Ok(conn)
    }

    /// Writes the pieces of a chunk; a chunk without rows has no part.
    async fn write(
        &self,
        output: &Output<'_>,
        index: usize,
        mut pieces: mpsc::Receiver<Piece>,
    ) -> PortResult<()> {
        let mut open: Option<Box<dyn PartSink>> = None;
        let mut in_part = 0;
        while let Some(piece) = pieces.recv().await {
            let mut part = match open.take() {
                Some(part) => part,
                None => output.sink.begin(self.spec(index)).await?,
            };
            let bytes = piece.bytes.len();
            part.write(piece.bytes).await?;
            output.add(bytes);
            in_part += bytes;
            if in_part >= PART_BYTES_MAX && piece.whole {
                part.end().await?;
                in_part = 0;
            } else {
                open = Some(part);
            }
        }
        match open {
            Some(part) => part.end().await,
            None => Ok(()),
        }
    }

    fn spec(&self, index: usize) -> PartSpec {
        let part = self.queue.part(index);
        PartSpec {
            name: format!("rows-{:05}-{part:05}", index + 1),
            kind: KIND_ROWS.to_owned(),
            table: Some(self.tables[index].label()),
        }
    }
}

async fn read(
    mut conn: RawConn,
    sql: String,
    method: Method,
    pieces: Option<mpsc::Sender<Piece>>,
) -> (RawConn, Result<(RowSum, RowsEnd), Error>) {
    let read = conn.rows(&sql, method, pieces.as_ref()).await;
    (conn, read)
}

fn broken(what: &str) -> PortError {
    PortError::new(
        ErrorKind::Internal,
        "PB-MYSQL-DRIVER",
        format!("cannot {what}: reading was broken off"),
    )
}

/// Definitions come in their own character sets, byte for byte.
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
