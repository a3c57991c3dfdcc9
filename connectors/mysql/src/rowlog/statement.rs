//! The row events of one statement, and how they are cut for the server.

use crate::binlog::event::{CHECKSUM_BYTES, Event, HEADER_BYTES};
use crate::rowlog::event::{FLAG_STATEMENT_END, unpacked};
use bytes::Bytes;
use planb_ports::{ErrorKind, PortError, PortResult};

/// An event of the log that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Logged {
    bytes: Bytes,
    checksum: bool,
}

impl Logged {
    /// Keeps `event`, which is a part of `of`.
    pub fn part_of(of: &Bytes, event: &Event<'_>) -> Self {
        Self {
            bytes: of.slice_ref(event.bytes()),
            checksum: event.has_checksum(),
        }
    }

    /// Keeps a row event, which is a part of `of`, uncompressed. `None` when it
    /// is compressed and damaged.
    pub fn rows_of(of: &Bytes, event: &Event<'_>) -> Option<Self> {
        if !event.is_compressed_rows() {
            return Some(Self::part_of(of, event));
        }
        let (number, body) = unpacked(event.kind(), event.body())?;
        let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
        bytes.extend_from_slice(event.bytes().get(..HEADER_BYTES)?);
        bytes.extend_from_slice(&body);
        let size = u32::try_from(bytes.len()).ok()?;
        bytes[4] = number;
        bytes[9..13].copy_from_slice(&size.to_le_bytes());
        Some(Self::made(bytes, false))
    }

    /// Takes an event that was put together here.
    pub fn made(bytes: Vec<u8>, checksum: bool) -> Self {
        Self {
            bytes: bytes.into(),
            checksum,
        }
    }

    /// All of its bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Its type.
    pub fn kind(&self) -> u8 {
        self.bytes[4]
    }

    /// What follows the header, without checksum.
    pub fn body(&self) -> Bytes {
        let tail = if self.checksum { CHECKSUM_BYTES } else { 0 };
        self.bytes.slice(HEADER_BYTES..self.bytes.len() - tail)
    }

    /// Bytes it needs, with a checksum.
    fn size(&self) -> usize {
        self.bytes.len() + if self.checksum { 0 } else { CHECKSUM_BYTES }
    }

    /// The same rows event with more flags.
    pub fn with_flags(&self, flags: u16) -> Self {
        self.changed(|body| {
            if let Some([low, high]) = body.get_mut(6..8) {
                let [more_low, more_high] = flags.to_le_bytes();
                *low |= more_low;
                *high |= more_high;
            }
        })
    }

    /// The same rows event of the table with the number `table`.
    pub fn with_table(&self, table: &[u8]) -> Self {
        self.changed(|body| {
            if let Some(number) = body.get_mut(..table.len()) {
                number.copy_from_slice(table);
            }
        })
    }

    fn changed(&self, change: impl FnOnce(&mut [u8])) -> Self {
        let mut event = self.bytes.to_vec();
        change(&mut event[HEADER_BYTES..]);
        if self.checksum {
            let end = event.len() - CHECKSUM_BYTES;
            let sum = crc32fast::hash(&event[..end]);
            event[end..].copy_from_slice(&sum.to_le_bytes());
        }
        Self::made(event, self.checksum)
    }

    /// Adds its bytes to those of a log with or without checksums.
    pub fn append(&self, checksum: bool, to: &mut Vec<u8>) {
        if self.checksum == checksum {
            to.extend_from_slice(&self.bytes);
            return;
        }
        let start = to.len();
        let bare = self.bytes.len() - if self.checksum { CHECKSUM_BYTES } else { 0 };
        to.extend_from_slice(&self.bytes[..bare]);
        let size = bare + if checksum { CHECKSUM_BYTES } else { 0 };
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        to[start + 9..start + 13].copy_from_slice(&size.to_le_bytes());
        if checksum {
            let sum = crc32fast::hash(&to[start..]);
            to.extend_from_slice(&sum.to_le_bytes());
        }
    }
}

/// The row events of one statement with the table maps they need.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Rows {
    pub maps: Vec<Logged>,
    pub rows: Vec<Logged>,
}

impl Rows {
    /// The events in pieces of at most `limit` bytes, each of which can be
    /// applied by itself, for a log with or without checksums.
    pub fn chunks(&self, limit: usize, checksum: bool) -> PortResult<Vec<Vec<u8>>> {
        let mut maps = Vec::new();
        for map in &self.maps {
            map.append(checksum, &mut maps);
        }
        let mut chunks = Vec::new();
        let mut chunk = maps.clone();
        for (index, event) in self.rows.iter().enumerate() {
            if maps.len() + event.size() > limit {
                return Err(too_large(event.size()));
            }
            let next = self.rows.get(index + 1).map(Logged::size);
            let last = next.is_none_or(|next| chunk.len() + event.size() + next > limit);
            if last {
                let ending = event.with_flags(FLAG_STATEMENT_END);
                ending.append(checksum, &mut chunk);
                chunks.push(std::mem::replace(&mut chunk, maps.clone()));
            } else {
                event.append(checksum, &mut chunk);
            }
        }
        Ok(chunks)
    }
}

fn too_large(bytes: usize) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-MYSQL-PACKET",
        format!("a row event of {bytes} bytes is too large for the target"),
    )
    .hint(
        "raise max_allowed_packet of the target to twice the source's",
        "복원 대상 서버의 max_allowed_packet을 원본의 두 배로 늘리세요",
    )
}
