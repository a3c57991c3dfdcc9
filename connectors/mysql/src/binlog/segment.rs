//! Segments: little binlog files of whole transactions, so that
//! `mariadb-binlog segment | mariadb` works by hand.

use super::event::{Event, MAGIC, has_checksums, kind};
use super::gtid::{self, GtidState};
use crate::error::corrupt;
use planb_ports::PortResult;

/// A segment that was read.
#[derive(Debug)]
pub(crate) struct Segment<'a> {
    /// The format description, needed before any other event can be applied.
    pub format: &'a [u8],
    /// Whether the events have checksums.
    pub checksum: bool,
    /// The others.
    pub events: Vec<Event<'a>>,
}

impl Segment<'_> {
    /// The offset after the transaction that brings the state `from` to `to`;
    /// `None` when none does.
    pub fn place_of(&self, from: GtidState, to: &GtidState) -> Option<u64> {
        let mut state = from;
        let mut place = None;
        for event in &self.events {
            if event.begins_transaction() {
                if place.is_some() && state == *to {
                    return place;
                }
                state.add(&gtid::read(event)?);
            }
            place = Some(u64::from(event.next_offset()));
        }
        place.filter(|_| state == *to)
    }
}

/// Puts a segment together.
pub(crate) fn write(format: &[u8], transactions: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let bytes: usize = transactions.iter().map(|t| t.as_ref().len()).sum();
    let mut segment = Vec::with_capacity(MAGIC.len() + format.len() + bytes);
    segment.extend_from_slice(&MAGIC);
    segment.extend_from_slice(format);
    for transaction in transactions {
        segment.extend_from_slice(transaction.as_ref());
    }
    segment
}

/// Takes a segment apart, checking every event.
pub(crate) fn read(bytes: &[u8]) -> PortResult<Segment<'_>> {
    let rest = bytes
        .strip_prefix(&MAGIC)
        .ok_or_else(|| corrupt("the segment is not a binlog file"))?;
    // A format description says itself whether there are checksums, so its size
    // is read first.
    let (first, _) = Event::take(rest, false)?;
    if first.kind() != kind::FORMAT_DESCRIPTION {
        return Err(corrupt(
            "the segment does not start with a format description",
        ));
    }
    let checksum = has_checksums(first.bytes())?;
    let (format, mut rest) = Event::take(rest, checksum)?;
    let mut events = Vec::new();
    while !rest.is_empty() {
        let (event, after) = Event::take(rest, checksum)?;
        events.push(event);
        rest = after;
    }
    Ok(Segment {
        format: format.bytes(),
        checksum,
        events,
    })
}

#[cfg(test)]
mod tests {
    use super::super::event::testing;
    use super::*;

    #[test]
    fn a_segment_is_taken_apart_as_it_was_put_together() {
        let format = testing::format_description();
        let transactions = [
            testing::query("a", "BEGIN"),
            testing::event(kind::XID, &[0; 8]),
        ];
        let bytes = write(&format, &transactions);
        let segment = read(&bytes).expect("reads");
        assert_eq!(segment.format, format);
        let kinds: Vec<u8> = segment.events.iter().map(Event::kind).collect();
        assert_eq!(kinds, [kind::QUERY, kind::XID]);
        assert!(read(&bytes[..bytes.len() - 1]).is_err());
        assert!(read(&bytes[1..]).is_err());
    }

    #[test]
    fn a_place_is_found_by_the_transactions_before_it() {
        let gtid = |sequence: u64, next| {
            let mut body = sequence.to_le_bytes().to_vec();
            body.extend_from_slice(&[0; 11]);
            testing::at(kind::MARIADB_GTID, &body, next)
        };
        let xid = |next| testing::at(kind::XID, &[0; 8], next);
        let transactions = [gtid(6, 150), xid(200), gtid(7, 250), xid(300)];
        let bytes = write(&testing::format_description(), &transactions);
        let segment = read(&bytes).expect("reads");
        let place = |from: &str, to: &str| {
            let state = |text| GtidState::parse(true, Some(text));
            segment.place_of(state(from), &state(to))
        };
        assert_eq!(place("0-1-5", "0-1-6"), Some(200));
        assert_eq!(place("0-1-5", "0-1-7"), Some(300));
        assert_eq!(place("0-1-5", "0-1-8"), None);
        assert_eq!(place("0-1-5", "0-2-6"), None);
    }
}
