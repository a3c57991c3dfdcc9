//! A place for a copy of a whole PostgreSQL server. The connector unpacks the
//! files and starts the server; here it is given a configuration that lets
//! nobody in but this machine, and its end.

use super::leftover::first_number;
use crate::LaunchError;
use crate::port::free_port;
use crate::postgres::{bin_dir, server_user};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Everybody of this machine, without the source's passwords.
const HBA: &str = "host all all 127.0.0.1/32 trust\n";
/// Small: a drill reads once what it loads. Crash safety is for copies that
/// somebody needs.
const SETTINGS: &str = "shared_buffers = 64MB\nfsync = off\nfull_page_writes = off\n";
/// How long the server may take to end before it is killed.
const STOP_MS_MAX: u64 = 10_000;
/// Pause between two looks at it.
const LOOK_PAUSE_MS: u64 = 10;

/// See the module. Its server, if one was started, ends when it is dropped.
#[derive(Debug)]
pub(super) struct PostgresCopy {
    home: PathBuf,
    bin_dir: PathBuf,
    port: u16,
}

impl PostgresCopy {
    /// Makes the place in `dir`; the connector makes the data directory itself.
    pub(super) fn prepare(dir: &Path) -> Result<Self, LaunchError> {
        let copy = Self {
            home: dir.join("copy"),
            bin_dir: bin_dir()?,
            port: free_port()?,
        };
        let notes = copy.home.join("data.planb");
        let io = |path: &Path| LaunchError::io(format!("write {}", path.display()));
        std::fs::create_dir_all(&notes).map_err(io(&notes))?;
        let files = [
            ("pg_hba.conf", HBA),
            ("postgresql.conf", SETTINGS),
            ("pg_ident.conf", ""),
        ];
        for (name, content) in files {
            let path = notes.join(name);
            std::fs::write(&path, content).map_err(io(&path))?;
            hand_over(&path)?;
        }
        for folder in [dir, &copy.home, &notes] {
            hand_over(folder)?;
        }
        Ok(copy)
    }

    pub(super) fn data_dir(&self) -> PathBuf {
        self.home.join("data")
    }

    pub(super) fn bin_dir(&self) -> PathBuf {
        self.bin_dir.clone()
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    fn pid(&self) -> Option<Pid> {
        first_number(&self.data_dir().join("postmaster.pid")).map(Pid::from_raw)
    }
}

impl Drop for PostgresCopy {
    fn drop(&mut self) {
        let Some(pid) = self.pid() else { return };
        // Immediately: nothing of it is needed any more.
        if kill(pid, Signal::SIGQUIT).is_err() {
            return; // Gone already.
        }
        let until = Instant::now() + Duration::from_millis(STOP_MS_MAX);
        while kill(pid, None).is_ok() {
            if Instant::now() > until {
                if let Err(error) = kill(pid, Signal::SIGKILL) {
                    tracing::warn!(%error, "a scratch server of PostgreSQL stays");
                }
                return;
            }
            std::thread::sleep(Duration::from_millis(LOOK_PAUSE_MS));
        }
    }
}

/// Gives a file or folder to PostgreSQL's user when we are root, whom it refuses.
pub(super) fn hand_over(path: &Path) -> Result<(), LaunchError> {
    let Some((uid, gid)) = server_user()? else {
        return Ok(());
    };
    std::os::unix::fs::chown(path, Some(uid.as_raw()), Some(gid.as_raw()))
        .map_err(LaunchError::io(format!("hand over {}", path.display())))
}
