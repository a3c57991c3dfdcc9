//! Folded objects: a header and folded log in one object, like a segment.

use crate::chain::Head;
use crate::error;
use crate::frame;
use crate::seal::Seal;
use crate::segment::{Segment, check_format};
use bytes::Bytes;
use jiff::Timestamp;
use planb_model::recovery::{
    LogPosition, ObjectHash, SegmentBody, SegmentHeader, SegmentSeq, VAULT_FORMAT,
};
use planb_model::{Epoch, ServiceName};
use planb_ports::PortResult;
use serde::{Deserialize, Serialize};

/// Head of a folded object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FoldedHeader {
    pub(crate) format: u32,
    pub(crate) service: ServiceName,
    pub(crate) epoch: Epoch,
    /// The first segment that is folded.
    pub(crate) from: SegmentSeq,
    /// The last one.
    pub(crate) to: SegmentSeq,
    /// Hash of the object before the first one.
    pub(crate) previous: ObjectHash,
    /// Hash of the last one.
    pub(crate) last: ObjectHash,
    /// When the last one was written.
    pub(crate) written_at: Timestamp,
    /// Position before the first transaction.
    pub(crate) start: LogPosition,
    /// Position after the last one.
    pub(crate) end: LogPosition,
    pub(crate) transactions: u64,
    /// Folded bytes before compression.
    pub(crate) raw_bytes: u64,
}

/// A folded object that was read and is whole in itself.
#[derive(Debug, Clone)]
pub(crate) struct Folded {
    pub(crate) header: FoldedHeader,
    pub(crate) raw: Bytes,
    pub(crate) stored_bytes: u64,
}

impl FoldedHeader {
    /// Of segments that follow each other, the first of them behind `before`.
    pub(crate) fn of(before: &Head, segments: &[Segment]) -> Option<Self> {
        let (first, last) = (segments.first()?, segments.last()?);
        let span = |segment: &Segment| match &segment.header.body {
            SegmentBody::Log { start, end, .. } => Some((start.clone(), end.clone())),
            SegmentBody::Closed { .. } => None,
        };
        let transactions = |segment: &Segment| match segment.header.body {
            SegmentBody::Log { transactions, .. } => transactions,
            SegmentBody::Closed { .. } => 0,
        };
        Some(Self {
            format: VAULT_FORMAT,
            service: first.header.service.clone(),
            epoch: before.epoch,
            from: first.header.seq,
            to: last.header.seq,
            previous: before.previous.clone(),
            last: last.hash.clone(),
            written_at: last.header.written_at,
            start: span(first)?.0,
            end: span(last)?.1,
            transactions: segments.iter().map(transactions).sum(),
            raw_bytes: 0,
        })
    }

    /// Of folded objects that follow each other.
    pub(crate) fn join(parts: &[Self]) -> Option<Self> {
        let (first, last) = (parts.first()?, parts.last()?);
        let follows =
            |pair: &[Self]| pair[0].to.next() == pair[1].from && pair[0].last == pair[1].previous;
        parts.windows(2).all(follows).then(|| Self {
            to: last.to,
            last: last.last.clone(),
            written_at: last.written_at,
            end: last.end.clone(),
            transactions: parts.iter().map(|part| part.transactions).sum(),
            ..first.clone()
        })
    }

    /// As a connector knows it: one segment from the first start to the last end.
    pub(crate) fn as_segment(&self) -> SegmentHeader {
        SegmentHeader {
            format: self.format,
            service: self.service.clone(),
            epoch: self.epoch,
            seq: self.from,
            previous: self.previous.clone(),
            written_at: self.written_at,
            body: SegmentBody::Log {
                start: self.start.clone(),
                end: self.end.clone(),
                transactions: self.transactions,
                raw_bytes: self.raw_bytes,
            },
        }
    }
}

/// Makes a folded object.
pub(crate) fn encode(
    header: &FoldedHeader,
    raw: &[u8],
    seal: &Seal,
    level: i32,
) -> PortResult<Bytes> {
    let head = serde_json::to_vec(header).map_err(|e| error::internal("write a header", e))?;
    let object =
        frame::encode(&head, raw, level).map_err(|e| error::internal("compress folded log", e))?;
    Ok(seal.seal(object)?.into())
}

/// Reads a folded object and checks it by itself.
pub(crate) fn decode(key: &str, object: Bytes, seal: &Seal) -> PortResult<Folded> {
    let stored_bytes = object.len() as u64;
    let plain = seal.open(key, object)?;
    let frame = frame::decode(&plain).map_err(|what| error::corrupt(key, what))?;
    check_format(key, frame.head)?;
    let header: FoldedHeader =
        serde_json::from_slice(frame.head).map_err(|e| error::corrupt(key, e))?;
    let raw = frame::expand(frame.compressed, header.raw_bytes);
    let raw = raw.map_err(|e| error::corrupt(key, e))?.into();
    Ok(Folded {
        header,
        raw,
        stored_bytes,
    })
}
