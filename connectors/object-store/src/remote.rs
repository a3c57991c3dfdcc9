//! Requests `object_store` has no method for, signed by its own signers.
//!
//! Joining parts on condition, and locks of single objects. URLs are signed for
//! a short time and sent at once; they are secrets and stay in here.

use bytes::Bytes;
use object_store::aws::AmazonS3;
use object_store::azure::MicrosoftAzure;
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector,
};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use object_store::{Error as StoreError, Result as StoreResult};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;

/// Long enough for clocks that differ a little, short enough to be useless later.
const SIGNED_FOR: Duration = Duration::from_secs(300);
/// What an answer here may hold: the XML of one error or of one result.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// A store whose requests can be signed here.
#[derive(Debug, Clone)]
pub(crate) enum Signing {
    S3(Arc<AmazonS3>),
    Azure(Arc<MicrosoftAzure>),
}

/// Sends signed requests.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    pub(crate) signing: Signing,
    client: HttpClient,
}

/// One request.
pub(crate) struct Signed<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a Path,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

/// What came back, whatever its status.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// A status that is no success, worded as `object_store` words it, so that one
/// reading of statuses serves both.
#[derive(Debug, thiserror::Error)]
#[error("the store answered with status code: {status}: {body}")]
struct Refused {
    status: StatusCode,
    body: String,
}

impl Remote {
    pub(crate) fn new(signing: Signing, options: &ClientOptions) -> StoreResult<Self> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(Self { signing, client })
    }

    /// Sends one request and takes the whole answer.
    pub(crate) async fn send(&self, signed: Signed<'_>) -> StoreResult<Answer> {
        let url = self.sign(&signed).await?;
        let mut request = HttpRequest::new(HttpRequestBody::from(signed.body));
        *request.method_mut() = signed.method;
        *request.uri_mut() = url.as_str().parse().map_err(generic)?;
        *request.headers_mut() = header_map(&signed.headers)?;
        let answer = self.client.execute(request).await.map_err(generic)?;
        let (parts, body) = answer.into_parts();
        let length = parts.headers.get("content-length");
        let length = length.and_then(|l| l.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > ANSWER_BYTES_MAX) {
            let what = "an answer that is too long";
            return Err(generic(std::io::Error::other(what)));
        }
        let body = body.bytes().await.map_err(generic)?;
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    async fn sign(&self, signed: &Signed<'_>) -> StoreResult<url::Url> {
        match &self.signing {
            Signing::S3(store) => {
                let mut options = SignedUrlOptions::new().with_query(signed.query.clone());
                for (name, value) in header_map(&signed.headers)? {
                    if let Some(name) = name {
                        options = options.with_signed_header(name, value);
                    }
                }
                let method = signed.method.clone();
                store
                    .signed_url_opts(method, signed.path, SIGNED_FOR, &options)
                    .await
            }
            Signing::Azure(store) => {
                // A shared access signature is for a right, not for a method, and
                // does not cover the query: HEAD needs the right that GET has.
                let right = match signed.method {
                    Method::HEAD => Method::GET,
                    ref method => method.clone(),
                };
                let mut url = store.signed_url(right, signed.path, SIGNED_FOR).await?;
                for (name, value) in &signed.query {
                    url.query_pairs_mut().append_pair(name, value);
                }
                Ok(url)
            }
        }
    }
}

impl Answer {
    /// Itself when it is a success, else the error `object_store` would make of it.
    pub(crate) fn success(self, path: &Path) -> StoreResult<Self> {
        // S3 may find out that it failed after it has sent 200.
        if self.status.is_success() && !self.body.contains("<Error>") {
            return Ok(self);
        }
        let (path, status) = (path.to_string(), self.status);
        let late = status.is_success();
        let source = Box::new(Refused {
            status: if late {
                StatusCode::INTERNAL_SERVER_ERROR
            } else {
                status
            },
            body: self.body,
        });
        Err(match status {
            StatusCode::PRECONDITION_FAILED => StoreError::AlreadyExists { path, source },
            StatusCode::CONFLICT => StoreError::AlreadyExists { path, source },
            StatusCode::NOT_FOUND => StoreError::NotFound { path, source },
            StatusCode::FORBIDDEN => StoreError::PermissionDenied { path, source },
            StatusCode::UNAUTHORIZED => StoreError::Unauthenticated { path, source },
            _ => generic(source),
        })
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

fn header_map(headers: &[(&'static str, String)]) -> StoreResult<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).map_err(generic)?;
        map.insert(HeaderName::from_static(name), value);
    }
    Ok(map)
}

fn generic(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Generic {
        store: "signed request",
        source: error.into(),
    }
}
