//! Restoring into this server: files into a data directory, or rows into
//! databases; then, behind files, the log.

pub(crate) mod apply;
mod control;
mod files;
mod keys;
mod logical;
pub(crate) mod notes;
pub(crate) mod owner;
pub(crate) mod server;
mod version;

use crate::client::Client;
use crate::error::corrupt;
use crate::snapshot::{
    KIND_BASE, KIND_MANIFEST, KIND_POST, KIND_ROWS, KIND_SCHEMA, KIND_TABLESPACE,
};
use bytes::Bytes;
use futures::stream::BoxStream;
use notes::{Copy, Notes};
use planb_model::recovery::{AppliedMark, Engine, PartSpec, SnapshotManifest, TableDigest};
use planb_ports::{ErrorKind, PortError, PortResult};

/// Parts with files are loaded side by side.
const GROUP_FILES: u32 = 1;
/// Parts with rows are, too.
const GROUP_ROWS: u32 = 2;
/// How many: disks and two cores are busy with these.
pub(crate) const LOAD_WIDTH: usize = 4;

/// Which parts may be loaded side by side.
pub(crate) fn load_group(part: &PartSpec) -> Option<u32> {
    match part.kind.as_str() {
        KIND_BASE | KIND_TABLESPACE => Some(GROUP_FILES),
        KIND_ROWS => Some(GROUP_ROWS),
        _ => None,
    }
}

/// How far a restore has brought the server.
pub(crate) async fn applied(client: &Client) -> PortResult<Option<AppliedMark>> {
    if let Some(mark) = Notes::mark(&client.config)? {
        return Ok(Some(mark));
    }
    if client.config.target.is_some() {
        return Ok(None);
    }
    logical::applied(client).await
}

/// Refuses a snapshot of another engine, and one the plan has no place for.
pub(crate) async fn accepts(client: &Client, manifest: &SnapshotManifest) -> PortResult<()> {
    if manifest.engine != Engine::Postgresql {
        return Err(PortError::new(
            ErrorKind::Unsupported,
            "PB-POSTGRES-OTHER-ENGINE",
            format!(
                "the snapshot is of {}, the target is postgresql",
                manifest.engine
            ),
        )
        .hint(
            "use the same database server at both sites",
            "두 사이트에 같은 종류의 데이터베이스 서버를 사용하세요",
        ));
    }
    if is_files(manifest) {
        files::accepts(client, manifest).await
    } else {
        logical::accepts(client)
    }
}

fn is_files(manifest: &SnapshotManifest) -> bool {
    manifest.parts.iter().any(|p| p.spec.kind == KIND_BASE)
}

/// Empties the target.
pub(crate) async fn begin(client: &Client, manifest: &SnapshotManifest) -> PortResult<()> {
    accepts(client, manifest).await?;
    if is_files(manifest) {
        files::begin(client, manifest).await
    } else {
        logical::begin(client, manifest).await
    }
}

/// Loads one part.
pub(crate) async fn load(
    client: &Client,
    part: &PartSpec,
    bytes: BoxStream<'_, PortResult<Bytes>>,
) -> PortResult<()> {
    match part.kind.as_str() {
        KIND_BASE | KIND_TABLESPACE => files::unpack(client, part, bytes).await,
        KIND_MANIFEST => files::manifest(client, bytes).await,
        KIND_SCHEMA | KIND_POST | KIND_ROWS => logical::load(client, part, bytes).await,
        other => Err(corrupt(format!(
            "a part of the snapshot is of unknown kind '{other}'"
        ))),
    }
}

/// Ends the loading of parts.
pub(crate) async fn end(client: &Client, mark: &AppliedMark) -> PortResult<()> {
    if is_loading_files(client)? {
        files::end(client, mark).await
    } else {
        logical::end(client, mark).await
    }
}

/// Digests of the files that were just loaded; `None` when none are.
pub(crate) async fn loaded_files(client: &Client) -> PortResult<Option<Vec<TableDigest>>> {
    if !is_loading_files(client)? {
        return Ok(None);
    }
    files::digests(client).await.map(Some)
}

fn is_loading_files(client: &Client) -> PortResult<bool> {
    let notes = Notes::read(&client.config)?.unwrap_or_default();
    Ok(notes.copy == Some(Copy::Loading))
}

/// A part that comes when no restore is under way.
pub(crate) fn no_restore() -> PortError {
    PortError::new(
        ErrorKind::Conflict,
        "PB-POSTGRES-NO-RESTORE",
        "no restore is under way in the target",
    )
}

/// A target that is not PlanB's to empty.
fn not_empty(what: impl Into<String>) -> PortError {
    PortError::new(ErrorKind::Conflict, "PB-POSTGRES-NOT-EMPTY", what).hint(
        "check that this is the right place; move away what is there by hand if it may go",
        "올바른 위치인지 확인하세요. 지워도 되는 데이터라면 직접 옮기거나 삭제하세요",
    )
}
