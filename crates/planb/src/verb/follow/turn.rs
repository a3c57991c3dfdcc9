//! One follower per target on a machine: a lock file with its process ID, so
//! that a second command can ask it to promote. Ends with the process.

use crate::error::{CliError, CliResult};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use planb_model::ServiceName;
use planb_model::recovery::ObjectHash;
use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::path::PathBuf;

/// The right to apply to a target, as long as it lives.
pub struct Turn {
    /// Holds the lock.
    _file: File,
}

impl Turn {
    /// Takes it, or tells which process has it.
    pub fn take(target: &str, service: &ServiceName) -> CliResult<Result<Self, u32>> {
        let io = |e: std::io::Error| CliError::io("lock the target", "대상을 잠글", e);
        let path = path(target, service);
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0).map_err(io)?;
                write!(file, "{}", std::process::id()).map_err(io)?;
                Ok(Ok(Self { _file: file }))
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text).map_err(io)?;
                Ok(Err(text.trim().parse().unwrap_or_default()))
            }
            Err(TryLockError::Error(error)) => Err(io(error)),
        }
    }
}

fn path(target: &str, service: &ServiceName) -> PathBuf {
    let directory = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|path| path.is_dir())
        .unwrap_or_else(std::env::temp_dir);
    let name = ObjectHash::of(format!("{service}\n{target}").as_bytes());
    directory.join(format!("planb-follow-{}.lock", name.short()))
}

/// Asks the process that has the turn to promote.
pub fn ask_running(pid: u32) -> CliResult<()> {
    let ask = i32::try_from(pid).ok().filter(|pid| *pid > 0);
    let sent = ask.map(|pid| kill(Pid::from_raw(pid), Signal::SIGUSR1));
    match sent {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => Err(CliError::io(
            &format!("signal process {pid}"),
            &format!("프로세스 {pid}에 신호를 보낼"),
            error,
        )),
        None => Err(CliError::io(
            "find the running follow",
            "실행 중인 follow를 찾을",
            "its lock file holds no process",
        )),
    }
}
