//! A fake of the local disk, in memory.

use crate::{Link, fake_error, lock};
use async_trait::async_trait;
use planb_ports::disk::DiskFile;
use planb_ports::{Disk, ErrorKind, PortResult};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Files in memory. Clones share them.
#[derive(Debug, Clone)]
pub struct MemoryDisk {
    files: Arc<Mutex<BTreeMap<PathBuf, Vec<u8>>>>,
    capacity_bytes: u64,
    link: Link,
}

impl MemoryDisk {
    /// An empty disk of `capacity_bytes`.
    pub fn new(capacity_bytes: u64) -> Self {
        Self {
            files: Arc::default(),
            capacity_bytes,
            link: Link::direct(),
        }
    }

    /// The same disk behind `link`.
    #[must_use]
    pub fn through(&self, link: Link) -> Self {
        Self {
            link,
            ..self.clone()
        }
    }

    /// The files directly in `directory`, by name.
    pub fn files_in(&self, directory: &Path) -> Vec<DiskFile> {
        let files = lock(&self.files);
        let here = files.iter().filter(|(p, _)| p.parent() == Some(directory));
        let named = here.filter_map(|(p, bytes)| {
            let name = p.file_name()?.to_str()?.to_owned();
            let bytes = bytes.len() as u64;
            Some(DiskFile { name, bytes })
        });
        named.collect()
    }

    /// What a file holds now.
    pub fn peek(&self, path: &Path) -> Option<Vec<u8>> {
        lock(&self.files).get(path).cloned()
    }

    /// Cuts a file to its first `bytes`, as a torn write would leave it.
    pub fn tear(&self, path: &Path, bytes: usize) {
        if let Some(file) = lock(&self.files).get_mut(path) {
            file.truncate(bytes);
        }
    }
}

fn used_without(files: &BTreeMap<PathBuf, Vec<u8>>, path: &Path) -> u64 {
    let others = files.iter().filter(|(p, _)| p.as_path() != path);
    others.map(|(_, bytes)| bytes.len() as u64).sum()
}

#[async_trait]
impl Disk for MemoryDisk {
    async fn read(&self, path: &Path) -> PortResult<Vec<u8>> {
        let read = || {
            let found = lock(&self.files).get(path).cloned();
            found.ok_or_else(|| fake_error(ErrorKind::NotFound, "there is no such file"))
        };
        self.link.call("disk-read", read).await
    }

    async fn write_atomic(&self, path: &Path, bytes: &[u8]) -> PortResult<()> {
        let write = || {
            let mut files = lock(&self.files);
            if used_without(&files, path) + bytes.len() as u64 > self.capacity_bytes {
                return Err(fake_error(ErrorKind::NoSpace, "the disk is full"));
            }
            files.insert(path.to_owned(), bytes.to_owned());
            Ok(())
        };
        self.link.call("disk-write", write).await
    }

    async fn read_up_to(&self, path: &Path, bytes_max: u64) -> PortResult<Vec<u8>> {
        let bytes = self.read(path).await?;
        if bytes.len() as u64 > bytes_max {
            return Err(fake_error(ErrorKind::Invalid, "the file is too large"));
        }
        Ok(bytes)
    }

    async fn list(&self, directory: &Path) -> PortResult<Vec<DiskFile>> {
        let list = || Ok(self.files_in(directory));
        self.link.call("disk-list", list).await
    }

    async fn remove(&self, path: &Path) -> PortResult<()> {
        let remove = || {
            lock(&self.files).remove(path);
            Ok(())
        };
        self.link.call("disk-remove", remove).await
    }

    async fn free_bytes(&self, _path: &Path) -> PortResult<u64> {
        let free = || {
            let used = used_without(&lock(&self.files), Path::new(""));
            Ok(self.capacity_bytes.saturating_sub(used))
        };
        self.link.call("disk-free", free).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_disk_keeps_the_old_file() {
        let disk = MemoryDisk::new(4);
        let path = Path::new("plan");
        disk.write_atomic(path, b"old").await.expect("fits");
        let error = disk.write_atomic(path, b"newer").await.expect_err("full");
        assert_eq!(error.kind(), ErrorKind::NoSpace);
        assert_eq!(disk.read(path).await.expect("kept"), b"old");
        assert_eq!(disk.free_bytes(path).await.expect("known"), 1);
    }
}
