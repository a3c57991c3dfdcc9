//! Rows as lines of `LOAD DATA` text: fields apart by tabs, `\N` for NULL,
//! backslash before what would be mistaken. The encoding is injective, so the
//! same line is what a row's hash is taken of.

use mysql_async::{Row, Value};

/// Appends a row without its line end.
pub(crate) fn encode(row: Row, line: &mut Vec<u8>) {
    for (index, value) in row.unwrap().into_iter().enumerate() {
        if index > 0 {
            line.push(b'\t');
        }
        match value {
            Value::NULL => line.extend_from_slice(b"\\N"),
            Value::Bytes(bytes) => escape(&bytes, line),
            // The text protocol has no other values; this keeps them exact anyway.
            other => escape(other.as_sql(true).trim_matches('\'').as_bytes(), line),
        }
    }
}

fn escape(bytes: &[u8], line: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|b| special(*b).is_some()) {
        line.extend_from_slice(&rest[..at]);
        if let Some(letter) = special(rest[at]) {
            line.extend_from_slice(&[b'\\', letter]);
        }
        rest = &rest[at + 1..];
    }
    line.extend_from_slice(rest);
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
mod tests {
    use super::*;

    fn escaped(bytes: &[u8]) -> Vec<u8> {
        let mut line = Vec::new();
        escape(bytes, &mut line);
        line
    }

    #[test]
    fn no_value_can_be_taken_for_null_or_for_two() {
        assert_eq!(escaped(b"\\N"), b"\\\\N");
        assert_eq!(escaped(b"a\tb\nc\0\r\\"), b"a\\tb\\nc\\0\\r\\\\");
        assert_eq!(escaped(&[0xff, 0xfe]), [0xff, 0xfe]);
        assert_eq!(escaped(b""), b"");
    }
}
