//! Reads the bytes of an event one after the other.

/// What is left of the bytes.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a>(pub &'a [u8]);

impl<'a> Cursor<'a> {
    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    /// A number of `count` bytes, at most eight, the lowest first.
    pub fn number(&mut self, count: usize) -> Option<u64> {
        let bytes = self.take(count)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |sum, byte| (sum << 8) | u64::from(*byte)),
        )
    }

    /// A number of `count` bytes as a length.
    pub fn length(&mut self, count: usize) -> Option<usize> {
        usize::try_from(self.number(count)?).ok()
    }

    /// A length in the length-encoded form of the protocol.
    pub fn encoded_length(&mut self) -> Option<usize> {
        match self.number(1)? {
            0xfc => self.length(2),
            0xfd => self.length(3),
            0xfe => self.length(8),
            0xfb | 0xff => None,
            small => usize::try_from(small).ok(),
        }
    }

    /// A text with one byte of length before it and a zero after it.
    pub fn short_text(&mut self) -> Option<&'a [u8]> {
        let length = self.length(1)?;
        let text = self.take(length)?;
        (self.number(1)? == 0).then_some(text)
    }
}

/// Whether bit `index` of a bitmap is set; what lies beyond it is not.
pub(crate) fn bit(bitmap: &[u8], index: usize) -> bool {
    bitmap
        .get(index / 8)
        .is_some_and(|byte| byte >> (index % 8) & 1 == 1)
}
