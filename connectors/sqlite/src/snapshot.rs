//! Snapshots: the pages of a live database at one place in its log.

use crate::config::{BACKUP_STEP_PAGES, CHUNK_BYTES, Paths};
use crate::connect::{self, FileId};
use crate::error::{self, from_io, from_sqlite};
use crate::pin::{Extent, Pin, begin_read};
use crate::position::Place;
use crate::wal::{Chain, FRAME_HEADER_BYTES, Frame};
use crate::{Shared, blocking, digest};
use bytes::Bytes;
use planb_model::recovery::{LogPosition, PartSpec, TableDigest};
use planb_ports::{PortResult, Progress, SnapshotFacts, SnapshotSink};
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
    sink: &mut dyn SnapshotSink,
    progress: &dyn Progress,
) -> PortResult<SnapshotFacts> {
    progress.stage("copying pages");
    let worker = Arc::clone(shared);
    let (position, tables, _copy) = blocking(move || copy(&worker)).await?;
    progress.stage("writing pages");
    sink.begin(PartSpec {
        name: PAGES.to_owned(),
        kind: PAGES.to_owned(),
        table: None,
    })
    .await?;
    send(&shared.paths.outgoing, sink, progress).await?;
    sink.end().await?;
    Ok(SnapshotFacts {
        position,
        server_version: format!("SQLite {}", rusqlite::version()),
        tables,
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
    let (reader, place) = consistent_point(shared)?;
    let stream: String = reader
        .query_row("SELECT lower(hex(randomblob(8)))", [], |row| row.get(0))
        .map_err(from_sqlite)?;
    remove_if_there(&paths.outgoing)?;
    let copy = Copy(paths.clone());
    copy_pages(&reader, &paths.outgoing)?;
    let tables = digest::of_all_tables(&reader)?;
    Ok((place.to_position(&stream), tables, copy))
}

/// A read transaction, and the place in the log where it began.
fn consistent_point(shared: &Shared) -> PortResult<(Connection, Place)> {
    let paths = &shared.paths;
    let mut slot = shared.pin.lock().unwrap_or_else(PoisonError::into_inner);
    let here = FileId::of(&paths.database)?;
    if slot.as_ref().is_none_or(|pin| pin.file() != here) {
        *slot = None;
        *slot = Some(Pin::take(paths, |_| Ok(()))?);
    }
    let Some(pin) = slot.as_mut() else {
        return Err(error::missing(&paths.database));
    };
    let reader = connect::live(paths)?;
    let found = pin.with_writers_stopped(|extent| {
        begin_read(&reader)?;
        place_at_end(paths, extent)
    });
    match found {
        Ok(place) => Ok((reader, place)),
        Err(error) => {
            *slot = None;
            Err(error)
        }
    }
}

/// The place after the last frame, with the checksum that frame carries.
fn place_at_end(paths: &Paths, extent: Extent) -> PortResult<Place> {
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
    let mut place = Place::at(0, &chain);
    place.snapshot = true;
    Ok(place)
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

async fn send(path: &Path, sink: &mut dyn SnapshotSink, progress: &dyn Progress) -> PortResult<()> {
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
        sink.write(Bytes::from(chunk)).await?;
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
