//! An edge in another process, through its admin API.

use crate::admin::{PLAN_BYTES_MAX, PLAN_PATH};
use crate::origin::port_of;
use crate::time::within;
use crate::wire::WireError;
use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::http::uri::Scheme;
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use planb_model::traffic::TrafficPlan;
use planb_model::{Secret, ServiceName};
use planb_ports::{Clock, ErrorKind, PortError, PortResult, Traffic};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// Longest wait for a connection. Nothing was sent then.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest wait for an answer; the edge writes one small file durably.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Applies traffic plans to a remote edge. A connection of its own per call:
/// calls are rare, and a kept one could be to an edge that is gone.
pub struct RemoteTraffic {
    authority: String,
    token: Option<HeaderValue>,
    clock: Arc<dyn Clock>,
}

impl RemoteTraffic {
    /// The edge whose admin API is at `admin`, `http://host:port`. `Invalid`
    /// when that is no such URL or the token cannot stand in a header.
    pub fn new(admin: &str, token: Option<&Secret>, clock: Arc<dyn Clock>) -> PortResult<Self> {
        let uri: Uri = admin.parse().map_err(|e| bad_address().source(e))?;
        let authority = uri.authority().ok_or_else(bad_address)?;
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err(bad_address());
        }
        let port = port_of(authority).ok_or_else(bad_address)?;
        let token = token.map(bearer).transpose()?;
        Ok(Self {
            authority: format!("{}:{port}", authority.host()),
            token,
            clock,
        })
    }

    async fn call(
        &self,
        method: Method,
        service: &ServiceName,
        body: Vec<u8>,
    ) -> PortResult<(StatusCode, Bytes)> {
        let connect = TcpStream::connect(&self.authority);
        let stream = within(self.clock.as_ref(), CONNECT_TIMEOUT, connect)
            .await
            .unwrap_or_else(|| Err(std::io::ErrorKind::TimedOut.into()))
            .map_err(|e| self.unavailable().source(e))?;
        let request = self.request(method, service, body)?;
        within(
            self.clock.as_ref(),
            ANSWER_TIMEOUT,
            exchange(stream, request),
        )
        .await
        .ok_or_else(|| self.unanswered())?
        .map_err(|e| self.unanswered().source(e))
    }

    fn request(
        &self,
        method: Method,
        service: &ServiceName,
        body: Vec<u8>,
    ) -> PortResult<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{PLAN_PATH}{service}"))
            .header(HOST, &self.authority)
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        let request = request.body(Full::from(body));
        request.map_err(|e| bad_address().source(e))
    }

    fn unavailable(&self) -> PortError {
        PortError::new(
            ErrorKind::Unavailable,
            "PB-EDGE-REMOTE-CONNECT",
            format!(
                "the edge's admin API at {} does not connect",
                self.authority
            ),
        )
        .hint(
            "see whether the edge runs and the address in the plan is that of its admin API",
            "엣지가 실행 중인지, 계획 파일의 주소가 엣지 관리 API의 주소인지 확인하세요",
        )
    }

    fn unanswered(&self) -> PortError {
        PortError::new(
            ErrorKind::Timeout,
            "PB-EDGE-REMOTE-UNKNOWN",
            format!(
                "the edge at {} gave no answer; it is not known whether the plan was applied",
                self.authority
            ),
        )
        .hint(
            "applying the same plan again is safe",
            "같은 트래픽 계획을 다시 적용해도 안전합니다",
        )
    }
}

#[async_trait]
impl Traffic for RemoteTraffic {
    async fn apply(&self, plan: &TrafficPlan) -> PortResult<()> {
        let body = serde_json::to_vec(plan).map_err(|e| strange(&self.authority).source(e))?;
        let (status, bytes) = self.call(Method::PUT, &plan.service, body).await?;
        if status == StatusCode::OK {
            return Ok(());
        }
        Err(refusal(&self.authority, &bytes))
    }

    async fn current(&self, service: &ServiceName) -> PortResult<Option<TrafficPlan>> {
        let (status, bytes) = self.call(Method::GET, service, Vec::new()).await?;
        if status == StatusCode::OK {
            let plan = serde_json::from_slice(&bytes);
            return plan
                .map(Some)
                .map_err(|e| strange(&self.authority).source(e));
        }
        match refusal(&self.authority, &bytes) {
            none if none.kind() == ErrorKind::NotFound => Ok(None),
            error => Err(error),
        }
    }
}

type ExchangeError = Box<dyn std::error::Error + Send + Sync>;

/// Sends one request and reads its whole answer.
async fn exchange(
    stream: TcpStream,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), ExchangeError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), PLAN_BYTES_MAX);
        Ok((status, body.collect().await?.to_bytes()))
    };
    tokio::pin!(connection, answer);
    // The connection may end first: the answer may still be in its buffer.
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        ended = &mut connection => match ended {
            Ok(()) => answer.await,
            Err(e) => Err(e.into()),
        },
    }
}

fn refusal(authority: &str, bytes: &[u8]) -> PortError {
    match serde_json::from_slice::<WireError>(bytes) {
        Ok(wire) => wire.into_error(),
        Err(e) => strange(authority).source(e),
    }
}

fn bearer(token: &Secret) -> PortResult<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|_| {
        PortError::new(
            ErrorKind::Invalid,
            "PB-EDGE-ADMIN-TOKEN",
            "the token of the edge's admin API has characters that a header cannot have",
        )
        .hint(
            "use letters, digits and punctuation of ASCII, in one line",
            "ASCII 영문자, 숫자, 문장 부호만 한 줄로 사용하세요",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn bad_address() -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-EDGE-REMOTE-ADDRESS",
        "the address of an edge's admin API is not of the form http://host:port",
    )
    .hint(
        "write it as http://host:port",
        "http://host:port 형식으로 적으세요",
    )
}

fn strange(authority: &str) -> PortError {
    PortError::new(
        ErrorKind::Internal,
        "PB-EDGE-REMOTE",
        format!("what answers at {authority} is not an edge of this version"),
    )
    .hint(
        "see whether the address is that of the edge's admin API and both have the same version",
        "주소가 엣지 관리 API의 주소인지, 양쪽 버전이 같은지 확인하세요",
    )
}
