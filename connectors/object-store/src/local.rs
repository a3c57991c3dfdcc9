//! A vault in a directory of this machine or of a mount.
//!
//! `object_store` creates objects by writing a staging file and hard-linking it
//! to its name, which is atomic and never replaces; with `fsync` it also syncs
//! the file before and the directory after. It would as well make the vault's
//! own directory anew if that went away in the middle, so that half a vault
//! would be written to a disk that is not the vault's: [`is_there`] is asked
//! before every write.

use crate::error;
use jiff::Timestamp;
use object_store::local::LocalFileSystem;
use planb_ports::{ErrorKind, PortError, PortResult};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Folder of uploads that have no name yet; never listed.
pub(crate) const STAGING_PREFIX: &str = "_staging/";
/// No upload takes this long; what is older was left by a crash.
const STAGING_AGE_HOURS_MAX: u64 = 7 * 24;

/// Opens the directory, making it and its parents durably if it is missing.
pub(crate) fn open(directory: &Path) -> PortResult<LocalFileSystem> {
    make(directory).map_err(|e| cannot_use(directory, e))?;
    let store = LocalFileSystem::new_with_prefix(directory)
        .map_err(|e| cannot_use(directory, io::Error::other(e)))?;
    if let Err(error) = sweep_staging(&directory.join(STAGING_PREFIX)) {
        tracing::warn!(%error, "uploads left by a crash stay in the vault");
    }
    Ok(store.with_fsync(true))
}

/// A key for an upload that has no name yet, which no other upload has: two
/// writers of one key must not write into one file.
pub(crate) fn staging_key() -> String {
    static UPLOADS: AtomicU64 = AtomicU64::new(0);
    format!(
        "{STAGING_PREFIX}{}-{}-{}",
        Timestamp::now().as_nanosecond(),
        std::process::id(),
        UPLOADS.fetch_add(1, Ordering::Relaxed)
    )
}

/// Whether the vault's directory is where it was; `Unavailable` when not.
pub(crate) fn is_there(directory: &Path) -> PortResult<()> {
    match fs::metadata(directory) {
        Ok(facts) if facts.is_dir() => Ok(()),
        _ => Err(PortError::new(
            ErrorKind::Unavailable,
            "PB-VAULT-GONE",
            format!("the vault's directory {} is gone", directory.display()),
        )
        .hint(
            "mount or restore it; PlanB goes on by itself when it is back",
            "디렉터리를 다시 마운트하거나 복구하세요. 복구되면 PlanB가 자동으로 계속합니다",
        )),
    }
}

fn sweep_staging(staging: &Path) -> io::Result<()> {
    if !staging.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(staging)? {
        let entry = entry?;
        let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
        if age > Duration::from_secs(STAGING_AGE_HOURS_MAX * 3_600) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn make(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let existing = directory.ancestors().find(|dir| dir.is_dir());
    fs::create_dir_all(directory)?;
    for dir in directory.ancestors() {
        File::open(dir)?.sync_all()?;
        if Some(dir) == existing {
            break;
        }
    }
    Ok(())
}

fn cannot_use(directory: &Path, source: io::Error) -> PortError {
    PortError::new(
        error::io_kind(&source),
        "PB-VAULT-DIRECTORY",
        format!("cannot use {} as a vault", directory.display()),
    )
    .hint(
        "it must be a directory PlanB may write to",
        "PlanB가 쓸 수 있는 디렉터리여야 합니다",
    )
    .source(source)
}
