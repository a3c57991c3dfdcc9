//! Bodies that pass through: never collected, never waited for without end.

use crate::time::Idle;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use planb_ports::Clock;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Any error of a body.
pub(crate) type BodyError = Box<dyn Error + Send + Sync>;

/// A body on its way to an origin or to a client.
pub(crate) type PassBody = UnsyncBoxBody<Bytes, BodyError>;

/// A body that is here as a whole.
pub(crate) fn full(bytes: impl Into<Bytes>) -> PassBody {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Nothing came for too long.
#[derive(Debug, thiserror::Error)]
#[error("the sender of a body was silent for {} s", .0.as_secs())]
pub(crate) struct Silent(Duration);

/// What the sender of a request body has done so far, as seen by whoever waits
/// for the response.
pub(crate) struct Upload {
    clock: Arc<dyn Clock>,
    moved_at_ms: AtomicU64,
    broken: AtomicBool,
}

impl Upload {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let upload = Self {
            clock,
            moved_at_ms: AtomicU64::new(0),
            broken: AtomicBool::new(false),
        };
        upload.moved();
        upload
    }

    /// Something of the request moved, or an attempt began.
    pub(crate) fn moved(&self) {
        let now = u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX);
        self.moved_at_ms.store(now, Ordering::Relaxed);
    }

    /// How long nothing has moved.
    pub(crate) fn still_for(&self) -> Duration {
        let moved_at = Duration::from_millis(self.moved_at_ms.load(Ordering::Relaxed));
        self.clock.monotonic().saturating_sub(moved_at)
    }

    /// Whether the client broke off or fell silent.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }
}

/// A body from the network, with a bound on its pauses.
pub(crate) struct Passing {
    body: Incoming,
    idle: Idle,
    limit: Duration,
    upload: Option<Arc<Upload>>,
}

impl Passing {
    /// A request's body, which tells `upload` about its progress.
    pub(crate) fn upload(
        body: Incoming,
        clock: Arc<dyn Clock>,
        limit: Duration,
        upload: Arc<Upload>,
    ) -> PassBody {
        let idle = Idle::new(clock, limit);
        let upload = Some(upload);
        Self {
            body,
            idle,
            limit,
            upload,
        }
        .boxed_unsync()
    }

    /// A response's body.
    pub(crate) fn download(body: Incoming, clock: Arc<dyn Clock>, limit: Duration) -> PassBody {
        let idle = Idle::new(clock, limit);
        Self {
            body,
            idle,
            limit,
            upload: None,
        }
        .boxed_unsync()
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.idle.moved();
                Poll::Ready(frame.map(|f| f.map_err(BodyError::from)))
            }
            Poll::Pending => {
                ready!(self.idle.poll_expired(cx));
                Poll::Ready(Some(Err(Silent(self.limit).into())))
            }
        }
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(self.next(cx));
        if let Some(upload) = &self.upload {
            upload.moved();
            if matches!(frame, Some(Err(_))) {
                upload.broken.store(true, Ordering::Relaxed);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
