//! Row events: their heads, and the row images in them.

use super::cursor::{Cursor, bit};
use super::table::TableMap;
use super::write;
use crate::binlog::payload;
use bytes::Bytes;

/// Last one of its statement.
pub(crate) const FLAG_STATEMENT_END: u16 = 1;
/// Foreign keys are not looked at.
pub(crate) const FLAG_NO_FOREIGN_KEYS: u16 = 2;
/// Unique keys may be checked less.
pub(crate) const FLAG_RELAXED_UNIQUE: u16 = 4;

/// What a row event does to its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    /// New rows.
    Write,
    /// Rows before and after.
    Update,
    /// Rows that are gone.
    Delete,
}

/// Form of a row event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// MariaDB's, and MySQL's when asked for.
    One,
    /// MySQL's, with room for more in the head.
    Two,
}

/// A row event of full images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowEvent {
    pub action: Action,
    pub version: Version,
    pub flags: u16,
    /// One after the other; two for each row of an update.
    images: Bytes,
}

/// Type number of a row event: what it does, its form, whether it is compressed.
fn kind_of(number: u8) -> Option<(Action, Version, bool)> {
    use Action::{Delete, Update, Write};
    use Version::{One, Two};
    Some(match number {
        23 => (Write, One, false),
        24 => (Update, One, false),
        25 => (Delete, One, false),
        30 => (Write, Two, false),
        31 => (Update, Two, false),
        32 => (Delete, Two, false),
        166 => (Write, One, true),
        167 => (Update, One, true),
        168 => (Delete, One, true),
        169 => (Write, Two, true),
        170 => (Update, Two, true),
        171 => (Delete, Two, true),
        _ => return None,
    })
}

/// Type and body of the uncompressed row event that says the same as MariaDB's
/// compressed one; `None` when it is none, or damaged. Servers log compressed
/// ones and do not take them in `BINLOG` statements.
pub(crate) fn unpacked(number: u8, body: &[u8]) -> Option<(u8, Vec<u8>)> {
    let (action, version, true) = kind_of(number)? else {
        return None;
    };
    let (_, columns, mut rest) = head(version, body)?;
    let bitmaps = if action == Action::Update { 2 } else { 1 };
    rest.take(columns.div_ceil(8).checked_mul(bitmaps)?)?;
    let images = payload::mariadb_inflate(rest.0)?;
    let mut plain = body.get(..body.len() - rest.0.len())?.to_vec();
    plain.extend_from_slice(&images);
    Some((write::number(action, version), plain))
}

/// Flags and number of columns at the beginning of a body, and what follows.
fn head(version: Version, body: &[u8]) -> Option<(u16, usize, Cursor<'_>)> {
    let mut rest = Cursor(body);
    rest.take(6)?; // number of the table
    let flags = u16::try_from(rest.number(2)?).ok()?;
    if version == Version::Two {
        let more = rest.length(2)?.checked_sub(2)?;
        rest.take(more)?;
    }
    let columns = rest.encoded_length()?;
    Some((flags, columns, rest))
}

impl RowEvent {
    /// Reads the body of the row event of type `number` of a table of `columns`
    /// columns. `None` when it is not of full images: then a row cannot be
    /// known from the event alone.
    pub fn read(number: u8, body: &Bytes, columns: usize) -> Option<Self> {
        let (action, version, compressed) = kind_of(number)?;
        let (flags, found, mut rest) = head(version, body)?;
        if found != columns {
            return None;
        }
        let bitmaps = if action == Action::Update { 2 } else { 1 };
        for _ in 0..bitmaps {
            let present = rest.take(columns.div_ceil(8))?;
            if !(0..columns).all(|index| bit(present, index)) {
                return None;
            }
        }
        let images = if compressed {
            payload::mariadb_inflate(rest.0)?.into()
        } else {
            body.slice_ref(rest.0)
        };
        Some(Self {
            action,
            version,
            flags,
            images,
        })
    }

    /// Its rows as `(before, after)`. `None` when they do not end with the event.
    pub fn rows(&self, map: &TableMap) -> Option<Vec<(Option<Bytes>, Option<Bytes>)>> {
        let mut rest = Cursor(&self.images);
        let mut rows = Vec::new();
        while !rest.0.is_empty() {
            let first = self.images.slice_ref(map.image(&mut rest)?);
            rows.push(match self.action {
                Action::Write => (None, Some(first)),
                Action::Delete => (Some(first), None),
                Action::Update => {
                    let after = self.images.slice_ref(map.image(&mut rest)?);
                    (Some(first), Some(after))
                }
            });
        }
        Some(rows)
    }
}
