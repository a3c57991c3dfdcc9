//! SQLite's and the file system's errors in the words of the ports.

use crate::wal::WalError;
use planb_model::recovery::Engine;
use planb_ports::{ErrorKind, PortError};
use rusqlite::ErrorCode;
use std::path::Path;

/// What SQLite said, as the caller has to take it.
pub fn from_sqlite(error: rusqlite::Error) -> PortError {
    let made = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => busy(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => PortError::new(
            ErrorKind::Corrupt,
            "PB-SQLITE-CORRUPT",
            "the file is not a whole SQLite database",
        )
        .hint(
            "restore it from the vault",
            "볼트에서 데이터베이스를 복원하세요",
        ),
        Some(ErrorCode::DiskFull) => no_space(),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => not_permitted(),
        Some(ErrorCode::CannotOpen) => PortError::new(
            ErrorKind::Unavailable,
            "PB-SQLITE-OPEN",
            "the database file cannot be opened",
        )
        .hint(
            "check that the file is there and that planb may read and write it and its directory",
            "파일이 있는지, PlanB에 파일과 디렉터리의 읽기·쓰기 권한이 있는지 확인하세요",
        ),
        Some(ErrorCode::SystemIoFailure) => PortError::new(
            ErrorKind::Unavailable,
            "PB-SQLITE-IO",
            "the disk failed under the database",
        )
        .hint(
            "look at the kernel log and at the free space of the disk",
            "커널 로그와 디스크 여유 공간을 확인하세요",
        ),
        _ => PortError::new(
            ErrorKind::Internal,
            "PB-SQLITE-SQL",
            "sqlite answered unexpectedly",
        ),
    };
    made.source(error)
}

/// A large value that could not be read to its end.
pub fn unreadable_value(error: std::io::Error) -> PortError {
    match error.downcast::<rusqlite::Error>() {
        Ok(error) => from_sqlite(error),
        Err(error) => PortError::new(
            ErrorKind::Internal,
            "PB-SQLITE-SQL",
            "sqlite answered unexpectedly",
        )
        .source(error),
    }
}

/// What the file system said about `path`.
pub fn from_io(path: &Path, error: std::io::Error) -> PortError {
    use std::io::ErrorKind as Io;
    let made = match error.kind() {
        Io::StorageFull | Io::QuotaExceeded => no_space(),
        Io::PermissionDenied | Io::ReadOnlyFilesystem => not_permitted(),
        Io::NotFound => return missing(path),
        _ => PortError::new(
            ErrorKind::Unavailable,
            "PB-SQLITE-FILE",
            format!("cannot use {}", path.display()),
        )
        .hint(
            "look at the kernel log and at the disk",
            "커널 로그와 디스크 상태를 확인하세요",
        ),
    };
    made.source(error)
}

/// Somebody else has a lock that is needed.
pub fn busy() -> PortError {
    PortError::new(
        ErrorKind::Unavailable,
        "PB-SQLITE-BUSY",
        "the database is locked by another process",
    )
    .hint(
        "end long write transactions and `locking_mode=EXCLUSIVE` in the service",
        "서비스의 긴 쓰기 트랜잭션이나 `locking_mode=EXCLUSIVE` 설정을 확인하세요",
    )
}

fn no_space() -> PortError {
    PortError::new(
        ErrorKind::NoSpace,
        "PB-SQLITE-NO-SPACE",
        "no space is left beside the database",
    )
    .hint(
        "free space on the file system of the database",
        "데이터베이스가 있는 파일 시스템의 공간을 확보하세요",
    )
}

fn not_permitted() -> PortError {
    PortError::new(
        ErrorKind::PermissionDenied,
        "PB-SQLITE-PERMISSION",
        "the database file or its directory may not be written",
    )
    .hint(
        "let the user planb runs as read and write the database and its directory",
        "PlanB 실행 계정에 데이터베이스와 디렉터리의 읽기·쓰기 권한을 부여하세요",
    )
}

/// The file is not there. It is never made.
pub fn missing(path: &Path) -> PortError {
    PortError::new(
        ErrorKind::Unavailable,
        "PB-SQLITE-MISSING",
        format!("{} is not there", path.display()),
    )
    .hint(
        "check the path in the plan and that the site's disk is mounted",
        "계획 파일의 경로와 사이트 디스크의 마운트 상태를 확인하세요",
    )
}

/// The database is not in WAL mode.
pub fn not_wal(mode: &str) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-SQLITE-NOT-WAL",
        format!("the journal mode is {mode}; only a write-ahead log can be shipped"),
    )
    .hint(
        "run `PRAGMA journal_mode=WAL` once; the database remembers it",
        "`PRAGMA journal_mode=WAL`을 한 번 실행하세요. 설정은 데이터베이스에 저장됩니다",
    )
}

/// The log cannot be continued; a new snapshot helps.
pub fn log_lost(why: &str) -> PortError {
    PortError::new(
        ErrorKind::LogLost,
        "PB-SQLITE-LOG-LOST",
        format!("the write-ahead log does not continue what was shipped: {why}"),
    )
    .hint(
        "planb takes a new snapshot by itself",
        "PlanB가 자동으로 새 스냅샷을 만듭니다",
    )
}

/// The open log has to be looked at before a snapshot can be taken in it.
pub fn log_reopening() -> PortError {
    PortError::new(
        ErrorKind::Unavailable,
        "PB-SQLITE-LOG-REOPENING",
        "the log is just being opened again; a snapshot has to wait for it",
    )
}

/// The write-ahead log is too long for a snapshot beside it.
pub fn log_long() -> PortError {
    PortError::new(
        ErrorKind::Unavailable,
        "PB-SQLITE-LOG-LONG",
        "the write-ahead log is too long for a snapshot now",
    )
    .hint(
        "end long read transactions of the service; they keep the log from being begun anew",
        "서비스의 긴 읽기 트랜잭션을 종료하세요. 이 트랜잭션 때문에 WAL을 새로 시작할 수 없습니다",
    )
}

/// Bytes of a segment are not what they should be.
pub fn bad_segment(error: WalError) -> PortError {
    PortError::new(
        ErrorKind::Corrupt,
        "PB-SQLITE-SEGMENT",
        "the log segment is not a whole run of WAL frames",
    )
    .source(error)
}

/// A segment whose bytes do not lead from its start to its end.
pub fn misfit_segment() -> PortError {
    PortError::new(
        ErrorKind::Corrupt,
        "PB-SQLITE-SEGMENT",
        "the log segment does not lead from its start to its end",
    )
}

/// A call that makes no sense in the state the target is in.
pub fn out_of_order(what: impl Into<String>) -> PortError {
    PortError::new(ErrorKind::Invalid, "PB-SQLITE-ORDER", what)
}

/// The snapshot is of a database server.
pub fn other_engine(engine: Engine) -> PortError {
    PortError::new(
        ErrorKind::Unsupported,
        "PB-SQLITE-OTHER-ENGINE",
        format!("the snapshot is of {engine}, the target is sqlite"),
    )
    .hint(
        "use the same database engine at both sites",
        "두 사이트에 같은 종류의 데이터베이스를 사용하세요",
    )
}

/// What is there is not PlanB's to replace, or not PlanB's any more.
pub fn conflict(what: impl Into<String>) -> PortError {
    PortError::new(ErrorKind::Conflict, "PB-SQLITE-NOT-OURS", what).hint(
        "look at the file; move it away if it may be replaced",
        "파일을 확인하고, 교체해도 된다면 다른 곳으로 옮기세요",
    )
}

/// The blocking thread is gone.
pub fn worker_gone(error: tokio::task::JoinError) -> PortError {
    PortError::new(
        ErrorKind::Internal,
        "PB-SQLITE-WORKER",
        "the database's worker ended early",
    )
    .source(error)
}

/// A snapshot of SQLite is its pages.
pub fn pages_only() -> PortError {
    PortError::new(
        ErrorKind::Unsupported,
        "PB-SQLITE-PAGES-ONLY",
        "a SQLite database is copied page by page; it has no logical snapshot",
    )
    .hint("leave the method out", "방식을 지정하지 마세요")
}

/// Whoever can open the file may do everything.
pub fn no_users() -> PortError {
    PortError::new(
        ErrorKind::Unsupported,
        "PB-SQLITE-NO-USERS",
        "SQLite has no users: who may do what is decided by the file's own permissions",
    )
    .hint(
        "leave --with-users (spec.data.users) out",
        "--with-users(spec.data.users)를 빼고 실행하세요",
    )
}

/// A text that is no place in a write-ahead log.
pub fn no_place(text: &str) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-SQLITE-NO-PLACE",
        format!("'{text}' is not a place in this log"),
    )
    .hint(
        "take a position from the list of recovery points, or a time",
        "복구 시점 목록에 있는 위치나 시각을 지정하세요",
    )
}
