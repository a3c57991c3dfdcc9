//! The admin API of an edge that is a process of its own.
//!
//! `GET /v1/plan/{service}` answers the plan that is served, `PUT` replaces it
//! by the same rules as within one process, `GET /v1/metrics` answers the
//! counters. All of them want `Authorization: Bearer <token>`.

use crate::body::{PassBody, full};
use crate::connection::Handler;
use crate::desk::EdgeTraffic;
use crate::serve::{Client, Context};
use crate::time::within;
use crate::wire::WireError;
use async_trait::async_trait;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use planb_model::traffic::TrafficPlan;
use planb_model::{Secret, ServiceName};
use planb_ports::{ErrorKind, PortError, PortResult, Traffic};
use serde::Serialize;
use std::sync::Arc;

/// Bytes of a plan: a few hundred are ordinary.
pub(crate) const PLAN_BYTES_MAX: usize = 64 * 1024;

/// The path of a service's plan.
pub(crate) const PLAN_PATH: &str = "/v1/plan/";

/// Answers the admin API.
pub(crate) struct Admin {
    cx: Arc<Context>,
    traffic: EdgeTraffic,
    token: Secret,
}

impl Admin {
    pub(crate) fn new(cx: Arc<Context>, token: Secret) -> Self {
        let traffic = EdgeTraffic(cx.desk.clone());
        Self { cx, traffic, token }
    }

    async fn answer(&self, request: Request<Incoming>) -> PortResult<Response<PassBody>> {
        if !is_authorized(request.headers(), &self.token) {
            return Err(unauthenticated());
        }
        let (parts, body) = request.into_parts();
        match (&parts.method, parts.uri.path()) {
            (&Method::GET, "/v1/metrics") => Ok(json(StatusCode::OK, &self.cx.metrics.snapshot())),
            (method, path) => {
                let service = path
                    .strip_prefix(PLAN_PATH)
                    .ok_or_else(|| bad("no such path"))?;
                let service =
                    ServiceName::new(service).map_err(|e| bad("no such service").source(e))?;
                match *method {
                    Method::GET => self.plan(&service).await,
                    Method::PUT => self.replace(&service, body).await,
                    _ => Err(bad("a plan can be read by GET and replaced by PUT")),
                }
            }
        }
    }

    async fn plan(&self, service: &ServiceName) -> PortResult<Response<PassBody>> {
        match self.traffic.current(service).await? {
            Some(plan) => Ok(json(StatusCode::OK, &plan)),
            None => Err(PortError::new(
                ErrorKind::NotFound,
                "PB-EDGE-ADMIN-REQUEST",
                format!("this edge has no plan of {service}"),
            )),
        }
    }

    async fn replace(
        &self,
        service: &ServiceName,
        body: Incoming,
    ) -> PortResult<Response<PassBody>> {
        let read = Limited::new(body, PLAN_BYTES_MAX).collect();
        let bytes = within(self.cx.clock.as_ref(), self.cx.limits.idle_timeout, read)
            .await
            .ok_or_else(|| bad("the plan did not arrive in time"))?
            .map_err(|e| bad("the plan cannot be read").source(e))?
            .to_bytes();
        let plan: TrafficPlan = serde_json::from_slice(&bytes)
            .map_err(|e| bad("this is not a traffic plan").source(e))?;
        if &plan.service != service {
            return Err(bad("the plan is of another service than the path"));
        }
        self.traffic.apply(&plan).await?;
        Ok(json(StatusCode::OK, &plan))
    }
}

#[async_trait]
impl Handler for Admin {
    async fn handle(&self, _client: Client, request: Request<Incoming>) -> Response<PassBody> {
        self.answer(request).await.unwrap_or_else(|error| {
            let (status, wire) = WireError::of(&error);
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = json(status, &wire);
            if status == StatusCode::UNAUTHORIZED {
                let bearer = HeaderValue::from_static("Bearer");
                response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
            }
            response
        })
    }
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<PassBody> {
    let (status, body) = match serde_json::to_vec(value) {
        Ok(body) => (status, body),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written down");
            (StatusCode::INTERNAL_SERVER_ERROR, Vec::new())
        }
    };
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn bad(why: &str) -> PortError {
    PortError::new(ErrorKind::Invalid, "PB-EDGE-ADMIN-REQUEST", why)
}

fn unauthenticated() -> PortError {
    PortError::new(
        ErrorKind::Unauthenticated,
        "PB-EDGE-ADMIN-TOKEN",
        "the edge's admin API does not know the token",
    )
    .hint(
        "give both the edge and the plan of the service the same token",
        "엣지와 서비스의 계획 파일에 같은 토큰을 지정하세요",
    )
}

fn is_authorized(headers: &HeaderMap, token: &Secret) -> bool {
    let given = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    given.is_some_and(|given| is_same(given, token.expose().as_bytes()))
}

/// Compares without telling by its time where the first difference is.
fn is_same(given: &[u8], wanted: &[u8]) -> bool {
    let differences = given
        .iter()
        .zip(wanted)
        .fold(0, |found, (a, b)| found | (a ^ b));
    given.len() == wanted.len() && std::hint::black_box(differences) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_the_token() {
        let token = Secret::new("hunter2");
        let with = |value: &'static str| {
            let headers = [(AUTHORIZATION, HeaderValue::from_static(value))];
            is_authorized(&headers.into_iter().collect(), &token)
        };
        assert!(with("Bearer hunter2"));
        for bad in [
            "",
            "Bearer ",
            "Bearer hunter",
            "Bearer hunter22",
            "Bearer Hunter2",
            "hunter2",
        ] {
            assert!(!with(bad), "{bad}");
        }
        assert!(!is_authorized(&HeaderMap::new(), &token));
    }
}
