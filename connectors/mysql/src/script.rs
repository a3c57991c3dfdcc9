//! Statements as a file the `mysql` client can run: a `DELIMITER` line with a
//! token that stands in no statement, then each statement with the token on a
//! line of its own. Bodies of routines may hold anything else.

use crate::error::corrupt;
use planb_ports::PortResult;

const HEAD: &[u8] = b"DELIMITER ";
/// The client takes 15 bytes at most.
const TOKEN_HEX_DIGITS: usize = 8;
/// How a statement begins that only a restore by hand needs.
const BY_HAND: &str = "/* by hand */ ";

/// Statements that are written together.
#[derive(Debug, Default)]
pub(crate) struct Script {
    statements: Vec<Vec<u8>>,
}

impl Script {
    /// Adds a statement, without delimiter.
    pub fn add(&mut self, statement: impl Into<Vec<u8>>) {
        self.statements.push(statement.into());
    }

    /// Adds a statement that only a restore by hand needs.
    pub fn add_by_hand(&mut self, statement: &str) {
        self.add(format!("{BY_HAND}{statement}"));
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// The file.
    pub fn write(&self) -> Vec<u8> {
        let token = self.token();
        let mut file = HEAD.to_vec();
        file.extend_from_slice(token.as_bytes());
        file.push(b'\n');
        for statement in &self.statements {
            file.extend_from_slice(statement);
            file.push(b'\n');
            file.extend_from_slice(token.as_bytes());
            file.push(b'\n');
        }
        file
    }

    fn token(&self) -> String {
        let mut salt = 0u64;
        loop {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&salt.to_le_bytes());
            for statement in &self.statements {
                hasher.update(statement);
            }
            let hex = hasher.finalize().to_hex();
            let token = format!("$$pb{}", &hex[..TOKEN_HEX_DIGITS]);
            if !self
                .statements
                .iter()
                .any(|s| contains(s, token.as_bytes()))
            {
                return token;
            }
            salt += 1;
        }
    }
}

/// The statements of a file made by [`Script::write`].
pub(crate) fn read(file: &[u8]) -> PortResult<Vec<&[u8]>> {
    let bad = || corrupt("a script of the snapshot does not start with its delimiter");
    let rest = file.strip_prefix(HEAD).ok_or_else(bad)?;
    let end = rest.iter().position(|b| *b == b'\n').ok_or_else(bad)?;
    let (token, mut rest) = (&rest[..end], &rest[end + 1..]);
    if token.is_empty() {
        return Err(bad());
    }
    let mut mark = vec![b'\n'];
    mark.extend_from_slice(token);
    mark.push(b'\n');
    let mut statements = Vec::new();
    while !rest.is_empty() {
        let at = find(rest, &mark)
            .ok_or_else(|| corrupt("a script of the snapshot ends in a statement"))?;
        statements.push(&rest[..at]);
        rest = &rest[at + mark.len()..];
    }
    Ok(statements)
}

/// Whether PlanB's own restore leaves a statement out: notes, and what only a
/// restore by hand needs.
pub(crate) fn is_by_hand(statement: &[u8]) -> bool {
    statement.starts_with(b"-- ") || statement.starts_with(BY_HAND.as_bytes())
}

fn contains(text: &[u8], what: &[u8]) -> bool {
    find(text, what).is_some()
}

/// First place of `what` in `text`.
pub(crate) fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|w| w == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_with_delimiters_and_line_ends_come_back_as_they_were() {
        let bodies: [&[u8]; 4] = [
            b"CREATE PROCEDURE p() BEGIN\n SELECT 1;\n SELECT '$$';;\nEND",
            b"DELIMITER //\n",
            b"\xff\xfe\n$$pb00000000\n",
            b"x",
        ];
        let mut script = Script::default();
        for body in bodies {
            script.add(body);
        }
        let file = script.write();
        assert_eq!(read(&file).expect("reads"), bodies);
        assert!(read(&file[..file.len() - 3]).is_err());
        assert!(read(b"SELECT 1").is_err());
        assert!(read(&Script::default().write()).expect("reads").is_empty());
    }
}
