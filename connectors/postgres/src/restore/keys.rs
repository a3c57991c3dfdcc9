//! Foreign keys of a script by `pg_dump`, whose rows may break them.
//!
//! A server lets rows in that lead nowhere while triggers are off
//! (`session_replication_role`), and a snapshot has them as they are. The key
//! that cannot be added over them is added `NOT VALID`: it holds for rows that
//! are written from then on. A key of a partitioned table, where PostgreSQL has
//! no such thing (before 18), is added to its partitions, and so is its comment.

use crate::client::literal;

/// A longer statement is no key; it is handed on in pieces.
const STATEMENT_BYTES_MAX: usize = 1 << 20;
/// Of one that is handed on, so much is kept: a `$tag$` is shorter.
const KEPT_BYTES: usize = 256;

/// Where in a statement a byte is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Plain,
    /// Between quotes, `'` or `"`; whether `\` takes the next byte along.
    Quoted(u8, bool),
    /// Between `$tag$` and the same again.
    Dollar(Vec<u8>),
    /// Behind `--`, or in a line for `psql` itself.
    Line,
    /// Between `/*` and `*/`, so deep.
    Block(usize),
}

/// Takes a script, and gives it back with its foreign keys made patient.
pub(super) struct PatientKeys {
    place: Place,
    /// Of the statement, what was not handed on.
    held: Vec<u8>,
    /// Bytes of it that were looked at.
    looked: usize,
    /// Its beginning was handed on.
    long: bool,
}

impl PatientKeys {
    /// Before the script.
    pub fn new() -> Self {
        Self {
            place: Place::Plain,
            held: Vec::new(),
            looked: 0,
            long: false,
        }
    }

    /// Takes the next piece; returns what can be run.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        let mut ready = Vec::new();
        // A byte more is kept: two together may begin or end a comment.
        while self.looked + 1 < self.held.len() {
            if self.step() {
                let statement: Vec<u8> = self.held.drain(..self.looked).collect();
                self.looked = 0;
                let made = match self.long {
                    true => None,
                    false => patient(&statement).or_else(|| comment(&statement)),
                };
                self.long = false;
                ready.extend(made.map_or(statement, String::into_bytes));
            }
        }
        if self.looked > STATEMENT_BYTES_MAX {
            ready.extend(self.held.drain(..self.looked - KEPT_BYTES));
            (self.looked, self.long) = (KEPT_BYTES, true);
        }
        ready
    }

    /// What is left behind the last piece.
    pub fn end(mut self) -> Vec<u8> {
        let mut ready = self.push(b"\n");
        ready.extend(self.held);
        ready
    }

    /// Goes over the next byte, or two of them; whether a statement ends there.
    fn step(&mut self) -> bool {
        let (byte, next) = (self.held[self.looked], self.held[self.looked + 1]);
        self.looked += 1;
        match &mut self.place {
            Place::Plain => return self.plain(byte, next),
            Place::Quoted(quote, escapes) => {
                if byte == b'\\' && *escapes {
                    self.looked += 1;
                } else if byte == *quote {
                    // A doubled one ends the text and begins it again.
                    self.place = Place::Plain;
                }
            }
            Place::Dollar(tag) => {
                let ends = self.held[..self.looked].ends_with(tag);
                if byte == b'$' && ends {
                    self.place = Place::Plain;
                }
            }
            Place::Line if byte == b'\n' => self.place = Place::Plain,
            Place::Line => {}
            Place::Block(depth) => {
                match (byte, next) {
                    (b'/', b'*') => *depth += 1,
                    (b'*', b'/') => *depth -= 1,
                    _ => return false,
                }
                self.looked += 1;
                if self.place == Place::Block(0) {
                    self.place = Place::Plain;
                }
            }
        }
        false
    }

    fn plain(&mut self, byte: u8, next: u8) -> bool {
        let before = &self.held[..self.looked - 1];
        match (byte, next) {
            (b';', _) => return true,
            (b'\'', _) => self.place = Place::Quoted(byte, escapes(before)),
            (b'"', _) => self.place = Place::Quoted(byte, false),
            (b'-', b'-') => self.place = Place::Line,
            // `\restrict` and the like stand at the beginning of a line.
            (b'\\', _) if before.last().is_none_or(|b| *b == b'\n') => self.place = Place::Line,
            (b'/', b'*') => {
                self.looked += 1;
                self.place = Place::Block(1);
            }
            (b'$', _) => {
                if let Some(tag) = dollar(before) {
                    self.place = Place::Dollar(tag);
                }
            }
            _ => {}
        }
        false
    }
}

/// Whether a quote behind `before` begins an `E'…'`.
fn escapes(before: &[u8]) -> bool {
    match before {
        [.., other, b'E' | b'e'] => !is_of_name(*other),
        [b'E' | b'e'] => true,
        _ => false,
    }
}

/// The tag that a `$` behind `before` completes.
fn dollar(before: &[u8]) -> Option<Vec<u8>> {
    let begin = before.iter().rposition(|b| *b == b'$')?;
    let name = &before[begin + 1..];
    let behind_name = begin > 0 && is_of_name(before[begin - 1]);
    let is_tag =
        name.iter().all(|b| is_of_name(*b)) && !name.first().is_some_and(u8::is_ascii_digit);
    (is_tag && !behind_name).then(|| [b"$", name, b"$"].concat())
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The statement that adds a foreign key, so that rows which break it are no
/// error; `None` for any other.
fn patient(statement: &[u8]) -> Option<String> {
    let (comments, text) = begins_with(statement, "ALTER TABLE ")?;
    let rest = text.strip_prefix("ALTER TABLE ")?;
    let rest = rest.strip_prefix("ONLY ").unwrap_or(rest);
    let (schema, named) = name(rest)?;
    let (table, rest) = name(named.strip_prefix('.')?)?;
    let table = format!("{schema}.{table}");
    let key = rest.trim_start();
    let (_, definition) = name(key.strip_prefix("ADD CONSTRAINT ")?)?;
    if !definition.starts_with(" FOREIGN KEY (") || definition.ends_with(" NOT VALID") {
        return None;
    }
    let block = format!(
        "DECLARE part regclass; BEGIN EXECUTE {whole}; EXCEPTION WHEN foreign_key_violation THEN \
         IF (SELECT c.relkind = 'p' FROM pg_catalog.pg_class c WHERE c.oid = {table}::regclass) THEN \
         FOR part IN SELECT relid FROM pg_catalog.pg_partition_tree({table}::regclass) WHERE isleaf LOOP \
         EXECUTE pg_catalog.format('ALTER TABLE %s ', part) || {key}; END LOOP; \
         ELSE EXECUTE {later}; END IF; END",
        whole = literal(text),
        table = literal(&table),
        key = literal(&format!("{key} NOT VALID")),
        later = literal(&format!("{text} NOT VALID")),
    );
    Some(format!("{comments}DO {};", literal(&block)))
}

/// The statement that says something about a constraint: about those of the
/// partitions, when the partitioned table's key had to be added to them.
fn comment(statement: &[u8]) -> Option<String> {
    const BEGIN: &str = "COMMENT ON CONSTRAINT ";
    let (comments, text) = begins_with(statement, BEGIN)?;
    let (constraint, rest) = name(text.strip_prefix(BEGIN)?)?;
    let (schema, named) = name(rest.strip_prefix(" ON ")?)?;
    let (table, said) = name(named.strip_prefix('.')?)?;
    let unquoted = constraint[1..constraint.len() - 1].replace("\"\"", "\"");
    let block = format!(
        "DECLARE part regclass; made boolean := false; \
         BEGIN EXECUTE {whole}; EXCEPTION WHEN undefined_object THEN \
         FOR part IN SELECT t.relid FROM pg_catalog.pg_partition_tree({table}::regclass) t \
         JOIN pg_catalog.pg_constraint c ON c.conrelid = t.relid AND c.contype = 'f' \
         AND c.conname = {unquoted} WHERE t.isleaf LOOP \
         EXECUTE {begin} || part::text || {said}; made := true; END LOOP; \
         IF NOT made THEN RAISE; END IF; END",
        whole = literal(text),
        table = literal(&format!("{schema}.{table}")),
        unquoted = literal(&unquoted),
        begin = literal(&format!("{BEGIN}{constraint} ON ")),
        said = literal(said),
    );
    Some(format!("{comments}DO {};", literal(&block)))
}

/// A statement that begins so, without its `;`, behind the comments before it.
fn begins_with<'a>(statement: &'a [u8], words: &str) -> Option<(&'a str, &'a str)> {
    let text = std::str::from_utf8(statement).ok()?;
    let (comments, text) = text.split_at(text.find(words)?);
    let comment = |line: &str| line.trim().is_empty() || line.starts_with("--");
    let text = text.strip_suffix(';')?;
    comments.lines().all(comment).then_some((comments, text))
}

/// A quoted name, with its quotes, and what follows it.
fn name(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut from = 0;
    loop {
        let quote = from + inside[from..].find('"')?;
        match inside[quote + 1..].starts_with('"') {
            true => from = quote + 2,
            false => return text.split_at_checked(quote + 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = r#"
\restrict abc;def'
SELECT pg_catalog.set_config('search_path', '', false);
-- a comment; with 'a quote
CREATE FUNCTION "f"() RETURNS int LANGUAGE plpgsql AS $_$ BEGIN RETURN ';'; ALTER TABLE ONLY "a"."b" ADD CONSTRAINT "c" FOREIGN KEY ("d") REFERENCES "e"("f"); END $_$;
COMMENT ON TABLE "a"."b" IS 'ALTER TABLE ONLY "a"."b"
    ADD CONSTRAINT "c" FOREIGN KEY ("d") REFERENCES "e"("f");
it''s';
SELECT E'\';' /* ; /* ' */ ; */;
ALTER TABLE ONLY "a"."b" ADD CONSTRAINT "k" UNIQUE ("d");
ALTER TABLE ONLY "a"."b"
    ADD CONSTRAINT "old" FOREIGN KEY ("d") REFERENCES "a"."e"("f") NOT VALID;
"#;

    const KEY: &str = r#"
--
-- Name: b "; c"; Type: FK CONSTRAINT
--

ALTER TABLE ONLY "스키마"."b ""; c"
    ADD CONSTRAINT "it's; \" FOREIGN KEY ("d") REFERENCES "a"."e"("f") DEFERRABLE;
"#;

    /// The script in pieces of every size comes to the same.
    fn through(script: &str) -> String {
        let whole = |size: usize| {
            let (mut keys, mut made) = (PatientKeys::new(), Vec::new());
            for piece in script.as_bytes().chunks(size) {
                made.extend(keys.push(piece));
            }
            made.extend(keys.end());
            String::from_utf8(made).expect("text")
        };
        let made = whole(script.len());
        for size in 1..9 {
            assert_eq!(whole(size), made, "pieces of {size}");
        }
        made
    }

    #[test]
    fn all_but_foreign_keys_stays_as_it_is() {
        assert_eq!(through(SCRIPT), format!("{SCRIPT}\n"));
        let long = format!("SELECT '{}';\n", "x".repeat(3 * STATEMENT_BYTES_MAX));
        let mut keys = PatientKeys::new();
        let mut made = Vec::new();
        for piece in long.as_bytes().chunks(256 * 1024) {
            made.extend(keys.push(piece));
            assert!(keys.held.len() <= STATEMENT_BYTES_MAX + 256 * 1024);
        }
        made.extend(keys.push(KEY.as_bytes()));
        made.extend(keys.end());
        let made = String::from_utf8(made).expect("text");
        let rest = made.strip_prefix(&long).expect("as it was");
        assert_eq!(rest, through(KEY), "the statement behind it is whole again");
    }

    #[test]
    fn what_is_said_of_a_constraint_is_said_where_the_key_is() {
        let said = r#"COMMENT ON CONSTRAINT "a "" b" ON "c"."d" IS 'it''s; so';"#;
        let made = through(&format!("-- Name: x\n{said}\n"));
        assert!(made.starts_with("-- Name: x\nDO "), "{made}");
        assert_eq!(made.matches("COMMENT ON").count(), 2, "{made}");
        for other in [
            r#"COMMENT ON CONSTRAINT "a" ON DOMAIN "c"."d" IS 'x';"#,
            r#"COMMENT ON COLUMN "c"."d"."e" IS 'COMMENT ON CONSTRAINT "a" ON "b"."c" IS';"#,
        ] {
            assert_eq!(through(other), format!("{other}\n"));
        }
    }

    #[test]
    fn a_foreign_key_becomes_patient_wherever_it_stands() {
        let made = through(&format!("{SCRIPT}{KEY}{SCRIPT}"));
        let rest = made.strip_prefix(SCRIPT).expect("as it was");
        let key = rest
            .strip_suffix(&format!("{SCRIPT}\n"))
            .expect("as it was");
        let (comments, block) = key.split_once("DO ").expect("a block");
        assert!(comments.ends_with("FK CONSTRAINT\n--\n\n"), "{comments}");
        assert!(
            block.ends_with(";\n") && block.contains("NOT VALID"),
            "{block}"
        );
        assert_eq!(key.matches("FOREIGN KEY").count(), 3, "{key}");
    }
}
