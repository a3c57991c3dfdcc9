//! How many bytes a value of a row image has.
//!
//! After `calc_field_size` and `Field::pack` of both servers' sources.

use super::cursor::Cursor;

/// Types of columns by number, as far as a row image can have them.
mod kind {
    pub const TINY: u8 = 1;
    pub const SHORT: u8 = 2;
    pub const LONG: u8 = 3;
    pub const FLOAT: u8 = 4;
    pub const DOUBLE: u8 = 5;
    pub const NULL: u8 = 6;
    pub const TIMESTAMP: u8 = 7;
    pub const LONGLONG: u8 = 8;
    pub const INT24: u8 = 9;
    pub const DATE: u8 = 10;
    pub const TIME: u8 = 11;
    pub const DATETIME: u8 = 12;
    pub const YEAR: u8 = 13;
    pub const NEWDATE: u8 = 14;
    pub const VARCHAR: u8 = 15;
    pub const BIT: u8 = 16;
    pub const TIMESTAMP2: u8 = 17;
    pub const DATETIME2: u8 = 18;
    pub const TIME2: u8 = 19;
    pub const MARIADB_BLOB_COMPRESSED: u8 = 140;
    pub const MARIADB_VARCHAR_COMPRESSED: u8 = 141;
    pub const MYSQL_VECTOR: u8 = 242;
    pub const JSON: u8 = 245;
    pub const NEWDECIMAL: u8 = 246;
    pub const ENUM: u8 = 247;
    pub const SET: u8 = 248;
    pub const TINY_BLOB: u8 = 249;
    pub const MEDIUM_BLOB: u8 = 250;
    pub const LONG_BLOB: u8 = 251;
    pub const BLOB: u8 = 252;
    pub const VAR_STRING: u8 = 253;
    pub const STRING: u8 = 254;
    pub const GEOMETRY: u8 = 255;
}

/// Whether a column of this type holds whole numbers.
pub(super) fn is_whole_number(type_number: u8) -> bool {
    matches!(
        type_number,
        kind::TINY | kind::SHORT | kind::INT24 | kind::LONG | kind::LONGLONG
    )
}

/// How a value's end is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// Always so many bytes.
    Fixed(usize),
    /// So many bytes of length before it.
    Prefixed(usize),
}

impl Size {
    /// Of a column of type `kind`; takes what describes it from a table map.
    pub fn read(type_number: u8, described: &mut Cursor<'_>) -> Option<Self> {
        use Size::{Fixed, Prefixed};
        Some(match type_number {
            kind::NULL => Fixed(0),
            kind::TINY | kind::YEAR => Fixed(1),
            kind::SHORT => Fixed(2),
            kind::INT24 | kind::DATE | kind::NEWDATE | kind::TIME => Fixed(3),
            kind::LONG | kind::TIMESTAMP => Fixed(4),
            kind::LONGLONG | kind::DATETIME => Fixed(8),
            kind::FLOAT | kind::DOUBLE => Fixed(described.length(1)?),
            kind::TIMESTAMP2 => Fixed(4 + fraction(described)?),
            kind::DATETIME2 => Fixed(5 + fraction(described)?),
            kind::TIME2 => Fixed(3 + fraction(described)?),
            kind::NEWDECIMAL => {
                let (precision, scale) = (described.length(1)?, described.length(1)?);
                Fixed(decimal(precision, scale)?)
            }
            kind::VARCHAR | kind::VAR_STRING | kind::MARIADB_VARCHAR_COMPRESSED => {
                Prefixed(if described.length(2)? > 255 { 2 } else { 1 })
            }
            kind::BIT => {
                let (bits, bytes) = (described.length(1)?, described.length(1)?);
                Fixed(bytes + usize::from(bits > 0))
            }
            kind::BLOB
            | kind::TINY_BLOB
            | kind::MEDIUM_BLOB
            | kind::LONG_BLOB
            | kind::JSON
            | kind::GEOMETRY
            | kind::MYSQL_VECTOR
            | kind::MARIADB_BLOB_COMPRESSED => match described.length(1)? {
                bytes @ 1..=4 => Prefixed(bytes),
                _ => return None,
            },
            kind::STRING | kind::ENUM | kind::SET => string(described)?,
            _ => return None,
        })
    }

    /// Takes a value; with the length before it, so that values stay apart
    /// when they are put one after the other.
    pub fn take<'a>(self, image: &mut Cursor<'a>) -> Option<&'a [u8]> {
        match self {
            Size::Fixed(bytes) => image.take(bytes),
            Size::Prefixed(prefix) => {
                let bytes = image.clone().length(prefix)?;
                image.take(prefix.checked_add(bytes)?)
            }
        }
    }
}

/// Bytes of the fraction of a second.
fn fraction(described: &mut Cursor<'_>) -> Option<usize> {
    let digits = described.length(1)?;
    (digits <= 6).then_some(digits.div_ceil(2))
}

/// Bytes of a decimal: nine digits in four bytes, fewer in fewer.
fn decimal(precision: usize, scale: usize) -> Option<usize> {
    const LEFT_OVER: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
    let bytes = |digits: usize| digits / 9 * 4 + LEFT_OVER[digits % 9];
    let whole = precision.checked_sub(scale)?;
    Some(bytes(whole) + bytes(scale))
}

/// CHAR, BINARY, ENUM and SET share a type. Two bits of a length beyond 255
/// are kept, turned over, in the byte of the real type.
fn string(described: &mut Cursor<'_>) -> Option<Size> {
    let (real, low) = (described.number(1)?, described.length(1)?);
    let real = u8::try_from(real).ok()?;
    if real & 0x30 != 0x30 {
        let high = usize::from((real & 0x30) ^ 0x30) << 4;
        return Some(Size::Prefixed(if low | high > 255 { 2 } else { 1 }));
    }
    match real {
        kind::ENUM | kind::SET => Some(Size::Fixed(low)),
        kind::STRING => Some(Size::Prefixed(1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_servers() {
        use Size::{Fixed, Prefixed};
        let cases: &[(u8, &[u8], Option<Size>)] = &[
            (kind::LONG, &[], Some(Fixed(4))),
            (kind::DOUBLE, &[8], Some(Fixed(8))),
            // DECIMAL(65,30): 35 digits before the point, 30 after it.
            (kind::NEWDECIMAL, &[65, 30], Some(Fixed(16 + 14))),
            (kind::NEWDECIMAL, &[3, 30], None),
            (kind::VARCHAR, &[255, 0], Some(Prefixed(1))),
            (kind::VARCHAR, &[0, 1], Some(Prefixed(2))),
            (kind::BIT, &[4, 1], Some(Fixed(2))),
            (kind::BIT, &[0, 8], Some(Fixed(8))),
            (kind::DATETIME2, &[6], Some(Fixed(8))),
            (kind::TIME2, &[1], Some(Fixed(4))),
            (kind::STRING, &[kind::ENUM, 2], Some(Fixed(2))),
            (kind::STRING, &[kind::STRING, 200], Some(Prefixed(1))),
            // CHAR(255) of four bytes each: 1020 = 0x3fc.
            (kind::STRING, &[0xfe ^ 0x30, 0xfc], Some(Prefixed(2))),
            (kind::BLOB, &[3], Some(Prefixed(3))),
            (kind::BLOB, &[9], None),
            (kind::BLOB, &[], None),
            (20, &[1, 1], None),
        ];
        for (number, described, size) in cases {
            let read = Size::read(*number, &mut Cursor(described));
            assert_eq!(read, *size, "{number} {described:?}");
        }
    }
}
