//! Places in the log of a database, as text in the vault.
//!
//! `wal:<file>:<frames>:<order>:<salts>:<sums>`: after `frames` frames of the
//! `file`th WAL of the stream; salts and cumulative checksum prove that a WAL
//! found later is still the same one. `snapshot:…` is the same place, but the
//! segment that continues it begins with the whole WAL file, so that the
//! segments behind a snapshot are always complete `-wal` files. When the log is
//! open while a snapshot is taken, a segment ends exactly there, with this text.

use crate::error;
use crate::wal::{Chain, Salts, Sums};
use planb_model::recovery::LogPosition;
use planb_ports::PortResult;
use std::cmp::Ordering;

/// A place in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Counts the WAL files of the stream from 0.
    pub file: u64,
    /// Frames before it.
    pub frame: u32,
    /// Byte order of the checksums.
    pub big_endian: bool,
    /// The WAL's salts.
    pub salts: Salts,
    /// Cumulative checksum.
    pub sums: Sums,
    /// Whether it is the place of a snapshot.
    pub snapshot: bool,
}

impl Place {
    /// The place `chain` stands at, in the `file`th WAL.
    pub fn at(file: u64, chain: &Chain) -> Self {
        Self {
            file,
            frame: chain.frame,
            big_endian: chain.big_endian,
            salts: chain.salts,
            sums: chain.sums,
            snapshot: false,
        }
    }

    /// Whether `other` is the same place, be it a snapshot's or not.
    pub fn is_at(&self, other: &Place) -> bool {
        Self {
            snapshot: other.snapshot,
            ..*self
        } == *other
    }

    /// The chain that continues here.
    pub fn chain(&self, page_size: u32) -> Chain {
        Chain {
            big_endian: self.big_endian,
            page_size,
            salts: self.salts,
            sums: self.sums,
            frame: self.frame,
        }
    }

    /// As text, in `stream`.
    pub fn to_position(self, stream: &str) -> LogPosition {
        let kind = if self.snapshot { "snapshot" } else { "wal" };
        let order = if self.big_endian { 'b' } else { 'l' };
        let at = format!(
            "{kind}:{}:{}:{order}:{:08x}{:08x}:{:08x}{:08x}",
            self.file, self.frame, self.salts.0, self.salts.1, self.sums.0, self.sums.1
        );
        LogPosition {
            stream: stream.to_owned(),
            at,
            gtid: None,
        }
    }

    /// Reads a position this connector wrote.
    pub fn parse(position: &LogPosition) -> PortResult<Self> {
        parse(&position.at)
            .ok_or_else(|| error::out_of_order(format!("'{position}' is no position in a WAL")))
    }
}

/// Which of two positions comes first. `None` when they are in different
/// streams, or one of them in a history that the other does not know.
pub fn order(a: &LogPosition, b: &LogPosition) -> Option<Ordering> {
    let (left, right) = (parse(&a.at)?, parse(&b.at)?);
    if a.stream != b.stream {
        return None;
    }
    let ordered = (left.file, left.frame).cmp(&(right.file, right.frame));
    let same_wal = left.salts == right.salts;
    let same_place = same_wal && left.sums == right.sums;
    let contradicts = (left.file == right.file && !same_wal) || (ordered.is_eq() && !same_place);
    (!contradicts).then_some(ordered)
}

fn parse(text: &str) -> Option<Place> {
    let mut fields = text.split(':');
    let snapshot = match fields.next()? {
        "wal" => false,
        "snapshot" => true,
        _ => return None,
    };
    let file = fields.next()?.parse().ok()?;
    let frame = fields.next()?.parse().ok()?;
    let big_endian = match fields.next()? {
        "l" => false,
        "b" => true,
        _ => return None,
    };
    let (a, b) = pair(fields.next()?)?;
    let (c, d) = pair(fields.next()?)?;
    fields.next().is_none().then_some(Place {
        file,
        frame,
        big_endian,
        salts: Salts(a, b),
        sums: Sums(c, d),
        snapshot,
    })
}

fn pair(hex: &str) -> Option<(u32, u32)> {
    let number = |part: Option<&str>| u32::from_str_radix(part?, 16).ok();
    (hex.len() == 16).then_some(())?;
    Some((number(hex.get(..8))?, number(hex.get(8..))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_being_text() {
        for (big_endian, snapshot) in [(false, false), (true, true)] {
            let place = Place {
                file: 3,
                frame: 45,
                big_endian,
                salts: Salts(1, 0xffff_ffff),
                sums: Sums(0, 0x8000_0001),
                snapshot,
            };
            let position = place.to_position("s");
            assert_eq!(Place::parse(&position).expect("parses"), place);
        }
    }

    #[test]
    fn places_of_one_history_are_ordered() {
        let place = |file, frame, salt, sum| Place {
            file,
            frame,
            big_endian: false,
            salts: Salts(salt, 0),
            sums: Sums(sum, 0),
            snapshot: false,
        };
        let of = |a: Place, b: Place| order(&a.to_position("s"), &b.to_position("s"));
        let here = place(1, 10, 7, 3);
        let snapshot = Place {
            snapshot: true,
            ..here
        };
        assert_eq!(of(here, snapshot), Some(Ordering::Equal));
        assert_eq!(of(here, place(1, 9, 7, 4)), Some(Ordering::Greater));
        assert_eq!(of(here, place(2, 1, 8, 4)), Some(Ordering::Less));
        assert_eq!(of(here, place(1, 10, 7, 4)), None, "another transaction");
        assert_eq!(of(here, place(1, 11, 9, 4)), None, "another WAL");
        let elsewhere = here.to_position("t");
        assert_eq!(order(&here.to_position("s"), &elsewhere), None);
    }

    #[test]
    fn other_texts_are_refused() {
        for at in [
            "",
            "binlog.000001:4",
            "wal:1:2:l:0000000000000000",
            "wal:1:2:l:0:0",
            "wal:1:2:x:0000000000000000:0000000000000000",
            "wal:1:2:l:0000000000000000:0000000000000000:9",
        ] {
            let position = LogPosition {
                stream: "s".to_owned(),
                at: at.to_owned(),
                gtid: None,
            };
            assert!(Place::parse(&position).is_err(), "{at}");
        }
    }
}
