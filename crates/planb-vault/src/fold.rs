//! Compaction: segments folded to what they come to, beside the log, so that a
//! restore over a long gap has little to apply.
//!
//! Folded objects save time and nothing else. The log stays whole; a restore
//! that finds one missing, damaged or refused takes the segments themselves,
//! and says so. What cannot be folded, or would not get smaller, is not stored.
//!
//! Each level folds what the level below has folded: half a minute, five
//! minutes, an hour. After a restart of the writer folding begins anew at the
//! end of the log; what lies before stays as it is folded.

pub(crate) mod object;
mod read;

pub(crate) use object::Folded;
pub(crate) use read::FoldedName;

use crate::chain::{Head, Link};
use crate::error;
use crate::protect::{Run, SnapshotNeeded, Stream};
use crate::segment::Segment;
use crate::vault::blocking;
use bytes::Bytes;
use jiff::Timestamp;
use object::FoldedHeader;
use planb_model::recovery::{SegmentHeader, SegmentSeq};
use planb_ports::PortResult;
use std::time::Duration;

/// Names of the levels and how much time one object of each covers, about.
const LEVELS: [(&str, Duration); 3] = [
    ("30s", Duration::from_secs(30)),
    ("5m", Duration::from_secs(5 * 60)),
    ("1h", Duration::from_secs(3_600)),
];
/// Bytes that are folded at once, as they are in memory. More is folded in
/// several pieces, or on the level below only.
const FOLD_BYTES_MAX: usize = 32 << 20;

/// Folded log is stored when it is so many times smaller than what it was made
/// of. Without one row changed twice it is less than half already: the text of
/// statements, marks of transactions and headers are gone. To store that would
/// ship the log twice and leave as many rows to apply.
const SMALLER_TIMES: usize = 3;

/// Folds the log as it is shipped. Ends never: a failure to fold is told, and
/// what it was about is left as it is.
pub(crate) async fn compact(run: &Run<'_>, stream: &Stream) -> PortResult<SnapshotNeeded> {
    if !run.database.folds() {
        std::future::pending::<()>().await;
    }
    let mut compactor = Compactor {
        run,
        head: stream.resume.head.clone(),
        levels: [Level::default(), Level::default()],
        is_inside: false,
    };
    loop {
        run.vault.clock.sleep(LEVELS[0].1).await;
        let next = *stream.next.borrow();
        while compactor.head.next < next {
            if let Err(e) = compactor.round(next).await {
                tracing::warn!(error = e.chain(), "the log was not folded");
                compactor.interrupt();
                break;
            }
        }
    }
}

/// Folded log on its way to the next level.
#[derive(Debug, Clone)]
struct Piece {
    header: FoldedHeader,
    bytes: Bytes,
}

/// What one level has gathered for the next object.
#[derive(Debug, Default)]
struct Level {
    pieces: Vec<Piece>,
    since: Option<Timestamp>,
}

struct Compactor<'r> {
    run: &'r Run<'r>,
    /// Everything before it has been looked at.
    head: Head,
    /// The levels above the first.
    levels: [Level; LEVELS.len() - 1],
    /// Whether the last segment ended inside of a transaction.
    is_inside: bool,
}

impl Compactor<'_> {
    /// Folds what was shipped before `next`, or the first piece of it.
    async fn round(&mut self, next: SegmentSeq) -> PortResult<()> {
        let before = self.head.clone();
        let mut segments: Vec<Segment> = Vec::new();
        let mut bytes = 0;
        let mut is_large = false;
        while self.head.next < next && bytes < FOLD_BYTES_MAX && !is_large {
            let segment = self.run.vault.next_segment(&self.head).await?;
            let missing = || {
                self.run
                    .vault
                    .missing_segment(self.run.epoch, self.head.next)
            };
            let segment = segment.ok_or_else(missing)?;
            if self.head.advance(&segment)? != Link::Continues {
                // Nothing may be folded across a gap; the segment itself is
                // left out as well, which costs little.
                self.interrupt();
                return Ok(());
            }
            // Most often one large transaction, and the pieces of a long one: to
            // fold it would take its size several times in memory, for little.
            let is_piece = segment.is_piece();
            is_large = segment.raw.len() > FOLD_BYTES_MAX || is_piece || self.is_inside;
            self.is_inside = is_piece;
            if !is_large {
                bytes += segment.raw.len();
                segments.push(segment);
            }
        }
        self.fold(&before, segments, bytes).await?;
        if is_large {
            self.interrupt();
        }
        Ok(())
    }

    /// Folds `segments` behind `before`.
    async fn fold(
        &mut self,
        before: &Head,
        segments: Vec<Segment>,
        bytes: usize,
    ) -> PortResult<()> {
        let Some(header) = FoldedHeader::of(before, &segments) else {
            return Ok(());
        };
        let pairs: Vec<(SegmentHeader, Bytes)> = segments
            .into_iter()
            .map(|segment| (segment.header, segment.raw))
            .collect();
        match self.run.database.fold(&pairs).await? {
            Some(folded) => self.keep(0, header, folded, bytes).await,
            None => {
                self.interrupt();
                Ok(())
            }
        }
    }

    /// What is gathered cannot be joined with what comes next.
    fn interrupt(&mut self) {
        self.levels = Default::default();
    }

    /// Stores a folded object of `level` and hands it to the level above.
    async fn keep(
        &mut self,
        level: usize,
        mut header: FoldedHeader,
        folded: Bytes,
        before_bytes: usize,
    ) -> PortResult<()> {
        header.raw_bytes = folded.len() as u64;
        let mut piece = Piece {
            header,
            bytes: folded,
        };
        let mut before_bytes = before_bytes;
        for (level, (name, _)) in LEVELS.iter().enumerate().skip(level) {
            if piece.bytes.len() * SMALLER_TIMES <= before_bytes {
                self.store(name, &piece).await?;
            }
            let Some((_, due)) = LEVELS.get(level + 1) else {
                break;
            };
            let now = self.run.vault.clock.now();
            let above = &mut self.levels[level];
            let since = *above.since.get_or_insert(now);
            above.pieces.push(piece);
            let gathered: usize = above.pieces.iter().map(|p| p.bytes.len()).sum();
            let age = now.duration_since(since).unsigned_abs();
            if age < *due && gathered < FOLD_BYTES_MAX {
                break;
            }
            before_bytes = gathered;
            let pieces = std::mem::take(above).pieces;
            match self.join(pieces).await? {
                Some(joined) => piece = joined,
                None => break,
            }
        }
        Ok(())
    }

    /// Folds what is folded already.
    async fn join(&self, pieces: Vec<Piece>) -> PortResult<Option<Piece>> {
        let headers: Vec<FoldedHeader> = pieces.iter().map(|p| p.header.clone()).collect();
        let Some(mut header) = FoldedHeader::join(&headers) else {
            return Ok(None);
        };
        let pairs: Vec<(SegmentHeader, Bytes)> = pieces
            .into_iter()
            .map(|piece| (piece.header.as_segment(), piece.bytes))
            .collect();
        let folded = self.run.database.fold(&pairs).await?;
        Ok(folded.map(|bytes| {
            header.raw_bytes = bytes.len() as u64;
            Piece { header, bytes }
        }))
    }

    async fn store(&self, level: &str, piece: &Piece) -> PortResult<()> {
        let vault = self.run.vault;
        let key = vault.layout.folded(level, &piece.header);
        let (header, bytes) = (piece.header.clone(), piece.bytes.clone());
        let (seal, zstd_level) = (vault.seal.clone(), vault.options.zstd_level);
        let object = blocking(move || object::encode(&header, &bytes, &seal, zstd_level)).await?;
        vault.put_signature(&key, &object).await?;
        match vault.put(&key, &object).await? {
            crate::put::Put::Ours => Ok(()),
            crate::put::Put::Others(_) => {
                Err(error::corrupt(&key, "another writer has folded this log"))
            }
        }
    }
}
