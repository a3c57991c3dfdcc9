//! Columns on a terminal: Hangul and other wide characters take two.

/// A space that no line breaks at.
pub const UNBROKEN: char = '\u{a0}';

/// Columns of a text.
pub fn columns(text: &str) -> usize {
    text.chars().map(of).sum()
}

/// Columns of one character.
fn of(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036F | 0x200B..=0x200F | 0xFE00..=0xFE0F => 0,
        0x1100..=0x115F
        | 0x2E80..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60
        | 0xFFE0..=0xFFE6
        | 0x1F300..=0x1FAFF => 2,
        _ => 1,
    }
}

/// The text on lines of at most `width` columns, broken between words; a word
/// that is longer is cut. Spaces that keep words together come out as spaces.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    // One wide character.
    let width = width.max(2);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in words(text) {
        let mut word = word.to_owned();
        let wide = columns(&word);
        if used > 0 && used + 1 + wide > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        while used == 0 && columns(&word) > width {
            let head = clip(&word, width);
            word.drain(..head.len());
            lines.push(head);
        }
        used += columns(&word);
        line.push_str(&word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    let spaced = |line: String| line.replace(UNBROKEN, " ");
    lines.into_iter().map(spaced).collect()
}

/// What lines break between.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() && c != UNBROKEN)
        .filter(|word| !word.is_empty())
}

/// Columns of the longest word of a text.
pub fn longest_word(text: &str) -> usize {
    words(text).map(columns).max().unwrap_or(0)
}

/// The longest beginning of `text` that fits into `width` columns.
pub fn clip(text: &str, width: usize) -> String {
    let mut used = 0;
    text.chars()
        .take_while(|c| {
            used += of(*c);
            used <= width
        })
        .collect()
}

/// `text` and spaces up to `width` columns.
pub fn pad(text: &str, width: usize, right: bool) -> String {
    let gap = " ".repeat(width.saturating_sub(columns(text)));
    if right {
        format!("{gap}{text}")
    } else {
        format!("{text}{gap}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hangul_takes_two_columns() {
        assert_eq!(columns("복구 RTO"), 8);
        assert_eq!(pad("복구", 6, false), "복구  ");
        assert_eq!(wrap("복구 시점 목표", 9), ["복구 시점", "목표"]);
        assert_eq!(wrap("가나다라마바", 8), ["가나다라", "마바"]);
        assert_eq!(wrap("", 20), [""]);
    }

    #[test]
    fn words_are_cut_only_where_one_is_longer_than_the_line() {
        assert_eq!(wrap("an id or two", 5), ["an id", "or", "two"]);
        assert_eq!(wrap("a 동시성 b", 6), ["a", "동시성", "b"]);
        assert_eq!(wrap("동시성제어", 6), ["동시성", "제어"]);
        assert_eq!(wrap("✓\u{a0}no way", 6), ["✓ no", "way"]);
        assert_eq!(longest_word("✓\u{a0}no 동시"), 4);
    }
}
