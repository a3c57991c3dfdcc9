//! One binlog event: the header every event has, and the bytes after it.
//!
//! Layout after "Binlog Event" in MySQL's internals manual and "2-Binlog Event
//! Header" in MariaDB's; numbers are little-endian.

use crate::error::corrupt;
use planb_ports::PortResult;

/// Bytes of the header.
pub(crate) const HEADER_BYTES: usize = 19;
/// Bytes of the CRC32 at the end, when there is one.
pub(crate) const CHECKSUM_BYTES: usize = 4;
/// What every binlog file starts with.
pub(crate) const MAGIC: [u8; 4] = [0xfe, b'b', b'i', b'n'];

/// Event types by number.
pub(crate) mod kind {
    pub const QUERY: u8 = 2;
    pub const STOP: u8 = 3;
    pub const ROTATE: u8 = 4;
    pub const INTVAR: u8 = 5;
    pub const RAND: u8 = 13;
    pub const USER_VAR: u8 = 14;
    pub const FORMAT_DESCRIPTION: u8 = 15;
    pub const XID: u8 = 16;
    pub const BEGIN_LOAD_QUERY: u8 = 17;
    pub const EXECUTE_LOAD_QUERY: u8 = 18;
    pub const TABLE_MAP: u8 = 19;
    pub const INCIDENT: u8 = 26;
    pub const HEARTBEAT: u8 = 27;
    pub const GTID: u8 = 33;
    pub const ANONYMOUS_GTID: u8 = 34;
    pub const PREVIOUS_GTIDS: u8 = 35;
    pub const XA_PREPARE: u8 = 38;
    pub const PARTIAL_UPDATE_ROWS: u8 = 39;
    pub const TRANSACTION_PAYLOAD: u8 = 40;
    pub const HEARTBEAT_V2: u8 = 41;
    pub const GTID_TAGGED: u8 = 42;
    pub const MARIADB_BINLOG_CHECKPOINT: u8 = 161;
    pub const MARIADB_GTID: u8 = 162;
    pub const MARIADB_GTID_LIST: u8 = 163;
    pub const MARIADB_START_ENCRYPTION: u8 = 164;
    pub const MARIADB_QUERY_COMPRESSED: u8 = 165;
}

/// The event was made up for this connection and is not in the file.
const FLAG_ARTIFICIAL: u16 = 0x20;
/// Rows events: last one of its statement.
const ROWS_FLAG_STATEMENT_END: u8 = 1;

/// A whole event with its checksum, if its log has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    bytes: &'a [u8],
    checksum: bool,
}

impl<'a> Event<'a> {
    /// Takes the event at the start of `bytes` and says what follows. Checks
    /// its size and, when there is one, its checksum.
    pub fn take(bytes: &'a [u8], checksum: bool) -> PortResult<(Self, &'a [u8])> {
        let size = header_u32(bytes, 9).ok_or_else(|| corrupt("an event of the log is cut off"))?;
        let size = size as usize;
        let tail = if checksum { CHECKSUM_BYTES } else { 0 };
        if size < HEADER_BYTES + tail || size > bytes.len() {
            return Err(corrupt("an event of the log has a wrong size"));
        }
        let (bytes, rest) = bytes.split_at(size);
        let event = Self { bytes, checksum };
        if checksum {
            let stored = header_u32(bytes, size - CHECKSUM_BYTES);
            if stored != Some(crc32fast::hash(&bytes[..size - CHECKSUM_BYTES])) {
                return Err(corrupt("an event of the log does not match its checksum"));
            }
        }
        Ok((event, rest))
    }

    /// All of its bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether it ends with a checksum.
    pub fn has_checksum(&self) -> bool {
        self.checksum
    }

    /// Its type.
    pub fn kind(&self) -> u8 {
        self.bytes[4]
    }

    /// When it was written at the source, in seconds since 1970.
    pub fn timestamp(&self) -> u32 {
        header_u32(self.bytes, 0).unwrap_or(0)
    }

    /// Offset in its file of the event after it; 0 when it is in no file.
    pub fn next_offset(&self) -> u32 {
        header_u32(self.bytes, 13).unwrap_or(0)
    }

    /// Server that wrote it.
    pub fn server_id(&self) -> u32 {
        header_u32(self.bytes, 5).unwrap_or(0)
    }

    /// Whether it was made up for this connection.
    pub fn is_artificial(&self) -> bool {
        u16::from_le_bytes([self.bytes[17], self.bytes[18]]) & FLAG_ARTIFICIAL != 0
    }

    /// What follows the header, without checksum.
    pub fn body(&self) -> &'a [u8] {
        let tail = if self.checksum { CHECKSUM_BYTES } else { 0 };
        &self.bytes[HEADER_BYTES..self.bytes.len() - tail]
    }

    /// Whether a transaction begins with it.
    pub fn begins_transaction(&self) -> bool {
        matches!(
            self.kind(),
            kind::GTID | kind::ANONYMOUS_GTID | kind::GTID_TAGGED | kind::MARIADB_GTID
        )
    }

    /// Whether it holds changed rows of one table.
    pub fn is_rows(&self) -> bool {
        matches!(self.kind(), 23..=25 | 30..=32 | kind::PARTIAL_UPDATE_ROWS | 166..=171)
    }

    /// Whether it holds changed rows in MariaDB's compressed form.
    pub fn is_compressed_rows(&self) -> bool {
        matches!(self.kind(), 166..=171)
    }

    /// Whether it belongs to a statement that was logged as its text and needs
    /// the source's state to run again.
    pub fn is_statement_context(&self) -> bool {
        matches!(
            self.kind(),
            kind::INTVAR
                | kind::RAND
                | kind::USER_VAR
                | kind::BEGIN_LOAD_QUERY
                | kind::EXECUTE_LOAD_QUERY
        )
    }

    /// The table a table map or rows event is about, as numbered in its statement.
    pub fn table_id(&self) -> Option<u64> {
        let id = self.body().get(..6)?;
        let mut bytes = [0u8; 8];
        bytes[..6].copy_from_slice(id);
        Some(u64::from_le_bytes(bytes))
    }

    /// Database and table of a table map.
    pub fn mapped_table(&self) -> Option<(&'a [u8], &'a [u8])> {
        let after = self.body().get(8..)?;
        let (database, rest) = short_text(after)?;
        let (table, _) = short_text(rest)?;
        Some((database, table))
    }

    /// Whether a rows event is the last of its statement.
    pub fn ends_statement(&self) -> bool {
        self.body()
            .get(6)
            .is_some_and(|flags| flags & ROWS_FLAG_STATEMENT_END != 0)
    }
}

/// Writes the checksum of an event that was changed.
#[cfg(test)]
fn seal(event: &mut [u8]) {
    let at = event.len() - CHECKSUM_BYTES;
    let sum = crc32fast::hash(&event[..at]);
    event[at..].copy_from_slice(&sum.to_le_bytes());
}

/// Whether the events after this format description have checksums: its last
/// byte before its own checksum is the algorithm (0 none, 1 CRC32).
pub(crate) fn has_checksums(format_description: &[u8]) -> PortResult<bool> {
    let at = format_description.len().checked_sub(CHECKSUM_BYTES + 1);
    match at.and_then(|at| format_description.get(at)) {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        _ => Err(corrupt("the log has a checksum of an unknown kind")),
    }
}

fn header_u32(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes([field[0], field[1], field[2], field[3]]))
}

/// A text with its length before it and a zero after it.
fn short_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::from(*bytes.first()?);
    let text = bytes.get(1..1 + length)?;
    Some((text, bytes.get(2 + length..)?))
}

#[cfg(test)]
pub(crate) mod testing {
    //! Makes events.

    use super::*;

    /// An event with checksum and without place in a file.
    pub fn event(kind: u8, body: &[u8]) -> Vec<u8> {
        at(kind, body, 0)
    }

    /// An event before `next_offset`.
    pub fn at(kind: u8, body: &[u8], next_offset: u32) -> Vec<u8> {
        let size = (HEADER_BYTES + body.len() + CHECKSUM_BYTES) as u32;
        let mut bytes = vec![0; 4];
        bytes.push(kind);
        bytes.extend_from_slice(&1u32.to_le_bytes());
        bytes.extend_from_slice(&size.to_le_bytes());
        bytes.extend_from_slice(&next_offset.to_le_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(body);
        bytes.extend_from_slice(&[0; CHECKSUM_BYTES]);
        seal(&mut bytes);
        bytes
    }

    /// An event that was changed, with the checksum it needs now.
    pub fn sealed(mut event: Vec<u8>) -> Vec<u8> {
        seal(&mut event);
        event
    }

    /// The same event before `next_offset`.
    pub fn at_of(event: &[u8], next_offset: u32) -> Vec<u8> {
        let body = &event[HEADER_BYTES..event.len() - CHECKSUM_BYTES];
        at(event[4], body, next_offset)
    }

    /// A query event of database `database`.
    pub fn query(database: &str, sql: &str) -> Vec<u8> {
        let mut body = vec![0; 8];
        body.push(database.len() as u8);
        body.extend_from_slice(&[0, 0, 0, 0]);
        body.extend_from_slice(database.as_bytes());
        body.push(0);
        body.extend_from_slice(sql.as_bytes());
        event(kind::QUERY, &body)
    }

    /// A table map.
    pub fn table_map(id: u8, database: &str, table: &str) -> Vec<u8> {
        let mut body = vec![id, 0, 0, 0, 0, 0, 1, 0];
        for text in [database, table] {
            body.push(text.len() as u8);
            body.extend_from_slice(text.as_bytes());
            body.push(0);
        }
        event(kind::TABLE_MAP, &body)
    }

    /// A rows event.
    pub fn rows(id: u8, end: bool, data: &[u8]) -> Vec<u8> {
        let mut body = vec![id, 0, 0, 0, 0, 0, u8::from(end), 0];
        body.extend_from_slice(data);
        event(30, &body)
    }

    /// A format description of a log with checksums.
    pub fn format_description() -> Vec<u8> {
        event(kind::FORMAT_DESCRIPTION, &[4, 0, 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_is_noticed() {
        let mut bytes = testing::rows(7, false, b"row");
        let (event, rest) = Event::take(&bytes, true).expect("whole");
        assert!(rest.is_empty() && event.is_rows() && !event.ends_statement());
        assert_eq!(event.table_id(), Some(7));
        bytes[25] ^= 1;
        assert!(Event::take(&bytes, true).is_err());
        assert!(Event::take(&bytes[..10], true).is_err());
    }

    #[test]
    fn a_table_map_names_its_table() {
        let bytes = testing::table_map(3, "shop", "orders");
        let (event, _) = Event::take(&bytes, true).expect("whole");
        assert_eq!(event.mapped_table(), Some((&b"shop"[..], &b"orders"[..])));
    }
}
