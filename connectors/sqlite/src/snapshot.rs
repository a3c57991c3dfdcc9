//! Snapshots: the pages of a live database at one place in its log.
//!
//! Without an open log a snapshot begins a stream of its own. With one, it is
//! at a place of that log, and has the log part there: a segment ends exactly
//! at the snapshot, and the next one begins with the whole WAL file again. So
//! what follows a snapshot can always be put together without what was before.

use crate::config::{BACKUP_STEP_PAGES, CHUNK_BYTES, Paths, WAL_BYTES_MAX, WAL_KEEP_FACTOR};
use crate::connect::{self, FileId};
use crate::error::{self, from_io, from_sqlite};
use crate::held::Held;
use crate::pin::{Extent, Pin, begin_read};
use crate::position::Place;
use crate::wal::{Chain, FRAME_HEADER_BYTES, Frame};
use crate::{Shared, blocking, digest};
use bytes::Bytes;
use planb_model::recovery::{LogPosition, PartSpec, TableDigest};
use planb_ports::{
    PartSink, PortResult, Progress, SnapshotFacts, SnapshotMethod, SnapshotOptions, SnapshotSink,
};
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// Name and kind of the one part of a snapshot.
pub const PAGES: &str = "pages";

/// Where the schema cookie is in the first page, in bytes.
const SCHEMA_COOKIE_AT: u64 = 40;

/// Where the two bytes are that say `2` for a database in WAL mode.
const WAL_MODE_AT: u64 = 18;

/// Takes a snapshot. Writers wait only while the place in the log is looked up.
pub async fn take(
    shared: &Arc<Shared>,
    sink: &dyn SnapshotSink,
    options: &SnapshotOptions,
    progress: &dyn Progress,
) -> PortResult<SnapshotFacts> {
    if options.method == SnapshotMethod::Logical {
        return Err(error::pages_only());
    }
    if options.accounts {
        return Err(error::no_users());
    }
    progress.stage("copying pages");
    let worker = Arc::clone(shared);
    let (position, tables, _copy) = blocking(move || copy(&worker)).await?;
    progress.stage("writing pages");
    let spec = PartSpec {
        name: PAGES.to_owned(),
        kind: PAGES.to_owned(),
        table: None,
    };
    let mut part = sink.begin(spec).await?;
    send(&shared.paths.outgoing, &mut *part, progress).await?;
    part.end().await?;
    Ok(SnapshotFacts {
        position,
        consistent_at: None,
        server_version: format!("SQLite {}", rusqlite::version()),
        tables,
        databases: Vec::new(),
        why: None,
    })
}

/// Deletes the copy when the snapshot is over, however it ended.
struct Copy(Paths);

impl Drop for Copy {
    fn drop(&mut self) {
        if let Err(error) = remove_if_there(&self.0.outgoing) {
            tracing::warn!(error = error.chain(), "a snapshot's copy stays on disk");
        }
    }
}

fn copy(shared: &Shared) -> PortResult<(LogPosition, Vec<TableDigest>, Copy)> {
    let paths = &shared.paths;
    let (reader, position, _copying) = consistent_point(shared)?;
    remove_if_there(&paths.outgoing)?;
    let copy = Copy(paths.clone());
    copy_pages(&reader, &paths.outgoing)?;
    let tables = digest::of_all_tables(&reader)?;
    Ok((position, tables, copy))
}

/// A read transaction, the place in the log where it began, and what tells the
/// log reader that it goes on.
fn consistent_point(shared: &Shared) -> PortResult<(Connection, LogPosition, Arc<()>)> {
    let mut held = shared.held.lock().unwrap_or_else(PoisonError::into_inner);
    let here = FileId::of(&shared.paths.database)?;
    let (reader, position) = if held.open_log().is_some() {
        if !held.pins(here) {
            // A pin of ours might begin the WAL anew before its reader read it.
            return Err(error::log_reopening());
        }
        point_in_open_log(&shared.paths, &mut held)?
    } else {
        let begun = point_of_new_stream(&shared.paths, &mut held, here);
        if begun.is_err() {
            held.pin = None;
        }
        begun?
    };
    Ok((reader, position, held.begin_copying()))
}

fn point_of_new_stream(
    paths: &Paths,
    held: &mut Held,
    here: FileId,
) -> PortResult<(Connection, LogPosition)> {
    if !held.pins(here) {
        held.pin = None;
        held.pin = Some(Pin::take(paths, |_| Ok(()))?);
    }
    let (reader, place) = point(paths, held, |_| Ok(()))?;
    let stream: String = reader
        .query_row("SELECT lower(hex(randomblob(8)))", [], |row| row.get(0))
        .map_err(from_sqlite)?;
    Ok((reader, place.to_position(&stream)))
}

fn point_in_open_log(paths: &Paths, held: &mut Held) -> PortResult<(Connection, LogPosition)> {
    // So the place is behind every batch that was returned, and one can end there.
    if let Some(pin) = held.pin.as_mut() {
        pin.write_row()?;
    }
    let (reader, mut place) = point(paths, held, |chain| {
        // The next segment holds all of it.
        if chain.offset() > WAL_BYTES_MAX * WAL_KEEP_FACTOR {
            return Err(error::log_long());
        }
        Ok(())
    })?;
    let log = held.open_log().filter(|log| log.salts == place.salts);
    let log = log.ok_or_else(error::log_reopening)?;
    place.file = log.file;
    held.part_at(&log.stream, place);
    Ok((reader, place.to_position(&log.stream)))
}

/// Begins a read transaction at the end of the log, and says where that is.
fn point(
    paths: &Paths,
    held: &mut Held,
    accept: impl FnOnce(&Chain) -> PortResult<()>,
) -> PortResult<(Connection, Place)> {
    let Some(pin) = held.pin.as_mut() else {
        return Err(error::missing(&paths.database));
    };
    let reader = connect::live(paths)?;
    let place = pin.with_writers_stopped(|extent| {
        begin_read(&reader)?;
        let chain = end_of_wal(paths, extent)?;
        accept(&chain)?;
        let mut place = Place::at(0, &chain);
        place.snapshot = true;
        Ok(place)
    })?;
    Ok((reader, place))
}

/// The end of the WAL, with the checksum that its last frame carries.
fn end_of_wal(paths: &Paths, extent: Extent) -> PortResult<Chain> {
    let read = |e| from_io(&paths.wal, e);
    let (wal, _, header) = crate::log::open_wal(&paths.wal).map_err(read)?;
    let mut chain = Chain::begin(&header);
    if let Some(before) = extent.frames.checked_sub(1) {
        chain.frame = before;
        let mut head = [0; FRAME_HEADER_BYTES];
        wal.read_exact_at(&mut head, chain.offset()).map_err(read)?;
        chain.sums = Frame::parse(&head).map_err(error::bad_segment)?.sums;
        chain.frame = extent.frames;
    }
    Ok(chain)
}

/// Copies every page of `reader`'s transaction into a new file at `path`.
fn copy_pages(reader: &Connection, path: &Path) -> PortResult<()> {
    let cookie: u32 = reader
        .query_row("PRAGMA schema_version", [], |row| row.get(0))
        .map_err(from_sqlite)?;
    let mut target = Connection::open(path).map_err(from_sqlite)?;
    target
        .execute_batch("PRAGMA synchronous = OFF")
        .map_err(from_sqlite)?;
    let backup = Backup::new(reader, &mut target).map_err(from_sqlite)?;
    while backup.step(BACKUP_STEP_PAGES).map_err(from_sqlite)? != StepResult::Done {
        // Only another connection of this process on the copy could be in the way.
        std::thread::sleep(Duration::ZERO);
    }
    drop(backup);
    target.close().map_err(|(_, e)| from_sqlite(e))?;
    // The backup counts the schema cookie of the *copy* up. Give it the source's
    // again, so that the copy is what the log continues.
    let file = OpenOptions::new().write(true).open(path);
    file.and_then(|file| {
        file.write_all_at(&cookie.to_be_bytes(), SCHEMA_COOKIE_AT)?;
        file.write_all_at(&[2, 2], WAL_MODE_AT)
    })
    .map_err(|e| from_io(path, e))
}

async fn send(path: &Path, part: &mut dyn PartSink, progress: &dyn Progress) -> PortResult<()> {
    let file = File::open(path).map_err(|e| from_io(path, e))?;
    let total = file.metadata().map_err(|e| from_io(path, e))?.len();
    let mut file = tokio::fs::File::from_std(file);
    let mut done = 0;
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let read = (&mut file)
            .take(CHUNK_BYTES as u64)
            .read_to_end(&mut chunk)
            .await
            .map_err(|e| from_io(path, e))?;
        if read == 0 {
            return Ok(());
        }
        part.write(Bytes::from(chunk)).await?;
        done += read as u64;
        progress.bytes(done, Some(total));
    }
}

/// Deletes a file that may not be there.
pub fn remove_if_there(path: &Path) -> PortResult<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(from_io(path, e)),
        _ => Ok(()),
    }
}
