//! Lines of a part as the values of a command that takes many rows.

use crate::error::corrupt;
use planb_ports::PortResult;

/// Values in one command. A thousand rows cost the server as much each as ten
/// thousand do, and this is far below any `max_allowed_packet` in use.
pub(super) const BATCH_BYTES: usize = 256 * 1024;
/// The longest line that is taken; longer ones are loaded as a file.
pub(super) const LINE_BYTES_MAX: usize = BATCH_BYTES;
/// What is looked at together; as many as the processor compares at once.
const LANES: usize = 32;

/// Before a value.
const VALUE: u8 = 0;
/// In place of a NULL.
const NULL: u8 = 1;

/// A command that is being filled.
pub(super) struct Batch {
    head: usize,
    columns: usize,
    /// Where the last row begins.
    last: usize,
    command: Vec<u8>,
    rows: u64,
    /// A value without its backslashes.
    plain: Vec<u8>,
}

impl Batch {
    /// A command that begins with `head`, for rows of `columns` values.
    pub fn new(head: Vec<u8>, columns: usize) -> Self {
        Self {
            head: head.len(),
            columns,
            last: head.len(),
            command: head,
            rows: 0,
            plain: Vec::new(),
        }
    }

    /// Adds the line at the start of `text`; its length, with its end. `None`
    /// when the line does not end there, and then nothing is added.
    pub fn add(&mut self, text: &[u8]) -> PortResult<Option<usize>> {
        let row = self.command.len();
        let mut at = 0;
        for column in 1..=self.columns {
            let Some((length, end)) = self.value(&text[at..]) else {
                self.command.truncate(row);
                return Ok(None);
            };
            at += length + 1;
            if (end == b'\n') != (column == self.columns) {
                return Err(corrupt("a row has another number of values than its table"));
            }
        }
        self.rows += 1;
        self.last = row;
        Ok(Some(at))
    }

    /// Takes the row out again that was added last.
    pub fn take_back(&mut self) {
        if self.last < self.command.len() {
            self.command.truncate(self.last);
            self.rows -= 1;
        }
    }

    /// Whether it is to be sent.
    pub fn is_full(&self) -> bool {
        self.command.len() - self.head >= BATCH_BYTES
    }

    /// The command, if it has rows, and how many.
    pub fn command(&self) -> Option<(&[u8], u64)> {
        (self.rows > 0).then_some((self.command.as_slice(), self.rows))
    }

    /// Begins a new command.
    pub fn clear(&mut self) {
        self.command.truncate(self.head);
        self.last = self.head;
        self.rows = 0;
    }

    /// Adds the value at the start of `text`; its length there, and the byte
    /// behind it.
    fn value(&mut self, text: &[u8]) -> Option<(usize, u8)> {
        let mut end = special(text, 0)?;
        if text[end] != b'\\' {
            self.put(|_| &text[..end]);
            return Some((end, text[end]));
        }
        if text.get(1) == Some(&b'N') && end == 0 && matches!(text.get(2)?, b'\t' | b'\n') {
            self.command.push(NULL);
            return Some((2, text[2]));
        }
        self.plain.clear();
        let mut begin = 0;
        while text[end] == b'\\' {
            self.plain.extend_from_slice(&text[begin..end]);
            self.plain.push(meant(*text.get(end + 1)?));
            begin = end + 2;
            end = special(text, begin)?;
        }
        self.plain.extend_from_slice(&text[begin..end]);
        self.put(|plain| plain);
        Some((end, text[end]))
    }

    /// Adds a value with its length before it.
    fn put<'a>(&'a mut self, value: impl FnOnce(&'a [u8]) -> &'a [u8]) {
        let value = value(&self.plain);
        self.command.push(VALUE);
        let length = value.len() as u64;
        let bytes = length.to_le_bytes();
        match length {
            0..=0xfa => self.command.push(bytes[0]),
            0xfb..=0xffff => {
                self.command.push(0xfc);
                self.command.extend_from_slice(&bytes[..2]);
            }
            0x1_0000..=0xff_ffff => {
                self.command.push(0xfd);
                self.command.extend_from_slice(&bytes[..3]);
            }
            _ => {
                self.command.push(0xfe);
                self.command.extend_from_slice(&bytes);
            }
        }
        self.command.extend_from_slice(value);
    }
}

/// Where the next byte with a meaning is, from `from` on.
fn special(text: &[u8], from: usize) -> Option<usize> {
    let means = |b: &u8| matches!(*b, b'\t' | b'\n' | b'\\');
    let mut at = from;
    for chunk in text.get(from..)?.chunks(LANES) {
        // Without branches, so that the compiler makes vector code of it.
        if chunk.iter().fold(false, |found, b| found | means(b)) {
            return Some(at + chunk.iter().position(means)?);
        }
        at += chunk.len();
    }
    None
}

/// What a letter after a backslash stands for, as `LOAD DATA` has it.
fn meant(letter: u8) -> u8 {
    match letter {
        b'0' => 0,
        b'b' => 8,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'Z' => 26,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_values() {
        let mut batch = Batch::new(vec![9], 3);
        let long = "x".repeat(300);
        let text = format!("1\t\\N\ta\\\\b\\tc\\nd\\0\\re\n\\\\N\t\t{long}\n7\tcut");
        let first = batch.add(text.as_bytes()).expect("row").expect("whole");
        let rest = &text.as_bytes()[first..];
        let second = batch.add(rest).expect("row").expect("whole");
        let (command, rows) = batch.command().expect("rows");
        let mut want = b"\x09\x00\x011\x01\x00\x0aa\\b\tc\nd\0\re".to_vec();
        want.extend_from_slice(b"\x00\x02\\N\x00\x00\x00\xfc\x2c\x01");
        want.extend_from_slice(long.as_bytes());
        assert_eq!((command, rows), (want.as_slice(), 2));
        // A line that goes on elsewhere leaves nothing.
        assert_eq!(batch.add(&rest[second..]).expect("no row"), None);
        assert_eq!(batch.add(b"1\t2\t3\\").expect("no row"), None);
        assert_eq!(batch.add(b"1\t2\t\\N").expect("no row"), None);
        assert_eq!(batch.command().map(|(c, _)| c.len()), Some(want.len()));
        batch.clear();
        assert!(batch.command().is_none());
    }

    #[test]
    fn a_line_of_another_table_is_refused() {
        let mut batch = Batch::new(Vec::new(), 2);
        for line in [b"1\n".as_slice(), b"1\t2\t3\n"] {
            let error = batch.add(line).expect_err("refused");
            assert_eq!(error.code(), "PB-MYSQL-CORRUPT");
        }
    }

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).cycle().take(70_000).collect();
        let mut line = Vec::new();
        for byte in &all {
            match byte {
                b'\\' => line.extend_from_slice(b"\\\\"),
                b'\t' => line.extend_from_slice(b"\\t"),
                b'\n' => line.extend_from_slice(b"\\n"),
                b'\r' => line.extend_from_slice(b"\\r"),
                0 => line.extend_from_slice(b"\\0"),
                other => line.push(*other),
            }
        }
        line.push(b'\n');
        let mut batch = Batch::new(Vec::new(), 1);
        assert_eq!(batch.add(&line).expect("row"), Some(line.len()));
        let (command, _) = batch.command().expect("rows");
        assert_eq!(command[..2], [VALUE, 0xfd]);
        assert_eq!(command[5..], all[..]);
    }
}
