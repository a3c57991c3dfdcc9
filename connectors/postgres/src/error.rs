//! What the server and the wire say, as errors of the port.

use planb_ports::{ErrorKind, PortError};
use std::fmt;
use std::path::Path;

/// An error the server sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerError {
    /// SQLSTATE, five characters.
    pub code: String,
    /// Its message.
    pub message: String,
    /// More about it; may be empty.
    pub detail: String,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)?;
        if !self.detail.is_empty() {
            write!(f, ", {}", self.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for ServerError {}

/// An error of data that is not what it should be.
pub(crate) fn corrupt(message: impl Into<String>) -> PortError {
    PortError::new(ErrorKind::Corrupt, "PB-POSTGRES-CORRUPT", message)
}

/// A file of the data directory whose name is no text. PostgreSQL makes none.
pub(crate) fn file_name(name: &str) -> PortError {
    let name = name.trim_end_matches('\0');
    PortError::new(
        ErrorKind::Unsupported,
        "PB-POSTGRES-FILE-NAME",
        format!("the name of a file in the data directory is no UTF-8: {name}"),
    )
    .hint(
        "move the file out of the data directory: PostgreSQL makes no file of such a name",
        "해당 파일을 데이터 디렉터리 밖으로 옮기세요. PostgreSQL은 이런 이름의 파일을 만들지 않습니다",
    )
}

/// The server said something that does not fit.
pub(crate) fn protocol(message: impl Into<String>) -> PortError {
    PortError::new(ErrorKind::Internal, "PB-POSTGRES-PROTOCOL", message)
}

/// An error that only a new snapshot mends.
pub(crate) fn log_lost(message: impl Into<String>) -> PortError {
    PortError::new(ErrorKind::LogLost, "PB-POSTGRES-LOG-LOST", message).hint(
        "PlanB takes a new snapshot by itself; raise max_slot_wal_keep_size if this happens often",
        "PlanB가 자동으로 새 스냅샷을 만듭니다. 자주 발생하면 max_slot_wal_keep_size를 늘리세요",
    )
}

/// Code of what may succeed a little later.
pub(crate) const BUSY: &str = "PB-POSTGRES-BUSY";
/// Code of [`changed`].
pub(crate) const CHANGED: &str = "PB-POSTGRES-CHANGED";

/// Tables were changed at the same time; the next attempt may succeed.
pub(crate) fn changed(message: impl Into<String>) -> PortError {
    PortError::new(ErrorKind::Unavailable, CHANGED, message).hint(
        "take the snapshot again when definitions are not being changed",
        "테이블 정의가 변경되지 않을 때 스냅샷을 다시 만드세요",
    )
}

/// Code of [`row_size`].
pub(crate) const ROW_SIZE: &str = "PB-POSTGRES-ROW-SIZE";

/// A row is longer as text than the server makes one.
pub(crate) fn row_size(message: impl Into<String>) -> PortError {
    PortError::new(ErrorKind::Unsupported, ROW_SIZE, message).hint(
        "take the snapshot as files (--physical, the default for disaster recovery): they hold rows of any size",
        "파일 단위로 스냅샷을 만드세요(--physical, 재해 복구의 기본 방식). 파일에는 어떤 크기의 행도 담깁니다",
    )
}

/// Whether the server could not hold a row: `palloc` over 1 GiB, or a buffer of
/// that size that is full (53200 before PostgreSQL 17, 54000 since).
fn is_row_size(error: &ServerError) -> bool {
    let says = |text: &str| error.message.contains(text) || error.detail.contains(text);
    match error.code.as_str() {
        "XX000" => says("invalid memory alloc request size"),
        "53200" | "54000" => says("string buffer"),
        _ => false,
    }
}

/// The server is not on the way the log in the vault went.
pub(crate) fn other_timeline(message: impl Into<String>) -> PortError {
    PortError::new(ErrorKind::LogLost, "PB-POSTGRES-TIMELINE", message).hint(
        "PlanB takes a new snapshot by itself; what the vault had before stays restorable with --at. If an old server came back, stop it first",
        "PlanB가 자동으로 새 스냅샷을 만듭니다. 볼트에 있던 내용은 --at으로 계속 복원할 수 있습니다. 이전 서버가 다시 켜진 것이라면 먼저 중지하세요",
    )
}

/// No answer in time; whether it happened is not known.
pub(crate) fn timed_out(what: &str, seconds: u64) -> PortError {
    PortError::new(
        ErrorKind::Timeout,
        "PB-POSTGRES-TIMEOUT",
        format!("cannot {what}: no answer in {seconds} s"),
    )
}

/// The server cannot be reached.
pub(crate) fn unreachable(subject: &str) -> PortError {
    PortError::new(
        ErrorKind::Unavailable,
        "PB-POSTGRES-UNREACHABLE",
        format!("cannot reach {subject}"),
    )
    .hint(
        "check that the server runs and that host, port and firewall are right",
        "서버가 실행 중인지, 호스트와 포트, 방화벽 설정이 올바른지 확인하세요",
    )
}

/// The connection broke.
pub(crate) fn disconnected(what: &str) -> PortError {
    PortError::new(
        ErrorKind::Unavailable,
        "PB-POSTGRES-DISCONNECTED",
        format!("cannot {what}: the connection broke"),
    )
}

/// Bad configuration.
pub(crate) fn invalid(message: impl Into<String>) -> PortError {
    PortError::new(ErrorKind::Invalid, "PB-POSTGRES-CONFIG", message)
}

/// A file of the data directory could not be read or written.
pub(crate) fn file(path: &Path, error: std::io::Error) -> PortError {
    use std::io::ErrorKind as Io;
    let (kind, code) = match error.kind() {
        Io::StorageFull | Io::QuotaExceeded => (ErrorKind::NoSpace, "PB-POSTGRES-NO-SPACE"),
        Io::PermissionDenied => (ErrorKind::PermissionDenied, "PB-POSTGRES-FILE"),
        _ => (ErrorKind::Internal, "PB-POSTGRES-FILE"),
    };
    PortError::new(kind, code, format!("cannot use {}", path.display())).source(error)
}

/// SQLSTATE classes after "PostgreSQL Error Codes" in the server's manual.
pub(crate) fn from_server(what: &str, error: ServerError) -> PortError {
    let message = format!("cannot {what}");
    let new = |kind, code| PortError::new(kind, code, message.clone());
    // An internal error (XX000) in some places of the server, 58P01 in others.
    if error.message.contains("has already been removed") {
        return log_lost(message).source(error);
    }
    if is_row_size(&error) {
        return row_size(message).source(error);
    }
    let port = match error.code.as_str() {
        "28000" | "28P01" => new(ErrorKind::Unauthenticated, "PB-POSTGRES-AUTH").hint(
            "check user name and password; pg_hba.conf must allow the account from PlanB's host, also for `replication`",
            "사용자 이름과 비밀번호를 확인하세요. pg_hba.conf에서 PlanB 호스트의 접속(`replication` 포함)을 허용해야 합니다",
        ),
        "42501" => new(ErrorKind::PermissionDenied, "PB-POSTGRES-PRIVILEGE").hint(
            "run `planb check`: it names each missing privilege",
            "`planb check`를 실행하면 부족한 권한을 알려 줍니다",
        ),
        "25006" => new(ErrorKind::PermissionDenied, "PB-POSTGRES-READ-ONLY").hint(
            "the server is a standby or was made read-only",
            "서버가 대기 서버이거나 읽기 전용으로 설정되어 있습니다",
        ),
        "53100" => new(ErrorKind::NoSpace, "PB-POSTGRES-NO-SPACE").hint(
            "free space on the server's disk",
            "서버 디스크의 여유 공간을 확보하세요",
        ),
        "3D000" => new(ErrorKind::NotFound, "PB-POSTGRES-NO-DATABASE").hint(
            "check the name of the database in the plan",
            "계획 파일의 데이터베이스 이름을 확인하세요",
        ),
        "42P01" | "42703" => changed(message),
        // A database of encoding SQL_ASCII takes any bytes; nobody else does.
        "22021" | "22P05" => new(ErrorKind::Unsupported, "PB-POSTGRES-ENCODING").hint(
            "use the physical method, which copies bytes as they are, or mend the text",
            "바이트를 그대로 복사하는 물리 방식을 사용하거나 해당 텍스트를 고치세요",
        ),
        "53000" | "53200" | "53300" | "53400" | "55006" | "55P03" | "57P01" | "57P02" | "57P03" | "57014"
        | "40001" | "40P01" => new(ErrorKind::Unavailable, BUSY),
        "58P01" => log_lost(message),
        "XX001" | "XX002" => new(ErrorKind::Corrupt, "PB-POSTGRES-CORRUPT").hint(
            "the server found damaged data; check its disk",
            "서버가 손상된 데이터를 발견했습니다. 디스크를 점검하세요",
        ),
        _ => new(ErrorKind::Internal, "PB-POSTGRES-SERVER"),
    };
    port.source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_refusal_has_a_code_of_its_own() {
        let of = |code: &str| {
            let error = ServerError {
                code: code.into(),
                message: "no".into(),
                detail: String::new(),
            };
            let port = from_server("look", error);
            (port.kind(), port.code())
        };
        assert_eq!(
            of("28P01"),
            (ErrorKind::Unauthenticated, "PB-POSTGRES-AUTH")
        );
        assert_eq!(
            of("42501"),
            (ErrorKind::PermissionDenied, "PB-POSTGRES-PRIVILEGE")
        );
        assert_eq!(of("58P01"), (ErrorKind::LogLost, "PB-POSTGRES-LOG-LOST"));
        assert_eq!(
            of("22021"),
            (ErrorKind::Unsupported, "PB-POSTGRES-ENCODING")
        );
        assert_eq!(of("42P01"), (ErrorKind::Unavailable, CHANGED));
        assert_eq!(of("53100"), (ErrorKind::NoSpace, "PB-POSTGRES-NO-SPACE"));
        assert_eq!(of("57P03"), (ErrorKind::Unavailable, "PB-POSTGRES-BUSY"));
        assert_eq!(of("99999"), (ErrorKind::Internal, "PB-POSTGRES-SERVER"));
        assert_eq!(of("53200"), (ErrorKind::Unavailable, "PB-POSTGRES-BUSY"));
    }

    #[test]
    fn a_row_beyond_the_servers_buffer_is_not_a_busy_server() {
        let buffer = "Cannot enlarge string buffer containing 3 bytes by 1100000005 more bytes.";
        for (code, message, detail) in [
            ("XX000", "invalid memory alloc request size 1100000003", ""),
            ("53200", "out of memory", buffer),
            (
                "54000",
                "string buffer exceeds maximum allowed length (1073741823 bytes)",
                buffer,
            ),
        ] {
            let error = ServerError {
                code: code.into(),
                message: message.into(),
                detail: detail.into(),
            };
            assert_eq!(from_server("read", error).code(), ROW_SIZE);
        }
    }
}
