//! What a logged statement does, as far as it decides where it is applied.
//!
//! Not a parser of SQL: the servers log few forms of statements next to row
//! events, and of a definition only its objects' databases matter.

/// What a statement does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    /// Begins a transaction.
    Begin,
    /// Ends a transaction and keeps it.
    Commit,
    /// Ends a transaction, or takes back a part of it.
    Rollback,
    /// Marks a place in a transaction.
    Savepoint,
    /// Changes rows by its own text: the log is not in row format.
    Rows,
    /// A transaction of two phases over several servers.
    Xa,
    /// Changes definitions in these databases; an empty name stands for the
    /// default database.
    Definition {
        /// Where its objects are.
        databases: Vec<String>,
    },
    /// Changes accounts, or the server itself: belongs to the site.
    Site,
}

/// Says what `sql` does.
pub(crate) fn classify(sql: &[u8]) -> Statement {
    // What MySQL logs before every transaction's rows.
    if sql == b"BEGIN" {
        return Statement::Begin;
    }
    let text = String::from_utf8_lossy(sql);
    let mut words = Words::new(&text);
    let mut first = words.next().map(Word::upper);
    if first.as_deref() == Some("SET")
        && words.next().map(Word::upper).as_deref() == Some("STATEMENT")
    {
        // MariaDB: SET STATEMENT variable=value FOR the statement that counts.
        while words.next().is_some_and(|word| word.upper() != "FOR") {}
        first = words.next().map(Word::upper);
    }
    let Some(first) = first else {
        return Statement::Site;
    };
    match first.as_str() {
        "BEGIN" => Statement::Begin,
        "START" => Statement::Begin,
        "COMMIT" => Statement::Commit,
        "ROLLBACK" => Statement::Rollback,
        "SAVEPOINT" | "RELEASE" => Statement::Savepoint,
        "XA" => Statement::Xa,
        "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "LOAD" | "CALL" | "DO" | "SELECT" | "WITH" => {
            Statement::Rows
        }
        "CREATE" | "ALTER" | "DROP" | "TRUNCATE" | "RENAME" => definition(&first, words),
        "ANALYZE" | "OPTIMIZE" | "REPAIR" | "FLUSH" | "GRANT" | "REVOKE" | "SET" => Statement::Site,
        _ => Statement::Site,
    }
}

/// Whether the statement creates a table in the same transaction as its rows
/// (MySQL 8's `CREATE TABLE … SELECT`).
pub(crate) fn starts_transaction(sql: &[u8]) -> bool {
    without_transaction(sql).len() < sql.len()
}

/// The statement without the words that make it the start of a transaction,
/// for a server that shall commit it by itself.
pub(crate) fn without_transaction(sql: &[u8]) -> &[u8] {
    const WORDS: &[u8] = b"START TRANSACTION";
    let end = sql.trim_ascii_end();
    match end.len().checked_sub(WORDS.len()) {
        Some(at) if end[at..].eq_ignore_ascii_case(WORDS) => &end[..at],
        _ => sql,
    }
}

/// A word, a quoted name, or a sign.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Plain(String),
    Quoted(String),
    Sign(char),
}

impl Word {
    fn upper(self) -> String {
        match self {
            Word::Plain(text) => text.to_ascii_uppercase(),
            _ => String::new(),
        }
    }
    fn name(self) -> Option<String> {
        match self {
            Word::Plain(text) | Word::Quoted(text) => Some(text),
            Word::Sign(_) => None,
        }
    }
}

/// Splits SQL into words; comments are skipped, versioned comments (`/*!`) read.
struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    fn skip_blank(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            let versioned = self
                .rest
                .strip_prefix("/*!")
                .or_else(|| self.rest.strip_prefix("/*M!"));
            if let Some(inside) = versioned {
                self.rest = inside.trim_start_matches(|c: char| c.is_ascii_digit());
            } else if let Some(inside) = self.rest.strip_prefix("/*") {
                self.rest = inside.split_once("*/").map_or("", |(_, after)| after);
            } else if let Some(after) = self.rest.strip_prefix("*/") {
                self.rest = after;
            } else if self.rest.starts_with('#') || self.rest.starts_with("-- ") {
                self.rest = self.rest.split_once('\n').map_or("", |(_, after)| after);
            } else {
                return;
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Word {
        let mut name = String::new();
        let mut chars = self.rest[1..].char_indices().peekable();
        let mut end = self.rest.len();
        while let Some((at, c)) = chars.next() {
            if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
                end = at + 2;
                break;
            }
            name.push(c);
        }
        self.rest = &self.rest[end..];
        Word::Quoted(name)
    }
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        self.skip_blank();
        let first = self.rest.chars().next()?;
        if matches!(first, '`' | '"' | '\'') {
            return Some(self.quoted(first));
        }
        let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
        let end = self.rest.find(|c| !word(c)).unwrap_or(self.rest.len());
        if end == 0 {
            self.rest = &self.rest[first.len_utf8()..];
            return Some(Word::Sign(first));
        }
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(Word::Plain(text.to_owned()))
    }
}

/// Kinds of objects that live in a database.
const OBJECTS: [&str; 9] = [
    "TABLE",
    "TABLES",
    "VIEW",
    "TRIGGER",
    "PROCEDURE",
    "FUNCTION",
    "EVENT",
    "SEQUENCE",
    "PACKAGE",
];
/// Kinds of objects that belong to the site.
const SITE_OBJECTS: [&str; 8] = [
    "USER",
    "ROLE",
    "SERVER",
    "TABLESPACE",
    "LOGFILE",
    "INSTANCE",
    "RESOURCE",
    "SONAME",
];

/// Finds the objects of a definition. What it cannot read counts for the
/// default database: applying too much fails loudly, too little does not.
fn definition(verb: &str, words: Words<'_>) -> Statement {
    let mut words = words.peekable();
    let here = || Statement::Definition {
        databases: vec![String::new()],
    };
    if verb == "TRUNCATE" {
        words.next_if(|w| w.clone().upper() == "TABLE");
        return named(verb, &mut words);
    }
    while let Some(word) = words.next() {
        let word = match word {
            // DEFINER=`user`@`host`: the quoted parts are not objects.
            Word::Quoted(_) | Word::Sign(_) => continue,
            plain => plain.upper(),
        };
        match word.as_str() {
            "DATABASE" | "SCHEMA" => {
                skip_conditions(&mut words);
                let name = words.next().and_then(Word::name);
                return Statement::Definition {
                    databases: vec![name.unwrap_or_default()],
                };
            }
            "INDEX" => {
                // CREATE INDEX i ON t, DROP INDEX i ON t
                while let Some(word) = words.next() {
                    if word.upper() == "ON" {
                        return named(verb, &mut words);
                    }
                }
                return here();
            }
            // Loadable functions are installed in the server, not in a database.
            word if SITE_OBJECTS.contains(&word) => return Statement::Site,
            word if OBJECTS.contains(&word) => {
                words.next_if(|w| w.clone().upper() == "BODY");
                return named(verb, &mut words);
            }
            _ => {}
        }
    }
    here()
}

fn skip_conditions(words: &mut std::iter::Peekable<Words<'_>>) {
    while words
        .next_if(|w| {
            matches!(
                w.clone().upper().as_str(),
                "IF" | "NOT" | "EXISTS" | "WAIT" | "NOWAIT" | "IGNORE"
            )
        })
        .is_some()
    {}
}

/// Reads names with databases: one, or a list of DROP and RENAME.
fn named(verb: &str, words: &mut std::iter::Peekable<Words<'_>>) -> Statement {
    let mut databases = Vec::new();
    loop {
        skip_conditions(words);
        let Some(first) = words.next().and_then(Word::name) else {
            break;
        };
        let qualified = words.next_if_eq(&Word::Sign('.')).is_some();
        if qualified {
            words.next();
        }
        databases.push(if qualified { first } else { String::new() });
        let more = match verb {
            "DROP" => words.next_if_eq(&Word::Sign(',')).is_some(),
            "RENAME" => words
                .next_if(|w| *w == Word::Sign(',') || w.clone().upper() == "TO")
                .is_some(),
            _ => false,
        };
        if !more {
            break;
        }
    }
    if databases.is_empty() {
        databases.push(String::new());
    }
    databases.sort();
    databases.dedup();
    Statement::Definition { databases }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn databases(sql: &str) -> Vec<String> {
        match classify(sql.as_bytes()) {
            Statement::Definition { databases } => databases,
            other => panic!("{sql}: {other:?}"),
        }
    }

    #[test]
    fn definitions_name_their_databases() {
        let cases: &[(&str, &[&str])] = &[
            ("CREATE TABLE t (a INT)", &[""]),
            (
                "/* app */ create table if not exists `sh``op` . `t` (a int)",
                &["sh`op"],
            ),
            (
                "CREATE OR REPLACE DEFINER=`a.b`@`%` VIEW shop.v AS SELECT 1",
                &["shop"],
            ),
            (
                "CREATE DEFINER=`root`@`localhost` TRIGGER shop.tr BEFORE INSERT ON t",
                &["shop"],
            ),
            ("CREATE UNIQUE INDEX i ON shop.t (a)", &["shop"]),
            (
                "DROP TABLE IF EXISTS `a`.`t`,`b`.`u`, v /* generated by server */",
                &["", "a", "b"],
            ),
            ("RENAME TABLE a.t TO b.t, c TO d", &["", "a", "b"]),
            ("TRUNCATE shop.t", &["shop"]),
            ("TRUNCATE TABLE t", &[""]),
            ("ALTER TABLE shop.t ADD COLUMN b INT", &["shop"]),
            ("CREATE DATABASE /*!32312 IF NOT EXISTS*/ `한글`", &["한글"]),
            ("DROP SCHEMA shop", &["shop"]),
            (
                "SET STATEMENT foreign_key_checks=0 FOR CREATE TABLE a.t (i INT)",
                &["a"],
            ),
            (
                "CREATE DEFINER=`r`@`%` PROCEDURE `shop`.`p`() BEGIN END",
                &["shop"],
            ),
        ];
        for (sql, expected) in cases {
            assert_eq!(databases(sql), *expected, "{sql}");
        }
    }

    #[test]
    fn the_rest_is_told_apart() {
        let cases = [
            ("BEGIN", Statement::Begin),
            ("COMMIT", Statement::Commit),
            ("ROLLBACK TO `s`", Statement::Rollback),
            ("-- x\nINSERT INTO t VALUES (1)", Statement::Rows),
            ("DELETE FROM `d`.`t`", Statement::Rows),
            ("XA COMMIT 'x'", Statement::Xa),
            ("CREATE USER x", Statement::Site),
            ("GRANT ALL ON *.* TO x", Statement::Site),
            ("FLUSH PRIVILEGES", Statement::Site),
        ];
        for (sql, expected) in cases {
            assert_eq!(classify(sql.as_bytes()), expected, "{sql}");
        }
        assert!(starts_transaction(
            b"CREATE TABLE t (a INT) START TRANSACTION"
        ));
        assert!(!starts_transaction(b"CREATE TABLE t (a INT)"));
        let create = without_transaction(b"CREATE TABLE t (a INT) start transaction ");
        assert_eq!(create, b"CREATE TABLE t (a INT) ");
        assert_eq!(without_transaction(b"DROP TABLE t"), b"DROP TABLE t");
    }
}
