//! Where the files about one workload are, and the lock over them.

use crate::error::{busy, state_damaged, state_failed};
use planb_ports::PortResult;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Time between two tries for the lock.
const LOCK_POLL_MS: u64 = 10;
/// Only PlanB's user reads these files.
const FILE_MODE: u32 = 0o600;

/// The directory of one workload: `<run_dir>/<service>/<site>`.
#[derive(Debug, Clone)]
pub(crate) struct Place(PathBuf);

/// Held while a workload is changed. The kernel lets go of it when PlanB dies.
/// A process that PlanB has forked and that has not yet reached its program
/// holds it too, so a restarted PlanB never looks before the mark in the
/// environment of such a process can be seen.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held, not used")] File);

impl Place {
    pub fn new(run_dir: &Path, service: &str, site: &str) -> Place {
        Place(run_dir.join(service).join(site))
    }

    /// A file of this name.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Takes the lock, waiting for at most `patience`.
    pub async fn lock(&self, patience: Duration) -> PortResult<Lock> {
        let path = self.0.join("lock");
        let failed = |error| state_failed("lock", &path, error);
        fs::create_dir_all(&self.0).map_err(failed)?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(FILE_MODE)
            .open(&path)
            .map_err(failed)?;
        let deadline = Instant::now() + patience;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock(file)),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(LOCK_POLL_MS)).await;
                }
                Err(TryLockError::WouldBlock) => return Err(busy()),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }

    /// Reads a file; `None` when there is none.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> PortResult<Option<T>> {
        let path = self.0.join(name);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|e| state_damaged(&path, e)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(state_failed("read", &path, error)),
        }
    }

    /// Replaces a file as a whole and durably. Needs the lock, which makes the
    /// one temporary name enough.
    pub fn write<T: Serialize>(&self, _lock: &Lock, name: &str, value: &T) -> PortResult<()> {
        let path = self.0.join(name);
        let temporary = self.0.join(format!("{name}.tmp"));
        let bytes = serde_json::to_vec(value).map_err(|e| state_damaged(&path, e))?;
        let write = || {
            let mut file = OpenOptions::new()
                .create(true)
                .truncate(true)
                .write(true)
                .mode(FILE_MODE)
                .open(&temporary)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(&self.0)?.sync_all()
        };
        write().map_err(|e| state_failed("write", &path, e))
    }

    /// Removes a file durably; one that is not there is no error.
    pub fn remove(&self, _lock: &Lock, name: &str) -> PortResult<()> {
        let path = self.0.join(name);
        let removed = match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        };
        removed
            .and_then(|()| File::open(&self.0)?.sync_all())
            .map_err(|e| state_failed("remove", &path, e))
    }
}
