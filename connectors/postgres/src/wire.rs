//! A small connection of our own: the frontend/backend protocol 3.0 with simple
//! queries, `COPY` in both directions and the replication commands.
//!
//! The drivers there are lack the replication mode in their releases, and `COPY`
//! at full speed wants the bytes as they come. Everything is in the manual's
//! chapter "Frontend/Backend Protocol".

mod auth;
mod start;

use crate::error::{ServerError, disconnected, from_server, protocol};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use planb_ports::{PortError, PortResult};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub(crate) use start::Address;

/// Room for reading; a base backup comes in frames of 32 KiB.
const READ_BYTES: usize = 256 * 1024;
/// A frame longer than this is not one of PostgreSQL's, whose rows end at 1 GiB.
const FRAME_BYTES_MAX: usize = (1 << 30) + (1 << 20);

/// Tag and length of a message.
const HEAD_BYTES: usize = 5;

/// What a connection runs over.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for T {}

/// A piece of a copy.
#[derive(Debug)]
pub(crate) struct Piece {
    pub bytes: Bytes,
    /// Whether it ends the server's message, which is a row.
    pub ends: bool,
}

/// One message of the server.
#[derive(Debug)]
struct Frame {
    tag: u8,
    body: Bytes,
}

/// A row as text; `None` is NULL.
pub(crate) type Row = Vec<Option<String>>;

/// An open connection.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    inbox: BytesMut,
    outbox: BytesMut,
    /// Bytes of a long message that are still to come, see [`Wire::copy_piece`].
    left: usize,
    server_version: String,
}

impl Wire {
    fn new(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            inbox: BytesMut::new(),
            outbox: BytesMut::new(),
            left: 0,
            server_version: String::new(),
        }
    }

    /// `15.18 (Debian 15.18-0+deb12u1)`, as the server greeted.
    pub fn server_version(&self) -> &str {
        &self.server_version
    }

    /// Runs `sql` and returns the rows of its last statement that has some.
    pub async fn rows(&mut self, what: &str, sql: &str) -> PortResult<Vec<Row>> {
        self.send_query(what, sql).await?;
        let mut rows = Vec::new();
        loop {
            let frame = self.frame(what).await?;
            match frame.tag {
                b'T' => rows.clear(),
                b'D' => rows.push(row(&frame.body)?),
                b'Z' => return Ok(rows),
                b'C' | b'I' => {}
                b'E' => return Err(self.failed(what, &frame.body).await),
                _ => return Err(unexpected(what, frame.tag)),
            }
        }
    }

    /// Runs statements without result.
    pub async fn run(&mut self, what: &str, sql: &str) -> PortResult<()> {
        self.rows(what, sql).await.map(|_| ())
    }

    /// The first value of the first row, if there is one.
    pub async fn first(&mut self, what: &str, sql: &str) -> PortResult<Option<String>> {
        let rows = self.rows(what, sql).await?;
        Ok(rows
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next().flatten()))
    }

    /// Sends a statement whose answers are read one by one.
    pub async fn send_query(&mut self, what: &str, sql: &str) -> PortResult<()> {
        if sql.contains('\0') {
            return Err(protocol(format!(
                "cannot {what}: a zero byte in the statement"
            )));
        }
        self.outbox.put_u8(b'Q');
        self.put_length(sql.len() + 1)?;
        self.outbox.put_slice(sql.as_bytes());
        self.outbox.put_u8(0);
        self.flush(what).await
    }

    /// Reads one result set of several.
    pub async fn result_set(&mut self, what: &str) -> PortResult<Vec<Row>> {
        let mut rows = Vec::new();
        loop {
            let frame = self.frame(what).await?;
            match frame.tag {
                b'T' => {}
                b'D' => rows.push(row(&frame.body)?),
                b'C' => return Ok(rows),
                b'E' => return Err(self.failed(what, &frame.body).await),
                _ => return Err(unexpected(what, frame.tag)),
            }
        }
    }

    /// Reads until the server waits for the next statement.
    pub async fn ready(&mut self, what: &str) -> PortResult<()> {
        loop {
            let frame = self.frame(what).await?;
            match frame.tag {
                b'Z' => return Ok(()),
                b'E' => return Err(self.failed(what, &frame.body).await),
                _ => {}
            }
        }
    }

    /// The server now sends a copy (`H`), wants one (`G`) or both (`W`).
    pub async fn copy_begins(&mut self, what: &str, kind: u8) -> PortResult<()> {
        let frame = self.frame(what).await?;
        match frame.tag {
            tag if tag == kind => Ok(()),
            b'E' => Err(self.failed(what, &frame.body).await),
            tag => Err(unexpected(what, tag)),
        }
    }

    /// Sends `COPY … TO STDOUT`; its bytes come by [`Wire::copy_data`].
    pub async fn copy_out(&mut self, what: &str, sql: &str) -> PortResult<()> {
        self.send_query(what, sql).await?;
        self.copy_begins(what, b'H').await
    }

    /// The next piece of a copy; `None` at its end. Cancel safe.
    pub async fn copy_data(&mut self, what: &str) -> PortResult<Option<Bytes>> {
        let frame = self.frame(what).await?;
        match frame.tag {
            b'd' => Ok(Some(frame.body)),
            b'c' => Ok(None),
            // A server that is shut down ends its log so, and hangs up.
            b'C' => Err(disconnected(what)),
            b'E' => Err(self.failed(what, &frame.body).await),
            tag => Err(unexpected(what, tag)),
        }
    }

    /// The next piece of a copy whose rows may be longer than memory should
    /// hold at once; `None` at its end. Cancel safe.
    pub async fn copy_piece(&mut self, what: &str) -> PortResult<Option<Piece>> {
        loop {
            if self.left > 0 && !self.inbox.is_empty() {
                let length = self.left.min(self.inbox.len());
                self.left -= length;
                let bytes = self.inbox.split_to(length).freeze();
                let ends = self.left == 0;
                return Ok(Some(Piece { bytes, ends }));
            }
            if self.left > 0 || self.inbox.len() < HEAD_BYTES {
                self.read(what).await?;
                continue;
            }
            match body_bytes(&self.inbox)? {
                body if self.inbox[0] == b'd' && body > READ_BYTES => {
                    self.inbox.advance(HEAD_BYTES);
                    self.left = body;
                }
                _ => {
                    let whole = self.copy_data(what).await?;
                    return Ok(whole.map(|bytes| Piece { bytes, ends: true }));
                }
            }
        }
    }

    /// A piece of a copy that has arrived already.
    pub fn copy_data_here(&mut self) -> Option<Bytes> {
        (self.inbox.first() == Some(&b'd'))
            .then(|| take_frame(&mut self.inbox))?
            .ok()?
            .map(|frame| frame.body)
    }

    /// Sends a piece of a copy.
    pub async fn copy_send(&mut self, what: &str, bytes: &[u8]) -> PortResult<()> {
        self.outbox.put_u8(b'd');
        self.put_length(bytes.len())?;
        self.outbox.put_slice(bytes);
        self.flush(what).await
    }

    /// Ends a copy to the server; how many rows it took.
    pub async fn copy_end(&mut self, what: &str) -> PortResult<u64> {
        self.outbox.put_u8(b'c');
        self.put_length(0)?;
        self.flush(what).await?;
        let mut rows = 0;
        loop {
            let frame = self.frame(what).await?;
            match frame.tag {
                b'C' => rows = rows_of(&frame.body),
                b'Z' => return Ok(rows),
                b'E' => return Err(self.failed(what, &frame.body).await),
                tag => return Err(unexpected(what, tag)),
            }
        }
    }

    fn put_length(&mut self, body: usize) -> PortResult<()> {
        let length =
            u32::try_from(body + 4).map_err(|_| protocol("a message to the server is too long"))?;
        self.outbox.put_u32(length);
        Ok(())
    }

    async fn flush(&mut self, what: &str) -> PortResult<()> {
        let bytes = self.outbox.split();
        let sent = async {
            self.stream.write_all(&bytes).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|error| disconnected(what).source(error))
    }

    /// The next message that means something here. Cancel safe.
    async fn frame(&mut self, what: &str) -> PortResult<Frame> {
        loop {
            while let Some(frame) = take_frame(&mut self.inbox)? {
                match frame.tag {
                    b'N' | b'A' | b'K' => {}
                    b'S' => self.parameter(&frame.body),
                    _ => return Ok(frame),
                }
            }
            self.read(what).await?;
        }
    }

    /// Reads what has come, or waits for it.
    async fn read(&mut self, what: &str) -> PortResult<()> {
        self.inbox.reserve(READ_BYTES);
        let read = self.stream.read_buf(&mut self.inbox).await;
        match read.map_err(|error| disconnected(what).source(error))? {
            0 => Err(disconnected(what)),
            _ => Ok(()),
        }
    }

    fn parameter(&mut self, body: &[u8]) {
        let mut parts = body.split(|b| *b == 0);
        if parts.next() == Some(b"server_version") {
            let value = parts.next().unwrap_or_default();
            self.server_version = String::from_utf8_lossy(value).into_owned();
        }
    }

    /// Turns an error message into an error, and reads until the server is
    /// ready again; a server that hangs up instead is noticed by the next call.
    async fn failed(&mut self, what: &str, body: &[u8]) -> PortError {
        let error = from_server(what, server_error(body));
        while let Ok(frame) = self.frame(what).await {
            if frame.tag == b'Z' {
                break;
            }
        }
        error
    }
}

fn take_frame(inbox: &mut BytesMut) -> PortResult<Option<Frame>> {
    if inbox.len() < HEAD_BYTES {
        return Ok(None);
    }
    let whole = HEAD_BYTES + body_bytes(inbox)?;
    if inbox.len() < whole {
        inbox.reserve(whole - inbox.len());
        return Ok(None);
    }
    let mut frame = inbox.split_to(whole);
    let tag = frame[0];
    frame.advance(HEAD_BYTES);
    let body = frame.freeze();
    Ok(Some(Frame { tag, body }))
}

/// How long the first message is, without its head, which has come.
fn body_bytes(inbox: &[u8]) -> PortResult<usize> {
    let length = u32::from_be_bytes([inbox[1], inbox[2], inbox[3], inbox[4]]) as usize;
    match (4..=FRAME_BYTES_MAX).contains(&length) {
        true => Ok(length - 4),
        false => Err(protocol("the server's message has an impossible length")),
    }
}

fn unexpected(what: &str, tag: u8) -> PortError {
    let tag = char::from(tag);
    protocol(format!(
        "cannot {what}: the server sent a message {tag:?} that does not fit"
    ))
}

/// Fields of a data row.
fn row(body: &[u8]) -> PortResult<Row> {
    let short = || protocol("a row of the server is cut off");
    let mut rest = body;
    let columns = rest.try_get_u16().map_err(|_| short())?;
    let mut row = Vec::with_capacity(usize::from(columns));
    for _ in 0..columns {
        let length = rest.try_get_i32().map_err(|_| short())?;
        let Ok(length) = usize::try_from(length) else {
            row.push(None);
            continue;
        };
        let value = rest.get(..length).ok_or_else(short)?;
        row.push(Some(String::from_utf8_lossy(value).into_owned()));
        rest = &rest[length..];
    }
    Ok(row)
}

/// `COPY 42`.
fn rows_of(tag: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(tag);
    let number = text.trim_end_matches('\0').rsplit(' ').next();
    number.and_then(|n| n.parse().ok()).unwrap_or_default()
}

/// The fields of an error message that are used.
fn server_error(body: &[u8]) -> ServerError {
    let field = |kind: u8| {
        body.split(|b| *b == 0)
            .find(|field| field.first() == Some(&kind))
            .map(|field| String::from_utf8_lossy(&field[1..]).into_owned())
            .unwrap_or_default()
    };
    ServerError {
        code: field(b'C'),
        message: field(b'M'),
        detail: field(b'D'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_taken_only_when_it_is_whole() {
        let mut inbox = BytesMut::from(&b"d\0\0\0\x06abC\0\0\0"[..]);
        let frame = take_frame(&mut inbox).expect("good").expect("whole");
        assert_eq!((frame.tag, &frame.body[..]), (b'd', &b"ab"[..]));
        assert!(take_frame(&mut inbox).expect("good").is_none());
        let mut bad = BytesMut::from(&b"d\xff\xff\xff\xff"[..]);
        assert!(take_frame(&mut bad).is_err());
        let mut bad = BytesMut::from(&b"d\0\0\0\x03"[..]);
        assert!(take_frame(&mut bad).is_err());
    }

    #[tokio::test]
    async fn a_long_row_comes_in_pieces() {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let mut wire = Wire::new(Box::new(ours));
        let long = READ_BYTES * 3;
        let sender = tokio::spawn(async move {
            for length in [2, long, 1] {
                let mut message = vec![b'd'];
                message.extend_from_slice(&u32::try_from(length + 4).expect("fits").to_be_bytes());
                message.resize(HEAD_BYTES + length, b'x');
                theirs.write_all(&message).await.expect("sent");
            }
            theirs.write_all(b"c\0\0\0\x04").await.expect("sent");
        });
        let (mut rows, mut row) = (Vec::new(), 0);
        while let Some(piece) = wire.copy_piece("copy").await.expect("good") {
            assert!(piece.bytes.len() <= 2 * READ_BYTES);
            row += piece.bytes.len();
            if piece.ends {
                rows.push(std::mem::take(&mut row));
            }
        }
        assert_eq!((rows, row), (vec![2, long, 1], 0));
        sender.await.expect("sent");
    }

    #[test]
    fn rows_and_errors_are_read() {
        let body = b"\0\x02\0\0\0\x01a\xff\xff\xff\xff";
        assert_eq!(row(body).expect("whole"), [Some("a".to_owned()), None]);
        assert!(row(&body[..6]).is_err());
        let error = server_error(b"SERROR\0C42P01\0Mno such thing\0\0");
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("42P01", "no such thing")
        );
        assert_eq!(rows_of(b"COPY 42\0"), 42);
    }
}
