//! The row events of one statement, and how they are cut for the server.

use crate::binlog::event::{CHECKSUM_BYTES, Event, HEADER_BYTES};
use crate::rowlog::event::{FLAG_STATEMENT_END, RowEvent, unpacked};
use crate::rowlog::table::TableMap;
use bytes::Bytes;
use planb_ports::{ErrorKind, PortError, PortResult};

/// Bytes of a `BINLOG` statement beside its events, which are in base64.
pub(crate) const STATEMENT_BYTES: usize = 64;
/// Bytes of the number of a table at the beginning of a map or an event.
const TABLE_NUMBER_BYTES: usize = 6;

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

/// A row event that does not fit into a statement of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TooLarge {
    /// Database and table.
    pub table: (Vec<u8>, Vec<u8>),
    /// Place of the column with the longest value, and the number of columns,
    /// when they can be told.
    pub column: Option<(usize, usize)>,
    /// Bytes of that value, else of the event.
    pub bytes: usize,
    /// Bytes of the event with its table maps.
    pub event_bytes: usize,
}

impl Rows {
    /// The events in pieces of at most `limit` bytes, each of which can be
    /// applied by itself, for a log with or without checksums.
    pub fn chunks(&self, limit: usize, checksum: bool) -> PortResult<Vec<Vec<u8>>> {
        self.chunks_of(limit, limit, checksum)
    }

    /// The same in pieces of about `size` bytes; only one event may be larger, up
    /// to `limit`.
    pub fn chunks_of(&self, size: usize, limit: usize, checksum: bool) -> PortResult<Vec<Vec<u8>>> {
        if let Some(large) = self.too_large(limit) {
            return Err(large.refused(None));
        }
        let mut maps = Vec::new();
        for map in &self.maps {
            map.append(checksum, &mut maps);
        }
        let mut chunks = Vec::new();
        let mut chunk = maps.clone();
        for (index, event) in self.rows.iter().enumerate() {
            let next = self.rows.get(index + 1).map(Logged::size);
            let last = next.is_none_or(|next| chunk.len() + event.size() + next > size);
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

    /// Bytes of its row events.
    pub fn bytes(&self) -> usize {
        self.rows.iter().map(|event| event.bytes().len()).sum()
    }

    /// The first event that does not fit into `limit` bytes.
    pub fn too_large(&self, limit: usize) -> Option<TooLarge> {
        let maps: usize = self.maps.iter().map(Logged::size).sum();
        let event = self.rows.iter().find(|e| maps + e.size() > limit)?;
        let id = event.body().get(..TABLE_NUMBER_BYTES)?.to_vec();
        let map = self.maps.iter().find(|map| map.body().starts_with(&id));
        let map = map.and_then(|map| TableMap::read(&map.body()));
        let longest = map.as_ref().and_then(|map| longest(event, map));
        let columns = map.as_ref().map(TableMap::columns);
        let column = longest.map(|(place, _)| place).zip(columns);
        Some(TooLarge {
            table: map.map(|map| (map.database, map.table)).unwrap_or_default(),
            column,
            bytes: longest.map_or(event.size(), |(_, bytes)| bytes),
            event_bytes: maps + event.size(),
        })
    }
}

/// The place and the bytes of the longest value in an event's rows.
fn longest(event: &Logged, map: &TableMap) -> Option<(usize, usize)> {
    let rows = RowEvent::read(event.kind(), &event.body(), map.columns())?.rows(map)?;
    let images = rows
        .iter()
        .flat_map(|(before, after)| [before, after])
        .flatten();
    let mut longest = None;
    for image in images {
        let lengths = map.values(image)?.into_iter().enumerate();
        let lengths = lengths.map(|(at, value)| (at, value.map_or(0, <[u8]>::len)));
        longest = longest
            .into_iter()
            .chain(lengths)
            .max_by_key(|(_, bytes)| *bytes);
    }
    longest
}

impl TooLarge {
    /// The refusal; `column` is the name of the column, when somebody knows it.
    pub fn refused(&self, column: Option<&str>) -> PortError {
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let table = format!("{}.{}", text(&self.table.0), text(&self.table.1));
        let what = match (column, self.column) {
            (Some(name), _) => format!("a value of {} bytes in {table}.{name}", self.bytes),
            (None, Some((place, _))) => {
                let number = place + 1;
                format!(
                    "a value of {} bytes in column {number} of {table}",
                    self.bytes
                )
            }
            (None, None) => format!("a row event of {} bytes of {table}", self.bytes),
        };
        let needed = statement_bytes(self.event_bytes);
        PortError::new(
            ErrorKind::Invalid,
            "PB-MYSQL-PACKET",
            format!("{what} is too large for the target's max_allowed_packet"),
        )
        .hint(
            format!(
                "set max_allowed_packet of the target to {needed} or more (1 GiB is the servers' most; \
                 a newer snapshot carries what is larger), then go on: nothing of it was applied"
            ),
            format!(
                "복원 대상 서버의 max_allowed_packet을 {needed} 이상으로 늘린 뒤 계속하세요(서버 최댓값은 1GiB이며, \
                 그보다 크면 더 새로운 스냅샷으로 옮길 수 있습니다). 아직 아무것도 적용되지 않았습니다"
            ),
        )
    }
}

/// Bytes of a `BINLOG` statement with events of `bytes`, rounded up to a MiB.
fn statement_bytes(bytes: usize) -> usize {
    (bytes.div_ceil(3) * 4 + STATEMENT_BYTES).next_multiple_of(1 << 20)
}
