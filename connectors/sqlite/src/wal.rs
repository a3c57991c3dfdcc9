//! SQLite's write-ahead log, read without SQLite.
//!
//! Format: <https://sqlite.org/fileformat2.html#the_write_ahead_log>. A frame
//! counts only when its salts are the header's and its checksum continues the
//! chain from the header on; a transaction counts only with its commit frame.

pub mod checksum;
pub mod frame;
pub mod header;

use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

pub use checksum::Sums;
pub use frame::{FRAME_HEADER_BYTES, Frame};
pub use header::{HEADER_BYTES, Salts, WalHeader};

use crate::config::PIECE_BYTES_MIN;

/// Why bytes are not part of a WAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WalError {
    /// Fewer bytes than a header or a frame has.
    #[error("the bytes end in the middle of a header or frame")]
    Short,
    /// Not a WAL header, or of a version this build does not know.
    #[error("the bytes are no WAL header")]
    Header,
    /// The frame belongs to another WAL, usually an older one in the same file.
    #[error("frame {0} belongs to another WAL")]
    Salts(u32),
    /// The frame does not continue the one before.
    #[error("the checksum of frame {0} does not match")]
    Checksum(u32),
}

/// A place in a WAL, after `frame` frames, with what proves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// Byte order of the checksums.
    pub big_endian: bool,
    /// Bytes of a page.
    pub page_size: u32,
    /// The WAL's salts.
    pub salts: Salts,
    /// Cumulative checksum.
    pub sums: Sums,
    /// Frames before this place.
    pub frame: u32,
}

impl Chain {
    /// The place after the header.
    pub fn begin(header: &WalHeader) -> Self {
        Self {
            big_endian: header.big_endian,
            page_size: header.page_size,
            salts: header.salts,
            sums: header.sums,
            frame: 0,
        }
    }

    /// Bytes of a frame with its page.
    pub fn frame_bytes(&self) -> usize {
        FRAME_HEADER_BYTES + self.page_size as usize
    }

    /// Where the next frame is in the file.
    pub fn offset(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.frame) * self.frame_bytes() as u64
    }

    /// Goes over the next frame, given with its page, when it continues the chain.
    pub fn accept(&mut self, bytes: &[u8]) -> Result<Frame, WalError> {
        let next = self.frame + 1;
        let bytes = bytes.get(..self.frame_bytes()).ok_or(WalError::Short)?;
        let frame = Frame::parse(bytes)?;
        if frame.salts != self.salts {
            return Err(WalError::Salts(next));
        }
        let head = self.sums.add(self.big_endian, &bytes[..8]);
        let sums = head.add(self.big_endian, &bytes[FRAME_HEADER_BYTES..]);
        if sums != frame.sums || frame.page == 0 {
            return Err(WalError::Checksum(next));
        }
        self.sums = sums;
        self.frame = next;
        Ok(frame)
    }
}

/// The end of a transaction that was gathered.
#[derive(Debug, Clone, Copy)]
struct Commit {
    /// Bytes of the buffer up to it.
    bytes: usize,
    /// Transactions up to it that are not known.
    transactions: u64,
    place: Chain,
}

/// Whole transactions that were taken, or a piece of a long one.
#[derive(Debug)]
pub struct Taken {
    /// Frames, behind the header where a WAL begins.
    pub bytes: Bytes,
    /// How many that are not known; 0 for a piece.
    pub transactions: u64,
    /// After the last frame.
    pub end: Chain,
}

/// Transactions gathered from a WAL.
#[derive(Debug, Clone)]
pub struct Gathered {
    buffer: BytesMut,
    /// How far the buffer was looked at.
    looked: usize,
    scanned: Chain,
    /// After the last transaction that was taken.
    taken: Chain,
    /// Bytes of a header that was not taken yet.
    header_bytes: usize,
    /// The transactions in the buffer.
    commits: VecDeque<Commit>,
    /// Transactions up to this frame are not counted: a snapshot has them.
    known_frames: u32,
}

impl Gathered {
    /// Gathers what follows `from`.
    pub fn after(from: Chain) -> Self {
        Self {
            buffer: BytesMut::new(),
            looked: 0,
            scanned: from,
            taken: from,
            header_bytes: 0,
            commits: VecDeque::new(),
            known_frames: 0,
        }
    }

    /// Gathers a WAL from its header on, where the first `known_frames` frames
    /// bring nothing new.
    pub fn whole(raw: &[u8; HEADER_BYTES], header: &WalHeader, known_frames: u32) -> Self {
        let mut gathered = Self::after(Chain::begin(header));
        gathered.buffer.extend_from_slice(raw);
        gathered.looked = HEADER_BYTES;
        gathered.header_bytes = HEADER_BYTES;
        gathered.known_frames = known_frames;
        gathered
    }

    /// Adds bytes read at [`Gathered::read_from`]. On an error everything
    /// before the bad frame is still there.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), WalError> {
        self.buffer.truncate(self.looked);
        self.buffer.extend_from_slice(bytes);
        let size = self.scanned.frame_bytes();
        while self.buffer.len() - self.looked >= size {
            let frame = self.scanned.accept(&self.buffer[self.looked..])?;
            self.looked += size;
            if frame.is_commit() {
                let new = u64::from(self.scanned.frame > self.known_frames);
                self.commits.push_back(Commit {
                    bytes: self.looked,
                    transactions: self.size().1 + new,
                    place: self.scanned,
                });
            }
        }
        Ok(())
    }

    /// Frames whose transactions were known from the beginning.
    pub fn known_frames(&self) -> u32 {
        self.known_frames
    }

    /// Where the next bytes are read: after the last accepted frame.
    pub fn read_from(&self) -> Chain {
        self.scanned
    }

    /// After the last whole transaction, or the piece that was split off.
    pub fn committed(&self) -> Chain {
        self.commits.back().map_or(self.taken, |last| last.place)
    }

    /// Bytes of whole transactions, and how many there are.
    pub fn size(&self) -> (u64, u64) {
        match self.commits.back() {
            Some(last) => (last.bytes as u64, last.transactions),
            None => (self.header_bytes as u64, 0),
        }
    }

    /// Whether so much was read that a batch can be made of it also without a
    /// commit. Never inside of what was known from the beginning.
    pub fn is_full(&self, bytes_max: u64) -> bool {
        self.looked as u64 >= bytes_max.max(PIECE_BYTES_MIN)
            && self.scanned.frame > self.known_frames
    }

    /// Takes whole transactions, as many as fit into `bytes_max` and at least one
    /// that is not known; the others stay. Of one beyond [`PIECE_BYTES_MIN`], or as
    /// much of it as was read, it takes a piece. `None` when there is too little.
    pub fn take(&mut self, bytes_max: u64) -> Option<Taken> {
        let fits = |commit: &&Commit| commit.bytes as u64 <= bytes_max;
        let last = self.commits.iter().take_while(fits).last();
        let first_new = self.commits.iter().find(|c| c.transactions > 0);
        let whole = last.filter(|c| c.transactions > 0).or(first_new).copied();
        let begun = self.is_full(bytes_max).then_some(Commit {
            bytes: self.looked,
            transactions: 0,
            place: self.scanned,
        });
        let to = whole.or(begun)?;
        let to = self.piece(to.bytes, bytes_max).unwrap_or(to);
        self.commits.retain(|commit| commit.bytes > to.bytes);
        for commit in &mut self.commits {
            commit.bytes -= to.bytes;
            commit.transactions -= to.transactions;
        }
        // Does not copy what stays, which may be the rest of a long WAL.
        let bytes = self.buffer.split_to(to.bytes).freeze();
        self.looked -= to.bytes;
        (self.taken, self.header_bytes) = (to.place, 0);
        Some(Taken {
            bytes,
            transactions: to.transactions,
            end: to.place,
        })
    }

    /// The end of the first piece of a transaction that ends after `bytes`, behind
    /// what is known; `None` when it is no longer than a piece.
    fn piece(&self, bytes: usize, bytes_max: u64) -> Option<Commit> {
        let size = self.scanned.frame_bytes();
        let most = usize::try_from(bytes_max.max(PIECE_BYTES_MIN)).ok()?;
        let known = self.known_frames.saturating_sub(self.taken.frame);
        let frames = (most.checked_sub(self.header_bytes)? / size).max(known as usize + 1);
        let end = self.header_bytes + frames * size;
        if end >= bytes {
            return None;
        }
        let last = Frame::parse(&self.buffer[end - size..end]).ok()?;
        let place = Chain {
            frame: self.taken.frame + u32::try_from(frames).ok()?,
            sums: last.sums,
            ..self.taken
        };
        Some(Commit {
            bytes: end,
            transactions: 0,
            place,
        })
    }
}

#[cfg(test)]
mod tests;
