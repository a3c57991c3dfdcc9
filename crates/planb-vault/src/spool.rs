//! The queue between the reader of a source's log and the vault.
//!
//! Reading and shipping run side by side. What was read and is not in the vault
//! waits in memory while the vault is quick, and on the local disk when it is
//! not, up to a bound; behind the bound reading stops and the source keeps its
//! log. The source is told that it may forget log only when the vault has it.
//!
//! A file of the spool is an object of the vault, byte for byte: compressed,
//! encrypted when the vault is, and made for its one place in the chain. So a
//! spool that is found after a crash is used when, and only when, it follows the
//! end of the chain; then it may be the only copy of that log there is. And a
//! chain that a newer epoch closed cannot be extended by it.

mod backlog;
mod feed;
mod files;
mod leftover;
#[cfg(test)]
mod model;
mod queue;
mod recover;
mod shipping;
mod spill;

pub(crate) use backlog::Backlog;
use planb_ports::Disk;
use std::path::PathBuf;
use std::sync::Arc;

/// Default bound of the spool on disk: an hour of a database that writes
/// 1 MiB of log a second, which compresses to about a third.
pub const SPOOL_BYTES_DEFAULT: u64 = 1024 * 1024 * 1024;
/// Default of what a spool leaves free on its file system: the control plane's
/// own journal may be on it.
pub const SPOOL_KEEP_FREE_BYTES_DEFAULT: u64 = 256 * 1024 * 1024;

/// Objects that wait in memory, in bytes as stored. Reading stops beyond it
/// when there is no disk for them.
const MEMORY_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// With so much in memory, or …
const SPILL_BYTES: u64 = MEMORY_BYTES_MAX / 2;
/// … when the oldest object has waited so long, objects go to disk: a put that
/// takes longer is a vault that is not quick.
const SPILL_AFTER_MS: u64 = 3_000;
/// Objects that may wait; they cost about 200 bytes of memory each.
const OBJECTS_MAX: usize = 100_000;
/// While objects wait on disk, a batch may gather for this long: a vault whose
/// puts take longer than the flush interval gets fewer of them and is caught up
/// with. It never gets larger than in peace.
const BACKLOG_BATCH_SECS: u64 = 5;
/// Time between two looks at what should be on disk.
const LOOK_MS: u64 = 500;

/// Where log waits, and how much of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolOptions {
    /// A directory of this control plane alone; made when it is missing.
    pub directory: PathBuf,
    /// Most bytes that wait on disk.
    pub bytes_max: u64,
    /// Bytes it leaves free on its file system.
    pub keep_free_bytes: u64,
}

impl SpoolOptions {
    /// A spool in `directory` with the default bounds.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            bytes_max: SPOOL_BYTES_DEFAULT,
            keep_free_bytes: SPOOL_KEEP_FREE_BYTES_DEFAULT,
        }
    }
}

/// A disk to wait on.
#[derive(Clone)]
pub(crate) struct Spool {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) options: SpoolOptions,
}
