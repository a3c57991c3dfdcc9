//! The table in which pieces are put aside. It is made when the first piece of a
//! transaction comes and dropped when the last one is applied; each set of
//! databases has its own. Only what ends at the applied mark is meant: anything
//! else in it is a leftover.

use super::gone;
use super::tables::packet_bytes;
use crate::applied;
use crate::binlog::event::Event;
use crate::binlog::segment;
use crate::client::{Client, first, literal, rows, run};
use crate::error::{cannot, corrupt};
use crate::own;
use bytes::Bytes;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use planb_ports::{LogSegment, PortResult};

/// Bytes of a piece in one row, unless the target takes less in a statement.
const PART_BYTES: usize = 512 * 1024;

/// The table, and a connection for it.
pub(super) struct Store<'c> {
    client: &'c Client,
    pub conn: Conn,
}

/// A piece that was put aside.
#[derive(Debug)]
pub(super) struct Aside {
    /// Number of its segment.
    seq: u64,
    parts: u64,
    /// Whether all of it can be taken back.
    pub atomic: bool,
}

/// As a row tells of a piece: number, rows there and rows in all, where it
/// starts and ends, whether it can be taken back.
type Row = (u64, u64, u64, String, String, i8);

impl<'c> Store<'c> {
    /// Connects.
    pub async fn open(client: &'c Client) -> PortResult<Self> {
        let conn = client.connect().await?;
        Ok(Self { client, conn })
    }

    /// Makes the table, empty.
    pub async fn begin(&mut self) -> PortResult<()> {
        forget(self.client, &mut self.conn).await?;
        let sql = format!(
            "CREATE TABLE {} (seq BIGINT UNSIGNED NOT NULL, part INT UNSIGNED NOT NULL, \
             parts INT UNSIGNED NOT NULL, \
             starts_at VARCHAR(600) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, \
             ends_at VARCHAR(600) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, \
             atomic TINYINT NOT NULL, bytes LONGBLOB NOT NULL, PRIMARY KEY (seq, part)) \
             ENGINE=InnoDB",
            table(self.client)
        );
        run(
            &mut self.conn,
            "make a table for a part of a transaction",
            sql,
        )
        .await
    }

    /// Puts a piece aside and sets its mark, in one transaction.
    pub async fn put(&mut self, piece: &LogSegment, atomic: bool) -> PortResult<()> {
        const WHAT: &str = "put a part of a transaction aside";
        let (start, end) = super::span(&piece.header)?;
        let insert = format!(
            "INSERT INTO {} VALUES (?, ?, ?, ?, ?, ?, ?)",
            table(self.client)
        );
        run(&mut self.conn, WHAT, "START TRANSACTION").await?;
        let size = PART_BYTES.min(packet_bytes(&mut self.conn).await?).max(1);
        let parts = piece.bytes.len().div_ceil(size);
        for (part, bytes) in piece.bytes.chunks(size).enumerate() {
            let seq = piece.header.seq.0;
            let row = (
                seq,
                part,
                parts,
                &start.at,
                &end.at,
                i8::from(atomic),
                bytes,
            );
            let done = self.conn.exec_drop(&insert, row).await;
            done.map_err(cannot(WHAT))?;
        }
        applied::set(self.client, &mut self.conn, &piece.mark).await?;
        run(&mut self.conn, WHAT, "COMMIT").await
    }

    /// The pieces that lead to `start`, in their order.
    pub async fn up_to(&mut self, start: &str) -> PortResult<Vec<Aside>> {
        if !exists(self.client, &mut self.conn).await? {
            return Err(gone(start));
        }
        let sql = format!(
            "SELECT seq, COUNT(*), MAX(parts), MAX(starts_at), MAX(ends_at), MIN(atomic) \
             FROM {} GROUP BY seq ORDER BY seq",
            table(self.client)
        );
        let found: Vec<Row> = rows(&mut self.conn, "look for parts of a transaction", sql).await?;
        let mut reached: Option<&str> = None;
        for (_, there, parts, starts_at, ends_at, _) in &found {
            if there != parts || reached.is_some_and(|reached| reached != starts_at) {
                return Err(gone(start));
            }
            reached = Some(ends_at);
        }
        if reached != Some(start) {
            return Err(gone(start));
        }
        let aside = found
            .into_iter()
            .map(|(seq, _, parts, _, _, atomic)| Aside {
                seq,
                parts,
                atomic: atomic != 0,
            });
        Ok(aside.collect())
    }

    /// The bytes of a piece, as its segment has them.
    pub async fn read(&mut self, piece: &Aside) -> PortResult<Bytes> {
        let parts = usize::try_from(piece.parts).unwrap_or_default();
        let mut bytes = Vec::with_capacity(parts.saturating_mul(PART_BYTES));
        for part in 0..piece.parts {
            let sql = format!(
                "SELECT bytes FROM {} WHERE seq = {} AND part = {part}",
                table(self.client),
                piece.seq
            );
            let more: Option<Vec<u8>> =
                first(&mut self.conn, "read a part of a transaction", sql).await?;
            let more = more.ok_or_else(|| corrupt("a part of a transaction is gone"))?;
            bytes.extend_from_slice(&more);
        }
        Ok(bytes.into())
    }

    /// The event the transaction begins with; `None` when nothing is put aside.
    pub async fn first_event(
        &mut self,
        aside: &[Aside],
        checksum: bool,
    ) -> PortResult<Option<Vec<u8>>> {
        let Some(piece) = aside.first() else {
            return Ok(None);
        };
        let bytes = self.read(piece).await?;
        let segment = segment::read(&bytes)?;
        let event = segment.events.first();
        match event.filter(|event| event.begins_transaction() && segment.checksum == checksum) {
            Some(event) => Ok(Some(Event::bytes(event).to_vec())),
            None => Err(corrupt("what was put aside does not begin a transaction")),
        }
    }
}

/// Drops what was put aside.
pub(crate) async fn forget(client: &Client, conn: &mut Conn) -> PortResult<()> {
    if !exists(client, conn).await? {
        return Ok(());
    }
    let sql = format!("DROP TABLE IF EXISTS {}", table(client));
    run(conn, "drop what was put aside", sql).await
}

async fn exists(client: &Client, conn: &mut Conn) -> PortResult<bool> {
    let sql = format!(
        "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
        literal(own::SCHEMA),
        literal(&name(client))
    );
    let found: Option<i64> = first(conn, "look for what was put aside", sql).await?;
    Ok(found.is_some())
}

fn name(client: &Client) -> String {
    format!("pending_{}", own::scope(&client.config))
}

fn table(client: &Client) -> String {
    format!("{}.{}", own::SCHEMA, name(client))
}
