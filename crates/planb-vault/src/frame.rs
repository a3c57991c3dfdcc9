//! One object with a head: two zstd *skippable* frames around a zstd frame.
//!
//! ```text
//! 50 2A 4D 18 | length u32 LE | head              skipped by `zstd -d`
//! an ordinary zstd frame with a content checksum
//! 51 2A 4D 18 | 20 00 00 00   | BLAKE3 of everything above, skipped as well
//! ```
//!
//! So `zstd -d` gives exactly the body, and a torn or damaged object is known
//! without any other object. Frames: RFC 8878, section 3.1.

use std::io::{self, Read};

const HEAD_MAGIC: [u8; 4] = [0x50, 0x2A, 0x4D, 0x18];
const CHECK_MAGIC: [u8; 4] = [0x51, 0x2A, 0x4D, 0x18];
const CHECK_BYTES: usize = 32;
/// Magic and length of a skippable frame.
const SKIPPABLE_PREFIX_BYTES: usize = 8;

/// Whether `bytes` begin like an object of ours that is not encrypted.
pub(crate) fn is_frame(bytes: &[u8]) -> bool {
    bytes.starts_with(&HEAD_MAGIC)
}

/// Puts `head` and the compressed `body` into one object.
pub(crate) fn encode(head: &[u8], body: &[u8], level: i32) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), level)?;
    encoder.include_checksum(true)?;
    encoder.set_pledged_src_size(Some(body.len() as u64))?;
    io::Write::write_all(&mut encoder, body)?;
    let compressed = encoder.finish()?;
    let mut object = Vec::with_capacity(compressed.len() + head.len() + 64);
    skippable(&mut object, HEAD_MAGIC, head)?;
    object.extend_from_slice(&compressed);
    let check = blake3::hash(&object);
    skippable(&mut object, CHECK_MAGIC, check.as_bytes())?;
    Ok(object)
}

/// `above` with the check of it, as a reader demands.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn checked(above: &[u8]) -> Vec<u8> {
    let check = blake3::hash(above);
    [above, &CHECK_MAGIC, &[32, 0, 0, 0], check.as_bytes()].concat()
}

fn skippable(object: &mut Vec<u8>, magic: [u8; 4], content: &[u8]) -> io::Result<()> {
    let length = u32::try_from(content.len()).map_err(io::Error::other)?;
    object.extend_from_slice(&magic);
    object.extend_from_slice(&length.to_le_bytes());
    object.extend_from_slice(content);
    Ok(())
}

/// The parts of an object whose check matches.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) head: &'a [u8],
    /// The zstd frame.
    pub(crate) compressed: &'a [u8],
}

/// Takes an object apart; the text says what is wrong with it.
pub(crate) fn decode(object: &[u8]) -> Result<Frame<'_>, &'static str> {
    let cut = object
        .len()
        .checked_sub(SKIPPABLE_PREFIX_BYTES + CHECK_BYTES);
    let (above, trailer) = object
        .split_at_checked(cut.ok_or("it is too short")?)
        .ok_or("it is too short")?;
    let check = content(trailer, CHECK_MAGIC).ok_or("its end is missing")?.0;
    if check != blake3::hash(above).as_bytes() {
        return Err("its check does not match its content");
    }
    let (head, compressed) = content(above, HEAD_MAGIC).ok_or("it has no header")?;
    Ok(Frame { head, compressed })
}

fn content(bytes: &[u8], magic: [u8; 4]) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_prefix(&magic)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

/// Expands a zstd frame that must have exactly `raw_bytes` of content; never
/// takes more memory than that, whatever the frame says.
pub(crate) fn expand(compressed: &[u8], raw_bytes: u64) -> io::Result<Vec<u8>> {
    let mut raw = Vec::new();
    let decoder = zstd::Decoder::new(compressed)?;
    decoder
        .take(raw_bytes.saturating_add(1))
        .read_to_end(&mut raw)?;
    if raw.len() as u64 == raw_bytes {
        return Ok(raw);
    }
    Err(io::Error::other(format!(
        "its header promises {raw_bytes} bytes and it has {}",
        if raw.len() as u64 > raw_bytes {
            "more".to_owned()
        } else {
            raw.len().to_string()
        }
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_and_every_damaged_byte_is_noticed() {
        let object = encode(b"{head}", b"body body body", 3).expect("encodes");
        let frame = decode(&object).expect("whole");
        assert_eq!(frame.head, b"{head}");
        assert_eq!(
            expand(frame.compressed, 14).expect("expands"),
            b"body body body"
        );
        for at in 0..object.len() {
            let mut damaged = object.clone();
            damaged[at] ^= 1;
            assert!(decode(&damaged).is_err(), "byte {at}");
            assert!(decode(&object[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_bomb_is_not_expanded() {
        let object = encode(b"", &vec![0; 1 << 20], 3).expect("encodes");
        let frame = decode(&object).expect("whole");
        assert!(expand(frame.compressed, 100).is_err());
        assert!(expand(frame.compressed, 1 << 21).is_err());
    }
}
