//! Rows, streamed into the server: into MariaDB as the values of commands with
//! many rows each, else into `LOAD DATA LOCAL`.

mod bulk;

use super::batch::{BATCH_BYTES, LINE_BYTES_MAX};
use super::session;
use crate::catalog::{self, Table};
use crate::client::{Client, first};
use crate::error::{cannot, corrupt};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use planb_model::recovery::PartSpec;
use planb_ports::PortResult;
use tokio::sync::mpsc;

/// Pieces of a part between reading it and the server taking it.
const PIECES_WAITING_MAX: usize = 4;

/// Loads one part in one transaction.
pub(super) async fn load(
    client: &Client,
    mut conn: Conn,
    part: &PartSpec,
    bytes: BoxStream<'_, PortResult<Bytes>>,
) -> PortResult<()> {
    let label = part
        .table
        .as_deref()
        .ok_or_else(|| corrupt("a part with rows names no table"))?;
    let table = catalog::read_one(client, &mut conn, label).await?;
    if takes_bulk(client, &mut conn, &table).await? {
        let raw = session::open_raw(client, &mut conn).await?;
        if raw.takes_bulk() {
            drop(conn);
            return bulk::load(raw, &table, bytes).await;
        }
    }
    load_file(client, conn, &table, bytes).await
}

/// Whether the server takes many rows in one command. Servers with a tiny limit
/// get a file, which has none.
async fn takes_bulk(client: &Client, conn: &mut Conn, table: &Table) -> PortResult<bool> {
    /// A full command and its last row.
    const COMMAND_BYTES_MAX: usize = BATCH_BYTES + 2 * LINE_BYTES_MAX;
    if !client.config.is_mariadb() || table.stored().next().is_none() {
        return Ok(false);
    }
    let sql = "SELECT @@max_allowed_packet";
    let packet: Option<usize> = first(conn, "read max_allowed_packet", sql).await?;
    Ok(packet.is_some_and(|packet| packet >= COMMAND_BYTES_MAX))
}

async fn load_file(
    client: &Client,
    mut conn: Conn,
    table: &Table,
    mut bytes: BoxStream<'_, PortResult<Bytes>>,
) -> PortResult<()> {
    let label = table.label();
    let what = format!("load {label}");
    let (sender, receiver) = mpsc::channel::<std::io::Result<Bytes>>(PIECES_WAITING_MAX);
    conn.set_infile_handler(async move {
        let stream = futures::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|piece| (piece, receiver))
        });
        Ok(stream.boxed())
    });
    let feed = async {
        let mut rows = 0u64;
        while let Some(piece) = bytes.next().await {
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => {
                    // Breaks the statement off, so that nothing is committed.
                    let broken = std::io::Error::other("the part broke off");
                    if sender.send(Err(broken)).await.is_err() {
                        tracing::debug!("the load ended before its part");
                    }
                    return Err(error);
                }
            };
            rows += line_ends(&piece);
            if sender.send(Ok(piece)).await.is_err() {
                break; // The statement failed; its error says why.
            }
        }
        drop(sender);
        Ok(rows)
    };
    let sql = table.load(client.config.is_mariadb(), "planb");
    let (fed, loaded) = tokio::join!(feed, conn.query_drop(sql));
    let rows = fed?;
    loaded.map_err(cannot(&what))?;
    all_taken(&label, rows, conn.affected_rows())
}

/// An error when the server left rows out, as it does with those it cannot take.
fn all_taken(label: &str, rows: u64, taken: u64) -> PortResult<()> {
    if taken == rows {
        return Ok(());
    }
    Err(corrupt(format!(
        "{label}: the target took {taken} of {rows} rows"
    )))
}

/// Counts in small runs whose sums fit a byte, which the compiler turns into
/// vector code.
fn line_ends(bytes: &[u8]) -> u64 {
    let run = |run: &[u8]| u64::from(run.iter().fold(0u8, |n, b| n + u8::from(*b == b'\n')));
    bytes.chunks(usize::from(u8::MAX)).map(run).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_counted() {
        assert_eq!(line_ends(b""), 0);
        assert_eq!(line_ends(&[b'\n'; 1000]), 1000);
        assert_eq!(line_ends(b"a\nb\\n\n"), 2);
    }
}
