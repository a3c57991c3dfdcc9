//! Compressed things in a log: MariaDB's compressed queries
//! (`log_bin_compress`) and MySQL's compressed transactions
//! (`binlog_transaction_compression`).

use flate2::read::ZlibDecoder;
use std::io::Read;

/// A transaction of more is not accepted by either server.
const UNPACKED_BYTES_MAX: usize = 1 << 30;

/// Unpacks MariaDB's form: one byte with the algorithm (0, zlib) and the number
/// of length bytes, the length (big-endian), the compressed bytes.
pub(crate) fn mariadb_inflate(packed: &[u8]) -> Option<Vec<u8>> {
    let head = *packed.first()?;
    let length_bytes = usize::from(head & 0x07);
    if head & 0x70 != 0 {
        return None;
    }
    let length = packed
        .get(1..1 + length_bytes)?
        .iter()
        .fold(0usize, |sum, byte| (sum << 8) | usize::from(*byte));
    if length > UNPACKED_BYTES_MAX {
        return None;
    }
    let mut plain = Vec::new();
    ZlibDecoder::new(&packed[1 + length_bytes..])
        .take(length as u64 + 1)
        .read_to_end(&mut plain)
        .ok()?;
    (plain.len() == length).then_some(plain)
}

/// Unpacks the body of MySQL's transaction payload event into the events in it,
/// which have no checksums.
pub(crate) fn mysql_transaction(body: &[u8]) -> Option<Vec<u8>> {
    const END: u64 = 0;
    const PAYLOAD_BYTES: u64 = 1;
    const ALGORITHM: u64 = 2;
    const ZSTD: u64 = 0;
    const PLAIN: u64 = 255;
    let mut rest = body;
    let mut algorithm = PLAIN;
    loop {
        let field = length_encoded(&mut rest)?;
        if field == END {
            break;
        }
        let bytes = usize::try_from(length_encoded(&mut rest)?).ok()?;
        let (mut value, after) = rest.split_at_checked(bytes)?;
        rest = after;
        if field == ALGORITHM {
            algorithm = length_encoded(&mut value)?;
        } else if field == PAYLOAD_BYTES {
            length_encoded(&mut value)?;
        }
    }
    match algorithm {
        PLAIN => Some(rest.to_vec()),
        ZSTD => {
            let mut plain = Vec::new();
            zstd::Decoder::new(rest)
                .ok()?
                .take(UNPACKED_BYTES_MAX as u64)
                .read_to_end(&mut plain)
                .ok()?;
            Some(plain)
        }
        _ => None,
    }
}

/// A number in MySQL's length-encoded form.
fn length_encoded(bytes: &mut &[u8]) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    let count = match first {
        0xfc => 2,
        0xfd => 3,
        0xfe => 8,
        0xfb | 0xff => return None,
        small => {
            *bytes = rest;
            return Some(u64::from(*small));
        }
    };
    let (value, rest) = rest.split_at_checked(count)?;
    *bytes = rest;
    Some(
        value
            .iter()
            .rev()
            .fold(0, |sum, byte| (sum << 8) | u64::from(*byte)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use std::io::Write;

    #[test]
    fn a_compressed_query_is_unpacked_and_a_wrong_length_is_not() {
        let text = b"CREATE TABLE t (a INT) COMMENT 'aaaaaaaaaaaaaaaaaaaaaa'";
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(text).expect("compress");
        let packed = zlib.finish().expect("compress");
        let with = |length: u8| [&[0x81, length][..], &packed].concat();
        assert_eq!(
            mariadb_inflate(&with(text.len() as u8)).as_deref(),
            Some(&text[..])
        );
        assert_eq!(mariadb_inflate(&with(3)), None);
        assert_eq!(mariadb_inflate(&[]), None);
    }

    #[test]
    fn a_compressed_transaction_is_unpacked() {
        let events = b"events events events events".repeat(20);
        let packed = zstd::encode_all(&events[..], 3).expect("compress");
        let mut body = vec![2, 1, 0, 1, 3, 0xfc];
        body.extend_from_slice(&(packed.len() as u16).to_le_bytes());
        body.extend_from_slice(&[3, 3, 0xfc]);
        body.extend_from_slice(&(events.len() as u16).to_le_bytes());
        body.push(0);
        body.extend_from_slice(&packed);
        assert_eq!(mysql_transaction(&body), Some(events));
        assert_eq!(mysql_transaction(&body[..4]), None);
    }
}
