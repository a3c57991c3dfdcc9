//! Restoring into a file, and making it a database of its own.
//!
//! Clearing → Restoring → Clean ⇄ Applying → Promoting → no sidecar. Each state
//! is on disk before its first effect, so a crash anywhere leaves a state that
//! says what can be trusted: only Clean with its stamp can.

use crate::config::{CHUNK_BYTES, Paths};
use crate::connect::{self, FileId};
use crate::digest::user_tables;
use crate::error::{self, from_io};
use crate::fence::{self, FenceRow};
use crate::sidecar::{CopyState, Sidecar, Stamp, set_writable, sync_directory, touched};
use crate::snapshot::{PAGES, remove_if_there};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use planb_model::recovery::{AppliedMark, Engine, PartSpec, SnapshotManifest};
use planb_model::{Epoch, ServiceName};
use planb_ports::database::FenceState;
use planb_ports::{ErrorKind, PortError, PortResult};
use std::collections::BTreeMap;
use std::path::Path;
use tokio::io::AsyncWriteExt;

/// First bytes of every SQLite database.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// The mark of a whole copy that nobody changed.
pub fn applied(paths: &Paths) -> PortResult<Option<AppliedMark>> {
    let Some(sidecar) = Sidecar::read(paths)? else {
        return Ok(None);
    };
    let untouched = sidecar.is_untouched(paths);
    Ok(match sidecar.state {
        CopyState::Clean { mark, .. } if untouched => Some(mark),
        _ => None,
    })
}

/// Refuses a snapshot of another engine.
pub fn accepts(manifest: &SnapshotManifest) -> PortResult<()> {
    if manifest.engine == Engine::Sqlite {
        return Ok(());
    }
    Err(error::other_engine(manifest.engine))
}

/// Clears the place for a restore.
pub fn begin(paths: &Paths, manifest: &SnapshotManifest) -> PortResult<()> {
    accepts(manifest)?;
    FileId::of(paths.directory())?;
    let clearing = what_to_clear(paths)?;
    clearing.write(paths)?;
    clear(paths, &clearing.state)?;
    let snapshot = manifest.id.clone();
    Sidecar::new(CopyState::Restoring { snapshot }, clearing.fences).write(paths)
}

/// Decides whether what is there may be replaced, and whether it is kept.
fn what_to_clear(paths: &Paths) -> PortResult<Sidecar> {
    if let Some(sidecar) = Sidecar::read(paths)? {
        let keep = match &sidecar.state {
            CopyState::Clearing { keep } => *keep,
            // A copy that somebody wrote into may hold what is nowhere else.
            CopyState::Clean { .. } => !sidecar.is_untouched(paths),
            CopyState::Promoting => true,
            CopyState::Restoring { .. } | CopyState::Applying { .. } => false,
        };
        return Ok(Sidecar::new(CopyState::Clearing { keep }, sidecar.fences));
    }
    let (keep, fences) = if paths.database.exists() {
        look_at_existing(paths)?
    } else {
        (false, BTreeMap::new())
    };
    Ok(Sidecar::new(CopyState::Clearing { keep }, fences))
}

/// Whether an existing database is kept aside, and its fence rows. `Conflict`
/// when it is not PlanB's to replace.
fn look_at_existing(paths: &Paths) -> PortResult<(bool, BTreeMap<ServiceName, FenceRow>)> {
    let not_ours = |why: &str| {
        error::conflict(format!(
            "{} is there and {why}; it was not replaced",
            paths.database.display()
        ))
    };
    let look = || {
        let connection = connect::live(paths)?;
        let has_row = fence::has_row(&connection)?;
        Ok((
            user_tables(&connection)?,
            has_row,
            fence::rows(&connection)?,
        ))
    };
    let (tables, has_row, fences) = look().map_err(|e: PortError| match e.kind() {
        ErrorKind::Corrupt => not_ours("cannot be read").source(e),
        _ => e,
    })?;
    if !has_row && !tables.is_empty() {
        return Err(not_ours("planb has never fenced or restored it"));
    }
    Ok((!tables.is_empty(), fences))
}

/// Puts away or deletes what is there. Can be broken off and done again: the
/// WAL goes first, so a database without its WAL is still the kept one's.
fn clear(paths: &Paths, state: &CopyState) -> PortResult<()> {
    remove_if_there(&paths.incoming)?;
    remove_if_there(&paths.pending)?;
    let keep = matches!(state, CopyState::Clearing { keep: true });
    if keep && paths.database.exists() {
        set_writable(&paths.database, true)?;
        if paths.wal.exists() {
            rename(&paths.wal, &paths.aside_wal)?;
        } else if paths.aside.exists() {
            // A WAL of an older kept copy must not meet this database.
            remove_if_there(&paths.aside_wal)?;
        }
        rename(&paths.database, &paths.aside)?;
    }
    for path in [&paths.database, &paths.wal, &paths.shared] {
        remove_if_there(path)?;
    }
    sync_directory(paths)
}

fn rename(from: &Path, to: &Path) -> PortResult<()> {
    std::fs::rename(from, to).map_err(|e| from_io(from, e))
}

/// Loads the pages into the incoming file.
pub async fn load(
    paths: &Paths,
    part: &PartSpec,
    mut bytes: BoxStream<'_, PortResult<Bytes>>,
) -> PortResult<()> {
    expect_restoring(paths)?;
    if part.kind != PAGES {
        return Err(error::out_of_order(format!(
            "a part of kind '{}' cannot be loaded into sqlite",
            part.kind
        )));
    }
    let path = &paths.incoming;
    let file = tokio::fs::File::create(path)
        .await
        .map_err(|e| from_io(path, e))?;
    let mut file = tokio::io::BufWriter::with_capacity(CHUNK_BYTES, file);
    while let Some(chunk) = bytes.next().await {
        file.write_all(&chunk?)
            .await
            .map_err(|e| from_io(path, e))?;
    }
    file.flush().await.map_err(|e| from_io(path, e))?;
    file.get_ref()
        .sync_all()
        .await
        .map_err(|e| from_io(path, e))
}

/// Puts the loaded pages into place and sets the mark.
pub fn end(paths: &Paths, mark: &AppliedMark) -> PortResult<()> {
    let sidecar = expect_restoring(paths)?;
    page_size(&paths.incoming)?;
    // What a stray process may have made in the meantime; a WAL of it must not
    // meet the new pages.
    for path in [&paths.wal, &paths.shared] {
        remove_if_there(path)?;
    }
    set_writable(&paths.incoming, false)?;
    rename(&paths.incoming, &paths.database)?;
    sync_directory(paths)?;
    set_clean(paths, mark, 0, sidecar.fences)
}

/// Sets the clean mark over the file as it is now, with so many bytes of log that
/// wait for their commit.
pub fn set_clean(
    paths: &Paths,
    mark: &AppliedMark,
    pending_bytes: u64,
    fences: BTreeMap<ServiceName, FenceRow>,
) -> PortResult<()> {
    let state = CopyState::Clean {
        mark: mark.clone(),
        stamp: Stamp::put_on(&paths.database)?,
        pending_bytes,
    };
    Sidecar::new(state, fences).write(paths)
}

/// Bytes of a page of the database at `path`, when it is a whole one.
pub fn page_size(path: &Path) -> PortResult<u32> {
    use std::os::unix::fs::FileExt;
    let mut head = [0; 20];
    let read = std::fs::File::open(path).and_then(|file| {
        file.read_exact_at(&mut head, 0)?;
        file.metadata()
    });
    let bytes = read.map_err(|e| from_io(path, e))?.len();
    let raw = u16::from_be_bytes([head[16], head[17]]);
    let size = if raw == 1 { 65_536 } else { u32::from(raw) };
    let whole = size >= 512 && bytes % u64::from(size) == 0;
    if head.starts_with(MAGIC) && whole {
        return Ok(size);
    }
    Err(PortError::new(
        ErrorKind::Corrupt,
        "PB-SQLITE-CORRUPT",
        "the restored pages are not a whole SQLite database",
    ))
}

fn expect_restoring(paths: &Paths) -> PortResult<Sidecar> {
    match Sidecar::read(paths)? {
        Some(sidecar) if matches!(sidecar.state, CopyState::Restoring { .. }) => Ok(sidecar),
        _ => Err(error::out_of_order("no restore was begun")),
    }
}

/// Fences the file: in itself when it is a database of its own, in the sidecar
/// when it is a copy, whose pages must not change.
pub fn fence(paths: &Paths, service: &ServiceName, epoch: Epoch) -> PortResult<()> {
    let row = FenceRow {
        epoch,
        read_only: true,
    };
    let Some(mut sidecar) = Sidecar::read(paths)? else {
        return fence::set(&mut connect::live(paths)?, service, row);
    };
    fence::refuse_older(sidecar.fences.get(service).copied(), epoch)?;
    if sidecar.fences.insert(service.clone(), row) == Some(row) {
        return Ok(());
    }
    sidecar.write(paths)
}

/// Makes the file a database the service may write, under `epoch`.
pub fn promote(paths: &Paths, service: &ServiceName, epoch: Epoch) -> PortResult<()> {
    let row = FenceRow {
        epoch,
        read_only: false,
    };
    let Some(mut sidecar) = Sidecar::read(paths)? else {
        return fence::set(&mut connect::live(paths)?, service, row);
    };
    fence::refuse_older(sidecar.fences.get(service).copied(), epoch)?;
    match sidecar.state {
        CopyState::Clean { .. } if sidecar.is_untouched(paths) => {}
        CopyState::Clean { .. } => return Err(touched(paths)),
        CopyState::Promoting => {}
        _ => {
            return Err(error::out_of_order(
                "a restore that is not whole cannot be promoted",
            ));
        }
    }
    // The source's own row came with its pages; a newer one there means that a
    // newer epoch is acting on this very data.
    if sidecar.state != CopyState::Promoting {
        let carried = fence::row(&connect::still(&paths.database)?, service)?;
        fence::refuse_older(carried, epoch)?;
        sidecar.state = CopyState::Promoting;
        sidecar.write(paths)?;
    }
    set_writable(&paths.database, true)?;
    fence::set(&mut connect::live(paths)?, service, row)?;
    remove_if_there(&paths.pending)?;
    remove_if_there(&paths.sidecar)?;
    sync_directory(paths)
}

/// The fence row as it stands. A copy takes no writes until it is promoted,
/// whatever its source's row says. A site whose disk is there and holds no
/// database yet is a home to restore into: no row, nothing to refuse.
pub fn fence_state(paths: &Paths, service: &ServiceName) -> PortResult<FenceState> {
    if let Some(sidecar) = Sidecar::read(paths)? {
        return Ok(FenceState {
            epoch: sidecar.fences.get(service).map(|row| row.epoch),
            read_only: true,
        });
    }
    if !paths.database.exists() && paths.directory().is_dir() {
        return Ok(FenceState::default());
    }
    let row = fence::row(&connect::live(paths)?, service)?;
    Ok(FenceState {
        epoch: row.map(|row| row.epoch),
        read_only: row.is_some_and(|row| row.read_only),
    })
}

/// Refuses to go on when the file is a copy.
pub fn expect_own(paths: &Paths) -> PortResult<()> {
    match Sidecar::read(paths)? {
        None => Ok(()),
        Some(_) => Err(error::out_of_order(
            "the file is a restored copy and takes no writes before it is promoted",
        )),
    }
}
