//! Errors of the driver and of the server, as errors of the port.

use mysql_async::{DriverError, Error, IoError};
use planb_ports::{ErrorKind, PortError};

/// Turns a driver's error into a port's: `.map_err(error::cannot("read tables"))`.
pub(crate) fn cannot(what: impl Into<String>) -> impl FnOnce(Error) -> PortError {
    let what = what.into();
    move |error| from_driver(&what, error)
}

/// An error of data that is not what it should be.
pub(crate) fn corrupt(message: impl Into<String>) -> PortError {
    PortError::new(ErrorKind::Corrupt, "PB-MYSQL-CORRUPT", message)
}

/// An error that only a new snapshot mends.
pub(crate) fn log_lost(message: impl Into<String>) -> PortError {
    PortError::new(ErrorKind::LogLost, "PB-MYSQL-LOG-LOST", message).hint(
        "PlanB takes a new snapshot by itself; keep the binlog longer (binlog_expire_logs_seconds) \
         if this happens often",
        "PlanB가 자동으로 새 스냅샷을 만듭니다. 자주 발생하면 binlog 보존 기간\
         (binlog_expire_logs_seconds)을 늘리세요",
    )
}

/// No answer in time; whether it happened is not known.
pub(crate) fn timed_out(what: &str, seconds: u64) -> PortError {
    PortError::new(
        ErrorKind::Timeout,
        "PB-MYSQL-TIMEOUT",
        format!("cannot {what}: no answer in {seconds} s"),
    )
}

/// The server cannot be reached.
pub(crate) fn unreachable(subject: &str) -> PortError {
    PortError::new(
        ErrorKind::Unavailable,
        "PB-MYSQL-UNREACHABLE",
        format!("cannot reach {subject}"),
    )
    .hint(
        "check that the server runs and that host, port and firewall are right",
        "서버가 실행 중인지, 호스트와 포트, 방화벽 설정이 올바른지 확인하세요",
    )
}

fn from_driver(what: &str, error: Error) -> PortError {
    let port = match &error {
        Error::Server(server) => from_server(what, server.code),
        Error::Io(_) | Error::Driver(DriverError::ConnectionClosed) => PortError::new(
            ErrorKind::Unavailable,
            "PB-MYSQL-DISCONNECTED",
            format!("cannot {what}: the connection broke"),
        ),
        _ => PortError::new(
            ErrorKind::Internal,
            "PB-MYSQL-DRIVER",
            format!("cannot {what}"),
        ),
    };
    port.source(innermost(error))
}

/// The error without the driver's wrapping of it: each of the driver's layers
/// says "Input/output error" again.
pub(crate) fn innermost(error: Error) -> Box<dyn std::error::Error + Send + Sync> {
    match error {
        Error::Io(IoError::Io(io)) => io.into(),
        other => other.into(),
    }
}

/// Error numbers after the servers' references ("Server Error Message
/// Reference", MySQL 8; "MariaDB Error Codes").
fn from_server(what: &str, code: u16) -> PortError {
    let message = format!("cannot {what}");
    let new = |kind, name| PortError::new(kind, name, message.clone());
    match code {
        1045 | 1524 | 1698 | 1862 => new(ErrorKind::Unauthenticated, "PB-MYSQL-AUTH").hint(
            "check user name and password; the account must be allowed from PlanB's host",
            "사용자 이름과 비밀번호를 확인하세요. 계정이 PlanB 호스트에서 접속할 수 있어야 합니다",
        ),
        1044 | 1130 | 1142 | 1143 | 1227 | 1370 | 1410 | 1419 => {
            new(ErrorKind::PermissionDenied, "PB-MYSQL-PRIVILEGE").hint(
                "run `planb check`: it names each missing privilege and the GRANT for it",
                "`planb check`를 실행하면 부족한 권한과 필요한 GRANT 문을 알려 줍니다",
            )
        }
        1290 | 1792 | 1836 => new(ErrorKind::PermissionDenied, "PB-MYSQL-READ-ONLY").hint(
            "the server is read-only and PlanB's account may not write; grant READ ONLY ADMIN \
             (MySQL: CONNECTION_ADMIN)",
            "서버가 읽기 전용이고 PlanB 계정에 쓰기 권한이 없습니다. READ ONLY ADMIN\
             (MySQL: CONNECTION_ADMIN) 권한을 부여하세요",
        ),
        1021 | 1114 | 3675 => new(ErrorKind::NoSpace, "PB-MYSQL-NO-SPACE").hint(
            "free space on the server's disk",
            "서버 디스크의 여유 공간을 확보하세요",
        ),
        1040 | 1053 | 1158..=1161 | 1203 | 1205 | 1213 | 1226 | 1317 | 1927 | 3024 => {
            new(ErrorKind::Unavailable, "PB-MYSQL-BUSY")
        }
        1412 => new(ErrorKind::Unavailable, "PB-MYSQL-DDL-IN-SNAPSHOT").hint(
            "a table was changed while the snapshot was read; it is tried again",
            "스냅샷을 읽는 동안 테이블 구조가 변경되었습니다. 자동으로 다시 시도합니다",
        ),
        1194 | 1195 | 1712 | 1877 => new(ErrorKind::Corrupt, "PB-MYSQL-DAMAGED"),
        1236 | 1373 => log_lost(message),
        1153 | 1301 => new(ErrorKind::Invalid, "PB-MYSQL-PACKET").hint(
            "raise max_allowed_packet at both sites to the larger of the two",
            "두 사이트의 max_allowed_packet을 더 큰 쪽 값으로 맞추세요",
        ),
        _ => new(ErrorKind::Internal, "PB-MYSQL-SERVER"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mysql_async::ServerError;

    #[test]
    fn each_kind_of_refusal_has_a_code_of_its_own() {
        let of = |code| {
            let error = Error::Server(ServerError {
                code,
                message: "no".into(),
                state: "HY000".into(),
            });
            let port = cannot("look")(error);
            (port.kind(), port.code())
        };
        assert_eq!(of(1045), (ErrorKind::Unauthenticated, "PB-MYSQL-AUTH"));
        assert_eq!(
            of(1142),
            (ErrorKind::PermissionDenied, "PB-MYSQL-PRIVILEGE")
        );
        assert_eq!(of(1236), (ErrorKind::LogLost, "PB-MYSQL-LOG-LOST"));
        assert_eq!(of(1114), (ErrorKind::NoSpace, "PB-MYSQL-NO-SPACE"));
        assert_eq!(of(9999), (ErrorKind::Internal, "PB-MYSQL-SERVER"));
    }

    #[test]
    fn a_refused_connection_is_told_once() {
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "refused");
        let error = unreachable("db:3306").source(innermost(Error::Io(IoError::Io(refused))));
        assert_eq!(error.chain(), "cannot reach db:3306: refused");
    }
}
