//! Entries for the programs in fuzz/: each takes any bytes and must return.
//!
//! The ordinary tests run each on every file of its folder in fuzz/seeds.

use crate::apply;
use crate::binlog::{segment, statement};
use crate::signals;
use bytes::Bytes;
use jiff::Timestamp;
use planb_model::recovery::{
    LogPosition, ObjectHash, SegmentBody, SegmentHeader, SegmentSeq, VAULT_FORMAT,
};
use planb_model::{Epoch, ServiceName};

/// A segment as it comes out of a vault: everything that applying, folding and
/// counting do with it before a server sees it.
pub fn segment(data: &[u8]) {
    if segment::read(data).is_err() {
        return;
    }
    signals::of(data);
    let Ok(service) = ServiceName::new("orders") else {
        return;
    };
    let position = |at: &str| LogPosition {
        stream: "mariadb:1:x".into(),
        at: at.into(),
        gtid: None,
    };
    let header = SegmentHeader {
        format: VAULT_FORMAT,
        service,
        epoch: Epoch(1),
        seq: SegmentSeq(1),
        previous: ObjectHash::genesis(),
        written_at: Timestamp::UNIX_EPOCH,
        body: SegmentBody::Log {
            start: position("b.000001:4"),
            end: position("b.000001:4294967295"),
            transactions: 1,
            raw_bytes: data.len() as u64,
        },
    };
    let given = [(header, Bytes::copy_from_slice(data))];
    if let Ok(Some((_, folded))) = apply::fold_log(&["shop".to_owned()], &given) {
        assert!(segment::read(&folded).is_ok(), "a folded segment is whole");
    }
}

/// A statement of the log.
pub fn statement(data: &[u8]) {
    statement::classify(data);
    let rest = statement::without_transaction(data);
    assert!(data.starts_with(rest), "words only go at the end");
}

#[cfg(test)]
mod tests;
