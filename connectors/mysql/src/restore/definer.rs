//! Whose rights views, routines, triggers and events run with.

/// A definition without its definer, so that it becomes the restoring
/// account's; `None` when it names none.
pub(super) fn without(statement: &[u8]) -> Option<Vec<u8>> {
    const WORD: &[u8] = b"DEFINER=";
    // The clause stands before the first name; anything later is somebody's text.
    let head = statement
        .iter()
        .position(|b| matches!(b, b'`' | b'"' | b'\'' | b'('))?;
    let at = statement[..head]
        .windows(WORD.len())
        .position(|w| w == WORD)?;
    let mut rest = quoted(&statement[at + WORD.len()..])?;
    if let Some(host) = rest.strip_prefix(b"@") {
        rest = quoted(host)?;
    }
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    Some([&statement[..at], rest].concat())
}

/// What follows a quoted name.
fn quoted(text: &[u8]) -> Option<&[u8]> {
    let quote = *text.first().filter(|b| matches!(b, b'`' | b'"' | b'\''))?;
    let mut at = 1;
    loop {
        let end = at + text.get(at..)?.iter().position(|b| *b == quote)?;
        if text.get(end + 1) != Some(&quote) {
            return Some(&text[end + 1..]);
        }
        at = end + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_clause_itself_is_taken_out() {
        let check = |before: &str, after: Option<&str>| {
            let found = without(before.as_bytes());
            let found = found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            assert_eq!(found.as_deref(), after, "{before}");
        };
        check(
            "CREATE OR REPLACE ALGORITHM=UNDEFINED DEFINER=`a``b`@`%` SQL SECURITY DEFINER VIEW `v` AS SELECT 1",
            Some("CREATE OR REPLACE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `v` AS SELECT 1"),
        );
        check(
            "CREATE DEFINER=\"root\"@\"localhost\" PROCEDURE \"p\"() SELECT 'DEFINER=`x`@`y`'",
            Some("CREATE PROCEDURE \"p\"() SELECT 'DEFINER=`x`@`y`'"),
        );
        check(
            "CREATE DEFINER=`role` TRIGGER `t` BEFORE INSERT ON `u` FOR EACH ROW SET @a=1",
            Some("CREATE TRIGGER `t` BEFORE INSERT ON `u` FOR EACH ROW SET @a=1"),
        );
        check("CREATE PROCEDURE `p`() SELECT 'DEFINER=`x`@`y`'", None);
        check("USE `DEFINER=`", None);
        check("SET sql_mode=''", None);
    }
}
