//! Writing many rows: MariaDB's `COM_STMT_BULK_EXECUTE`, a prepared statement
//! with the values of many rows after each other. The server copies values where
//! `LOAD DATA` looks at every byte, which is a third of its work.
//!
//! After "`COM_STMT_BULK_EXECUTE`" and "Server response packets", MariaDB protocol.

use super::wire::Packet;
use super::{RawConn, bad, rows};
use mysql_async::Error;
use mysql_common::constants::Command;

/// The types of values follow.
const SEND_TYPES: u16 = 128;
/// `MYSQL_TYPE_BLOB`: bytes, taken as they are.
const BLOB: u8 = 0xfc;
/// First byte of an answer that asks for a local file.
const ASKS_FOR_FILE: u8 = 0xfb;
/// What is sent of a local file at once; servers take less than any limit of theirs.
const FILE_PIECE_BYTES: usize = 64 * 1024;

/// A prepared statement.
pub(crate) struct Statement {
    id: u32,
    pub values: usize,
}

impl Statement {
    /// How a command begins that has the values of rows behind it.
    pub fn head(&self) -> Vec<u8> {
        let mut head = vec![Command::COM_STMT_BULK_EXECUTE as u8];
        head.extend_from_slice(&self.id.to_le_bytes());
        head.extend_from_slice(&SEND_TYPES.to_le_bytes());
        for _ in 0..self.values {
            head.extend_from_slice(&[BLOB, 0]);
        }
        head
    }
}

impl RawConn {
    /// Whether [`RawConn::execute`] may be called.
    pub fn takes_bulk(&self) -> bool {
        self.bulk
    }

    /// Prepares a statement without result.
    pub async fn prepare(&mut self, sql: &str) -> Result<Statement, Error> {
        self.command(Command::COM_STMT_PREPARE, sql).await?;
        let head = match self.wire.packet().await? {
            Packet::Data(head) => head,
            Packet::Error(error) => return Err(error.into()),
            Packet::End => return Err(bad("an end without a statement").into()),
        };
        let [0, a, b, c, d, 0, 0, low, high, ..] = head.as_slice() else {
            return Err(bad("a statement with another answer than expected").into());
        };
        let values = usize::from(u16::from_le_bytes([*low, *high]));
        // A description of each value, and an end.
        for _ in 0..values + usize::from(values > 0) {
            if let Packet::Error(error) = self.wire.packet().await? {
                return Err(error.into());
            }
        }
        let id = u32::from_le_bytes([*a, *b, *c, *d]);
        Ok(Statement { id, values })
    }

    /// Sends a command made by [`Statement::head`] and rows; what the server took.
    pub async fn execute(&mut self, command: &[u8]) -> Result<Taken, Error> {
        self.wire.restart();
        self.wire.send(command).await?;
        self.taken().await
    }

    /// Begins a `LOAD DATA LOCAL`, whose file [`RawConn::file`] sends.
    pub async fn begin_file(&mut self, sql: &str) -> Result<(), Error> {
        self.command(Command::COM_QUERY, sql).await?;
        match self.wire.packet().await? {
            Packet::Data(head) if head.first() == Some(&ASKS_FOR_FILE) => Ok(()),
            Packet::Error(error) => Err(error.into()),
            _ => Err(bad("a load that asks for no file").into()),
        }
    }

    /// Sends a piece of the file.
    pub async fn file(&mut self, bytes: &[u8]) -> Result<(), Error> {
        for piece in bytes.chunks(FILE_PIECE_BYTES) {
            self.wire.send(piece).await?;
        }
        Ok(())
    }

    /// Ends the file; what the server took.
    pub async fn end_file(&mut self) -> Result<Taken, Error> {
        self.wire.send(&[]).await?;
        self.taken().await
    }

    async fn command(&mut self, command: Command, sql: &str) -> Result<(), Error> {
        self.wire.restart();
        let mut bytes = Vec::with_capacity(sql.len() + 1);
        bytes.push(command as u8);
        bytes.extend_from_slice(sql.as_bytes());
        Ok(self.wire.send(&bytes).await?)
    }

    /// What an answer without a result says.
    async fn taken(&mut self) -> Result<Taken, Error> {
        let answer = match self.wire.packet().await? {
            Packet::Data(answer) => answer,
            Packet::Error(error) => return Err(error.into()),
            Packet::End => return Err(bad("an end without rows").into()),
        };
        match answer.split_first() {
            Some((0, rest)) => {
                taken(rest).ok_or_else(|| bad("an answer without a number of rows").into())
            }
            _ => Err(bad("an answer that is none").into()),
        }
    }
}

/// What the server did with rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub rows: u64,
    /// Warnings about them.
    pub warnings: u16,
}

/// Rows and the last number given, each with its own length; state; warnings.
fn taken(answer: &[u8]) -> Option<Taken> {
    let (rows, used) = rows::length(answer)?;
    let answer = answer.get(used..)?;
    let (_, used) = rows::length(answer)?;
    let [_, _, low, high, ..] = answer.get(used..)? else {
        return None;
    };
    Some(Taken {
        rows,
        warnings: u16::from_le_bytes([*low, *high]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_rows_and_warnings() {
        let told = |rows, warnings| Some(Taken { rows, warnings });
        assert_eq!(taken(&[3, 0, 2, 0, 1, 0]), told(3, 1));
        let long = [0xfc, 0x10, 0x27, 0xfc, 1, 1, 2, 0, 0, 1, b'x'];
        assert_eq!(taken(&long), told(10_000, 256));
        assert_eq!(taken(&[3, 0, 2, 0, 1]), None);
    }
}
