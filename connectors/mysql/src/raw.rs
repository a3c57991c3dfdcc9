//! A second, small client for what comes in large amounts: packets of the text
//! protocol are turned into lines of `LOAD DATA` text where they lie in the
//! buffer, the log's events are handed on as their bytes, and rows that are
//! written go to MariaDB many in one command.
//!
//! The driver makes a value of every field and of every event, which costs more
//! than the server's whole work. Everything else goes through the driver.

mod bulk;
mod dump;
mod handshake;
mod payloads;
mod rows;
mod stream;
mod wire;

use crate::client::Client;
use crate::error::{innermost, unreachable};
pub(crate) use bulk::Taken;
pub(crate) use dump::{Dump, DumpRequest};
use mysql_async::{Error, ServerError};
use mysql_common::constants::Command;
use planb_ports::PortResult;
pub(crate) use rows::{Piece, RowsEnd};
use std::io;
use wire::{Packet, Wire};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use {dump::event, payloads::Payloads};

/// Answers of statements without many rows stay far below this.
const SMALL_ROWS_MAX: usize = 100_000;

/// A connection for rows, or the log.
pub(crate) struct RawConn {
    wire: Wire,
    bulk: bool,
}

/// What the server says at the beginning of an answer.
enum Answer {
    Done,
    Columns(usize),
}

/// One row: a value of each column, `None` for NULL.
pub(crate) type SmallRow = Vec<Option<Vec<u8>>>;

impl RawConn {
    /// A new connection in the state [`Client::session`] describes.
    pub async fn connect(client: &Client) -> PortResult<Self> {
        let limit = client.config.connect_timeout;
        let subject = client.config.subject();
        let connecting = async {
            let mut wire = Wire::new(stream::Stream::connect(&client.config).await?);
            let bulk = handshake::log_in(&mut wire, &client.config).await?;
            let mut conn = Self { wire, bulk };
            conn.run(&client.session()).await?;
            Ok(conn)
        };
        match tokio::time::timeout(limit, connecting).await {
            Ok(Ok(conn)) => Ok(conn),
            Ok(Err(error @ Error::Io(_))) => Err(unreachable(&subject).source(innermost(error))),
            Ok(Err(error)) => Err(crate::error::cannot(format!("log in to {subject}"))(error)),
            Err(_) => Err(unreachable(&subject)),
        }
    }

    /// Runs a statement without rows.
    pub async fn run(&mut self, sql: &str) -> Result<(), Error> {
        self.small_rows(sql).await.map(|_| ())
    }

    /// Runs a query with few rows.
    pub async fn small_rows(&mut self, sql: &str) -> Result<Vec<SmallRow>, Error> {
        let Answer::Columns(columns) = self.ask(sql).await? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        loop {
            match self.wire.packet().await? {
                Packet::End => return Ok(found),
                Packet::Error(error) => return Err(error.into()),
                Packet::Data(payload) => found.push(rows::small(&payload, columns)?),
            }
            if found.len() > SMALL_ROWS_MAX {
                return Err(bad("more rows than expected").into());
            }
        }
    }

    async fn ask(&mut self, sql: &str) -> Result<Answer, Error> {
        self.wire.restart();
        let mut command = Vec::with_capacity(sql.len() + 1);
        command.push(Command::COM_QUERY as u8);
        command.extend_from_slice(sql.as_bytes());
        self.wire.send(&command).await?;
        let head = match self.wire.packet().await? {
            Packet::Error(error) => return Err(error.into()),
            Packet::End => return Err(bad("an end without rows").into()),
            Packet::Data(head) => head,
        };
        if head.first() == Some(&0) {
            return Ok(Answer::Done);
        }
        let (columns, _) = rows::length(&head)
            .and_then(|(n, size)| Some((usize::try_from(n).ok()?, size)))
            .ok_or_else(|| bad("a result without a number of columns"))?;
        for _ in 0..columns {
            if !matches!(self.wire.packet().await?, Packet::Data(_)) {
                return Err(bad("a result without its columns").into());
            }
        }
        match self.wire.packet().await? {
            Packet::End => Ok(Answer::Columns(columns)),
            Packet::Error(error) => Err(error.into()),
            Packet::Data(_) => Err(bad("a result with too many columns").into()),
        }
    }
}

/// Bytes that the protocol does not have at this place.
fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// An error packet's content.
fn server_error(payload: &[u8]) -> ServerError {
    let code = match payload {
        [_, low, high, ..] => u16::from_le_bytes([*low, *high]),
        _ => 0,
    };
    let rest = payload.get(3..).unwrap_or_default();
    let (state, message) = match rest {
        [b'#', a, b, c, d, e, message @ ..] => (vec![*a, *b, *c, *d, *e], message),
        message => (b"HY000".to_vec(), message),
    };
    ServerError {
        code,
        message: String::from_utf8_lossy(message).into_owned(),
        state: String::from_utf8_lossy(&state).into_owned(),
    }
}

#[cfg(test)]
mod tests;
