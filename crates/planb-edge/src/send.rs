//! One request on one connection, and what is known when it fails.

use crate::body::{PassBody, Upload, full};
use crate::config::Limits;
use crate::pool::Sender;
use hyper::body::Incoming;
use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, Uri};
use planb_ports::Clock;
use std::sync::Arc;

/// The body of a request that may be tried more than once.
pub(crate) enum Payload {
    /// There is none, so it can be sent any number of times.
    Empty,
    /// It has not been touched.
    Here(PassBody),
    /// It was given to a connection.
    Gone,
}

/// A request on its way.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) target: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Payload,
    pub(crate) upload: Arc<Upload>,
    /// Whether an attempt may have changed something: it was sent, no response
    /// came, and the method is not a safe one.
    pub(crate) may_have_acted: bool,
}

/// What is known of a request that got no response.
#[derive(Debug)]
pub(crate) enum SendError {
    /// No byte of it was written; its body is back.
    Unsent,
    /// It may have been processed.
    Lost,
    /// It may be processed still.
    TimedOut,
    /// Its client broke off.
    Client,
}

impl Outgoing {
    /// Whether trying again after a connect that failed is harmless
    /// (RFC 9110 section 9.2.2) and possible.
    pub(crate) fn may_try_next(&self) -> bool {
        let idempotent = [
            Method::GET,
            Method::HEAD,
            Method::OPTIONS,
            Method::PUT,
            Method::DELETE,
        ];
        idempotent.contains(&self.method) && !matches!(self.payload, Payload::Gone)
    }

    /// Takes the request out; an untouched body goes with it.
    fn take(&mut self, host: &HeaderValue) -> Request<PassBody> {
        let body = match std::mem::replace(&mut self.payload, Payload::Gone) {
            Payload::Here(body) => body,
            Payload::Empty | Payload::Gone => {
                self.payload = Payload::Empty;
                full("")
            }
        };
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.target.clone();
        *request.headers_mut() = self.headers.clone();
        // HTTP/1.0 clients may send none, and HTTP/1.1 origins want one.
        request.headers_mut().entry(HOST).or_insert(host.clone());
        request
    }

    /// Sends it on `sender` and waits for the head of the response.
    pub(crate) async fn send(
        &mut self,
        sender: &mut Sender,
        host: &HeaderValue,
        clock: &dyn Clock,
        limits: &Limits,
    ) -> Result<Response<Incoming>, SendError> {
        debug_assert!(
            !matches!(self.payload, Payload::Gone),
            "a body is sent once"
        );
        let safe = self.method.is_safe();
        let request = self.take(host);
        self.upload.moved();
        let response = sender.try_send_request(request);
        tokio::pin!(response);
        loop {
            let left = limits
                .first_byte_timeout
                .saturating_sub(self.upload.still_for());
            if left.is_zero() {
                return Err(SendError::TimedOut);
            }
            let result = tokio::select! {
                biased;
                result = &mut response => result,
                () = clock.sleep(left) => continue,
            };
            return result
                .map_err(|mut e| {
                    if let Some(unsent) = e.take_message() {
                        if matches!(self.payload, Payload::Gone) {
                            self.payload = Payload::Here(unsent.into_body());
                        }
                        return SendError::Unsent;
                    }
                    tracing::debug!(error = %e.into_error(), "no response from an origin");
                    match self.upload.is_broken() {
                        true => SendError::Client,
                        false => SendError::Lost,
                    }
                })
                .inspect_err(|e| self.may_have_acted |= matches!(e, SendError::Lost) && !safe);
        }
    }
}
