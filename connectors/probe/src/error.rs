//! Errors of looks: what did not answer, how, and where to begin to search.

use planb_ports::{ErrorKind, PortError};
use std::error::Error;
use std::io;
use std::time::Duration;

/// The configured address cannot be looked at.
pub(crate) fn address(wanted: &str) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-PROBE-ADDRESS",
        format!("the address of a probe is not of the form {wanted}"),
    )
    .hint(
        format!("write it as {wanted}"),
        format!("{wanted} 형식으로 적으세요"),
    )
}

/// No answer within the timeout.
pub(crate) fn timeout(target: &str, timeout: Duration) -> PortError {
    PortError::new(
        ErrorKind::Timeout,
        "PB-PROBE-TIMEOUT",
        format!("{target} did not answer within {} ms", timeout.as_millis()),
    )
    .hint(
        "the host may be down or overloaded, or a firewall may drop packets",
        "호스트가 중단되었거나 과부하 상태일 수 있고, 방화벽이 패킷을 차단했을 수 있습니다",
    )
}

/// The target answered, but not that it is well.
pub(crate) fn status(target: &str, status: u16) -> PortError {
    PortError::new(
        ErrorKind::Unavailable,
        "PB-PROBE-STATUS",
        format!("{target} answered HTTP {status}, not 2xx"),
    )
    .hint(
        "see the log of the service; a redirect (3xx) is not followed, so give the final URL",
        "서비스 로그를 확인하세요. 리디렉션(3xx)은 따라가지 않으므로 최종 URL을 지정하세요",
    )
}

/// The connection, its name resolution, its TLS or its answer failed.
pub(crate) fn failed(target: &str, error: impl Error + Send + Sync + 'static) -> PortError {
    let refused = PortError::new(
        ErrorKind::Unavailable,
        "PB-PROBE-REFUSED",
        format!("{target} refuses connections"),
    );
    match io_kind(&error) {
        Some(io::ErrorKind::ConnectionRefused) => refused.hint(
            "nothing listens there; see whether the service runs and on which port",
            "해당 포트에서 수신하는 프로세스가 없습니다. 서비스 실행 여부와 포트를 확인하세요",
        ),
        _ => PortError::new(
            ErrorKind::Unavailable,
            "PB-PROBE-FAILED",
            format!("{target} cannot be reached or does not answer properly"),
        )
        .hint(
            "check name resolution, the route, TLS certificates and the log of the service",
            "이름 해석, 네트워크 경로, TLS 인증서, 서비스 로그를 확인하세요",
        ),
    }
    .source(error)
}

/// Kind of the first I/O error in the chain.
fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let mut below = Some(error);
    while let Some(error) = below {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        below = error.source();
    }
    None
}
