//! The folder a copy of the server's files is put into.
//!
//! It takes as much room as the data, so it must go whatever happens: when the
//! snapshot ends, or when the next one finds that its owner is gone.

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
            sweep(place, server.uid())?;
            Self::make(place, &server)
        };
        made().map_err(|e| {
            let place = place.display();
            unsupported(format!(
                "PlanB cannot make a folder for the server in {place}"
            ))
            .source(e)
        })
    }

    /// One that belongs to the server, so that it may write into it.
    fn make(place: &Path, server: &Metadata) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir_in(place)?;
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
            tracing::warn!(%error, %folder, "a copy of the server's files is left behind");
        }
    }
}

/// Deletes the folders whose users are gone. What is not PlanB's or the server's
/// is not touched: everybody may write into a `tmpdir`.
fn sweep(place: &Path, server: u32) -> io::Result<()> {
    let ours = std::fs::metadata("/proc/self")?.uid();
    for entry in std::fs::read_dir(place)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with(PREFIX) {
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
        tracing::warn!(%folder, "removing a copy that a snapshot left behind");
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
        let used = Folder::make(place.path(), &server).expect("made");
        std::fs::create_dir(used.files()).expect("the server's");
        let left = place.path().join("planb-clone-left");
        std::fs::create_dir_all(left.join("data")).expect("made");
        let just_made = place.path().join("planb-clone-new");
        std::fs::create_dir(&just_made).expect("made");
        let theirs = place.path().join("theirs");
        std::fs::create_dir(&theirs).expect("made");
        File::create(left.join(LOCK)).expect("a lock nobody holds");
        File::create(theirs.join(LOCK)).expect("a file");

        sweep(place.path(), server.uid()).expect("swept");
        let mut still = folders(place.path());
        still.sort();
        let mut wanted = vec![used.path.clone(), just_made, theirs];
        wanted.sort();
        assert_eq!(still, wanted);
        let gone = used.path.clone();
        drop(used);
        assert!(!gone.exists());
    }
}
