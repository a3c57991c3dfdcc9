//! Row events put together from row images.

use super::event::{Action, Version};
use crate::binlog::event::HEADER_BYTES;

/// What the row events of one table have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    /// Header of an event of the log the row events are to stand beside.
    pub like: &'a [u8],
    /// Number of the table in its table map, as its bytes.
    pub table: &'a [u8],
    pub columns: usize,
    pub version: Version,
    pub flags: u16,
}

impl Frame<'_> {
    /// A row event, without checksum, of `images`, which are one after the other.
    pub fn event(&self, action: Action, images: &[u8]) -> Vec<u8> {
        let mut event = Vec::with_capacity(HEADER_BYTES + images.len());
        // When it happened and where; columns may have their defaults from it.
        event.extend_from_slice(&self.like[..4]);
        event.push(number(action, self.version));
        event.extend_from_slice(&self.like[5..9]);
        event.extend_from_slice(&[0; 10]); // size, below; next offset; flags
        event.extend_from_slice(self.table);
        event.extend_from_slice(&self.flags.to_le_bytes());
        if self.version == Version::Two {
            event.extend_from_slice(&2u16.to_le_bytes());
        }
        match u8::try_from(self.columns) {
            Ok(few) if few < 0xfb => event.push(few),
            _ => {
                // At most 4096 columns.
                event.push(0xfc);
                event.extend_from_slice(&self.columns.to_le_bytes()[..2]);
            }
        }
        let bitmaps = if action == Action::Update { 2 } else { 1 };
        for _ in 0..bitmaps {
            let whole = self.columns / 8;
            event.extend(std::iter::repeat_n(0xff, whole));
            if !self.columns.is_multiple_of(8) {
                event.push((1 << (self.columns % 8)) - 1);
            }
        }
        event.extend_from_slice(images);
        let size = u32::try_from(event.len()).unwrap_or(u32::MAX);
        event[9..13].copy_from_slice(&size.to_le_bytes());
        event
    }
}

/// Type number of an uncompressed row event.
pub(super) fn number(action: Action, version: Version) -> u8 {
    let first = match version {
        Version::One => 23,
        Version::Two => 30,
    };
    first
        + match action {
            Action::Write => 0,
            Action::Update => 1,
            Action::Delete => 2,
        }
}
