//! SQLite's errors in the words of the ports.

use planb_ports::{ErrorKind, PortError};
use rusqlite::ErrorCode;

/// What SQLite said, as the caller has to take it.
pub fn from_sqlite(error: rusqlite::Error) -> PortError {
    let made = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => PortError::new(
            ErrorKind::NoSpace,
            "PB-STATE-NO-SPACE",
            "no space is left for planb's state; nothing was changed",
        )
        .hint(
            "free space on the file system of the state directory, then try again",
            "상태 디렉터리가 있는 파일 시스템의 공간을 확보한 뒤 다시 시도하세요",
        ),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => corrupt("it is damaged"),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => PortError::new(
            ErrorKind::Unavailable,
            "PB-STATE-BUSY",
            "planb's state is busy",
        )
        .hint(
            "close other programs that have the state file open",
            "상태 파일을 열어 둔 다른 프로그램을 종료하세요",
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => PortError::new(
            ErrorKind::PermissionDenied,
            "PB-STATE-PERMISSION",
            "planb's state cannot be written",
        )
        .hint(
            "let the user planb runs as write the state directory",
            "PlanB 실행 계정에 상태 디렉터리 쓰기 권한을 부여하세요",
        ),
        Some(ErrorCode::CannotOpen) => PortError::new(
            ErrorKind::NotFound,
            "PB-STATE-OPEN",
            "planb's state cannot be opened",
        )
        .hint(
            "check the path and run `planb up` once to make the state",
            "경로를 확인하고, 상태가 아직 없다면 `planb up`을 먼저 실행하세요",
        ),
        Some(ErrorCode::SystemIoFailure) => PortError::new(
            ErrorKind::Unavailable,
            "PB-STATE-IO",
            "the disk failed under planb's state",
        )
        .hint(
            "look at the kernel log and at the free space of the disk",
            "커널 로그와 디스크 여유 공간을 확인하세요",
        ),
        _ => PortError::new(
            ErrorKind::Internal,
            "PB-STATE-SQL",
            "planb's state answered unexpectedly",
        ),
    };
    made.source(error)
}

/// The state file is not what planb wrote.
pub fn corrupt(what: &str) -> PortError {
    PortError::new(
        ErrorKind::Corrupt,
        "PB-STATE-CORRUPT",
        format!("planb's state cannot be trusted: {what}"),
    )
    .hint(
        "move the state directory aside and start planb; it rebuilds its state from the sites and the vault",
        "상태 디렉터리를 다른 곳으로 옮기고 PlanB를 다시 시작하세요. 사이트와 볼트의 내용으로 상태를 다시 만듭니다",
    )
}

/// A stored document does not read back.
pub fn bad_document(error: impl std::error::Error + Send + Sync + 'static) -> PortError {
    corrupt("a document in it cannot be read").source(error)
}

/// The store was opened for reading.
pub fn read_only() -> PortError {
    PortError::new(
        ErrorKind::PermissionDenied,
        "PB-STATE-READ-ONLY",
        "planb's state was opened for reading only",
    )
    .hint(
        "ask the running `planb up` to do it",
        "실행 중인 `planb up`을 통해 요청하세요",
    )
}

/// The thread that worked is gone.
pub fn worker_gone(error: tokio::task::JoinError) -> PortError {
    PortError::new(
        ErrorKind::Internal,
        "PB-STATE-WORKER",
        "the state's worker ended early",
    )
    .source(error)
}
