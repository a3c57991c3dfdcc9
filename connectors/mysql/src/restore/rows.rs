//! Rows, streamed into the server: into MariaDB as the values of commands with
//! many rows each, else into `LOAD DATA LOCAL`.

mod bulk;

use super::batch::{BATCH_BYTES, LINE_BYTES_MAX};
use super::session;
use crate::catalog::{self, Table};
use crate::client::{self, Client, first};
use crate::error::{cannot, corrupt};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error};
use planb_model::recovery::PartSpec;
use planb_ports::{ErrorKind, PortError, PortResult};
use tokio::sync::mpsc;

/// Pieces of a part between reading it and the server taking it.
const PIECES_WAITING_MAX: usize = 4;
/// Level, code and text of the warnings of the statement before.
const WARNINGS: &str = "SHOW WARNINGS";
/// `ER_TRUNCATED_WRONG_VALUE_FOR_FIELD` and `ER_INVALID_CHARACTER_STRING`, which
/// loads only meet for bytes that are no text of the column's character set.
const BAD_TEXT: [u16; 2] = [1366, 1300];

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
    match loaded {
        Err(Error::Server(error)) if BAD_TEXT.contains(&error.code) => {
            return Err(bad_text(&label, &error.message));
        }
        other => other.map_err(cannot(&what))?,
    }
    all_taken(&label, rows, conn.affected_rows())?;
    if conn.get_warnings() == 0 {
        return Ok(());
    }
    let told: Vec<(String, u16, String)> = client::rows(&mut conn, &what, WARNINGS).await?;
    all_unchanged(&label, told.into_iter().map(|(_, code, text)| (code, text)))
}

/// An error when the server changed text on its way in: it writes `?` or nothing
/// for bytes that are no characters, where older servers and other paths left
/// them alone.
fn all_unchanged(label: &str, mut warnings: impl Iterator<Item = (u16, String)>) -> PortResult<()> {
    match warnings.find(|(code, _)| BAD_TEXT.contains(code)) {
        Some((_, said)) => Err(bad_text(label, &said)),
        None => Ok(()),
    }
}

fn bad_text(label: &str, said: &str) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-MYSQL-TEXT",
        format!("{label} has text that its column's character set does not have: {said}"),
    )
    .hint(
        "no server takes such bytes by rows: restore a snapshot of files (--physical), or mend \
         them at the source (UPDATE, or make the column VARBINARY or BLOB) and take a new snapshot",
        "이런 바이트는 행 단위로 쓸 수 없습니다. 파일 스냅샷(--physical)으로 복원하거나 원본에서 값을 고치고 \
         (UPDATE 또는 컬럼을 VARBINARY, BLOB으로 변경) 새 스냅샷을 만드세요",
    )
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
