//! SQLite's write-ahead log, read without SQLite.
//!
//! Format: <https://sqlite.org/fileformat2.html#the_write_ahead_log>. A frame
//! counts only when its salts are the header's and its checksum continues the
//! chain from the header on; a transaction counts only with its commit frame.

pub mod checksum;
pub mod frame;
pub mod header;

use std::collections::VecDeque;

pub use checksum::Sums;
pub use frame::{FRAME_HEADER_BYTES, Frame};
pub use header::{HEADER_BYTES, Salts, WalHeader};

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
    /// The last transaction has no commit frame.
    #[error("the last transaction has no commit frame")]
    Uncommitted,
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

/// Whole transactions that were taken.
#[derive(Debug)]
pub struct Taken {
    /// Frames, behind the header where a WAL begins.
    pub bytes: Vec<u8>,
    /// How many that are not known.
    pub transactions: u64,
    /// After the last one.
    pub end: Chain,
}

/// Whole transactions gathered from a WAL.
#[derive(Debug, Clone)]
pub struct Gathered {
    buffer: Vec<u8>,
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
            buffer: Vec::new(),
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

    /// After the last whole transaction.
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

    /// Takes whole transactions, as many as fit into `bytes_max` and at least one
    /// that is not known; the others stay. `None` when there is none.
    pub fn take(&mut self, bytes_max: u64) -> Option<Taken> {
        let fits = |commit: &&Commit| commit.bytes as u64 <= bytes_max;
        let last = self.commits.iter().take_while(fits).last();
        let first_new = self.commits.iter().find(|c| c.transactions > 0);
        let to = *last.filter(|c| c.transactions > 0).or(first_new)?;
        self.commits.retain(|commit| commit.bytes > to.bytes);
        for commit in &mut self.commits {
            commit.bytes -= to.bytes;
            commit.transactions -= to.transactions;
        }
        let rest = self.buffer.split_off(to.bytes);
        self.looked -= to.bytes;
        (self.taken, self.header_bytes) = (to.place, 0);
        Some(Taken {
            bytes: std::mem::replace(&mut self.buffer, rest),
            transactions: to.transactions,
            end: to.place,
        })
    }
}

#[cfg(test)]
mod tests;
