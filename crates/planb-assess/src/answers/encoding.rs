//! The text of a file that people saved: UTF-8, UTF-16 with its mark, or CP949,
//! which is what "CSV (comma delimited)" means to a Korean Excel.
//!
//! CP949 is made from the table of KS X 1001 (94 rows of 94 signs) and one rule:
//! the 8,822 syllables that are not in the table follow in the order of Unicode.
//! A crate for encodings would bring the tables of all of them into the command.

use planb_model::Text;

/// Rows of KS X 1001 from byte 0xA1 on; U+FFFD where there is no sign.
const KSX1001: &str = include_str!("encoding/ksx1001.txt");
/// First byte of a row, and of a column, of the table.
const TABLE_FIRST: u8 = 0xA1;
/// Rows and columns of the table.
const TABLE_SIZE: usize = 94;
/// Second bytes of the added syllables: letters, and what lies above ASCII up to
/// the table.
const ADDED_SECOND: [std::ops::RangeInclusive<u8>; 3] = [0x41..=0x5A, 0x61..=0x7A, 0x81..=0xFE];
/// First byte of the added syllables. From the first byte of the table on, their
/// second bytes end where the table's begin.
const ADDED_FIRST: u8 = 0x81;
/// Every syllable of Hangul.
const SYLLABLES: std::ops::RangeInclusive<char> = '\u{ac00}'..='\u{d7a3}';

/// How a file was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without its mark.
    Utf8,
    /// UTF-16 with its mark ("Unicode text").
    Utf16,
    /// The Korean code page of Windows, a superset of EUC-KR.
    Cp949,
}

/// A file that is no text that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotText {
    /// The line of the first byte that cannot be read, from 1.
    pub line: usize,
    /// What is there.
    pub what: Text,
}

/// The text of a file. What is not UTF-8 and has no mark is taken for CP949 when
/// every byte of it fits; the caller says so.
///
/// # Errors
/// The first place that fits none of the encodings.
pub fn decode(bytes: Vec<u8>) -> Result<(String, Encoding), NotText> {
    let (text, encoding) = read(bytes)?;
    // Old Macs ended lines so, and Excel still can ("CSV (Macintosh)").
    let is_mac = text.contains('\r') && !text.contains('\n');
    let text = if is_mac {
        text.replace('\r', "\n")
    } else {
        text
    };
    Ok((text, encoding))
}

fn read(bytes: Vec<u8>) -> Result<(String, Encoding), NotText> {
    if let Some(rest) = bytes.strip_prefix(&[0xFF, 0xFE]) {
        return utf16(rest, u16::from_le_bytes).map(|text| (text, Encoding::Utf16));
    }
    if let Some(rest) = bytes.strip_prefix(&[0xFE, 0xFF]) {
        return utf16(rest, u16::from_be_bytes).map(|text| (text, Encoding::Utf16));
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(NotText {
            line: line_of(&bytes, at),
            what: Text::new(
                "a zero byte: UTF-16 without its mark, or no text",
                "0 바이트가 있습니다. 표시(BOM) 없는 UTF-16이거나 텍스트가 아닙니다",
            ),
        });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok((text, Encoding::Utf8)),
        Err(error) => Cp949::new()
            .read(error.as_bytes())
            .map(|text| (text, Encoding::Cp949)),
    }
}

fn line_of(bytes: &[u8], at: usize) -> usize {
    1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count()
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, NotText> {
    let broken = |line| NotText {
        line,
        what: Text::new(
            "UTF-16 that is cut or broken",
            "UTF-16 텍스트가 잘렸거나 깨졌습니다",
        ),
    };
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(bytes.len());
    for c in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        match c {
            Ok(c) => text.push(c),
            Err(_) => return Err(broken(1 + text.matches('\n').count())),
        }
    }
    if rest.is_empty() {
        Ok(text)
    } else {
        Err(broken(1 + text.matches('\n').count()))
    }
}

/// The signs of CP949.
struct Cp949 {
    /// Those of KS X 1001, row by row.
    table: Vec<char>,
    /// The syllables that are not in the table, in the order of Unicode.
    added: Vec<char>,
}

impl Cp949 {
    fn new() -> Self {
        let table: Vec<char> = KSX1001.lines().flat_map(str::chars).collect();
        let is_syllable = |c: &char| SYLLABLES.contains(c);
        let mut old: Vec<char> = table.iter().copied().filter(is_syllable).collect();
        old.sort_unstable();
        let is_new = |c: &char| old.binary_search(c).is_err();
        let added = SYLLABLES.filter(is_new).collect();
        Self { table, added }
    }

    fn read(&self, bytes: &[u8]) -> Result<String, NotText> {
        let mut text = String::with_capacity(bytes.len() * 3 / 2);
        let mut at = 0;
        while let Some(first) = bytes.get(at).copied() {
            if first.is_ascii() {
                text.push(char::from(first));
                at += 1;
                continue;
            }
            let second = bytes.get(at + 1).copied().unwrap_or(0);
            let Some(c) = self.pair(first, second) else {
                return Err(NotText {
                    line: line_of(bytes, at),
                    what: Text::new(
                        "neither UTF-8 nor CP949 (EUC-KR)",
                        "UTF-8도 CP949(EUC-KR)도 아닙니다",
                    ),
                });
            };
            text.push(c);
            at += 2;
        }
        Ok(text)
    }

    fn pair(&self, first: u8, second: u8) -> Option<char> {
        self.in_table(first, second)
            .or_else(|| self.in_added(first, second))
    }

    fn in_table(&self, first: u8, second: u8) -> Option<char> {
        let row = usize::from(first.checked_sub(TABLE_FIRST)?);
        let column = usize::from(second.checked_sub(TABLE_FIRST)?);
        let place = row * TABLE_SIZE + column;
        let c = (column < TABLE_SIZE).then(|| self.table.get(place))??;
        (*c != char::REPLACEMENT_CHARACTER).then_some(*c)
    }

    fn in_added(&self, first: u8, second: u8) -> Option<char> {
        let seconds = |first: u8| {
            let last = if first < TABLE_FIRST { 0xFE } else { 0xA0 };
            ADDED_SECOND
                .into_iter()
                .flatten()
                .filter(move |s| *s <= last)
        };
        let rows = usize::from(first.checked_sub(ADDED_FIRST)?);
        let long_rows = rows.min(usize::from(TABLE_FIRST - ADDED_FIRST));
        let before = long_rows * seconds(ADDED_FIRST).count()
            + (rows - long_rows) * seconds(TABLE_FIRST).count();
        let column = seconds(first).position(|s| s == second)?;
        self.added.get(before + column).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[track_caller]
    fn check(bytes: &[u8], text: &str, encoding: Encoding) {
        assert_eq!(decode(bytes.to_vec()), Ok((text.to_owned(), encoding)));
    }

    #[test]
    fn what_people_save_is_read() {
        check("이름,a".as_bytes(), "이름,a", Encoding::Utf8);
        check(b"\xff\xfea\0\x00\xac", "a가", Encoding::Utf16);
        check(b"\xfe\xff\0a\xac\x00", "a가", Encoding::Utf16);
        // Of Python's cp949: 이름,담당 / 뷁·똠㈜金 and the last syllable.
        check(
            b"\xc0\xcc\xb8\xa7,\xb4\xe3\xb4\xe7\n",
            "이름,담당\n",
            Encoding::Cp949,
        );
        check(
            b"\x94\xee\xa1\xa4\x8cc\xa2\xdf\xd1\xd1\xc6R",
            "뷁·똠㈜金힣",
            Encoding::Cp949,
        );
        check(b"a\rb\r", "a\nb\n", Encoding::Utf8);
        check(b"a\r\nb", "a\r\nb", Encoding::Utf8);
        check(b"\x81A\xa0\xfe\xa1A", "갂좤좥", Encoding::Cp949);
    }

    /// 11,172 syllables, 4,888 Hanja and 988 other signs, each once.
    #[test]
    fn every_pair_of_bytes_is_one_sign_or_none() {
        let signs = Cp949::new();
        let mut seen = BTreeSet::new();
        let mut pairs = 0;
        for first in 0x80..=0xFF_u8 {
            for second in 0..=0xFF_u8 {
                if let Some(c) = signs.pair(first, second) {
                    pairs += 1;
                    seen.insert(c);
                }
            }
        }
        let syllables = seen.range(SYLLABLES).count();
        assert_eq!((pairs, syllables), (17_048, 11_172));
        assert!(!seen.contains(&char::REPLACEMENT_CHARACTER));
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_line() {
        for (bytes, line) in [
            // Latin-1, a half of a pair, a byte that begins nothing.
            (&b"a\nb\ncaf\xe9\n"[..], 3),
            (b"a\n\xb4", 2),
            (b"\x80", 1),
            (b"\xff\xfea\0\n\0\0", 2),
            (b"\xff\xfea\0\x00\xd8a\0", 1),
            (b"a\0\n\0", 1),
            (b"a\nb\0", 2),
        ] {
            assert_eq!(decode(bytes.to_vec()).map_err(|e| e.line), Err(line));
        }
    }
}
