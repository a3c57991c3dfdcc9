//! What drills that were killed left behind.

use crate::LaunchError;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::path::Path;

/// Directories of drills begin with this.
pub(super) const PREFIX: &str = "planb-drill-";
/// File with the process ID of the drill.
pub(super) const OWNER: &str = "owner.pid";
/// File with the process ID of the server.
pub(super) const SERVER: &str = "server.pid";
/// The file a restored copy of PostgreSQL writes its own process ID to.
const COPYS_OWN: &str = "copy/data/postmaster.pid";

pub(super) fn note_pid(dir: &Path, file: &str, pid: u32) -> Result<(), LaunchError> {
    let path = dir.join(file);
    std::fs::write(&path, pid.to_string())
        .map_err(LaunchError::io(format!("write {}", path.display())))
}

/// Ends and removes what drills that were killed left behind.
pub fn sweep() {
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(PREFIX) {
            sweep_one(&entry.path());
        }
    }
}

fn sweep_one(path: &Path) {
    let Some(owner) = first_number(&path.join(OWNER)) else {
        return;
    };
    if is_running(owner, "planb") {
        return;
    }
    for file in [SERVER, COPYS_OWN] {
        if let Some(server) = first_number(&path.join(file))
            && is_running(server, &path.to_string_lossy())
            && let Err(error) = kill(Pid::from_raw(server), Signal::SIGKILL)
        {
            tracing::warn!(server, %error, "a scratch server of an earlier drill stays");
            return;
        }
    }
    if let Err(error) = std::fs::remove_dir_all(path) {
        tracing::warn!(path = %path.display(), %error, "an earlier drill's directory stays");
    }
}

/// The process ID in the first line of a file.
pub(super) fn first_number(file: &Path) -> Option<i32> {
    let text = std::fs::read_to_string(file).ok()?;
    let first = text.lines().next()?;
    first.trim().parse().ok().filter(|pid| *pid > 0)
}

/// Whether process `pid` runs with `word` in its command line: process IDs are
/// used again.
fn is_running(pid: i32, word: &str) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline"))
        .is_ok_and(|line| String::from_utf8_lossy(&line).contains(word))
}
