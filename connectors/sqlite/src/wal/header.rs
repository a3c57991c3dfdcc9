//! The header of a WAL file.

use super::{Sums, WalError};

/// Bytes of the header.
pub const HEADER_BYTES: usize = 32;

/// First four bytes with little-endian checksums; one more with big-endian ones.
const MAGIC: u32 = 0x377f_0682;

/// The only version there has ever been.
const VERSION: u32 = 3_007_000;

/// Two numbers that every frame of one WAL carries; new ones whenever SQLite
/// begins the file anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salts(pub u32, pub u32);

impl Salts {
    /// Whether a WAL with these salts is the very next one after `old` in the
    /// same file: SQLite counts the first salt up by one.
    pub fn follow(self, old: Salts) -> bool {
        self.0 == old.0.wrapping_add(1)
    }
}

/// The header of a WAL file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalHeader {
    /// Byte order of the checksums.
    pub big_endian: bool,
    /// Bytes of a page.
    pub page_size: u32,
    /// This WAL's salts.
    pub salts: Salts,
    /// Checksum of the header, where the frames' chain begins.
    pub sums: Sums,
}

impl WalHeader {
    /// Reads and checks a header.
    pub fn parse(bytes: &[u8]) -> Result<Self, WalError> {
        let raw = bytes.get(..HEADER_BYTES).ok_or(WalError::Short)?;
        let magic = word(raw, 0);
        let page_size = word(raw, 8);
        let sound_size = page_size.is_power_of_two() && (512..=65_536).contains(&page_size);
        if magic & !1 != MAGIC || word(raw, 4) != VERSION || !sound_size {
            return Err(WalError::Header);
        }
        let big_endian = magic & 1 == 1;
        let sums = Sums(word(raw, 24), word(raw, 28));
        if Sums::default().add(big_endian, &raw[..24]) != sums {
            return Err(WalError::Header);
        }
        Ok(Self {
            big_endian,
            page_size,
            salts: Salts(word(raw, 16), word(raw, 20)),
            sums,
        })
    }

    /// Whether bytes of a segment begin with a header, that is, with a new WAL
    /// file. A frame cannot be taken for one: its first word is a page number,
    /// and the checksum of the header would have to match as well.
    pub fn is_at_start_of(bytes: &[u8]) -> bool {
        Self::parse(bytes).is_ok()
    }
}

/// The big-endian word at `at`; the caller has checked the length.
pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
