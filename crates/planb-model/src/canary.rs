//! Canary marks: small rows written at the active site and looked for at the
//! other one, so that the recovery point is measured and not configured
//! (safety rule 6).

use crate::Epoch;
use jiff::Timestamp;

/// What every mark starts with. Found by byte search in raw log bytes: the
/// text of a VARCHAR in a binlog row event or of a TEXT in an SQLite page.
pub const CANARY_PREFIX: &str = "PLANB-CANARY/";

/// Bytes of a whole mark:
/// `PLANB-CANARY/` epoch(10) `/` sequence(20) `/` unix ms(16) `/` check(8).
pub const CANARY_BYTES: usize = 13 + 10 + 1 + 20 + 1 + 16 + 1 + 8;

/// One canary: when it was written, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Canary {
    /// Epoch of the writer.
    pub epoch: Epoch,
    /// Counts up with every canary of an epoch.
    pub sequence: u64,
    /// The writer's clock when it committed the canary.
    pub written_at: Timestamp,
}

impl Canary {
    /// The mark as it is stored: ASCII, always [`CANARY_BYTES`] long.
    pub fn encode(&self) -> String {
        let body = format!(
            "{CANARY_PREFIX}{:010}/{:020}/{:016}",
            self.epoch.0,
            self.sequence,
            self.written_at.as_millisecond()
        );
        let check = blake3::hash(body.as_bytes()).to_hex();
        format!("{body}/{}", &check[..8])
    }

    /// Reads a mark; `None` when it is not whole or its check does not match.
    pub fn decode(mark: &[u8]) -> Option<Canary> {
        let text = std::str::from_utf8(mark.get(..CANARY_BYTES)?).ok()?;
        let (body, check) = text.rsplit_once('/')?;
        if blake3::hash(body.as_bytes()).to_hex()[..8] != *check {
            return None;
        }
        let mut fields = body.strip_prefix(CANARY_PREFIX)?.split('/');
        let epoch = fields.next()?.parse().ok()?;
        let sequence = fields.next()?.parse().ok()?;
        let millis = fields.next()?.parse().ok()?;
        Some(Canary {
            epoch: Epoch(epoch),
            sequence,
            written_at: Timestamp::from_millisecond(millis).ok()?,
        })
    }

    /// The newest mark in raw log bytes: highest epoch, then highest sequence.
    pub fn newest_in(bytes: &[u8]) -> Option<Canary> {
        let prefix = CANARY_PREFIX.as_bytes();
        let mut newest: Option<Canary> = None;
        let mut at = 0;
        while let Some(offset) = find(&bytes[at..], prefix) {
            let start = at + offset;
            if let Some(found) = Canary::decode(&bytes[start..])
                && newest.is_none_or(|n| (n.epoch, n.sequence) < (found.epoch, found.sequence))
            {
                newest = Some(found);
            }
            at = start + prefix.len();
        }
        newest
    }
}

/// First place of `needle` in `haystack`; skips by the rare first byte.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut at = 0;
    while let Some(offset) = haystack.get(at..)?.iter().position(|b| *b == first) {
        let start = at + offset;
        if haystack[start..].starts_with(needle) {
            return Some(start);
        }
        at = start + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canary(sequence: u64) -> Canary {
        Canary {
            epoch: Epoch(3),
            sequence,
            written_at: Timestamp::from_millisecond(1_700_000_000_123).expect("in range"),
        }
    }

    #[test]
    fn the_newest_mark_is_found_among_others() {
        let mut bytes = b"PPLANB-CANARY/ torn ".to_vec();
        for sequence in [7, 9, 8] {
            bytes.extend_from_slice(canary(sequence).encode().as_bytes());
            bytes.extend_from_slice(&[0, 255, b'P']);
        }
        assert_eq!(canary(1).encode().len(), CANARY_BYTES);
        assert_eq!(Canary::newest_in(&bytes), Some(canary(9)));
    }

    #[test]
    fn a_damaged_mark_is_no_mark() {
        let mut mark = canary(5).encode().into_bytes();
        mark[30] ^= 1;
        assert_eq!(Canary::newest_in(&mark), None);
        assert_eq!(Canary::newest_in(&mark[..40]), None);
    }
}
