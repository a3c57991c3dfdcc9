//! The local disk, for small files PlanB keeps of its own.

use crate::PortResult;
use async_trait::async_trait;
use std::path::Path;

/// Small files. Database files and vaults have ports of their own.
#[async_trait]
pub trait Disk: Send + Sync {
    /// Reads a whole file; `NotFound` when there is none.
    async fn read(&self, path: &Path) -> PortResult<Vec<u8>>;

    /// Replaces a file as a whole and durably: after a crash there is the old
    /// content or the new one, never a part. Makes missing directories.
    async fn write_atomic(&self, path: &Path, bytes: &[u8]) -> PortResult<()>;

    /// Reads a whole file of at most `bytes_max` bytes; `NotFound` when there is
    /// none, `Invalid` when it is larger.
    async fn read_up_to(&self, path: &Path, bytes_max: u64) -> PortResult<Vec<u8>>;

    /// The files directly in `directory`, by name, hidden ones too; none when
    /// there is no such directory.
    async fn list(&self, directory: &Path) -> PortResult<Vec<DiskFile>>;

    /// Deletes a file; one that is not there is no error. After a crash it may
    /// be there again.
    async fn remove(&self, path: &Path) -> PortResult<()>;

    /// Free bytes of the file system `path` is on, for an unprivileged writer.
    async fn free_bytes(&self, path: &Path) -> PortResult<u64>;
}

/// A file in a listing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DiskFile {
    /// Its name, without its directory.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
}
