//! Reading the rows of one query.

use super::wire::{BUFFER_BYTES, HEADER_BYTES, Mark, PAYLOAD_MAX, mark};
use super::{Answer, RawConn, SmallRow, bad, server_error};
pub(super) use crate::lines::length;
use crate::lines::{Lines, value};
use crate::sum::{Method, RowSum};
use bytes::Bytes;
use mysql_async::Error;
use std::io;
use tokio::sync::mpsc::Sender;

/// What is handed on at once.
const PIECE_BYTES: usize = 512 * 1024;
/// A row that was begun may go beyond [`PIECE_BYTES`] by this, most often less.
const PIECE_SLACK_BYTES: usize = 64 * 1024;
/// First byte of a NULL in a row.
const NULL: u8 = 0xfb;

/// Some lines.
pub(crate) struct Piece {
    pub bytes: Bytes,
    /// Whether it ends at the end of a row.
    pub whole: bool,
}

/// Why reading ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RowsEnd {
    /// After the last row.
    All,
    /// Nobody takes the pieces any more. The connection is of no more use.
    Unwanted,
}

/// A row that does not lie whole in the buffer.
struct Long {
    left: usize,
    goes_on: bool,
}

impl RawConn {
    /// Reads every row of a query into `pieces`; without it, only adds them up.
    pub async fn rows(
        &mut self,
        sql: &str,
        method: Method,
        pieces: Option<&Sender<Piece>>,
    ) -> Result<(RowSum, RowsEnd), Error> {
        let Answer::Columns(columns) = self.ask(sql).await? else {
            return Err(bad("a query without rows").into());
        };
        let mut lines = Lines::new(columns, method);
        let mut long: Option<Long> = None;
        loop {
            if let Some(row) = &mut long {
                if self.long_row(&mut lines, row).await? {
                    long = None;
                } else if !hand_on(&mut lines, pieces, false).await {
                    return Ok((lines.sum(), RowsEnd::Unwanted));
                }
                continue;
            }
            let ended = self.whole_rows(&mut lines, &mut long)?;
            if lines.len() >= PIECE_BYTES || ended {
                if !hand_on(&mut lines, pieces, long.is_none()).await {
                    return Ok((lines.sum(), RowsEnd::Unwanted));
                }
            } else if long.is_none() {
                self.wire.fill().await?;
            }
            if ended {
                return Ok((lines.sum(), RowsEnd::All));
            }
        }
    }

    /// Takes the rows that lie whole in the buffer, until there is enough for a
    /// piece. True after the last row of the query.
    fn whole_rows(&mut self, lines: &mut Lines, long: &mut Option<Long>) -> Result<bool, Error> {
        while lines.len() < PIECE_BYTES {
            let ready = self.wire.ready();
            let [a, b, c, _, rest @ ..] = ready else {
                return Ok(false);
            };
            let length = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
            if length + HEADER_BYTES > BUFFER_BYTES {
                self.wire.used(HEADER_BYTES);
                lines.begin_long();
                *long = Some(Long {
                    left: length,
                    goes_on: length == PAYLOAD_MAX,
                });
                return Ok(false);
            }
            let Some(payload) = rest.get(..length) else {
                return Ok(false);
            };
            match mark(payload) {
                Mark::Row => lines.row(payload)?,
                Mark::End => {
                    self.wire.used(HEADER_BYTES + length);
                    return Ok(true);
                }
                Mark::Error => return Err(server_error(payload).into()),
            }
            self.wire.used(HEADER_BYTES + length);
        }
        Ok(false)
    }

    /// Takes what the buffer has of a long row. True at its end.
    async fn long_row(&mut self, lines: &mut Lines, long: &mut Long) -> Result<bool, Error> {
        while lines.len() < PIECE_BYTES {
            if long.left == 0 {
                if !long.goes_on {
                    lines.end_long()?;
                    return Ok(true);
                }
                long.left = self.wire.header().await?;
                long.goes_on = long.left == PAYLOAD_MAX;
                continue;
            }
            if self.wire.ready().is_empty() {
                self.wire.fill().await?;
            }
            let take = self.wire.ready().len().min(long.left);
            lines.piece(&self.wire.ready()[..take])?;
            self.wire.used(take);
            long.left -= take;
        }
        Ok(false)
    }
}

/// False when nobody takes it.
async fn hand_on(lines: &mut Lines, pieces: Option<&Sender<Piece>>, whole: bool) -> bool {
    let Some(pieces) = pieces else {
        lines.clear();
        return true;
    };
    if lines.len() == 0 {
        return true;
    }
    let bytes = Bytes::from(lines.take(PIECE_BYTES + PIECE_SLACK_BYTES));
    pieces.send(Piece { bytes, whole }).await.is_ok()
}

/// The values of a small row.
pub(super) fn small(mut payload: &[u8], columns: usize) -> io::Result<SmallRow> {
    let mut row = Vec::with_capacity(columns);
    for _ in 0..columns {
        if payload.first() == Some(&NULL) {
            row.push(None);
            payload = &payload[1..];
        } else {
            let (value, rest) = value(payload).ok_or_else(|| bad("a row is cut off"))?;
            row.push(Some(value.to_vec()));
            payload = rest;
        }
    }
    Ok(row)
}
