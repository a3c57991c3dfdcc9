//! Lines of `SHOW GRANTS` and `SHOW CREATE USER`, taken apart.

use super::Name;

/// What a line is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// A privilege that is carried, as a statement for the account.
    Carried(String),
    /// A privilege on something that is not protected.
    Elsewhere,
    /// Membership of a role, another account's line, or nothing at all.
    Other,
}

/// Reads a line of `SHOW GRANTS` for `name`.
///
/// A revocation takes back part of what is granted everywhere. Without it more
/// would be allowed than at the source, so it is always carried.
pub(super) fn read(line: &str, name: &Name, protected: &[String]) -> Line {
    let (verb, between) = match line.split_once(' ') {
        Some(("GRANT", _)) => ("GRANT", " TO "),
        Some(("REVOKE", _)) => ("REVOKE", " FROM "),
        _ => return Line::Other,
    };
    let rest = &line[verb.len() + 1..];
    let Some(to) = outside(rest, between) else {
        return Line::Other;
    };
    let (given, grantee) = (&rest[..to], &rest[to + between.len()..]);
    let Some(on) = outside(given, " ON ") else {
        return Line::Other; // A role.
    };
    let (privileges, object) = (&given[..on], &given[on + 4..]);
    let Some((whom, behind)) = account(grantee) else {
        return Line::Other;
    };
    if (&whom.user, &whom.host) != (&name.user, &name.host) {
        return Line::Other;
    }
    let gives_on = outside(behind, "GRANT OPTION").is_some();
    if privileges == "USAGE" && !gives_on {
        return Line::Other;
    }
    if verb == "GRANT" && !concerns(object, protected) {
        return Line::Elsewhere;
    }
    let option = if gives_on { " WITH GRANT OPTION" } else { "" };
    Line::Carried(format!(
        "{verb} {privileges} ON {object}{between}{}{option}",
        name.quoted()
    ))
}

/// Whether an object of a privilege is everything, or in a protected database.
fn concerns(object: &str, protected: &[String]) -> bool {
    if object == "*.*" {
        return true;
    }
    // `PROCEDURE x.y`, `PACKAGE BODY x.y`.
    let Some(start) = object.find('`') else {
        return false;
    };
    let Some((database, rest)) = quoted(&object[start..]) else {
        return false;
    };
    match rest {
        ".*" => protected.iter().any(|name| is_like(name, &database)),
        _ => rest.starts_with('.') && protected.contains(&database),
    }
}

/// Whether `name` is meant by the pattern of a database in a privilege.
pub(super) fn is_like(name: &str, pattern: &str) -> bool {
    fn like(name: &[char], pattern: &[char]) -> bool {
        match pattern {
            [] => name.is_empty(),
            ['%', rest @ ..] => (0..=name.len()).any(|at| like(&name[at..], rest)),
            ['\\', c @ ('%' | '_' | '\\'), rest @ ..] => {
                name.first() == Some(c) && like(&name[1..], rest)
            }
            ['_', rest @ ..] => !name.is_empty() && like(&name[1..], rest),
            [c, rest @ ..] => name.first() == Some(c) && like(&name[1..], rest),
        }
    }
    let chars = |text: &str| -> Vec<char> { text.chars().collect() };
    name == pattern || like(&chars(name), &chars(pattern))
}

/// The account at the start of `text`, and what follows it.
fn account(text: &str) -> Option<(Name, &str)> {
    let (user, rest) = quoted(text)?;
    match rest.strip_prefix('@') {
        Some(host) => {
            let (host, rest) = quoted(host)?;
            Some((Name::new(user, host), rest))
        }
        None => Some((Name::role(user), rest)),
    }
}

/// The quoted name at the start of `text`, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text
        .chars()
        .next()
        .filter(|c| matches!(c, '`' | '\'' | '"'))?;
    let mut name = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            name.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == quote) {
            name.push(c);
            chars.next();
        } else {
            return Some((name, &text[at + 1..]));
        }
    }
    None
}

/// First place of `word` that is in no quotes.
pub(super) fn outside(text: &str, word: &str) -> Option<usize> {
    let mut inside = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match inside {
            None if text[at..].starts_with(word) => return Some(at),
            None if matches!(c, '`' | '\'' | '"') => inside = Some(c),
            None => {}
            Some(_) if escaped => escaped = false,
            // A doubled quote closes and opens again.
            Some(quote) if c == quote => inside = None,
            Some('\'' | '"') if c == '\\' => escaped = true,
            Some(_) => {}
        }
    }
    None
}

/// `SHOW CREATE USER` of MySQL without the roles it names, which may not exist yet.
pub(super) fn without_roles(create: &str) -> String {
    let Some(from) = outside(create, " DEFAULT ROLE ") else {
        return create.to_owned();
    };
    let rest = &create[from..];
    let until = outside(rest, " REQUIRE ").unwrap_or(rest.len());
    format!("{}{}", &create[..from], &rest[until..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privileges_in_the_protected_databases_are_carried_and_no_others() {
        let name = Name::new("a`b", "%");
        let protected = ["shop".to_owned(), "my_shop".to_owned()];
        let read = |line: &str| read(line, &name, &protected);
        let carried = |text: &str| Line::Carried(text.to_owned());
        for (line, wanted) in [
            (
                "GRANT SELECT, INSERT ON *.* TO `a``b`@`%` IDENTIFIED BY PASSWORD '*A ON B TO C' WITH GRANT OPTION MAX_QUERIES_PER_HOUR 3",
                carried("GRANT SELECT, INSERT ON *.* TO `a``b`@`%` WITH GRANT OPTION"),
            ),
            ("GRANT USAGE ON *.* TO `a``b`@`%` REQUIRE SSL", Line::Other),
            (
                "GRANT SELECT (`x ON y`), UPDATE ON `shop`.`t TO u` TO `a``b`@`%`",
                carried("GRANT SELECT (`x ON y`), UPDATE ON `shop`.`t TO u` TO `a``b`@`%`"),
            ),
            (
                "GRANT ALL PRIVILEGES ON `my\\_shop`.* TO `a``b`@`%`",
                carried("GRANT ALL PRIVILEGES ON `my\\_shop`.* TO `a``b`@`%`"),
            ),
            (
                "GRANT EXECUTE ON PROCEDURE `shop`.`p` TO 'a`b'@'%'",
                carried("GRANT EXECUTE ON PROCEDURE `shop`.`p` TO `a``b`@`%`"),
            ),
            ("GRANT SELECT ON `sh\\_p`.* TO `a``b`@`%`", Line::Elsewhere),
            ("GRANT SELECT ON `other`.`t` TO `a``b`@`%`", Line::Elsewhere),
            ("GRANT PROXY ON ''@'%' TO 'a`b'@'%'", Line::Elsewhere),
            (
                "REVOKE SELECT ON `other`.* FROM `a``b`@`%`",
                carried("REVOKE SELECT ON `other`.* FROM `a``b`@`%`"),
            ),
            ("GRANT `r`@`%` TO `a``b`@`%` WITH ADMIN OPTION", Line::Other),
            ("GRANT SELECT ON `shop`.* TO `somebody`", Line::Other),
            ("SET DEFAULT ROLE `r` FOR `a``b`@`%`", Line::Other),
        ] {
            assert_eq!(read(line), wanted, "{line}");
        }
    }

    #[test]
    fn patterns_of_databases_are_those_of_like() {
        for (name, pattern, matches) in [
            ("shop", "shop", true),
            ("shop", "sh%", true),
            ("shop", "%", true),
            ("shop", "sh_p", true),
            ("sh_p", "sh\\_p", true),
            ("shop", "sh\\_p", false),
            ("shop", "sho", false),
            ("가나", "가_", true),
        ] {
            assert_eq!(is_like(name, pattern), matches, "{name} {pattern}");
        }
    }

    #[test]
    fn roles_are_taken_out_of_a_definition() {
        let plain = "CREATE USER `u`@`%` IDENTIFIED WITH 'x' AS ' DEFAULT ROLE ' REQUIRE NONE";
        assert_eq!(without_roles(plain), plain);
        let with = "CREATE USER `u`@`%` IDENTIFIED WITH 'x' AS 0x41 DEFAULT ROLE `a`@`%`,` REQUIRE `@`%` REQUIRE NONE ACCOUNT UNLOCK";
        assert_eq!(
            without_roles(with),
            "CREATE USER `u`@`%` IDENTIFIED WITH 'x' AS 0x41 REQUIRE NONE ACCOUNT UNLOCK"
        );
    }
}
