//! A frame of a WAL: one page as one transaction left it.

use super::header::word;
use super::{Salts, Sums, WalError};

/// Bytes of a frame before its page.
pub const FRAME_HEADER_BYTES: usize = 24;

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The page, counted from 1.
    pub page: u32,
    /// Pages of the database after the transaction; 0 when it goes on.
    pub pages_after: u32,
    /// Salts of the WAL it belongs to.
    pub salts: Salts,
    /// Cumulative checksum up to and with this frame.
    pub sums: Sums,
}

impl Frame {
    /// Reads a head. Whether it continues a chain is for [`super::Chain`] to say.
    pub fn parse(bytes: &[u8]) -> Result<Self, WalError> {
        let raw = bytes.get(..FRAME_HEADER_BYTES).ok_or(WalError::Short)?;
        Ok(Self {
            page: word(raw, 0),
            pages_after: word(raw, 4),
            salts: Salts(word(raw, 8), word(raw, 12)),
            sums: Sums(word(raw, 16), word(raw, 20)),
        })
    }

    /// Whether a transaction ends here.
    pub fn is_commit(&self) -> bool {
        self.pages_after != 0
    }
}
