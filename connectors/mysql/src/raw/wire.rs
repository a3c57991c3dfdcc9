//! Packets: three bytes of length, one of sequence, then the payload; longer
//! payloads than 16 MiB - 1 come in several.

use super::stream::Stream;
use super::{bad, server_error};
use mysql_async::ServerError;
use std::io;

/// Longest payload of one packet; one of exactly this length goes on in the next.
pub(super) const PAYLOAD_MAX: usize = 0xff_ffff;
/// Bytes before a payload.
pub(super) const HEADER_BYTES: usize = 4;
/// What is read at once; stays in the processor's cache.
pub(super) const BUFFER_BYTES: usize = 256 * 1024;
/// An end packet is shorter than any row that begins with its byte.
const END_BYTES_MAX: usize = 9;

/// A payload, by its kind.
pub(super) enum Packet {
    Data(Vec<u8>),
    End,
    Error(ServerError),
}

/// What a payload inside a result is.
pub(super) enum Mark {
    Row,
    End,
    Error,
}

/// Tells rows from the end of a result.
pub(super) fn mark(payload: &[u8]) -> Mark {
    match payload.first() {
        Some(0xff) => Mark::Error,
        Some(0xfe) if payload.len() < END_BYTES_MAX => Mark::End,
        _ => Mark::Row,
    }
}

/// A stream with what was read of it.
pub(super) struct Wire {
    pub stream: Stream,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    sequence: u8,
}

impl Wire {
    pub fn new(stream: Stream) -> Self {
        Self {
            stream,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            sequence: 0,
        }
    }

    /// A new command begins.
    pub fn restart(&mut self) {
        self.sequence = 0;
    }

    /// What is there and not yet used.
    pub fn ready(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Uses up `bytes` of what is there.
    pub fn used(&mut self, bytes: usize) {
        self.start += bytes;
    }

    /// Reads more.
    pub async fn fill(&mut self) -> io::Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let read = self.stream.read(&mut self.buffer[self.end..]).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.end += read;
        Ok(())
    }

    /// Length of the next payload; its header is used up.
    pub async fn header(&mut self) -> io::Result<usize> {
        while self.ready().len() < HEADER_BYTES {
            self.fill().await?;
        }
        let ready = self.ready();
        let length =
            usize::from(ready[0]) | usize::from(ready[1]) << 8 | usize::from(ready[2]) << 16;
        self.sequence = ready[3].wrapping_add(1);
        self.used(HEADER_BYTES);
        Ok(length)
    }

    /// A whole small payload.
    pub async fn payload(&mut self) -> io::Result<Vec<u8>> {
        let length = self.header().await?;
        if length == PAYLOAD_MAX {
            return Err(bad("a packet is larger than expected"));
        }
        let mut payload = Vec::with_capacity(length);
        while payload.len() < length {
            if self.ready().is_empty() {
                self.fill().await?;
            }
            let take = self.ready().len().min(length - payload.len());
            payload.extend_from_slice(&self.ready()[..take]);
            self.used(take);
        }
        Ok(payload)
    }

    /// A small payload, by its kind.
    pub async fn packet(&mut self) -> io::Result<Packet> {
        let payload = self.payload().await?;
        Ok(match mark(&payload) {
            Mark::Row => Packet::Data(payload),
            Mark::End => Packet::End,
            Mark::Error => Packet::Error(server_error(&payload)),
        })
    }

    /// Sends a payload.
    pub async fn send(&mut self, payload: &[u8]) -> io::Result<()> {
        if payload.len() >= PAYLOAD_MAX {
            return Err(bad("a statement is too long"));
        }
        let mut packet = Vec::with_capacity(payload.len() + HEADER_BYTES);
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        packet.extend_from_slice(&length.to_le_bytes()[..3]);
        packet.push(self.sequence);
        packet.extend_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.stream.write_all(&packet).await
    }
}
