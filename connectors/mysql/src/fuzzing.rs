//! Entries for the programs in fuzz/: each takes any bytes and must return.
//!
//! The ordinary tests run each on every file of its folder in fuzz/seeds.

use crate::apply;
use crate::binlog::event::Event;
use crate::binlog::group::Grouper;
use crate::binlog::intake::Intake;
use crate::binlog::position::BinlogPosition;
use crate::binlog::run::Run;
use crate::binlog::{segment, statement};
use crate::raw::{self, Payloads};
use crate::signals;
use bytes::Bytes;
use jiff::Timestamp;
use planb_model::recovery::{
    LogPosition, ObjectHash, SegmentBody, SegmentHeader, SegmentSeq, VAULT_FORMAT,
};
use planb_model::{Epoch, ServiceName};

/// Of a transaction, so much is in a piece.
const PIECE_BYTES: usize = 100;

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

/// What a server sends as its log: packets, and the events in them. The first
/// byte says in what pieces they come, which must not matter.
pub fn stream(data: &[u8]) {
    let Some((step, bytes)) = data.split_first() else {
        return;
    };
    let at_once = take_stream(bytes, bytes.len());
    let in_pieces = take_stream(bytes, usize::from(*step) + 1);
    let joined =
        |runs: &[Run]| -> Vec<u8> { runs.iter().flat_map(|run| run.bytes.to_vec()).collect() };
    assert_eq!(at_once.1, in_pieces.1, "ends otherwise");
    assert_eq!(
        joined(&at_once.0),
        joined(&in_pieces.0),
        "other transactions"
    );
    // Only a piece may go on where the one before ended.
    let mut is_open = false;
    for run in &at_once.0 {
        let sum: usize = run.whole.iter().map(|whole| whole.bytes).sum();
        assert_eq!(sum, run.bytes.len(), "a run is its transactions");
        let mut run = run.clone();
        while let Some((whole, bytes)) = run.take_first() {
            if let Some(piece) = whole.piece
                && std::mem::replace(&mut is_open, piece.inside.is_some())
            {
                continue;
            }
            let begins = Event::take(&bytes, false).map(|(event, _)| event.begins_transaction());
            assert_eq!(
                begins.ok(),
                Some(true),
                "a transaction begins with its GTID"
            );
        }
        assert!(run.bytes.is_empty());
    }
}

/// The whole transactions in `bytes`, and whether an error ended it.
fn take_stream(bytes: &[u8], step: usize) -> (Vec<Run>, bool) {
    let Ok(start) = BinlogPosition::parse("b.000001:4") else {
        return (Vec::new(), true);
    };
    let mut intake =
        Intake::new(Grouper::new(vec!["shop".into()], start).in_pieces_of(PIECE_BYTES));
    let mut payloads = Payloads::default();
    let (mut runs, mut from, mut to) = (Vec::new(), 0, 0);
    let mut failed = false;
    while to < bytes.len() && !failed {
        to = bytes.len().min(to + step);
        loop {
            let Ok((used, payload)) = payloads.take(&bytes[from..to]) else {
                return (runs, true);
            };
            let Some(payload) = payload else {
                from += used;
                break;
            };
            let pushed = raw::event(payload).map(|event| intake.push(event).is_ok());
            from += used;
            if !pushed.unwrap_or(false) {
                failed = true;
                break;
            }
        }
        match intake.take_runs() {
            Ok(more) => runs.extend(more),
            Err(_) => failed = true,
        }
    }
    (runs, failed)
}

#[cfg(test)]
mod tests;
