//! The cumulative checksum of a WAL.

/// Two running sums; each frame's continue those of the frame before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums(pub u32, pub u32);

impl Sums {
    /// The sums after `bytes`, whose length is a multiple of 8. Words are read
    /// in the byte order the header's magic number says.
    #[must_use]
    pub fn add(self, big_endian: bool, bytes: &[u8]) -> Self {
        let Sums(mut first, mut second) = self;
        let (pairs, _) = bytes.as_chunks::<8>();
        for &[a, b, c, d, e, f, g, h] in pairs {
            let (left, right) = if big_endian {
                (
                    u32::from_be_bytes([a, b, c, d]),
                    u32::from_be_bytes([e, f, g, h]),
                )
            } else {
                (
                    u32::from_le_bytes([a, b, c, d]),
                    u32::from_le_bytes([e, f, g, h]),
                )
            };
            first = first.wrapping_add(left).wrapping_add(second);
            second = second.wrapping_add(right).wrapping_add(first);
        }
        Sums(first, second)
    }
}
