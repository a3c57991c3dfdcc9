//! Log segments: a header and raw log bytes in one object.

use crate::error;
use crate::frame::{self, Frame};
use crate::seal::Seal;
use bytes::Bytes;
use planb_model::recovery::{ObjectHash, SegmentBody, SegmentHeader, SignatureState, VAULT_FORMAT};
use planb_ports::PortResult;

/// A segment that was read and is whole in itself.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) key: String,
    pub(crate) header: SegmentHeader,
    /// Raw log bytes; empty for a closing segment.
    pub(crate) raw: Bytes,
    /// Hash of the object as stored.
    pub(crate) hash: ObjectHash,
    pub(crate) stored_bytes: u64,
    /// Whether it is signed; `Valid` only by a key that counts.
    pub(crate) signature: SignatureState,
}

impl Segment {
    /// Whether it has a part of a transaction that ends in a later one.
    pub(crate) fn is_piece(&self) -> bool {
        matches!(
            &self.header.body,
            SegmentBody::Log {
                transactions: 0,
                ..
            }
        )
    }
}

/// Makes the object of a segment. Closing segments are never encrypted: they
/// hold nothing secret, and a writer must be able to read that it is fenced.
pub(crate) fn encode(
    header: &SegmentHeader,
    raw: &[u8],
    seal: &Seal,
    level: i32,
) -> PortResult<Bytes> {
    let head = serde_json::to_vec(header).map_err(|e| error::internal("write a header", e))?;
    let failed = |e| error::internal("compress a segment", e);
    let mut object = frame::encode(&head, raw, level).map_err(failed)?;
    if let Some(signature) = frame::to_sign(&object).and_then(|part| seal.signing.sign(part)) {
        frame::add_signature(&mut object, &signature).map_err(failed)?;
    }
    match header.body {
        SegmentBody::Log { .. } => Ok(seal.seal(object)?.into()),
        SegmentBody::Closed { .. } => Ok(object.into()),
    }
}

/// Reads the object of a segment and checks it by itself; its place in the
/// chain is checked by the reader of the chain.
pub(crate) fn decode(key: &str, object: Bytes, seal: &Seal) -> PortResult<Segment> {
    let hash = ObjectHash::of(&object);
    let stored_bytes = object.len() as u64;
    let plain = seal.open(key, object)?;
    if !frame::is_frame(&plain) {
        return Err(error::corrupt(key, "it is not a log segment"));
    }
    let frame = frame::decode(&plain).map_err(|what| error::corrupt(key, what))?;
    let signature = check_signature(key, &frame, seal)?;
    let header = read_header(key, frame.head)?;
    let raw_bytes = match header.body {
        SegmentBody::Log { raw_bytes, .. } => raw_bytes,
        SegmentBody::Closed { .. } => 0,
    };
    let raw = frame::expand(frame.compressed, raw_bytes).map_err(|e| error::corrupt(key, e))?;
    Ok(Segment {
        key: key.to_owned(),
        header,
        raw: raw.into(),
        hash,
        stored_bytes,
        signature,
    })
}

/// A wrong signature is refused at once. Whether a segment may have none depends
/// on those around it, see `trust`.
fn check_signature(key: &str, frame: &Frame<'_>, seal: &Seal) -> PortResult<SignatureState> {
    match frame.signature {
        None => Ok(SignatureState::Unsigned),
        Some(_) if !seal.signing.checks() => Ok(SignatureState::Unchecked),
        Some(signature) if seal.signing.is_valid(frame.to_sign, signature) => {
            Ok(SignatureState::Valid)
        }
        Some(_) => Err(error::forged(key)),
    }
}

fn read_header(key: &str, head: &[u8]) -> PortResult<SegmentHeader> {
    check_format(key, head)?;
    serde_json::from_slice(head).map_err(|e| error::corrupt(key, e))
}

/// Looks at the format alone first: a newer one may have fields we do not know.
pub(crate) fn check_format(key: &str, json: &[u8]) -> PortResult<()> {
    #[derive(serde::Deserialize)]
    struct Format {
        format: u64,
    }
    let found: Format = serde_json::from_slice(json).map_err(|e| error::corrupt(key, e))?;
    if found.format == u64::from(VAULT_FORMAT) {
        Ok(())
    } else {
        Err(error::unknown_format(key, found.format))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::Signing;
    use base64::Engine as _;
    use jiff::Timestamp;
    use planb_model::recovery::{LogPosition, SegmentSeq};
    use planb_model::{Epoch, ServiceName};
    use planb_ports::ErrorKind;

    pub(crate) fn header(body: SegmentBody) -> SegmentHeader {
        SegmentHeader {
            format: VAULT_FORMAT,
            service: ServiceName::new("orders").expect("name"),
            epoch: Epoch(1),
            seq: SegmentSeq::FIRST,
            previous: ObjectHash::genesis(),
            written_at: Timestamp::UNIX_EPOCH,
            body,
        }
    }

    fn log(raw: &[u8]) -> SegmentHeader {
        let place = |at: &str| LogPosition {
            stream: "s".into(),
            at: at.into(),
            gtid: None,
        };
        header(SegmentBody::Log {
            start: place("1"),
            end: place("2"),
            transactions: 1,
            raw_bytes: raw.len() as u64,
        })
    }

    #[test]
    fn a_segment_comes_back_as_it_was() {
        let seal = Seal::new(&[], None).expect("no keys");
        let object = encode(&log(b"raw log"), b"raw log", &seal, 3).expect("encodes");
        let segment = decode("k", object.clone(), &seal).expect("decodes");
        assert_eq!(segment.header, log(b"raw log"));
        assert_eq!(segment.raw, "raw log");
        assert_eq!(segment.hash, ObjectHash::of(&object));
    }

    #[test]
    fn a_signature_counts_by_a_pinned_key_only_and_for_its_own_segment() {
        let key = |seed: u8| {
            let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
            let base64 = base64::engine::general_purpose::STANDARD;
            (
                planb_model::Secret::new(base64.encode([seed; 32])),
                base64.encode(key.verifying_key().as_bytes()),
            )
        };
        let seal = |signer: Option<u8>, trusted: &[u8]| {
            let trusted: Vec<String> = trusted.iter().map(|seed| key(*seed).1).collect();
            let signer = signer.map(|seed| key(seed).0);
            let signing = Signing::new(signer.as_ref(), &trusted).expect("keys");
            Seal::new(&[], None).expect("no keys").with(signing)
        };
        let object = encode(&log(b"raw"), b"raw", &seal(Some(1), &[]), 3).expect("encodes");
        let state = |object: &Bytes, trusted: &[u8]| {
            let read = decode("k", object.clone(), &seal(None, trusted));
            read.map(|segment| segment.signature).map_err(|e| e.code())
        };
        assert_eq!(state(&object, &[1]), Ok(SignatureState::Valid));
        assert_eq!(state(&object, &[2, 1]), Ok(SignatureState::Valid));
        assert_eq!(state(&object, &[2]), Err("PB-REPO-SIGNATURE"));
        assert_eq!(state(&object, &[]), Ok(SignatureState::Unchecked));
        let plain = object.slice(..object.len() - 72);
        assert_eq!(state(&plain, &[1]), Ok(SignatureState::Unsigned));
        // The signature of another segment.
        let other = encode(&log(b"not"), b"not", &seal(None, &[]), 3).expect("encodes");
        let moved = [&other, &object[object.len() - 72..]].concat();
        assert_eq!(state(&moved.into(), &[1]), Err("PB-REPO-SIGNATURE"));
    }

    #[test]
    fn a_newer_format_is_refused_by_its_number() {
        let seal = Seal::new(&[], None).expect("no keys");
        let head = br#"{"format":2,"new":true}"#;
        let object = frame::encode(head, b"", 3).expect("encodes");
        let error = decode("k", object.into(), &seal).expect_err("newer");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}
