//! Rows as lines of `LOAD DATA` text: fields apart by tabs, `\N` for NULL,
//! backslash before what would be mistaken. The encoding is injective, so the
//! same line is what a row's hash is taken of.
//!
//! [`Lines`] takes rows of the text protocol as they lie in a packet, whole or
//! in pieces.

use crate::sum::{LineHasher, Method, RowSum};
use std::io;

/// First byte of a NULL in a row.
const NULL: u8 = 0xfb;
/// Longest length that is one byte.
const SHORT_MAX: u8 = 0xfa;
/// What is looked at together for bytes that need a backslash; as many as the
/// processor compares at once.
const LANES: usize = 32;

/// Turns rows into lines and adds up their hashes.
pub(crate) struct Lines {
    columns: usize,
    /// Lines that were not taken yet.
    out: Vec<u8>,
    /// Where the line that is being written begins in `out`.
    line: usize,
    sum: RowSum,
    long: Option<Long>,
}

/// A row that comes in pieces.
struct Long {
    hasher: LineHasher,
    column: usize,
    field: Field,
}

enum Field {
    /// Bytes of the length that came so far.
    Length([u8; 9], usize),
    /// Bytes of the value that are still to come.
    Value(u64),
}

impl Lines {
    /// For rows of `columns` columns.
    pub fn new(columns: usize, method: Method) -> Self {
        Self {
            columns,
            out: Vec::new(),
            line: 0,
            sum: RowSum::new(method),
            long: None,
        }
    }

    /// Bytes that can be taken.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Takes what is there; the end of a row that comes in pieces may be missing.
    pub fn take(&mut self, capacity: usize) -> Vec<u8> {
        if let Some(long) = &mut self.long {
            long.hasher.update(&self.out[self.line..]);
        }
        self.line = 0;
        std::mem::replace(&mut self.out, Vec::with_capacity(capacity))
    }

    /// Forgets the text; for whoever wants the hashes only.
    pub fn clear(&mut self) {
        if let Some(long) = &mut self.long {
            long.hasher.update(&self.out[self.line..]);
        }
        self.line = 0;
        self.out.clear();
    }

    /// Rows and their hashes.
    pub fn sum(&self) -> RowSum {
        self.sum
    }

    /// Adds a whole row.
    pub fn row(&mut self, mut payload: &[u8]) -> io::Result<()> {
        self.line = self.out.len();
        for column in 0..self.columns {
            if column > 0 {
                self.out.push(b'\t');
            }
            match payload.first() {
                Some(&NULL) => {
                    self.out.extend_from_slice(b"\\N");
                    payload = &payload[1..];
                }
                Some(_) => {
                    let (value, rest) = value(payload).ok_or_else(cut)?;
                    escape(value, &mut self.out);
                    payload = rest;
                }
                None => return Err(cut()),
            }
        }
        if !payload.is_empty() {
            return Err(cut());
        }
        self.sum.add(&self.out[self.line..]);
        self.out.push(b'\n');
        Ok(())
    }

    /// Begins a row that comes in pieces.
    pub fn begin_long(&mut self) {
        self.line = self.out.len();
        self.long = Some(Long {
            hasher: self.sum.begin(),
            column: 0,
            field: Field::Length([0; 9], 0),
        });
    }

    /// Adds a piece of it.
    pub fn piece(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let long = self.long.as_mut().ok_or_else(cut)?;
        while !bytes.is_empty() {
            match &mut long.field {
                Field::Length(head, have) => {
                    head[*have] = bytes[0];
                    *have += 1;
                    bytes = &bytes[1..];
                    let done = if head[0] == NULL {
                        self.out.extend_from_slice(b"\\N");
                        Some(0)
                    } else {
                        length(&head[..*have]).map(|(length, _)| length)
                    };
                    if let Some(length) = done {
                        long.field = Field::Value(length);
                    } else if *have == head.len() {
                        return Err(cut());
                    }
                }
                Field::Value(left) => {
                    let take = usize::try_from(*left)
                        .unwrap_or(usize::MAX)
                        .min(bytes.len());
                    escape(&bytes[..take], &mut self.out);
                    *left -= take as u64;
                    bytes = &bytes[take..];
                }
            }
            if matches!(long.field, Field::Value(0)) {
                long.column += 1;
                if long.column < self.columns {
                    self.out.push(b'\t');
                } else if long.column > self.columns || !bytes.is_empty() {
                    return Err(cut());
                }
                long.field = Field::Length([0; 9], 0);
            }
        }
        Ok(())
    }

    /// Ends it.
    pub fn end_long(&mut self) -> io::Result<()> {
        let mut long = self.long.take().ok_or_else(cut)?;
        if long.column != self.columns || !matches!(long.field, Field::Length(_, 0)) {
            return Err(cut());
        }
        long.hasher.update(&self.out[self.line..]);
        self.sum.end(long.hasher);
        self.out.push(b'\n');
        Ok(())
    }
}

fn cut() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "a row is not what its columns say",
    )
}

/// A length at the start of `bytes` and its own size; `None` when there is none.
pub(crate) fn length(bytes: &[u8]) -> Option<(u64, usize)> {
    let size = match *bytes.first()? {
        short @ ..=SHORT_MAX => return Some((u64::from(short), 1)),
        0xfc => 2,
        0xfd => 3,
        0xfe => 8,
        _ => return None,
    };
    let mut number = [0u8; 8];
    number[..size].copy_from_slice(bytes.get(1..=size)?);
    Some((u64::from_le_bytes(number), size + 1))
}

/// A value with its length before it, and what follows.
pub(crate) fn value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, size) = length(bytes)?;
    bytes[size..].split_at_checked(usize::try_from(length).ok()?)
}

/// Appends a value with what must not stand in it behind a backslash.
fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    let mut chunks = bytes.chunks_exact(LANES);
    for chunk in &mut chunks {
        if may_be_special(chunk) {
            escape_each(chunk, out);
        } else {
            out.extend_from_slice(chunk);
        }
    }
    let rest = chunks.remainder();
    if may_be_special(rest) {
        escape_each(rest, out);
    } else {
        out.extend_from_slice(rest);
    }
}

/// Without branches, so that the compiler makes vector code of it.
fn may_be_special(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .fold(false, |found, b| found | (*b <= b'\r') | (*b == b'\\'))
}

fn escape_each(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        match special(*byte) {
            Some(letter) => out.extend_from_slice(&[b'\\', letter]),
            None => out.push(*byte),
        }
    }
}

/// The letter that stands for a byte after a backslash.
fn special(byte: u8) -> Option<u8> {
    match byte {
        b'\\' => Some(b'\\'),
        b'\t' => Some(b't'),
        b'\n' => Some(b'n'),
        b'\r' => Some(b'r'),
        0 => Some(b'0'),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
