//! Errors of the edge.

use planb_model::traffic::TrafficPlan;
use planb_model::{ServiceName, SiteName};
use planb_ports::{ErrorKind, PortError};
use std::io;
use std::path::Path;

/// The address cannot be listened on.
pub(crate) fn listen(address: &str, error: io::Error) -> PortError {
    let port = match error.kind() {
        io::ErrorKind::AddrInUse => PortError::new(
            ErrorKind::Conflict,
            "PB-EDGE-PORT-TAKEN",
            format!("another process listens on {address} already"),
        )
        .hint(
            format!("stop it (`ss -ltnp` shows it), or let the edge listen elsewhere than on {address}"),
            format!("해당 프로세스를 중지하거나(`ss -ltnp`로 확인) 엣지의 수신 주소를 {address} 이외의 값으로 변경하세요"),
        ),
        io::ErrorKind::PermissionDenied => PortError::new(
            ErrorKind::PermissionDenied,
            "PB-EDGE-PORT-PERMISSION",
            format!("not allowed to listen on {address}"),
        )
        .hint(
            "ports below 1024 need the capability CAP_NET_BIND_SERVICE; grant it or use a higher port",
            "1024 미만 포트에는 CAP_NET_BIND_SERVICE 권한이 필요합니다. 권한을 부여하거나 더 높은 포트를 사용하세요",
        ),
        _ => PortError::new(
            ErrorKind::Invalid,
            "PB-EDGE-LISTEN",
            format!("cannot listen on '{address}'"),
        )
        .hint(
            "give host:port with an address of this machine, such as 127.0.0.1:8080",
            "127.0.0.1:8080과 같이 이 시스템의 주소를 host:port 형식으로 지정하세요",
        ),
    };
    port.source(error)
}

/// The admin API would be reachable from other machines.
pub(crate) fn admin_not_loopback(address: &str) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-EDGE-ADMIN-LISTEN",
        format!("the admin API has no TLS and would listen on {address}, which is not loopback"),
    )
    .hint(
        "listen on 127.0.0.1 and reach it through a tunnel, or allow the address explicitly",
        "127.0.0.1에서 수신하고 터널로 접속하거나, 해당 주소를 명시적으로 허용하세요",
    )
}

/// The admin API has no token.
pub(crate) fn admin_without_token() -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-EDGE-ADMIN-TOKEN",
        "the admin API needs a token that is not empty",
    )
    .hint(
        "give a long random token by reference (environment variable or file)",
        "길고 무작위인 토큰을 환경 변수나 파일 참조로 지정하세요",
    )
}

/// The state file is there and is no plan of this service.
pub(crate) fn state(path: &Path, why: impl Into<String>) -> PortError {
    PortError::new(
        ErrorKind::Corrupt,
        "PB-EDGE-STATE",
        format!("{} does not hold the edge's plan: {}", path.display(), why.into()),
    )
    .hint(
        "without it the edge would not know its epoch; after making sure which site is active, move the file away and publish the plan again",
        "이 파일이 없으면 엣지가 자신의 에포크를 알 수 없습니다. 활성 사이트를 확인한 뒤 파일을 옮기고 트래픽 계획을 다시 게시하세요",
    )
}

/// An origin of a plan cannot be used.
pub(crate) fn bad_origin(site: &SiteName) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-EDGE-ORIGIN",
        format!("the origin of site {site} is not of the form http://host:port"),
    )
    .hint(
        "write it as http://host:port, without path and password",
        "경로와 암호 없이 http://host:port 형식으로 적으세요",
    )
}

/// A plan by which nothing could be served.
pub(crate) fn not_servable(why: impl Into<String>) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-EDGE-NOT-SERVABLE",
        format!("nothing could be served by this plan: {}", why.into()),
    )
    .hint(
        "give at least one origin, or the maintenance mode",
        "오리진을 하나 이상 지정하거나 점검 모드를 사용하세요",
    )
}

/// A plan of another service.
pub(crate) fn other_service(mine: &ServiceName, other: &ServiceName) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-EDGE-OTHER-SERVICE",
        format!("this edge serves {mine}, the plan is of {other}"),
    )
    .hint(
        "check the edge's address in the plan of the service",
        "서비스의 계획 파일에 적힌 엣지 주소를 확인하세요",
    )
}

/// The edge holds another plan of the same epoch that is not older.
pub(crate) fn conflict(held: &TrafficPlan, new: &TrafficPlan) -> PortError {
    PortError::new(
        ErrorKind::Conflict,
        "PB-EDGE-CONFLICT",
        format!(
            "the edge holds revision {} of epoch {}, refusing a different plan of revision {}",
            held.revision, held.epoch, new.revision
        ),
    )
    .hint(
        "another control plane publishes under the same epoch; stop one of them",
        "같은 에포크로 게시하는 다른 컨트롤 플레인이 있습니다. 둘 중 하나를 중지하세요",
    )
}
