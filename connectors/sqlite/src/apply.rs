//! Applies a segment of the log to the pages of a restored copy.

use crate::config::Paths;
use crate::error::{self, bad_segment, from_io};
use crate::position::Place;
use crate::restore::{page_size, set_clean};
use crate::sidecar::{CopyState, Sidecar, set_writable, touched};
use crate::wal::{Chain, FRAME_HEADER_BYTES, HEADER_BYTES, WalError, WalHeader};
use planb_model::recovery::{AppliedMark, LogPosition, SegmentBody, SegmentHeader};
use planb_ports::PortResult;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

/// Applies the whole transactions in `bytes` and sets the mark. Everything is
/// checked before the first page is written.
pub fn segment(
    paths: &Paths,
    header: &SegmentHeader,
    bytes: &[u8],
    mark: &AppliedMark,
) -> PortResult<()> {
    let sidecar = Sidecar::read(paths)?
        .ok_or_else(|| error::out_of_order("a log can only be applied to a restored copy"))?;
    if !sidecar.is_untouched(paths) {
        return Err(touched(paths));
    }
    let CopyState::Clean { mark: before, .. } = sidecar.state else {
        return Err(error::out_of_order("the copy is not whole"));
    };
    let SegmentBody::Log { start, end, .. } = &header.body else {
        return Err(error::out_of_order("a closing segment has no log"));
    };
    if *start != before.position || *end != mark.position {
        return Err(error::out_of_order(format!(
            "the segment goes from {start} to {end}, the copy is at {}",
            before.position
        )));
    }
    let changes = Changes::read(start, end, page_size(&paths.database)?, bytes)?;
    let snapshot = before.snapshot;
    Sidecar::new(CopyState::Applying { snapshot }, sidecar.fences.clone()).write(paths)?;
    set_writable(&paths.database, true)?;
    changes
        .write(paths, bytes)
        .map_err(|e| from_io(&paths.database, e))?;
    set_writable(&paths.database, false)?;
    set_clean(paths, mark, sidecar.fences)
}

/// What a segment leaves behind.
#[derive(Debug)]
struct Changes {
    /// Where in the segment the last content of each page is.
    pages: BTreeMap<u32, usize>,
    page_size: u32,
    pages_after: u32,
}

impl Changes {
    /// Goes over the whole segment and proves that it leads from `start` to `end`.
    fn read(
        start: &LogPosition,
        end: &LogPosition,
        page_size: u32,
        bytes: &[u8],
    ) -> PortResult<Self> {
        let (from, to) = (Place::parse(start)?, Place::parse(end)?);
        let new_file = WalHeader::is_at_start_of(bytes);
        let (mut chain, mut at) = if new_file {
            let header = WalHeader::parse(bytes).map_err(bad_segment)?;
            (Chain::begin(&header), HEADER_BYTES)
        } else {
            (from.chain(page_size), 0)
        };
        let file = from.file + u64::from(new_file && !from.snapshot);
        let follows = !new_file || from.snapshot || chain.salts.follow(from.salts);
        if chain.page_size != page_size
            || new_file != (from.snapshot || file > from.file)
            || !follows
        {
            return Err(error::misfit_segment());
        }
        let mut passed_start = !from.snapshot;
        let mut changes = Self {
            pages: BTreeMap::new(),
            page_size,
            pages_after: 0,
        };
        let mut committed = false;
        while at < bytes.len() {
            let frame = chain.accept(&bytes[at..]).map_err(bad_segment)?;
            changes.pages.insert(frame.page, at + FRAME_HEADER_BYTES);
            at += chain.frame_bytes();
            committed = frame.is_commit();
            if committed {
                changes.pages_after = frame.pages_after;
            }
            passed_start |= chain.frame == from.frame && chain.sums == from.sums;
        }
        if !committed {
            return Err(bad_segment(WalError::Uncommitted));
        }
        if !passed_start || Place::at(file, &chain) != to {
            return Err(error::misfit_segment());
        }
        Ok(changes)
    }

    /// Writes the pages in place. The copy has no readers that could see half
    /// of it, and a crash leaves it marked as broken.
    fn write(&self, paths: &Paths, bytes: &[u8]) -> std::io::Result<()> {
        let file = OpenOptions::new().write(true).open(&paths.database)?;
        let size = self.page_size as usize;
        for (page, at) in &self.pages {
            if *page <= self.pages_after {
                let offset = u64::from(page - 1) * u64::from(self.page_size);
                file.write_all_at(&bytes[*at..*at + size], offset)?;
            }
        }
        file.set_len(u64::from(self.pages_after) * u64::from(self.page_size))?;
        file.sync_all()
    }
}
