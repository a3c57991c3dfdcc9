//! The GTID in the event that begins a transaction.

use crate::binlog::event::{Event, kind};

/// A transaction's global identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gtid {
    /// MariaDB's: domain, server, sequence number.
    Mariadb(u32, u32, u64),
    /// MySQL's: source, tag (empty for none), number.
    Mysql([u8; 16], String, u64),
    /// The source gives none (MySQL with `gtid_mode=OFF`).
    Anonymous,
}

/// Reads it; `None` when the event is none of that kind, or damaged.
pub(crate) fn read(event: &Event<'_>) -> Option<Gtid> {
    match event.kind() {
        kind::MARIADB_GTID => mariadb(event),
        kind::ANONYMOUS_GTID => Some(Gtid::Anonymous),
        kind::GTID => plain(event.body()),
        kind::GTID_TAGGED => tagged(event.body()),
        _ => None,
    }
}

fn mariadb(event: &Event<'_>) -> Option<Gtid> {
    let body = event.body();
    let sequence = u64::from_le_bytes(body.get(..8)?.try_into().ok()?);
    let domain = u32::from_le_bytes(body.get(8..12)?.try_into().ok()?);
    Some(Gtid::Mariadb(domain, event.server_id(), sequence))
}

/// One byte of flags, the source, the number.
fn plain(body: &[u8]) -> Option<Gtid> {
    let uuid = body.get(1..17)?.try_into().ok()?;
    let number = u64::from_le_bytes(body.get(17..25)?.try_into().ok()?);
    Some(Gtid::Mysql(uuid, String::new(), number))
}

/// MySQL's serialization library, format 2 (8.4 and later): version, size and
/// last field that may not be ignored, then fields by number: 0 flags, 1 the
/// source byte by byte, 2 the number (signed), 3 the tag.
fn tagged(body: &[u8]) -> Option<Gtid> {
    let mut rest = body;
    for _ in 0..3 {
        varlen(&mut rest)?;
    }
    let (mut uuid, mut number, mut tag) = (None, None, None);
    while number.is_none() || tag.is_none() {
        match varlen(&mut rest)? {
            0 => {
                varlen(&mut rest)?;
            }
            1 => {
                let mut bytes = [0; 16];
                for byte in &mut bytes {
                    *byte = u8::try_from(varlen(&mut rest)?).ok()?;
                }
                uuid = Some(bytes);
            }
            // Zigzag: the sign is the lowest bit, and no number is negative.
            2 => number = Some(varlen(&mut rest)? >> 1),
            3 => {
                let length = usize::try_from(varlen(&mut rest)?).ok()?;
                let (text, after) = rest.split_at_checked(length)?;
                tag = Some(String::from_utf8(text.to_vec()).ok()?);
                rest = after;
            }
            _ => return None,
        }
    }
    Some(Gtid::Mysql(uuid?, tag?, number?))
}

/// A number whose lowest set bits count the bytes after the first.
fn varlen(bytes: &mut &[u8]) -> Option<u64> {
    let more = bytes.first()?.trailing_ones() as usize;
    let (head, rest) = bytes.split_at_checked(more + 1)?;
    *bytes = rest;
    let value = head
        .iter()
        .rev()
        .fold(0u128, |sum, byte| (sum << 8) | u128::from(*byte));
    // With eight more bytes the first one holds nothing of the number.
    u64::try_from(value >> if more == 8 { 8 } else { more + 1 }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binlog::event::testing;

    fn of(kind: u8, body: &[u8]) -> Option<Gtid> {
        let bytes = testing::event(kind, body);
        let (event, _) = Event::take(&bytes, true).expect("whole");
        read(&event)
    }

    #[test]
    fn each_kind_is_read_and_a_short_one_is_not() {
        let mut body = 7u64.to_le_bytes().to_vec();
        body.extend_from_slice(&3u32.to_le_bytes());
        let gtid = of(kind::MARIADB_GTID, &body);
        assert_eq!(gtid, Some(Gtid::Mariadb(3, 1, 7)));
        assert_eq!(of(kind::MARIADB_GTID, &body[..9]), None);

        let mut body = vec![1];
        body.extend_from_slice(&[9; 16]);
        body.extend_from_slice(&5u64.to_le_bytes());
        let gtid = of(kind::GTID, &body);
        assert_eq!(gtid, Some(Gtid::Mysql([9; 16], String::new(), 5)));
        assert_eq!(of(kind::GTID, &body[..20]), None);
        assert_eq!(of(kind::ANONYMOUS_GTID, &body), Some(Gtid::Anonymous));
        assert_eq!(of(kind::XID, &body), None);
    }

    #[test]
    fn numbers_of_every_length_are_read() {
        let read = |mut bytes: &[u8]| varlen(&mut bytes);
        assert_eq!(read(&[0b0000_0100]), Some(2));
        assert_eq!(read(&[0b0000_0101, 0b10]), Some(129));
        assert_eq!(
            read(&[0xff, 1, 0, 0, 0, 0, 0, 0, 0x80]),
            Some((1 << 63) | 1)
        );
        assert_eq!(read(&[0b0111_1111, 0, 0, 0, 0, 0, 0, 0x80]), Some(1 << 55));
        assert_eq!(read(&[0b1]), None);
        assert_eq!(read(&[]), None);
    }
}
