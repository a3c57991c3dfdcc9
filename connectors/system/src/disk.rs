//! Small files on this machine, replaced as a whole and durably.

use crate::error::disk_error;
use async_trait::async_trait;
use nix::sys::statvfs::statvfs;
use planb_ports::disk::DiskFile;
use planb_ports::{Disk, ErrorKind, PortError, PortResult};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Largest file that is read: these are plans and states of some kilobytes, and
/// a path that points elsewhere must not fill the memory.
pub const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Only PlanB's user reads them: states name hosts and users.
const FILE_MODE: u32 = 0o600;

/// Makes names of temporary files unique within the process.
static TEMPORARY: AtomicU64 = AtomicU64::new(0);

/// The disk of this machine. A write that was begun is ended even when its
/// caller stops waiting.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemDisk;

#[async_trait]
impl Disk for SystemDisk {
    async fn read(&self, path: &Path) -> PortResult<Vec<u8>> {
        blocking(path, |path| read(path, FILE_BYTES_MAX)).await
    }

    async fn read_up_to(&self, path: &Path, bytes_max: u64) -> PortResult<Vec<u8>> {
        blocking(path, move |path| read(path, bytes_max)).await
    }

    async fn list(&self, directory: &Path) -> PortResult<Vec<DiskFile>> {
        blocking(directory, |path| {
            list(path).map_err(|e| disk_error("list", path, e))
        })
        .await
    }

    async fn remove(&self, path: &Path) -> PortResult<()> {
        blocking(path, |path| match std::fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(disk_error("delete", path, e)),
            _ => Ok(()),
        })
        .await
    }

    async fn write_atomic(&self, path: &Path, bytes: &[u8]) -> PortResult<()> {
        let bytes = bytes.to_vec();
        blocking(path, move |path| {
            write_atomic(path, &bytes).map_err(|e| disk_error("write", path, e))
        })
        .await
    }

    async fn free_bytes(&self, path: &Path) -> PortResult<u64> {
        blocking(path, free_bytes).await
    }
}

/// Runs `work` where blocking is allowed.
async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Path) -> PortResult<T> + Send + 'static,
) -> PortResult<T> {
    let owned = path.to_owned();
    match tokio::task::spawn_blocking(move || work(&owned)).await {
        Ok(result) => result,
        Err(error) => Err(PortError::new(
            ErrorKind::Internal,
            "PB-DISK-IO",
            format!("work on {} was broken off", path.display()),
        )
        .source(error)),
    }
}

fn list(directory: &Path) -> io::Result<Vec<DiskFile>> {
    let entries = match std::fs::read_dir(directory) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let facts = match entry.metadata() {
            // It went while the directory was read.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        // A name that is no text is none of ours.
        if let (true, Ok(name)) = (facts.is_file(), entry.file_name().into_string()) {
            let bytes = facts.len();
            files.push(DiskFile { name, bytes });
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path, bytes_max: u64) -> PortResult<Vec<u8>> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?
            .take(bytes_max.saturating_add(1))
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|e| disk_error("read", path, e))?;
    if bytes.len() as u64 > bytes_max {
        return Err(PortError::new(
            ErrorKind::Invalid,
            "PB-DISK-TOO-LARGE",
            format!("{} has more than {bytes_max} bytes", path.display()),
        )
        .hint(
            "this is not a file PlanB wrote; check the path in the configuration",
            "PlanB가 기록한 파일이 아닙니다. 설정에 적힌 경로를 확인하세요",
        ));
    }
    Ok(bytes)
}

fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (Some(name), Some(directory)) = (path.file_name(), path.parent()) else {
        return Err(io::ErrorKind::InvalidFilename.into());
    };
    let directory = match directory.as_os_str().is_empty() {
        true => Path::new("."),
        false => directory,
    };
    make_directory(directory)?;
    let number = TEMPORARY.fetch_add(1, Ordering::Relaxed);
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}-{number}.tmp", std::process::id()));
    let temporary = directory.join(hidden);
    let done = write_durably(&temporary, bytes)
        .and_then(|()| std::fs::rename(&temporary, path))
        // The rename is durable only when the directory is.
        .and_then(|()| File::open(directory)?.sync_all());
    if done.is_err() && temporary.exists() {
        std::fs::remove_file(&temporary)?;
    }
    done
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A file of this name can only be left over from a crash of a process with
    // the same id, so it may be truncated.
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(FILE_MODE)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes `directory` and what is missing above it, each durably in its parent.
fn make_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    if let Some(parent) = directory.parent().filter(|p| !p.as_os_str().is_empty()) {
        make_directory(parent)?;
    }
    match std::fs::create_dir(directory) {
        // Another writer made it, or something else has its name.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if !directory.is_dir() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
        }
        other => other?,
    }
    match directory.parent().filter(|p| !p.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

fn free_bytes(path: &Path) -> PortResult<u64> {
    // The file may not be there yet: ask its nearest directory that is.
    let there: PathBuf = path
        .ancestors()
        .map(|p| {
            if p.as_os_str().is_empty() {
                Path::new(".")
            } else {
                p
            }
        })
        .find(|p| p.exists())
        .unwrap_or(Path::new("/"))
        .to_owned();
    let facts = statvfs(&there)
        .map_err(|errno| disk_error("look at the file system of", path, errno.into()))?;
    Ok(facts
        .blocks_available()
        .saturating_mul(facts.fragment_size()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn files(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_file_is_replaced_as_a_whole() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b/state.json");
        let missing = SystemDisk.read(&path).await.unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        SystemDisk
            .write_atomic(&path, b"a longer first text")
            .await
            .unwrap();
        SystemDisk.write_atomic(&path, b"short").await.unwrap();
        assert_eq!(SystemDisk.read(&path).await.unwrap(), b"short");
        assert_eq!(files(path.parent().unwrap()), ["state.json"]);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, FILE_MODE);
    }

    #[tokio::test]
    async fn a_failed_write_leaves_nothing_behind() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("taken");
        std::fs::create_dir_all(path.join("by a directory")).unwrap();
        let error = SystemDisk.write_atomic(&path, b"new").await.unwrap_err();
        assert_eq!(error.code(), "PB-DISK-PATH", "{}", error.chain());
        assert_eq!(files(home.path()), ["taken"]);
    }

    #[tokio::test]
    async fn a_path_below_a_file_is_refused() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("file"), b"").unwrap();
        let path = home.path().join("file/state.json");
        let error = SystemDisk.write_atomic(&path, b"new").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{}", error.chain());
    }

    #[tokio::test]
    async fn many_writers_never_show_a_mixed_file() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("state");
        let mut writers = tokio::task::JoinSet::new();
        for letter in b'a'..b'i' {
            let path = path.clone();
            writers.spawn(async move {
                SystemDisk
                    .write_atomic(&path, &vec![letter; 20_000])
                    .await
                    .unwrap();
                let seen = SystemDisk.read(&path).await.unwrap();
                assert_eq!(seen.len(), 20_000);
                assert!(seen.iter().all(|byte| *byte == seen[0]));
            });
        }
        while let Some(writer) = writers.join_next().await {
            writer.unwrap();
        }
        assert_eq!(files(home.path()), ["state"]);
    }

    #[tokio::test]
    async fn a_huge_file_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("huge");
        File::create(&path)
            .unwrap()
            .set_len(FILE_BYTES_MAX + 1)
            .unwrap();
        let error = SystemDisk.read(&path).await.unwrap_err();
        assert_eq!(error.code(), "PB-DISK-TOO-LARGE");
    }

    #[tokio::test]
    async fn files_are_listed_read_and_removed() {
        let home = tempfile::tempdir().unwrap();
        let queue = home.path().join("queue");
        assert_eq!(SystemDisk.list(&queue).await.unwrap(), []);
        for name in ["b", "a"] {
            let path = queue.join(name);
            SystemDisk.write_atomic(&path, b"12345").await.unwrap();
        }
        std::fs::create_dir(queue.join("below")).unwrap();
        let listed = SystemDisk.list(&queue).await.unwrap();
        let names: Vec<_> = listed.iter().map(|f| (f.name.as_str(), f.bytes)).collect();
        assert_eq!(names, [("a", 5), ("b", 5)]);

        let path = queue.join("a");
        assert_eq!(SystemDisk.read_up_to(&path, 5).await.unwrap(), b"12345");
        let error = SystemDisk.read_up_to(&path, 4).await.unwrap_err();
        assert_eq!(error.code(), "PB-DISK-TOO-LARGE");
        for _ in 0..2 {
            SystemDisk.remove(&path).await.unwrap();
        }
        assert_eq!(files(&queue), ["b", "below"]);
    }

    #[tokio::test]
    async fn free_space_is_known_before_the_file_is_there() {
        let home = tempfile::tempdir().unwrap();
        let there = SystemDisk.free_bytes(home.path()).await.unwrap();
        let path = home.path().join("not/there/yet");
        let below = SystemDisk.free_bytes(&path).await.unwrap();
        assert!(there > 0 && below > 0);
    }
}
