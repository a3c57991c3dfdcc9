//! Applies a segment of the log to the pages of a restored copy.
//!
//! Bytes may begin before the copy's place: behind a snapshot with the whole
//! WAL, and wherever a snapshot lies inside a segment. What the copy has already
//! is gone over, which proves that the place is in the log, and is not written.

use crate::config::Paths;
use crate::error::{self, bad_segment, from_io};
use crate::pending::Pending;
use crate::position::{self, Place};
use crate::restore::{page_size, set_clean};
use crate::sidecar::{CopyState, Sidecar, set_writable, touched};
use crate::wal::{Chain, FRAME_HEADER_BYTES, HEADER_BYTES, WalHeader};
use planb_model::recovery::{AppliedMark, LogPosition, SegmentBody, SegmentHeader};
use planb_ports::{PortResult, SegmentEnd, Until};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

/// Applies the whole transactions in `bytes` and sets the mark. Everything is
/// checked before the first page is written. What has no commit yet is put aside.
pub fn segment(
    paths: &Paths,
    header: &SegmentHeader,
    bytes: &[u8],
    mark: &AppliedMark,
    until: Option<&Until>,
) -> PortResult<SegmentEnd> {
    let sidecar = Sidecar::read(paths)?
        .ok_or_else(|| error::out_of_order("a log can only be applied to a restored copy"))?;
    if !sidecar.is_untouched(paths) {
        return Err(touched(paths));
    }
    let CopyState::Clean {
        mark: before,
        pending_bytes,
        ..
    } = sidecar.state
    else {
        return Err(error::out_of_order("the copy is not whole"));
    };
    let SegmentBody::Log { start, end, .. } = &header.body else {
        return Err(error::out_of_order("a closing segment has no log"));
    };
    if !holds(start, end, &before.position) || *end != mark.position {
        return Err(error::out_of_order(format!(
            "the segment goes from {start} to {end}, the copy is at {}",
            before.position
        )));
    }
    if let Some(until) = until
        && lies_behind(header, end, until)?
    {
        return Ok(SegmentEnd::Stopped(before.position));
    }
    let (from, to) = (Place::parse(start)?, Place::parse(end)?);
    let here = Place::parse(&before.position)?;
    let changes = Changes::read(&from, &here, &to, page_size(&paths.database)?, bytes)?;
    let mut pending = Pending::open(paths, pending_bytes)?;
    if changes.commits {
        let snapshot = before.snapshot;
        Sidecar::new(CopyState::Applying { snapshot }, sidecar.fences.clone()).write(paths)?;
        set_writable(&paths.database, true)?;
        changes
            .write(paths, bytes, &pending)
            .map_err(|e| from_io(&paths.database, e))?;
        set_writable(&paths.database, false)?;
        pending.clear()?;
    }
    pending.add(&bytes[changes.uncommitted_at..])?;
    set_clean(paths, mark, pending.bytes(), sidecar.fences)?;
    Ok(SegmentEnd::All)
}

/// Whether the segment ends behind the asked point. Pages have neither times
/// nor numbers of transactions, so a restore stops between two segments: never
/// behind the point, and before it by a flush interval at most.
fn lies_behind(header: &SegmentHeader, end: &LogPosition, until: &Until) -> PortResult<bool> {
    match until {
        Until::Time(time) => Ok(header.written_at > *time),
        Until::Position(at) => {
            let point = LogPosition {
                at: at.clone(),
                ..end.clone()
            };
            match position::order(end, &point) {
                Some(order) => Ok(order == Ordering::Greater),
                None => Err(error::no_place(at)),
            }
        }
    }
}

/// Whether a segment from `start` to `end` brings something to a copy at `here`.
fn holds(start: &LogPosition, end: &LogPosition, here: &LogPosition) -> bool {
    let before = |a, b| position::order(a, b) == Some(Ordering::Less);
    start == here || (before(start, here) && before(here, end))
}

/// What a segment leaves behind.
#[derive(Debug)]
struct Changes {
    /// Where in the segment the last committed content of each page is.
    pages: BTreeMap<u32, usize>,
    page_size: u32,
    pages_after: u32,
    /// Whether there is a commit behind the copy's place.
    commits: bool,
    /// Where the frames begin that no commit follows.
    uncommitted_at: usize,
}

impl Changes {
    /// Goes over the whole segment and proves that it leads from `from` over
    /// `here`, the copy's place, to `to`.
    fn read(
        from: &Place,
        here: &Place,
        to: &Place,
        page_size: u32,
        bytes: &[u8],
    ) -> PortResult<Self> {
        let (file, mut chain, mut at) = begin(from, page_size, bytes)?;
        // A new WAL goes on where the one before ended, and so do its bytes.
        let mut passed_here = file == from.file + 1 && here.is_at(from);
        passed_here |= here.is_at(&Place::at(file, &chain));
        let mut changes = Self {
            pages: BTreeMap::new(),
            page_size,
            pages_after: 0,
            commits: false,
            uncommitted_at: at,
        };
        let mut begun = BTreeMap::new();
        while at < bytes.len() {
            let frame = chain.accept(&bytes[at..]).map_err(bad_segment)?;
            begun.insert(frame.page, at + FRAME_HEADER_BYTES);
            at += chain.frame_bytes();
            if frame.is_commit() {
                changes.pages.append(&mut begun);
                changes.pages_after = frame.pages_after;
                changes.commits = true;
                changes.uncommitted_at = at;
            }
            if here.is_at(&Place::at(file, &chain)) {
                passed_here = true;
                begun.clear();
                changes.pages.clear();
                changes.commits = false;
                changes.uncommitted_at = at;
            }
        }
        if !passed_here || !to.is_at(&Place::at(file, &chain)) {
            return Err(error::misfit_segment());
        }
        Ok(changes)
    }

    /// Writes the pages in place, those that were put aside before them. The copy
    /// has no readers that could see half of it, and a crash leaves it marked as
    /// broken.
    fn write(&self, paths: &Paths, bytes: &[u8], pending: &Pending) -> std::io::Result<()> {
        let file = OpenOptions::new().write(true).open(&paths.database)?;
        let size = self.page_size as usize;
        let write = |page: u32, content: &[u8]| {
            let offset = u64::from(page - 1) * u64::from(self.page_size);
            match page <= self.pages_after {
                true => file.write_all_at(content, offset),
                false => Ok(()),
            }
        };
        pending.each_page(size, write)?;
        for (page, at) in &self.pages {
            write(*page, &bytes[*at..*at + size])?;
        }
        file.set_len(u64::from(self.pages_after) * u64::from(self.page_size))?;
        file.sync_all()
    }
}

/// Which WAL of the stream the bytes are of, where in it they begin, and how
/// many bytes the header takes.
fn begin(from: &Place, page_size: u32, bytes: &[u8]) -> PortResult<(u64, Chain, usize)> {
    if !WalHeader::is_at_start_of(bytes) {
        // Behind a snapshot the whole WAL must come.
        let fits = !from.snapshot;
        let begun = fits.then(|| (from.file, from.chain(page_size), 0));
        return begun.ok_or_else(error::misfit_segment);
    }
    let header = WalHeader::parse(bytes).map_err(bad_segment)?;
    let chain = Chain::begin(&header);
    let again = from.snapshot && chain.salts == from.salts;
    if chain.page_size != page_size || !(again || chain.salts.follow(from.salts)) {
        return Err(error::misfit_segment());
    }
    Ok((from.file + u64::from(!again), chain, HEADER_BYTES))
}
