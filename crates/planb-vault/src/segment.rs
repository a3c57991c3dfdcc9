//! Log segments: a header and raw log bytes in one object.

use crate::error;
use crate::frame;
use crate::seal::Seal;
use bytes::Bytes;
use planb_model::recovery::{ObjectHash, SegmentBody, SegmentHeader, VAULT_FORMAT};
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
    let object =
        frame::encode(&head, raw, level).map_err(|e| error::internal("compress a segment", e))?;
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
    })
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
    fn a_newer_format_is_refused_by_its_number() {
        let seal = Seal::new(&[], None).expect("no keys");
        let head = br#"{"format":2,"new":true}"#;
        let object = frame::encode(head, b"", 3).expect("encodes");
        let error = decode("k", object.into(), &seal).expect_err("newer");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}
