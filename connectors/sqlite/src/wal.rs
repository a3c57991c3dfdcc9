//! SQLite's write-ahead log, read without SQLite.
//!
//! Format: <https://sqlite.org/fileformat2.html#the_write_ahead_log>. A frame
//! counts only when its salts are the header's and its checksum continues the
//! chain from the header on; a transaction counts only with its commit frame.

pub mod checksum;
pub mod frame;
pub mod header;

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

/// Whole transactions gathered from a WAL.
#[derive(Debug, Clone)]
pub struct Gathered {
    buffer: Vec<u8>,
    /// How far the buffer was looked at.
    looked: usize,
    /// Bytes of the buffer that end with a commit.
    committed_bytes: usize,
    scanned: Chain,
    committed: Chain,
    transactions: u64,
    /// Transactions up to this frame are not counted: a snapshot has them.
    known_frames: u32,
}

impl Gathered {
    /// Gathers what follows `from`.
    pub fn after(from: Chain) -> Self {
        Self {
            buffer: Vec::new(),
            looked: 0,
            committed_bytes: 0,
            scanned: from,
            committed: from,
            transactions: 0,
            known_frames: 0,
        }
    }

    /// Gathers a WAL from its header on, where the first `known_frames` frames
    /// bring nothing new.
    pub fn whole(raw: &[u8; HEADER_BYTES], header: &WalHeader, known_frames: u32) -> Self {
        let mut gathered = Self::after(Chain::begin(header));
        gathered.buffer.extend_from_slice(raw);
        gathered.looked = HEADER_BYTES;
        gathered.committed_bytes = HEADER_BYTES;
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
                self.committed = self.scanned;
                self.committed_bytes = self.looked;
                if self.scanned.frame > self.known_frames {
                    self.transactions += 1;
                }
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
        self.committed
    }

    /// Bytes of whole transactions, and how many there are.
    pub fn size(&self) -> (u64, u64) {
        (self.committed_bytes as u64, self.transactions)
    }

    /// Takes the whole transactions; a begun one stays.
    pub fn take(&mut self) -> Vec<u8> {
        let rest = self.buffer.split_off(self.committed_bytes);
        let taken = std::mem::replace(&mut self.buffer, rest);
        self.looked -= self.committed_bytes;
        self.committed_bytes = 0;
        self.transactions = 0;
        taken
    }
}

#[cfg(test)]
mod tests;
