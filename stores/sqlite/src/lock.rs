//! One process owns a state: an operating system lock that dies with it.

use planb_ports::{ErrorKind, PortError, PortResult};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Name of the lock file, beside the state file.
pub const LOCK_FILE: &str = "planb.lock";

/// Longest text read from a lock file, in bytes: a process ID and a line end.
const OWNER_BYTES_MAX: u64 = 32;

/// The lock. The operating system gives it up when the file is closed, also by
/// `kill -9`, so there is never a stale one to remove by hand.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
}

impl StateLock {
    /// Takes the lock of the state in `state_file`, or says who has it.
    pub fn take(state_file: &Path) -> PortResult<Self> {
        let path = lock_path(state_file);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| cannot_lock(&path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked(&path, &mut file)),
            Err(TryLockError::Error(e)) => return Err(cannot_lock(&path, e)),
        }
        write_owner(&mut file).map_err(|e| cannot_lock(&path, e))?;
        Ok(Self { _file: file })
    }
}

fn lock_path(state_file: &Path) -> PathBuf {
    match state_file.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory.join(LOCK_FILE),
        _ => PathBuf::from(LOCK_FILE),
    }
}

/// The process ID is for people; the lock itself is what excludes.
fn write_owner(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    file.flush()
}

fn locked(path: &Path, file: &mut File) -> PortError {
    let mut owner = String::new();
    let read = file.take(OWNER_BYTES_MAX).read_to_string(&mut owner);
    let pid = match read {
        Ok(_) if owner.trim().parse::<u32>().is_ok() => owner.trim().to_owned(),
        _ => "?".to_owned(),
    };
    PortError::new(
        ErrorKind::Conflict,
        "PB-STATE-LOCKED",
        format!(
            "another planb (process {pid}) owns this state: {}",
            path.display()
        ),
    )
    .hint(
        format!("stop process {pid} first, or give this one a state directory of its own"),
        format!("먼저 프로세스 {pid}를 종료하거나, 별도의 상태 디렉터리를 지정하세요"),
    )
}

fn cannot_lock(path: &Path, error: std::io::Error) -> PortError {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::NotFound,
        std::io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => ErrorKind::NoSpace,
        _ => ErrorKind::Unavailable,
    };
    PortError::new(
        kind,
        "PB-STATE-LOCK-FILE",
        format!("cannot use the lock file {}", path.display()),
    )
    .hint(
        "make the state directory, and let the user planb runs as write it",
        "상태 디렉터리를 만들고 PlanB 실행 계정에 쓰기 권한을 부여하세요",
    )
    .source(error)
}
