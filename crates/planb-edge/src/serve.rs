//! One request from its client to its answer.

use crate::body::{PassBody, Passing, Upload};
use crate::config::Limits;
use crate::desk::{ActivePlan, Desk};
use crate::forward::{Answer, forward};
use crate::headers::{set_epoch, to_client, to_origin, upgrade_of};
use crate::metrics::Metrics;
use crate::page::Notice;
use crate::pool::Pool;
use crate::send::{Outgoing, Payload};
use crate::time::within;
use crate::tunnel;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderValue, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use planb_model::SiteName;
use planb_model::traffic::TrafficMode;
use planb_ports::Clock;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// `Retry-After` before there has ever been a plan: one is about to come.
const RETRY_AFTER_SECS_WITHOUT_PLAN: u32 = 10;

/// How much of an unwanted body is read before answering: a client that is
/// still sending when the connection closes may never see the answer.
const UNWANTED_BYTES_MAX: usize = 1024 * 1024;
/// How long it is read at most.
const UNWANTED_TIME_MAX: Duration = Duration::from_secs(1);

/// What every request needs.
pub(crate) struct Context {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Limits,
    pub(crate) trust_forwarded: bool,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) tasks: TaskTracker,
    /// No new work.
    pub(crate) stop: CancellationToken,
    /// No work at all.
    pub(crate) kill: CancellationToken,
}

/// Who sent a request, and its place among the connections.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    pub(crate) _place: Arc<OwnedSemaphorePermit>,
}

/// Answers one request, whatever it is.
pub(crate) async fn answer(
    cx: &Arc<Context>,
    client: Client,
    request: Request<Incoming>,
) -> Response<PassBody> {
    cx.metrics.requests.add();
    let active = cx.desk.active();
    let mut response = if let Some(notice) = refusal(&request) {
        decline(cx, notice, request.headers(), None).await
    } else {
        match &active {
            Some(active) if matches!(active.plan.mode, TrafficMode::Serve { .. }) => {
                pass(cx, client, active, request).await
            }
            _ => {
                let notice = Notice::Maintenance {
                    retry_after_secs: active
                        .as_ref()
                        .map_or(RETRY_AFTER_SECS_WITHOUT_PLAN, |a| a.plan.retry_after_secs),
                };
                let (parts, body) = request.into_parts();
                let body = body.map_err(Into::into).boxed_unsync();
                decline(cx, notice, &parts.headers, Some(body)).await
            }
        }
    };
    if let Some(active) = active {
        set_epoch(response.headers_mut(), active.plan.epoch);
    }
    response
}

/// Why a request is not for an origin, if it is not.
fn refusal(request: &Request<Incoming>) -> Option<Notice> {
    let hosts = request.headers().get_all(HOST).iter().count();
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        Some(Notice::NotImplemented)
    } else if hosts > 1 || (hosts == 0 && request.version() >= Version::HTTP_11) {
        // RFC 9112 section 3.2.
        Some(Notice::BadRequest)
    } else {
        None
    }
}

/// Passes a request to an origin, and the response back.
async fn pass(
    cx: &Arc<Context>,
    client: Client,
    active: &ActivePlan,
    mut request: Request<Incoming>,
) -> Response<PassBody> {
    let upgrade = upgrade_of(request.headers());
    let handover = upgrade.as_ref().map(|_| hyper::upgrade::on(&mut request));
    let original = request.headers().clone();
    let mut outgoing = outgoing(cx, client.address, upgrade.as_ref(), request);
    match forward(cx, active, &mut outgoing).await {
        Ok(Answer { response, .. }) if is_unasked_switch(&response, handover.as_ref()) => {
            decline(cx, Notice::Lost, &original, None).await
        }
        Ok(Answer { site, response }) => {
            cx.metrics.forwarded.add();
            give_back(cx, client, site, handover, response)
        }
        Err(notice) => {
            let body = match outgoing.payload {
                Payload::Here(body) => Some(body),
                Payload::Empty | Payload::Gone => None,
            };
            decline(cx, notice, &original, body).await
        }
    }
}

/// Whether an origin switches to a protocol that nobody asked for.
fn is_unasked_switch(response: &Response<Incoming>, handover: Option<&OnUpgrade>) -> bool {
    let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    switches && (handover.is_none() || upgrade_of(response.headers()).is_none())
}

/// The request as origins see it.
fn outgoing(
    cx: &Arc<Context>,
    client: IpAddr,
    upgrade: Option<&HeaderValue>,
    request: Request<Incoming>,
) -> Outgoing {
    let (mut parts, body) = request.into_parts();
    to_origin(&mut parts.headers, client, upgrade, cx.trust_forwarded);
    let target = parts.uri.path_and_query().cloned().map(Uri::from);
    let upload = Arc::new(Upload::new(cx.clock.clone()));
    let payload = if body.is_end_stream() {
        Payload::Empty
    } else {
        if body.size_hint().exact().is_none() {
            // Chunked. A length beside it would be a second opinion.
            parts.headers.remove(CONTENT_LENGTH);
        }
        let (clock, limit) = (cx.clock.clone(), cx.limits.idle_timeout);
        Payload::Here(Passing::upload(body, clock, limit, upload.clone()))
    };
    Outgoing {
        method: parts.method,
        target: target.unwrap_or(parts.uri),
        headers: parts.headers,
        payload,
        upload,
        may_have_acted: false,
    }
}

/// The response as the client sees it.
fn give_back(
    cx: &Arc<Context>,
    client: Client,
    site: SiteName,
    handover: Option<OnUpgrade>,
    mut response: Response<Incoming>,
) -> Response<PassBody> {
    let protocol = upgrade_of(response.headers());
    let switching = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let to_it = hyper::upgrade::on(&mut response);
    to_client(response.headers_mut(), &site);
    if let (true, Some(protocol), Some(from_client)) = (switching, protocol, handover) {
        cx.metrics.tunnels.add();
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol);
        tunnel::open(cx, client, site, from_client, to_it);
    }
    let limit = cx.limits.idle_timeout;
    response.map(|body| Passing::download(body, cx.clock.clone(), limit))
}

/// Answers from memory.
async fn decline(
    cx: &Arc<Context>,
    notice: Notice,
    headers: &HeaderMap,
    unwanted: Option<PassBody>,
) -> Response<PassBody> {
    match notice {
        Notice::Maintenance { .. } => cx.metrics.maintenance.add(),
        Notice::Lost => cx.metrics.lost.add(),
        Notice::TimedOut => cx.metrics.timed_out.add(),
        Notice::ClientSilent | Notice::BadRequest | Notice::NotImplemented => {
            cx.metrics.refused.add();
        }
    }
    // Who expects "100 Continue" has not begun to send.
    if let Some(body) = unwanted
        && !headers.contains_key(EXPECT)
        && within(cx.clock.as_ref(), UNWANTED_TIME_MAX, discard(body))
            .await
            .is_none()
    {
        tracing::debug!("a client still sends what nobody wants");
    }
    notice.answer(headers)
}

async fn discard(mut body: PassBody) {
    let mut left = UNWANTED_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let bytes = frame.data_ref().map_or(0, |data| data.len());
        left = left.saturating_sub(bytes);
        if left == 0 {
            return;
        }
    }
}
