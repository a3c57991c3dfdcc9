//! Source lines for error messages, with everything that may be a secret taken out.
//!
//! The lines are masked here, once, before an error is made, so that nothing
//! that holds an error holds a secret. Masking goes by the values the checks
//! call secret and, because a broken file has no values, by the words on the
//! line as well. It would rather hide too much than too little.

use super::tree::Spot;
use std::ops::Range;

/// Characters of a source line that are shown.
const SHOWN_CHARS_MAX: usize = 100;
/// Characters shown before the caret when a line has to be cut.
const LEAD_CHARS: usize = 40;
/// What stands in for a secret.
const MASK: &str = "***";
/// Parts of a key that make its value a secret. Compared without `_`, `-` and case.
const SECRET_WORDS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "accountkey",
    "privatekey",
    "credential",
    "connectionstring",
];
/// A key with one of these ends says where a secret is, not what it is.
const REFERENCE_ENDS: [&str; 4] = ["file", "path", "dir", "env"];

/// A source line that is safe to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub text: String,
    /// Columns on a terminal before the caret.
    pub caret_at: usize,
    /// Columns on a terminal under the caret, at least 1.
    pub caret_width: usize,
}

/// Whether a field of this name holds a secret, going by its name.
pub(super) fn is_secret_name(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    // "pass" alone is a word; inside others ("bypass", "compass") it is not.
    let is_word = plain == "pass" || SECRET_WORDS.iter().any(|word| plain.contains(word));
    is_word && !REFERENCE_ENDS.iter().any(|end| plain.ends_with(end))
}

/// Shows the line `spot` stands on. `secrets` are character ranges of `text`.
pub(super) fn excerpt(text: &str, spot: Spot, secrets: &[Range<usize>]) -> Option<Excerpt> {
    let lines: Vec<&str> = text.split('\n').collect();
    let line = lines.get(spot.line - 1)?.trim_end_matches('\r');
    let chars: Vec<char> = line.chars().collect();
    let line_start: usize = lines
        .iter()
        .take(spot.line - 1)
        .map(|l| l.chars().count() + 1)
        .sum();
    let mut hidden = hidden_by_words(&chars);
    if under_secret_key(&lines, spot.line - 1) {
        hide_content(&chars, &mut hidden);
    }
    for (i, hide) in hidden.iter_mut().enumerate() {
        *hide |= secrets.iter().any(|s| s.contains(&(line_start + i)));
    }
    let from = (spot.column - 1).min(chars.len());
    let len = spot.len.clamp(1, chars.len().saturating_sub(from).max(1));
    Some(draw(&chars, &hidden, from..from + len))
}

/// Puts the line together: masks, cuts, and finds the caret's columns.
fn draw(chars: &[char], hidden: &[bool], caret: Range<usize>) -> Excerpt {
    let first = if chars.len() > SHOWN_CHARS_MAX {
        caret.start.saturating_sub(LEAD_CHARS)
    } else {
        0
    };
    let mut text = String::from(if first > 0 { "…" } else { "" });
    let mut column = usize::from(first > 0);
    let (mut caret_at, mut caret_end) = (None, column);
    for i in first..chars.len().min(first + SHOWN_CHARS_MAX) {
        let start = column;
        if hidden[i] {
            if i == first || !hidden[i - 1] {
                text.push_str(MASK);
                column += MASK.len();
            }
        } else {
            let shown = if chars[i].is_control() { ' ' } else { chars[i] };
            text.push(shown);
            column += columns(shown);
        }
        if caret.contains(&i) {
            // Inside a mask the caret goes back to its beginning.
            let at = if hidden[i] {
                column.saturating_sub(MASK.len())
            } else {
                start
            };
            caret_at.get_or_insert(at);
            caret_end = column;
        }
    }
    if first + SHOWN_CHARS_MAX < chars.len() {
        text.push('…');
    }
    let caret_at = caret_at.unwrap_or(column);
    Excerpt {
        text: text.trim_end().to_owned(),
        caret_at,
        caret_width: caret_end.saturating_sub(caret_at).max(1),
    }
}

/// Columns a character takes on a terminal: 2 for Hangul, CJK and full-width forms.
fn columns(c: char) -> usize {
    match u32::from(c) {
        0x1100..=0x115F
        | 0x2E80..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60
        | 0xFFE0..=0xFFE6 => 2,
        _ => 1,
    }
}

/// Marks what looks like a secret on a line, without knowing the document.
fn hidden_by_words(chars: &[char]) -> Vec<bool> {
    let mut hidden = vec![false; chars.len()];
    for i in 0..chars.len() {
        match chars[i] {
            ':' | '=' => hide_value_after(chars, i, &mut hidden),
            '@' => hide_password_before(chars, i, &mut hidden),
            _ => {}
        }
    }
    let line: String = chars.iter().collect();
    for (at, _) in line.to_ascii_uppercase().match_indices("AGE-SECRET-KEY-") {
        let start = line[..at].chars().count();
        let end = token_end(chars, start);
        hidden[start..end].fill(true);
    }
    hidden
}

/// `password: hunter2`, `--token=abc`, `sig=…`: hides what follows the sign at `sign`.
fn hide_value_after(chars: &[char], sign: usize, hidden: &mut [bool]) {
    let is_key = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '"' | '\'' | ' ');
    let start = chars[..sign]
        .iter()
        .rposition(|c| !is_key(*c))
        .map_or(0, |i| i + 1);
    let key: String = chars[start..sign].iter().collect();
    let is_signature = chars[sign] == '=' && key.trim() == "sig";
    if !is_secret_name(&key) && !is_signature {
        return;
    }
    let Some(value) = (sign + 1..chars.len()).find(|i| !chars[*i].is_whitespace()) else {
        return;
    };
    // `{ env: … }` and `*alias` refer to a secret; anchors and block scalars have none here.
    if matches!(chars[value], '{' | '*' | '#') {
        return;
    }
    let end = if matches!(chars[value], '"' | '\'') {
        let quote = chars[value];
        (value + 1..chars.len())
            .find(|i| chars[*i] == quote)
            .map_or(chars.len(), |i| i + 1)
    } else {
        (value..chars.len())
            .find(|i| matches!(chars[*i], ',' | '}' | '&') && chars[sign] != ':')
            .unwrap_or(chars.len())
    };
    hidden[value..end].fill(true);
}

/// `mysql://user:hunter2@host`: hides the password before the `@` at `at`.
fn hide_password_before(chars: &[char], at: usize, hidden: &mut [bool]) {
    let token = chars[..at]
        .iter()
        .rposition(|c| c.is_whitespace())
        .map_or(0, |i| i + 1);
    let Some(scheme) = chars[token..at]
        .windows(3)
        .position(|w| w == [':', '/', '/'])
    else {
        return;
    };
    let user = token + scheme + 3;
    if let Some(colon) = chars[user..at].iter().position(|c| *c == ':') {
        hidden[user + colon + 1..at].fill(true);
    }
}

fn token_end(chars: &[char], start: usize) -> usize {
    (start..chars.len())
        .find(|i| chars[*i].is_whitespace() || matches!(chars[*i], ',' | ']' | '}' | '"' | '\''))
        .unwrap_or(chars.len())
}

/// Whether the line belongs to a block under a key that holds a secret, as the
/// lines of `password: |` do. `env:` and `file:` lines are references.
fn under_secret_key(lines: &[&str], index: usize) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let Some(line) = lines.get(index) else {
        return false;
    };
    let mine = indent(line);
    let above = lines[..index]
        .iter()
        .rev()
        .find(|l| !l.trim().is_empty() && indent(l) < mine);
    let key = above.and_then(|l| l.trim().trim_start_matches("- ").split_once(':'));
    let is_reference = ["env:", "file:"]
        .iter()
        .any(|r| line.trim_start().starts_with(r));
    key.is_some_and(|(key, _)| is_secret_name(key)) && !is_reference
}

fn hide_content(chars: &[char], hidden: &mut [bool]) {
    if let Some(first) = chars.iter().position(|c| !c.is_whitespace()) {
        hidden[first..].fill(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, line: usize) -> String {
        let spot = Spot {
            line,
            ..Spot::START
        };
        excerpt(text, spot, &[]).map(|e| e.text).unwrap_or_default()
    }

    #[test]
    fn secrets_are_masked_by_the_words_around_them() {
        for (line, expected) in [
            ("password: hunter2", "password: ***"),
            ("dbPassword: \"hun, ter2\" # why", "dbPassword: *** # why"),
            ("password: hun,ter2}", "password: ***"),
            (
                "url: mysql://root:hunter2@db/x",
                "url: mysql://root:***@db/x",
            ),
            (
                "url: mysql://root:hun@ter2@db/x",
                "url: mysql://root:***@db/x",
            ),
            ("url: az://c/p?sig=hunter2&x=1", "url: az://c/p?sig=***&x=1"),
            ("- --api-token=hunter2", "- --api-token=***"),
            ("identity: AGE-SECRET-KEY-1HUNTER2", "identity: ***"),
            (
                "password: { env: DB_PASSWORD }",
                "password: { env: DB_PASSWORD }",
            ),
            ("DB_PASSWORD_FILE: /run/x", "DB_PASSWORD_FILE: /run/x"),
            ("bypass: yes", "bypass: yes"),
        ] {
            let shown = shown(line, 1);
            if expected.starts_with("identity") {
                assert!(!shown.contains("HUNTER2"), "{shown}");
            } else {
                assert_eq!(shown, expected, "{line}");
            }
        }
    }

    #[test]
    fn blocks_under_a_secret_key_are_masked() {
        assert_eq!(shown("password: |\n  hunter2\nx: 1", 2), "  ***");
        assert_eq!(shown("password:\n  env: X", 2), "  env: X");
    }

    #[test]
    fn the_caret_counts_wide_characters_twice() {
        let spot = Spot {
            line: 1,
            column: 5,
            offset: 4,
            len: 2,
        };
        let excerpt = excerpt("서울: 값값", spot, &[]).unwrap();
        assert_eq!((excerpt.caret_at, excerpt.caret_width), (6, 4));
    }
}
