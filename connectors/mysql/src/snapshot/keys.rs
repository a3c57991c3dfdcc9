//! Takes keys out of a table's definition: they are added, all at once, when
//! the rows are there, which costs a sort instead of a search for every row.
//!
//! What the server prints has one definition a line, but names, defaults and
//! comments may hold anything; so lines are told by the quotes around them.

/// A table's definition without some of its keys.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// The statement that makes the table.
    pub table: Vec<u8>,
    /// Keys to be added together: `KEY …`, `UNIQUE KEY …`.
    pub keys: Vec<Vec<u8>>,
    /// Keys to be added one by one: the server makes one of them at a time.
    pub singles: Vec<Vec<u8>>,
    /// Foreign keys, to be added when all keys of all tables are there.
    pub links: Vec<Vec<u8>>,
}

impl Split {
    /// Takes out nothing.
    pub fn whole(create: Vec<u8>) -> Self {
        Self {
            table: create,
            keys: Vec::new(),
            singles: Vec::new(),
            links: Vec::new(),
        }
    }

    /// Takes out the keys of an InnoDB table. They stay when the table has no
    /// primary key (rows would be sorted again), and where a column numbers rows
    /// by another key.
    pub fn of(create: Vec<u8>) -> Self {
        let Some((head, definitions, tail)) = parts(&create) else {
            return Self::whole(create);
        };
        let primary = definitions.iter().find(|d| d.starts_with(b"PRIMARY KEY"));
        let counter = definitions.iter().find_map(|d| auto_increment(d));
        let primary_column = primary.and_then(|d| first_column(d));
        let movable = primary.is_some() && (counter.is_none() || counter == primary_column);
        let mut split = Self::whole(Vec::new());
        let mut stay: Vec<&[u8]> = Vec::new();
        for definition in definitions {
            let target = match place(definition) {
                Place::Link => &mut split.links,
                Place::Key if movable => &mut split.keys,
                Place::Single if movable => &mut split.singles,
                _ => {
                    stay.push(definition);
                    continue;
                }
            };
            target.push(definition.to_vec());
        }
        let mut table = head.to_vec();
        for (index, definition) in stay.iter().enumerate() {
            table.extend_from_slice(if index == 0 { b"\n  " } else { b",\n  " });
            table.extend_from_slice(definition);
        }
        table.push(b'\n');
        table.extend_from_slice(tail);
        split.table = table;
        split
    }
}

enum Place {
    Stay,
    Key,
    Single,
    Link,
}

fn place(definition: &[u8]) -> Place {
    let begins = |text: &str| definition.starts_with(text.as_bytes());
    if begins("CONSTRAINT ") {
        let after = name(&definition[b"CONSTRAINT ".len()..]).map(|(_, rest)| rest);
        return match after {
            Some(rest) if rest.starts_with(b" FOREIGN KEY") => Place::Link,
            _ => Place::Stay,
        };
    }
    if begins("FULLTEXT KEY ") || begins("SPATIAL KEY ") {
        return Place::Single;
    }
    if begins("KEY ") || begins("UNIQUE KEY ") {
        // Long unique keys have a column of their own; keys over periods
        // depend on the table's periods.
        let kept = contains(definition, b"USING HASH") || contains(definition, b"WITHOUT OVERLAPS");
        return if kept { Place::Stay } else { Place::Key };
    }
    Place::Stay
}

fn contains(text: &[u8], what: &[u8]) -> bool {
    text.windows(what.len()).any(|w| w == what)
}

/// A quoted name and what follows it.
fn name(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if text.first() != Some(&b'`') {
        return None;
    }
    let mut at = 1;
    loop {
        let end = at + text.get(at..)?.iter().position(|b| *b == b'`')?;
        if text.get(end + 1) == Some(&b'`') {
            at = end + 2;
        } else {
            return Some((&text[..=end], &text[end + 1..]));
        }
    }
}

/// The column that numbers rows.
fn auto_increment(definition: &[u8]) -> Option<&[u8]> {
    let (column, rest) = name(definition)?;
    let mut plain = Vec::new();
    let mut quotes = Quotes::default();
    for byte in rest {
        if quotes.outside(*byte) {
            plain.push(*byte);
        }
    }
    contains(&plain, b"AUTO_INCREMENT").then_some(column)
}

fn first_column(primary: &[u8]) -> Option<&[u8]> {
    let at = primary.iter().position(|b| *b == b'`')?;
    name(&primary[at..]).map(|(column, _)| column)
}

/// Whether bytes stand inside of quotes.
#[derive(Default)]
struct Quotes {
    open: Option<u8>,
    escaped: bool,
}

impl Quotes {
    /// Whether this byte, the next one, is outside.
    fn outside(&mut self, byte: u8) -> bool {
        match self.open {
            None => {
                if matches!(byte, b'`' | b'\'' | b'"') {
                    self.open = Some(byte);
                    return false;
                }
                true
            }
            // A doubled quote closes and opens again.
            Some(quote) => {
                if self.escaped {
                    self.escaped = false;
                } else if byte == b'\\' && quote != b'`' {
                    self.escaped = true;
                } else if byte == quote {
                    self.open = None;
                }
                false
            }
        }
    }
}

type Parts<'a> = (&'a [u8], Vec<&'a [u8]>, &'a [u8]);

/// The statement up to its opening parenthesis, the definitions, and the rest
/// from the closing one. `None` when it does not look so.
fn parts(create: &[u8]) -> Option<Parts<'_>> {
    let mut quotes = Quotes::default();
    let mut breaks = Vec::new();
    let mut opened = None;
    let mut closed = None;
    for (at, byte) in create.iter().enumerate() {
        if !quotes.outside(*byte) {
            continue;
        }
        if *byte == b'(' && opened.is_none() {
            opened = Some(at);
        }
        if *byte == b'\n' && opened.is_some() && closed.is_none() {
            if create.get(at + 1) == Some(&b')') {
                closed = Some(at);
            }
            breaks.push(at);
        }
    }
    let (opened, closed) = (opened?, closed?);
    if breaks.first() != Some(&(opened + 1)) {
        return None;
    }
    let mut definitions = Vec::new();
    for pair in breaks.windows(2) {
        let line = create.get(pair[0] + 1..pair[1])?.strip_prefix(b"  ")?;
        definitions.push(line.strip_suffix(b",").unwrap_or(line));
    }
    Some((&create[..=opened], definitions, &create[closed + 1..]))
}

#[cfg(test)]
mod tests;
