//! Entries for the programs in fuzz/: each takes any bytes and must return.
//!
//! The ordinary tests run each on every file of its folder in fuzz/seeds. Bytes
//! are taken as they are, and once more with a check that fits: else nearly
//! nothing a fuzzer makes would get past it.

use crate::chain::Head;
use crate::checkpoint;
use crate::fold::object;
use crate::frame;
use crate::layout::{Layout, is_id};
use crate::seal::Seal;
use crate::segment::{self, check_format};
use crate::sign::Signing;
use bytes::Bytes;
use planb_model::recovery::{RecordKind, SignatureState, SnapshotManifest, VAULT_FORMAT};
use planb_model::{Epoch, Secret, ServiceName};
use std::io::Read;

/// Any bytes, and the same with the right check behind them.
fn both(data: &[u8]) -> [Bytes; 2] {
    let with = frame::checked(data);
    [Bytes::copy_from_slice(data), with.into()]
}

/// The signing key of the seeds, and whose signatures count: of no vault.
const SIGNED_BY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const SIGNED_FOR: &str = "6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=";

/// A log segment: taken apart by a reader who pins no key and by one who does,
/// and put at the end of a chain. What a fuzzer makes is tried signed as well.
pub fn segment(data: &[u8]) {
    let key = Secret::new(SIGNED_BY);
    let signing = Signing::new(Some(&key), &[SIGNED_FOR.to_owned()]);
    let (Ok(seal), Ok(signing)) = (Seal::new(&[], None), signing) else {
        panic!("the keys of the seeds are none");
    };
    let pinned = seal.clone().with(signing);
    let [as_is, checked] = both(data);
    let signed = with_signature(&checked, &pinned);
    for (object, by_us) in [(as_is, false), (checked, false), (signed, true)] {
        let Ok(read) = segment::decode("key", object.clone(), &seal) else {
            let read = segment::decode("key", object, &pinned);
            assert!(read.is_err(), "a pinned key opens nothing more");
            continue;
        };
        assert_eq!(read.header.format, VAULT_FORMAT);
        assert_eq!(read.stored_bytes, object.len() as u64);
        assert_ne!(read.signature, SignatureState::Valid, "no key is pinned");
        let strict = segment::decode("key", object, &pinned).ok();
        match (strict.map(|read| read.signature), read.signature) {
            (Some(SignatureState::Valid), SignatureState::Unchecked) => {}
            (Some(SignatureState::Unsigned), SignatureState::Unsigned) => assert!(!by_us),
            (None, SignatureState::Unchecked) => assert!(!by_us, "our signature counts"),
            other => panic!("{other:?}"),
        }
        let mut head = Head::of(read.header.epoch);
        if head.advance(&read).is_ok() {
            assert_eq!(head.previous, read.hash);
            assert!(head.advance(&read).is_err(), "a second time");
        }
        let again = segment::encode(&read.header, &read.raw, &pinned, 1);
        let again = again.and_then(|object| segment::decode("key", object, &pinned));
        assert!(again.is_ok_and(|again| again.raw == read.raw
            && again.header == read.header
            && again.signature == SignatureState::Valid));
    }
}

/// An object with a signature that counts behind it.
fn with_signature(object: &[u8], pinned: &Seal) -> Bytes {
    let mut signed = object.to_vec();
    let signature = frame::to_sign(object).and_then(|part| pinned.signing.sign(part));
    if let Some(signature) = signature {
        frame::add_signature(&mut signed, &signature).ok();
    }
    signed.into()
}

/// The key of the seeds: made for them, and of no vault.
const SEALED_FOR: &str = "age1ax57uwhlu5eyc8pqr0ss2cfdfe9ky3698v8d3trttn7ef638k3pq6258a8";
const SEALED_KEY: &str =
    "AGE-SECRET-KEY-1FNEUN749Y86PTU89STLTAXR2TFFKV4M0UM3ML2R65JP8E7UYETYS60KSPM";

/// An encrypted object: opened at once and piece by piece, which must come to the
/// same; and what is sealed, with a byte changed or its end cut off, which must
/// never open. The first three bytes say where and how.
pub fn sealed(data: &[u8]) {
    let key = Secret::new(SEALED_KEY);
    let Ok(seal) = Seal::new(&[SEALED_FOR.to_owned()], Some(&key)) else {
        panic!("the key of the seeds is none");
    };
    let opened = seal.open("key", Bytes::copy_from_slice(data));
    let mut read = Vec::new();
    let reader = seal.any_reader("key", data);
    let pieces = reader.is_ok_and(|mut pieces| pieces.read_to_end(&mut read).is_ok());
    assert_eq!(opened.is_ok(), pieces);
    if let Ok(opened) = opened {
        assert_eq!(opened, read);
        segment::decode("key", opened, &seal).ok();
    }
    let Some(([low, high, flip], plain)) = data.split_first_chunk::<3>() else {
        return;
    };
    let Ok(whole) = seal.seal(plain.to_vec()) else {
        return;
    };
    let open = |object: &[u8]| seal.open("key", Bytes::copy_from_slice(object));
    assert!(open(&whole).is_ok_and(|opened| opened == plain));
    // Without its first line an object is taken for one that is not encrypted.
    let line = whole
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or_default()
        + 1;
    let at = line + usize::from(u16::from_le_bytes([*low, *high])) % (whole.len() - line);
    assert!(open(&whole[..at]).is_err(), "cut off at {at}");
    let mut changed = whole;
    changed[at] ^= (*flip).max(1);
    assert!(open(&changed).is_err(), "changed at {at}");
}

/// A folded object, as one segment for the database.
pub fn folded(data: &[u8]) {
    let Ok(seal) = Seal::new(&[], None) else {
        return;
    };
    for object in both(data) {
        if let Ok(read) = object::decode("key", object, &seal) {
            assert_eq!(read.header.raw_bytes, read.raw.len() as u64);
            assert_eq!(read.header.as_segment().seq, read.header.from);
            drop(object::FoldedHeader::join(&[
                read.header.clone(),
                read.header,
            ]));
        }
    }
}

/// The bytes of a manifest, of a checkpoint, and names of objects.
pub fn manifest(data: &[u8]) {
    if check_format("key", data).is_ok()
        && let Ok(manifest) = serde_json::from_slice::<SnapshotManifest>(data)
    {
        let json = serde_json::to_vec(&manifest).unwrap_or_default();
        let again: Option<SnapshotManifest> = serde_json::from_slice(&json).ok();
        assert_eq!(again, Some(manifest), "what is read can be written");
    }
    checkpoint::parse("key", data).ok();
    let (Ok(text), Ok(service)) = (std::str::from_utf8(data), ServiceName::new("orders")) else {
        return;
    };
    let (layout, epoch) = (Layout::new(service), Epoch(1));
    for key in text.lines() {
        if let Some(name) = layout.parse_manifest(key) {
            assert_eq!(name.key, key);
        }
        layout.parse_segment(epoch, key, 1);
        layout.parse_folded(epoch, key);
        checkpoint::place(&layout, epoch, key);
        layout.parse_part(key);
        layout.parse_epoch(key);
        layout.parse_record(RecordKind::Verification, key);
        is_id(key);
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "seeds are files of this repository"
)]
mod tests {
    use std::path::Path;

    fn seeds(target: &str, reader: fn(&[u8])) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
        let files = std::fs::read_dir(root.join(target)).expect("seeds");
        let mut count = 0;
        for file in files {
            let path = file.expect("a file").path();
            reader(&std::fs::read(path).expect("a seed"));
            count += 1;
        }
        assert!(count > 2, "{target}: {count}");
    }

    #[test]
    fn every_seed_is_read() {
        seeds("vault_sealed", super::sealed);
        seeds("vault_segment", super::segment);
        seeds("vault_folded", super::folded);
        seeds("vault_manifest", super::manifest);
    }
}
