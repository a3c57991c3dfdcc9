//! A zip file as plain as it can be: members stored without compression, in the
//! order of their names, all of one date. The same members make the same bytes,
//! and every unzip reads them. Only such files are read.
//!
//! Numbers are those of PKWARE's APPNOTE 6.3.10, sections 4.3.7, 4.3.12, 4.3.16.

use std::collections::BTreeMap;

const LOCAL_MARK: u32 = 0x0403_4b50;
const CENTRAL_MARK: u32 = 0x0201_4b50;
const END_MARK: u32 = 0x0605_4b50;
/// Version needed: 2.0, of Unix.
const VERSION: u16 = 20;
const MADE_BY: u16 = 3 << 8 | VERSION;
/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;
const STORED: u16 = 0;
/// 1980-01-01 00:00: the first moment a zip can name.
const TIME: u16 = 0;
const DATE: u16 = 1 << 5 | 1;
/// A plain file, rw-r--r--.
const MODE: u32 = 0o100_644 << 16;
const CENTRAL_BYTES: usize = 46;
const END_BYTES: usize = 22;
/// Largest file that is read or written: without the 64-bit extension.
pub const ZIP_BYTES_MAX: usize = 1 << 30;

/// Members by name.
pub type Members = BTreeMap<String, Vec<u8>>;

/// Writes `members`; `None` when they are too many or too large.
pub fn write(members: &Members) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut central = Vec::new();
    for (name, bytes) in members {
        let offset = u32::try_from(out.len()).ok()?;
        let size = u32::try_from(bytes.len()).ok()?;
        let length = u16::try_from(name.len()).ok()?;
        let crc = crc32fast::hash(bytes);
        let mut common = Vec::new();
        for number in [VERSION, FLAGS, STORED, TIME, DATE] {
            common.extend(number.to_le_bytes());
        }
        for number in [crc, size, size] {
            common.extend(number.to_le_bytes());
        }
        common.extend(length.to_le_bytes());
        common.extend(0u16.to_le_bytes());
        out.extend(LOCAL_MARK.to_le_bytes());
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(bytes);
        central.extend(CENTRAL_MARK.to_le_bytes());
        central.extend(MADE_BY.to_le_bytes());
        central.extend(&common);
        // Comment, disk, internal attributes.
        central.extend([0; 6]);
        central.extend(MODE.to_le_bytes());
        central.extend(offset.to_le_bytes());
        central.extend(name.as_bytes());
    }
    let count = u16::try_from(members.len()).ok()?;
    let (offset, size) = (out.len(), central.len());
    out.extend(central);
    out.extend(END_MARK.to_le_bytes());
    out.extend([0; 4]);
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(u32::try_from(size).ok()?.to_le_bytes());
    out.extend(u32::try_from(offset).ok()?.to_le_bytes());
    out.extend(0u16.to_le_bytes());
    (out.len() <= ZIP_BYTES_MAX).then_some(out)
}

/// Reads what [`write`] wrote, byte for byte; `None` for anything else.
pub fn read(bytes: &[u8]) -> Option<Members> {
    let end = bytes.len().checked_sub(END_BYTES)?;
    let (count, mut at) = (number16(bytes, end + 10)?, number32(bytes, end + 16)?);
    let mut members = Members::new();
    for _ in 0..count {
        let size = number32(bytes, at + 24)?;
        let length = usize::from(number16(bytes, at + 28)?);
        let local = number32(bytes, at + 42)?;
        let name = bytes.get(at + CENTRAL_BYTES..at + CENTRAL_BYTES + length)?;
        let name = std::str::from_utf8(name).ok()?.to_owned();
        let from = local.checked_add(30)?.checked_add(length)?;
        let content = bytes.get(from..from.checked_add(size)?)?.to_vec();
        members.insert(name, content);
        at = at.checked_add(CENTRAL_BYTES + length)?;
    }
    // Nothing between, before or after that an unzip might see otherwise.
    (write(&members)? == bytes).then_some(members)
}

fn number16(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

fn number32(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members() -> Members {
        let two = [("a/b.txt", "hello"), ("읽기.txt", "")];
        two.iter()
            .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn what_is_written_is_read_and_every_changed_byte_is_refused_or_seen() {
        let zip = write(&members()).expect("small");
        assert_eq!(read(&zip), Some(members()));
        assert_eq!(write(&members()), Some(zip.clone()), "the same again");
        for place in 0..zip.len() {
            let mut changed = zip.clone();
            changed[place] ^= 1;
            assert_ne!(read(&changed), Some(members()), "byte {place}");
            assert_eq!(read(&zip[..place]), None);
        }
    }
}
