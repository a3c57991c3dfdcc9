//! Translations: every text for users that stands in the sources is in both
//! languages.
//!
//! `Text::new` and `hint` take both, so none can be left out; what a compiler
//! cannot see is whether the second one is Korean. Calls whose arguments have
//! no letters in string literals (both given as variables) are left alone; what
//! reads the same in both languages is a `Text::same`.

use super::codes::{has_hangul, is_test, product_part};
use crate::sh;
use anyhow::{Result, bail};

/// Calls that take English, then Korean.
const CALLS: &[&str] = &["Text::new(", ".hint("];

/// Fails when a text has no Korean.
pub fn check() -> Result<()> {
    let root = sh::root();
    let mut wrong = Vec::new();
    let mut texts = 0;
    for folder in ["crates", "connectors", "stores"] {
        for path in sh::files_below(&root.join(folder), ".rs")? {
            let name = path
                .strip_prefix(&root)
                .unwrap_or(&path)
                .display()
                .to_string();
            if !is_test(&name) && !is_fake(&name) {
                let (count, lines) = one_language(product_part(&sh::read(&path)?));
                texts += count;
                wrong.extend(lines.into_iter().map(|line| format!("{name}:{line}")));
            }
        }
    }
    for place in &wrong {
        eprintln!("translations: {place}: a text in one language");
    }
    if wrong.is_empty() {
        eprintln!("translations: {texts} texts in both languages");
        return Ok(());
    }
    bail!("{} texts are in one language only", wrong.len());
}

/// Fakes and the simulator speak to developers only.
fn is_fake(name: &str) -> bool {
    name.starts_with("crates/planb-testkit") || name.starts_with("crates/planb-sim")
}

/// How many texts there are, and the lines of those without Korean or without English.
fn one_language(source: &str) -> (usize, Vec<usize>) {
    let mut count = 0;
    let mut lines = Vec::new();
    for call in CALLS {
        for (at, _) in source.match_indices(call) {
            let literals = literals_of_call(&source[at + call.len()..]);
            let letters = |s: &String| without_places(s).chars().any(char::is_alphabetic);
            if !literals.iter().any(letters) {
                continue;
            }
            count += 1;
            let english = literals.iter().any(|s| letters(s) && !has_hangul(s));
            let korean = literals.iter().any(|s| has_hangul(s));
            if !(english && korean) {
                lines.push(source[..at].matches('\n').count() + 1);
            }
        }
    }
    lines.sort_unstable();
    (count, lines)
}

/// The string literals between here and the parenthesis that ends the call.
fn literals_of_call(text: &str) -> Vec<String> {
    let mut literals = Vec::new();
    let mut depth = 1;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            '"' => literals.push(literal(&mut chars)),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    literals
}

/// A format string without its `{places}`: what they show is a text elsewhere.
fn without_places(text: &str) -> String {
    let mut depth = 0usize;
    let outside = |c: &char| match c {
        '{' => {
            depth += 1;
            false
        }
        '}' => {
            depth = depth.saturating_sub(1);
            false
        }
        _ => depth == 0,
    };
    text.chars().filter(outside).collect()
}

/// The rest of a literal whose opening quote was just taken.
fn literal(chars: &mut std::str::Chars<'_>) -> String {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => text.extend(chars.next()),
            _ => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_one_language_is_found() {
        let source = "\nText::new(\"a (b\", format!(\"가 {}\", x));\n.hint(\n  \"only\",\n  \"english \\\" too\")\nText::new(en, ko)\nText::new(\"가\", \"나\")";
        assert_eq!(one_language(source), (3, vec![3, 7]));
    }

    #[test]
    fn what_a_format_shows_is_a_text_elsewhere() {
        let source = "Text::new(format!(\"{name}: {en}\"), format!(\"{name}: {ko}\"))";
        assert_eq!(one_language(source), (0, vec![]));
        let source = "Text::new(format!(\"no {name}\"), format!(\"no {name}\"))";
        assert_eq!(one_language(source), (1, vec![1]));
    }
}
