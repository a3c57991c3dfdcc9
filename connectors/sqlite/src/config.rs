//! Names of the files around a database, and the bounds of this connector.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Shortest pause between two looks at the WAL, in milliseconds.
pub const POLL_PAUSE_MS_MIN: u64 = 15;

/// Longest pause between two looks at the WAL, in milliseconds. A look is a few
/// microseconds, but waking up for it 66 times a second was most of what an
/// idle control plane cost.
pub const POLL_PAUSE_MS_MAX: u64 = 50;

/// Looks at the WAL per flush interval: what they add to the age of a batch is small.
pub const POLLS_PER_FLUSH: u32 = 20;

/// A WAL of this many bytes is checkpointed and begun anew.
pub const WAL_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A WAL of this many frames is checkpointed and begun anew: SQLite's own default.
pub const WAL_FRAMES_MAX: u32 = 1000;

/// Unshipped frames keep a WAL from being begun anew until it is this many
/// times [`WAL_BYTES_MAX`] large; then the disk of the service matters more.
pub const WAL_KEEP_FACTOR: u64 = 16;

/// How long no batch is taken from a long WAL, in milliseconds, so that the vault
/// comes after: a put takes less, and a segment is at most this much older.
pub const RESTART_WAIT_MS: u64 = 500;

/// Pause after a WAL could not be begun anew, in milliseconds: a reader of the
/// service is in the way, and asking more often would only disturb writers.
pub const RESTART_PAUSE_MS: u64 = 250;

/// Tries to find a moment between two transactions for beginning a WAL anew.
pub const RESTART_ROUNDS_MAX: u32 = 4;

/// Pause between two tries for a lock of the service, in microseconds. SQLite's
/// own handler pauses up to 100 ms, and a service that commits without a pause
/// would never let it in.
pub const LOCK_PAUSE_MICROS: u64 = 500;

/// Tries for a lock of the service: at least 5 s.
pub const LOCK_TRIES_MAX: i32 = 10_000;

/// Tries for the write lock when it is only wanted for a checkpoint, which can
/// as well be done later: at least 100 ms.
pub const RESTART_LOCK_TRIES_MAX: i32 = 200;

/// Pause after the length of the WAL was being changed while it was read, in
/// milliseconds; a change takes microseconds.
pub const EXTENT_PAUSE_MS: u64 = 1;

/// Tries to read the length of the WAL; at least 5 s, for
/// a writer that is suspended in the middle of a commit.
pub const EXTENT_TRIES_MAX: u32 = 5_000;

/// Tries to copy the rest of a WAL under the write lock, one a millisecond: a
/// checkpoint of the service may just be running, which does the same work.
pub const COPY_TRIES_MAX: u32 = 50;

/// Bytes read from the WAL or handed to a sink at once.
pub const CHUNK_BYTES: usize = 1024 * 1024;

/// Pages copied at once while a snapshot is taken, between two progress reports.
pub const BACKUP_STEP_PAGES: i32 = 2_048;

/// Problems reported by one integrity check; more would not tell more.
pub const INTEGRITY_PROBLEMS_MAX: u32 = 20;

/// A transaction beyond this many bytes of log goes on in the next segment: memory
/// does not follow the size of a transaction.
pub const PIECE_BYTES_MIN: u64 = 4 * 1024 * 1024;

/// A database and the files beside it.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The database.
    pub database: PathBuf,
    /// Its write-ahead log.
    pub wal: PathBuf,
    /// Its shared memory. Never opened by PlanB itself: closing it would drop
    /// every lock this process has on it (POSIX).
    pub shared: PathBuf,
    /// What PlanB knows of a restored copy.
    pub sidecar: PathBuf,
    /// The log of a copy whose commit has not come yet.
    pub pending: PathBuf,
    /// A restore before it is whole.
    pub incoming: PathBuf,
    /// Pages of a snapshot while it is taken.
    pub outgoing: PathBuf,
    /// What was there before the last restore.
    pub aside: PathBuf,
    /// Its write-ahead log.
    pub aside_wal: PathBuf,
}

impl Paths {
    /// The files around `database`.
    pub fn new(database: PathBuf) -> Self {
        let beside = |suffix: &str| {
            let mut name = OsString::from(database.as_os_str());
            name.push(suffix);
            PathBuf::from(name)
        };
        Self {
            wal: beside("-wal"),
            shared: beside("-shm"),
            sidecar: beside(".planb-applied"),
            pending: beside(".planb-pending"),
            incoming: beside(".planb-restore"),
            outgoing: beside(".planb-snapshot"),
            aside: beside(".before-restore"),
            aside_wal: beside(".before-restore-wal"),
            database,
        }
    }

    /// The directory all of them are in.
    pub fn directory(&self) -> &Path {
        match self.database.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }
}
