//! Walks over raw log bytes, record by record, without looking into them.
//!
//! The server sends its log as it lies on disk, cut anywhere. Segments must end
//! between two records, and the transactions in them are counted, so page and
//! record headers are read here. Layout after `src/include/access/xlogrecord.h`
//! and `xlog_internal.h`, the same from PostgreSQL 9.5 on.

use crate::lsn::Lsn;
use std::collections::VecDeque;

/// `XLOG_BLCKSZ` of every common build.
const PAGE_BYTES: u64 = 8192;
/// `SizeOfXLogShortPHD`, `SizeOfXLogLongPHD`.
const PAGE_HEADER_BYTES: usize = 24;
const FILE_HEADER_BYTES: usize = 40;
/// `SizeOfXLogRecord`.
const RECORD_HEADER_BYTES: usize = 24;
/// Records begin at multiples of this.
const ALIGN_BYTES: u64 = 8;
/// `XLogRecordMaxSize` of newer servers; older ones had no such bound.
const RECORD_BYTES_MAX: u64 = 1 << 30;
/// The page begins with a new record although the one before is not whole: a
/// crash cut that one off, and the server wrote over it.
const OVERWRITES: u16 = 0x0008;
/// Places to cut at are remembered this far apart, but around a larger record.
const MARK_BYTES: u64 = 8192;
const RMGR_XLOG: u8 = 0;
const RMGR_TRANSACTION: u8 = 1;
const XLOG_SWITCH: u8 = 0x40;
const COMMIT: u8 = 0x00;
const COMMIT_PREPARED: u8 = 0x30;

/// Why bytes are no log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadLog(pub String);

/// Where in a record the walk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// In its header.
    Header,
    /// So many bytes of its body are left.
    Body(u64),
    /// Up to the end of the file, after a switch.
    Rest,
}

/// A place between two records, and the transactions committed before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub at: Lsn,
    pub commits: u64,
}

/// The walk.
#[derive(Debug, Clone)]
pub(crate) struct Walker {
    file_bytes: u64,
    at: u64,
    inside: Inside,
    /// A header, as far as it has come.
    page: Vec<u8>,
    record: Vec<u8>,
    boundary: u64,
    commits: u64,
    /// Boundaries that were not taken.
    marks: VecDeque<Mark>,
    /// The last one that was.
    taken: Mark,
}

impl Walker {
    /// Begins between two records.
    pub fn new(start: Lsn, file_bytes: u64) -> Self {
        Self {
            file_bytes,
            at: start.0,
            inside: Inside::Header,
            page: Vec::new(),
            record: Vec::new(),
            boundary: start.0,
            commits: 0,
            marks: VecDeque::new(),
            taken: Mark {
                at: start,
                commits: 0,
            },
        }
    }

    /// Where the bytes seen so far end.
    pub fn end(&self) -> Lsn {
        Lsn(self.at)
    }

    /// Where the last whole record ends.
    pub fn boundary(&self) -> Lsn {
        Lsn(self.boundary)
    }

    /// Takes what has come up to a boundary at most `bytes_max` behind the last
    /// one that was taken, or up to the first one when there is none so near.
    /// Where that is, and the transactions up to it.
    pub fn take(&mut self, bytes_max: u64) -> Mark {
        let last = self.last_mark();
        let limit = self.taken.at.0.saturating_add(bytes_max);
        let mut to = self.marks.front().copied().unwrap_or(last);
        while let Some(mark) = self.marks.front().filter(|mark| mark.at.0 <= limit) {
            to = *mark;
            self.marks.pop_front();
        }
        if last.at.0 <= limit {
            to = last;
        }
        self.marks.retain(|mark| mark.at > to.at);
        let before = std::mem::replace(&mut self.taken, to);
        Mark {
            at: to.at,
            commits: to.commits - before.commits,
        }
    }

    fn last_mark(&self) -> Mark {
        Mark {
            at: Lsn(self.boundary),
            commits: self.commits,
        }
    }

    /// Goes on to a boundary; the one before is remembered when it is the last
    /// in its stretch.
    fn pass(&mut self, boundary: u64) {
        let since = self.marks.back().map_or(self.taken.at, |mark| mark.at);
        if boundary - since.0 > MARK_BYTES && self.boundary > since.0 {
            self.marks.push_back(self.last_mark());
        }
        self.boundary = boundary;
    }

    /// Transactions committed before the boundary, all that were ever seen.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// Goes over the next bytes.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), BadLog> {
        while !bytes.is_empty() {
            let taken = self.step(bytes)?;
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    /// Takes some of the bytes; how many.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, BadLog> {
        if self.inside == Inside::Rest {
            let left = self.file_bytes - self.at % self.file_bytes;
            return Ok(self.skip(left, bytes, |walker| {
                walker.inside = Inside::Header;
                walker.pass(walker.at);
            }));
        }
        let in_page = self.at % PAGE_BYTES;
        let header = self.page_header_bytes();
        if in_page < header as u64 && self.page.len() < header && in_page == self.page.len() as u64
        {
            let taken = collect(&mut self.page, header, bytes);
            self.at += taken as u64;
            if self.page.len() == header {
                self.page_begins()?;
            }
            return Ok(taken);
        }
        self.page.clear();
        let left_in_page = (PAGE_BYTES - in_page) as usize;
        let bytes = &bytes[..bytes.len().min(left_in_page)];
        match self.inside {
            Inside::Header => self.record_header(bytes),
            Inside::Body(left) => {
                let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                self.at += taken as u64;
                self.body(left - taken as u64);
                Ok(taken)
            }
            Inside::Rest => Ok(0),
        }
    }

    fn skip(&mut self, left: u64, bytes: &[u8], done: impl FnOnce(&mut Self)) -> usize {
        let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.at += taken as u64;
        if taken as u64 == left {
            done(self);
        }
        taken
    }

    fn page_header_bytes(&self) -> usize {
        let page = self.at - self.at % PAGE_BYTES;
        if page.is_multiple_of(self.file_bytes) {
            FILE_HEADER_BYTES
        } else {
            PAGE_HEADER_BYTES
        }
    }

    /// A page header has come.
    fn page_begins(&mut self) -> Result<(), BadLog> {
        let page = &self.page;
        let info = u16::from_le_bytes([page[2], page[3]]);
        let mut address = [0; 8];
        address.copy_from_slice(&page[8..16]);
        let begins_at = self.at - page.len() as u64;
        if u64::from_le_bytes(address) != begins_at {
            let at = Lsn(begins_at);
            return Err(BadLog(format!(
                "the page at {at} is not the one that belongs there"
            )));
        }
        if info & OVERWRITES != 0 {
            self.inside = Inside::Header;
            self.record.clear();
        }
        Ok(())
    }

    fn record_header(&mut self, bytes: &[u8]) -> Result<usize, BadLog> {
        if self.record.is_empty() && !self.at.is_multiple_of(ALIGN_BYTES) {
            return Err(BadLog(format!("no record begins at {}", Lsn(self.at))));
        }
        let taken = collect(&mut self.record, RECORD_HEADER_BYTES, bytes);
        self.at += taken as u64;
        if self.record.len() == RECORD_HEADER_BYTES {
            let record = &self.record;
            let length = u32::from_le_bytes([record[0], record[1], record[2], record[3]]);
            let length = u64::from(length);
            let shortest = RECORD_HEADER_BYTES as u64;
            if !(shortest..=RECORD_BYTES_MAX).contains(&length) {
                let at = Lsn(self.at);
                return Err(BadLog(format!(
                    "the record before {at} has an impossible length"
                )));
            }
            // What fills up to the alignment counts as its body.
            self.body(length.next_multiple_of(ALIGN_BYTES) - shortest);
        }
        Ok(taken)
    }

    /// So much of a record is left.
    fn body(&mut self, left: u64) {
        self.inside = Inside::Body(left);
        if left > 0 {
            return;
        }
        let (info, manager) = (self.record[16], self.record[17]);
        self.record.clear();
        self.inside = Inside::Header;
        if manager == RMGR_XLOG
            && info & 0xF0 == XLOG_SWITCH
            && !self.at.is_multiple_of(self.file_bytes)
        {
            self.inside = Inside::Rest;
            return;
        }
        self.pass(self.at);
        if manager == RMGR_TRANSACTION && matches!(info & 0x70, COMMIT | COMMIT_PREPARED) {
            self.commits += 1;
        }
    }
}

/// Fills `into` up to `size`; how many bytes it took.
fn collect(into: &mut Vec<u8>, size: usize, bytes: &[u8]) -> usize {
    let taken = bytes.len().min(size - into.len());
    into.extend_from_slice(&bytes[..taken]);
    taken
}

#[cfg(test)]
mod tests;
