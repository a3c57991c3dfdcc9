//! Pieces of long transactions: how much of one was given out, and what the
//! next piece needs to be understood by itself.
//!
//! A transaction is as long as its writer likes, so it is not held until it is
//! whole. A piece begins with copies of the table maps that were in force where
//! it was cut, so the row events in it can be read and counted without those
//! before it. They are copies of the server's own events and change nothing
//! when the pieces are put together again.

use super::event::{Event, kind};
use super::position::Inside;
use crate::error::log_lost;
use planb_ports::{PortError, PortResult};

/// Of an open transaction so much is gathered before it is given out: as much as
/// shipping holds anyway (a batch and one being sealed), and large enough that
/// few transactions of an application come in pieces at all.
pub(crate) const PIECE_BYTES: usize = 4 << 20;

/// A piece, or the rest of a transaction that was given out in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Copies of the table maps in force at its beginning.
    pub maps: Vec<u8>,
    /// Where it ends; `None` when the transaction ends with it.
    pub inside: Option<Inside>,
}

/// What is known of a transaction while it is open.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// Bytes of it that were given out or, where reading began anew, shipped.
    given: u64,
    /// Of those bytes; most transactions need none.
    sum: Option<Box<blake3::Hasher>>,
    /// Table maps in force after the last event.
    maps: Vec<u8>,
    /// Table maps in force at the beginning of what is kept.
    head: Vec<u8>,
    /// Up to here it was shipped before and is passed over.
    shipped: Option<Inside>,
}

impl Course {
    /// One that begins, and of which `shipped` is not wanted again.
    pub fn begin(shipped: Option<Inside>) -> Self {
        Self {
            shipped,
            ..Self::default()
        }
    }

    /// Looks at the next event; says whether it is kept. Events that were shipped
    /// are not, and must be the same as then.
    pub fn pass(&mut self, event: &Event<'_>) -> PortResult<bool> {
        if event.kind() == kind::TABLE_MAP {
            self.maps.extend_from_slice(event.bytes());
        } else if event.is_rows() && event.ends_statement() {
            self.maps.clear();
        }
        let Some(shipped) = self.shipped.take() else {
            return Ok(true);
        };
        self.add(event.bytes());
        if self.given < shipped.bytes {
            self.shipped = Some(shipped);
        } else if self.inside() == shipped {
            self.head.clone_from(&self.maps);
        } else {
            return Err(another());
        }
        Ok(false)
    }

    /// Gives out `bytes`, all that is kept of it, before the next event is looked at.
    pub fn cut(&mut self, bytes: &[u8]) -> Piece {
        self.add(bytes);
        Piece {
            maps: std::mem::replace(&mut self.head, self.maps.clone()),
            inside: Some(self.inside()),
        }
    }

    /// The transaction is whole: its last piece, when there were others.
    pub fn end(self) -> PortResult<Option<Piece>> {
        if self.shipped.is_some() {
            return Err(another());
        }
        Ok((self.given > 0).then_some(Piece {
            maps: self.head,
            inside: None,
        }))
    }

    fn add(&mut self, bytes: &[u8]) {
        self.given += bytes.len() as u64;
        self.sum.get_or_insert_default().update(bytes);
    }

    fn inside(&self) -> Inside {
        let sum = self.sum.as_ref().map(|sum| sum.finalize());
        let first = sum.and_then(|sum| sum.as_bytes().first_chunk().copied());
        Inside {
            bytes: self.given,
            sum: u64::from_be_bytes(first.unwrap_or_default()),
        }
    }
}

/// What was read again is not what was shipped.
pub(super) fn another() -> PortError {
    log_lost("where a part of a transaction was shipped, the log has another one")
}
