//! Words for a machine inside a sentence: `planb up` stands between backticks.

/// A part of a sentence.
#[derive(Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Words for people.
    Words(&'a str),
    /// What is to be typed, without its backticks.
    Code(&'a str),
}

/// The parts of `text`. A backtick without a second one is a backtick.
pub fn parts(text: &str) -> Vec<Part<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((words, code, after)) = next(rest) {
        if !words.is_empty() {
            out.push(Part::Words(words));
        }
        out.push(Part::Code(code));
        rest = after;
    }
    if !rest.is_empty() {
        out.push(Part::Words(rest));
    }
    out
}

/// What stands before the first code, the code, and what follows.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let (words, rest) = text.split_once('`')?;
    let (code, after) = rest.split_once('`')?;
    (!code.trim().is_empty()).then_some((words, code, after))
}

#[cfg(test)]
mod tests {
    use super::Part::{Code, Words};
    use super::parts;

    #[test]
    fn only_pairs_of_backticks_are_code() {
        assert_eq!(
            parts("run `planb up`, then `planb status`"),
            [
                Words("run "),
                Code("planb up"),
                Words(", then "),
                Code("planb status")
            ]
        );
        for plain in ["a ` b", "``", "a", "` ` `"] {
            assert_eq!(parts(plain), [Words(plain)], "{plain}");
        }
        assert!(parts("").is_empty());
    }
}
