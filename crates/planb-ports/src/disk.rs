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

    /// Free bytes of the file system `path` is on, for an unprivileged writer.
    async fn free_bytes(&self, path: &Path) -> PortResult<u64>;
}
