//! Transactions that follow each other, on their way to be shipped.

use super::gtid::Gtid;
use super::piece::Piece;
use bytes::Bytes;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::OwnedSemaphorePermit;

/// Where a transaction ends, and which one it is; or a piece of a long one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Whole {
    /// Its own GTID.
    pub identifier: Gtid,
    pub bytes: usize,
    /// Offset after it in the run's file; of a piece that does not end the
    /// transaction, where that begins.
    pub end: u64,
    /// For a piece.
    pub piece: Option<Piece>,
}

impl Whole {
    /// Whether nothing of the transaction comes after it.
    pub fn ends(&self) -> bool {
        self.piece
            .as_ref()
            .is_none_or(|piece| piece.inside.is_none())
    }
}

/// Transactions of one file and one format, byte for byte as they are there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Run {
    pub bytes: Bytes,
    pub whole: VecDeque<Whole>,
    pub file: String,
    /// The format description they must be read with.
    pub format: Arc<Vec<u8>>,
}

impl Run {
    /// Takes the first transaction off.
    pub fn take_first(&mut self) -> Option<(Whole, Bytes)> {
        let first = self.whole.pop_front()?;
        let bytes = self.bytes.split_to(first.bytes.min(self.bytes.len()));
        Some((first, bytes))
    }
}

/// A run that arrived.
pub(super) struct Received {
    pub run: Run,
    pub read_at: Timestamp,
    pub arrived: Instant,
    /// Its share of the memory bound; given back when it is shipped.
    pub _share: OwnedSemaphorePermit,
}
