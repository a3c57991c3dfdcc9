//! Query events: a statement with the session settings it ran under.

use super::event::{Event, kind};
use super::payload;
use crate::error::corrupt;
use planb_ports::PortResult;
use std::borrow::Cow;

/// A statement of the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Query<'a> {
    /// When it ran, in seconds since 1970.
    pub timestamp: u32,
    /// The default database; empty when there was none.
    pub database: Cow<'a, [u8]>,
    /// The statement, in the character set of its client.
    pub sql: Cow<'a, [u8]>,
    /// Its session settings, as far as they were logged.
    pub session: Session<'a>,
}

/// Session settings of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Session<'a> {
    /// Bits after `OPTION_*` of the servers' sources.
    pub flags: Option<u32>,
    /// Bits of `sql_mode`.
    pub sql_mode: Option<u64>,
    /// `auto_increment_increment` and `auto_increment_offset`.
    pub auto_increment: Option<(u16, u16)>,
    /// Collation numbers: client, connection, server.
    pub charset: Option<(u16, u16, u16)>,
    /// Time zone.
    pub time_zone: Option<Cow<'a, [u8]>>,
    /// Number of `lc_time_names`.
    pub lc_time_names: Option<u16>,
    /// Collation number of the database.
    pub charset_database: Option<u16>,
    /// Microseconds of the timestamp.
    pub microseconds: Option<u32>,
    /// Collation number that a bare `utf8mb4` stands for (MySQL 8).
    pub utf8mb4_collation: Option<u16>,
}

/// A statement without its settings.
pub(crate) struct Text<'a> {
    /// As in [`Query`].
    pub database: Cow<'a, [u8]>,
    /// As in [`Query`].
    pub sql: Cow<'a, [u8]>,
    status: &'a [u8],
}

/// Reads a query event, compressed or not.
pub(crate) fn read<'a>(event: &Event<'a>) -> PortResult<Query<'a>> {
    let text = text(event)?;
    let session = settings(text.status)
        .ok_or_else(|| corrupt("a statement's settings in the log cannot be read"))?;
    Ok(Query {
        timestamp: event.timestamp(),
        database: text.database,
        sql: text.sql,
        session,
    })
}

/// Reads a query event but for its settings.
pub(crate) fn text<'a>(event: &Event<'a>) -> PortResult<Text<'a>> {
    parse(event).ok_or_else(|| corrupt("a statement of the log cannot be read"))
}

fn parse<'a>(event: &Event<'a>) -> Option<Text<'a>> {
    let body = event.body();
    let database_bytes = usize::from(*body.get(8)?);
    let status_bytes = usize::from(u16::from_le_bytes([*body.get(11)?, *body.get(12)?]));
    let status = body.get(13..13 + status_bytes)?;
    let rest = &body[13 + status_bytes..];
    let database = rest.get(..database_bytes)?;
    let sql = rest.get(database_bytes + 1..)?;
    let sql = if event.kind() == kind::MARIADB_QUERY_COMPRESSED {
        Cow::Owned(payload::mariadb_inflate(sql)?)
    } else {
        Cow::Borrowed(sql)
    };
    Some(Text {
        database: Cow::Borrowed(database),
        sql,
        status,
    })
}

/// Reads bytes one after the other.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }
    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|b| b[0])
    }
    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|b| u16::from_le_bytes([b[0], b[1]]))
    }
    fn u32(&mut self) -> Option<u32> {
        self.take(4)
            .and_then(|b| b.try_into().ok())
            .map(u32::from_le_bytes)
    }
    fn u64(&mut self) -> Option<u64> {
        self.take(8)
            .and_then(|b| b.try_into().ok())
            .map(u64::from_le_bytes)
    }
    fn u24(&mut self) -> Option<u32> {
        self.take(3)
            .map(|b| u32::from_le_bytes([b[0], b[1], b[2], 0]))
    }
    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.take(length.into())
    }
}

/// Status variables, by number after `Query_log_event` of the servers' sources
/// (sql/log_event.h; 128 and up are MariaDB's).
fn settings(status: &[u8]) -> Option<Session<'_>> {
    let mut session = Session::default();
    let mut bytes = Bytes(status);
    while let Some(code) = bytes.u8() {
        match code {
            0 => session.flags = Some(bytes.u32()?),
            1 => session.sql_mode = Some(bytes.u64()?),
            2 => {
                bytes.text()?; // catalogue, with a zero after it
                bytes.u8()?;
            }
            3 => session.auto_increment = Some((bytes.u16()?, bytes.u16()?)),
            4 => session.charset = Some((bytes.u16()?, bytes.u16()?, bytes.u16()?)),
            5 => session.time_zone = Some(Cow::Borrowed(bytes.text()?)),
            6 => {
                bytes.text()?; // catalogue
            }
            7 => session.lc_time_names = Some(bytes.u16()?),
            8 => session.charset_database = Some(bytes.u16()?),
            9 => {
                bytes.u64()?; // tables an update writes
            }
            10 => {
                bytes.u32()?; // bytes the source wrote
            }
            11 => {
                bytes.text()?; // invoker: user and host
                bytes.text()?;
            }
            12 => skip_names(&mut bytes)?,
            13 => session.microseconds = Some(bytes.u24()?),
            16 => {
                bytes.u8()?; // explicit_defaults_for_timestamp
            }
            17 => {
                bytes.u64()?; // transaction number
            }
            18 => session.utf8mb4_collation = Some(bytes.u16()?),
            19 | 20 => {
                bytes.u8()?; // primary key and encryption demands
            }
            128 => {
                session.microseconds = Some(bytes.u24()?);
            }
            129 => {
                bytes.u64()?; // transaction number
            }
            // Variables come in any order; what is not known ends the list, as
            // the servers themselves do.
            _ => break,
        }
    }
    Some(session)
}

/// Names of databases the statement changed, when they are few.
fn skip_names(bytes: &mut Bytes<'_>) -> Option<()> {
    const TOO_MANY: u8 = 254;
    let count = bytes.u8()?;
    if count != TOO_MANY {
        for _ in 0..count {
            let end = bytes.0.iter().position(|b| *b == 0)?;
            bytes.take(end + 1)?;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::event::testing;
    use super::*;

    #[test]
    fn a_statement_comes_with_its_settings() {
        let mut body = vec![0; 8];
        let mut status = vec![0, 0, 0x40, 0, 0, 1];
        status.extend_from_slice(&(1u64 << 33).to_le_bytes());
        status.extend_from_slice(&[6, 3, b's', b't', b'd', 4, 33, 0, 45, 0, 8, 0]);
        status.extend_from_slice(&[12, 1, b'x', 0, 5, 3, b'U', b'T', b'C', 128, 1, 2, 0]);
        body.push(4);
        body.extend_from_slice(&[0, 0]);
        body.extend_from_slice(&(status.len() as u16).to_le_bytes());
        body.extend_from_slice(&status);
        body.extend_from_slice(b"shop\0DROP TABLE t");
        let bytes = testing::event(kind::QUERY, &body);
        let (event, _) = Event::take(&bytes, true).expect("whole");
        let query = read(&event).expect("reads");
        assert_eq!(query.database.as_ref(), b"shop");
        assert_eq!(query.sql.as_ref(), b"DROP TABLE t");
        assert_eq!(query.session.flags, Some(0x4000));
        assert_eq!(query.session.sql_mode, Some(1 << 33));
        assert_eq!(query.session.charset, Some((33, 45, 8)));
        assert_eq!(query.session.time_zone.as_deref(), Some(&b"UTC"[..]));
        assert_eq!(query.session.microseconds, Some(0x201));
    }
}
