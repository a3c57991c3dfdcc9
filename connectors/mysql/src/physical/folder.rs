//! The folder a copy of the server's files is put into, and the one a tool works in.
//!
//! One takes as much room as the data, the other has the account the tool logs in
//! with, so they must go whatever happens: when the snapshot ends, or when the next
//! one finds that their owner is gone.

use super::unsupported;
use crate::client::first;
use crate::error::corrupt;
use mysql_async::Conn;
use planb_ports::PortResult;
use std::fs::{File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// How the folders are called, in the server's `tmpdir`.
const PREFIX: &str = "planb-clone-";
/// How those of tools are called, in our own temporary directory.
const TOOL_PREFIX: &str = "planb-tool-";
/// Locked as long as the folder is in use.
const LOCK: &str = "lock";
/// The same, before it is locked.
const LOCK_NEW: &str = "lock.new";

/// A folder only PlanB and the server can look into, deleted when dropped.
pub(super) struct Folder {
    dir: Option<TempDir>,
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// One in the server's `tmpdir`, after those that were left behind.
    pub async fn of(conn: &mut Conn) -> PortResult<Self> {
        let sql = "SELECT @@tmpdir, @@datadir";
        let row: Option<(String, String)> = first(conn, "ask for a folder", sql).await?;
        let (tmpdir, data) = row.ok_or_else(|| corrupt("the server has no tmpdir"))?;
        // `tmpdir` may be a list.
        let place = Path::new(tmpdir.split(':').next().unwrap_or(&tmpdir));
        let made = || {
            let server = std::fs::metadata(&data)?;
            sweep(place, PREFIX, server.uid())?;
            Self::make(place, PREFIX, &server)
        };
        made().map_err(|e| {
            let place = place.display();
            unsupported(format!(
                "PlanB cannot make a folder for the server in {place}"
            ))
            .source(e)
        })
    }

    /// One for a tool, after those that runs left behind which were killed.
    pub fn of_tool() -> io::Result<Self> {
        Self::of_tool_in(&std::env::temp_dir())
    }

    fn of_tool_in(place: &Path) -> io::Result<Self> {
        let ours = std::fs::metadata("/proc/self")?;
        // No reason to take no snapshot.
        if let Err(error) = sweep(place, TOOL_PREFIX, ours.uid()) {
            tracing::warn!(%error, "what an earlier run left behind stays");
        }
        Self::make(place, TOOL_PREFIX, &ours)
    }

    /// One that belongs to its user, so that it may write into it.
    fn make(place: &Path, prefix: &str, server: &Metadata) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix(prefix).tempdir_in(place)?;
        // A sweep that comes in between must not find it unlocked.
        let lock = File::create(dir.path().join(LOCK_NEW))?;
        lock.lock()?;
        std::fs::rename(dir.path().join(LOCK_NEW), dir.path().join(LOCK))?;
        if std::fs::metadata(dir.path())?.uid() != server.uid() {
            std::os::unix::fs::chown(dir.path(), Some(server.uid()), Some(server.gid()))?;
        }
        Ok(Self {
            path: dir.path().to_owned(),
            dir: Some(dir),
            _lock: lock,
        })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the server is to put its files: nothing is there yet.
    pub fn files(&self) -> PathBuf {
        self.path.join("data")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let removed = self.dir.take().map_or(Ok(()), TempDir::close);
        if let Err(error) = removed {
            let folder = self.path.display();
            tracing::warn!(%error, %folder, "a folder is left behind");
        }
    }
}

/// Deletes the folders whose users are gone. What is not PlanB's or the server's
/// is not touched: everybody may write into a `tmpdir`.
fn sweep(place: &Path, prefix: &str, server: u32) -> io::Result<()> {
    let ours = std::fs::metadata("/proc/self")?.uid();
    for entry in std::fs::read_dir(place)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with(prefix) {
            continue;
        }
        // One that ends just now goes by itself.
        let Ok(about) = path.symlink_metadata() else {
            continue;
        };
        let known = about.is_dir() && [ours, server].contains(&about.uid());
        if !known || !is_left_behind(&path.join(LOCK))? {
            continue;
        }
        let folder = path.display();
        tracing::warn!(%folder, "removing what a snapshot left behind");
        super::target::remove(&path)?;
    }
    Ok(())
}

/// Whether nobody holds the lock. A folder without one was just made.
fn is_left_behind(lock: &Path) -> io::Result<bool> {
    let file = match File::open(lock) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(place: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(place).expect("read");
        entries.flatten().map(|entry| entry.path()).collect()
    }

    #[test]
    fn a_folder_that_was_left_behind_goes_and_one_in_use_stays() {
        let place = tempfile::tempdir().expect("a folder");
        let server = std::fs::metadata(place.path()).expect("ours");
        let used = Folder::make(place.path(), PREFIX, &server).expect("made");
        std::fs::create_dir(used.files()).expect("the server's");
        let left = place.path().join("planb-clone-left");
        std::fs::create_dir_all(left.join("data")).expect("made");
        let just_made = place.path().join("planb-clone-new");
        std::fs::create_dir(&just_made).expect("made");
        let theirs = place.path().join("theirs");
        std::fs::create_dir(&theirs).expect("made");
        File::create(left.join(LOCK)).expect("a lock nobody holds");
        File::create(theirs.join(LOCK)).expect("a file");

        sweep(place.path(), PREFIX, server.uid()).expect("swept");
        let mut still = folders(place.path());
        still.sort();
        let mut wanted = vec![used.path.clone(), just_made, theirs];
        wanted.sort();
        assert_eq!(still, wanted);
        let gone = used.path.clone();
        drop(used);
        assert!(!gone.exists());
    }
    #[test]
    fn the_account_a_killed_run_left_goes_with_the_next_one() {
        let place = tempfile::tempdir().expect("a folder");
        let mut killed = Folder::of_tool_in(place.path()).expect("made");
        let left = killed.dir.take().expect("there").keep();
        std::fs::write(left.join("account.cnf"), "[client]").expect("written");
        let beside = Folder::of_tool_in(place.path()).expect("made");
        assert!(left.exists(), "it is in use");
        drop(killed);
        let next = Folder::of_tool_in(place.path()).expect("made");
        assert!(!left.exists() && beside.path().exists() && next.path().exists());
    }
}
