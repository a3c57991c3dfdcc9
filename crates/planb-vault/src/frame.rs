//! One object with a head: zstd *skippable* frames around a zstd frame.
//!
//! ```text
//! 50 2A 4D 18 | length u32 LE | head              skipped by `zstd -d`
//! an ordinary zstd frame with a content checksum
//! 51 2A 4D 18 | 20 00 00 00   | BLAKE3 of everything above, skipped as well
//! 52 2A 4D 18 | 40 00 00 00   | Ed25519 of the frame above; only where it is signed
//! ```
//!
//! So `zstd -d` gives exactly the body, and a torn or damaged object is known
//! without any other object. Frames: RFC 8878, section 3.1.

use std::io::{self, Read};

const HEAD_MAGIC: [u8; 4] = [0x50, 0x2A, 0x4D, 0x18];
const CHECK_MAGIC: [u8; 4] = [0x51, 0x2A, 0x4D, 0x18];
const CHECK_BYTES: usize = 32;
const SIGN_MAGIC: [u8; 4] = [0x52, 0x2A, 0x4D, 0x18];
/// An Ed25519 signature (RFC 8032).
pub(crate) const SIGNATURE_BYTES: usize = 64;
/// Magic and length of a skippable frame.
const SKIPPABLE_PREFIX_BYTES: usize = 8;

/// Whether `bytes` begin like an object of ours that is not encrypted.
pub(crate) fn is_frame(bytes: &[u8]) -> bool {
    bytes.starts_with(&HEAD_MAGIC)
}

/// Puts `head` and the compressed `body` into one object.
pub(crate) fn encode(head: &[u8], body: &[u8], level: i32) -> io::Result<Vec<u8>> {
    let mut object = Vec::with_capacity(head.len() + 1024);
    skippable(&mut object, HEAD_MAGIC, head)?;
    // Where it will stand: a body may be the largest thing there is in memory.
    let mut encoder = zstd::Encoder::new(object, level)?;
    encoder.include_checksum(true)?;
    encoder.set_pledged_src_size(Some(body.len() as u64))?;
    io::Write::write_all(&mut encoder, body)?;
    let mut object = encoder.finish()?;
    let check = blake3::hash(&object);
    skippable(&mut object, CHECK_MAGIC, check.as_bytes())?;
    Ok(object)
}

/// What a signature of an object is over: the frame with its check, which says
/// everything that is above. It cannot be taken for a manifest or a checkpoint,
/// which begin otherwise. `None` for what is no object of ours.
pub(crate) fn to_sign(object: &[u8]) -> Option<&[u8]> {
    let at = object
        .len()
        .checked_sub(SKIPPABLE_PREFIX_BYTES + CHECK_BYTES)?;
    let check = object.get(at..)?;
    is_whole(check, CHECK_MAGIC, CHECK_BYTES).then_some(check)
}

/// Puts a signature behind an object.
pub(crate) fn add_signature(
    object: &mut Vec<u8>,
    signature: &[u8; SIGNATURE_BYTES],
) -> io::Result<()> {
    skippable(object, SIGN_MAGIC, signature)
}

/// An object without its signature, and the signature, if it has one.
fn split_signature(object: &[u8]) -> (&[u8], Option<&[u8]>) {
    let cut = object
        .len()
        .checked_sub(SKIPPABLE_PREFIX_BYTES + SIGNATURE_BYTES);
    let Some((unsigned, last)) = cut.and_then(|at| object.split_at_checked(at)) else {
        return (object, None);
    };
    if is_whole(last, SIGN_MAGIC, SIGNATURE_BYTES) && to_sign(unsigned).is_some() {
        return (unsigned, Some(&last[SKIPPABLE_PREFIX_BYTES..]));
    }
    (object, None)
}

/// Whether `bytes` are one skippable frame with so many bytes in it.
fn is_whole(bytes: &[u8], magic: [u8; 4], length: usize) -> bool {
    content(bytes, magic).is_some_and(|(inside, rest)| inside.len() == length && rest.is_empty())
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
    /// What the signature is over.
    pub(crate) to_sign: &'a [u8],
    /// The signature, which nobody has looked at yet.
    pub(crate) signature: Option<&'a [u8]>,
}

/// Takes an object apart; the text says what is wrong with it.
pub(crate) fn decode(object: &[u8]) -> Result<Frame<'_>, &'static str> {
    let (object, signature) = split_signature(object);
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
    Ok(Frame {
        head,
        compressed,
        to_sign: trailer,
        signature,
    })
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
    fn a_signature_stands_behind_and_changes_nothing_else() {
        let plain = encode(b"{head}", b"body", 3).expect("encodes");
        let mut object = plain.clone();
        add_signature(&mut object, &[7; SIGNATURE_BYTES]).expect("added");
        let frame = decode(&object).expect("whole");
        assert_eq!(
            (frame.head, frame.signature),
            (&b"{head}"[..], Some(&[7; 64][..]))
        );
        assert_eq!(Some(frame.to_sign), to_sign(&plain));
        assert_eq!(decode(&plain).expect("whole").signature, None);
        // Cut off exactly, it is an object without a signature; else no object.
        for cut in 1..object.len() {
            let whole = decode(&object[..object.len() - cut]).is_ok();
            assert_eq!(whole, cut == 72, "{cut}");
        }
        // A signature alone is none.
        assert!(decode(&object[plain.len()..]).is_err());
    }

    #[test]
    fn a_bomb_is_not_expanded() {
        let object = encode(b"", &vec![0; 1 << 20], 3).expect("encodes");
        let frame = decode(&object).expect("whole");
        assert!(expand(frame.compressed, 100).is_err());
        assert!(expand(frame.compressed, 1 << 21).is_err());
    }
}
