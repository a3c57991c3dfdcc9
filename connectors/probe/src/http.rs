//! GET of a URL; 2xx is well.

use crate::{address, error};
use async_trait::async_trait;
use planb_model::SiteName;
use planb_ports::probe::Seen;
use planb_ports::{ErrorKind, PortError, PortResult, Probe};
use reqwest::{Client, Response};
use std::sync::Once;
use std::time::Duration;
use url::Url;

/// Header in which the edge says which site answered.
const SITE_HEADER: &str = "x-planb-site";

/// How much of an answer is read: enough to see that the process behind it
/// still moves, and a health page is smaller.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Looks at a URL with a connection of its own each time.
#[derive(Debug)]
pub struct HttpProbe {
    client: Client,
    url: Url,
    shown: String,
    timeout: Duration,
}

impl HttpProbe {
    /// A probe of `url`, `http://` or `https://`. A look takes at most `timeout`,
    /// from name resolution to the end of the answer.
    pub fn new(url: &str, timeout: Duration) -> PortResult<Self> {
        let url = address::parse(url, &["http", "https"])?;
        install_tls_provider();
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .pool_max_idle_per_host(0)
            .user_agent(concat!("planb-probe/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| {
                PortError::new(
                    ErrorKind::Internal,
                    "PB-PROBE-CLIENT",
                    "the HTTP client cannot be made",
                )
                .source(e)
                .hint(
                    "see whether the CA certificates of this machine are readable",
                    "이 시스템의 CA 인증서를 읽을 수 있는지 확인하세요",
                )
            })?;
        Ok(Self {
            client,
            shown: address::shown(&url),
            url,
            timeout,
        })
    }

    async fn get(&self) -> PortResult<Seen> {
        let failed = |e: reqwest::Error| error::failed(&self.shown, e.without_url());
        let request = self
            .client
            .get(self.url.clone())
            .header("connection", "close")
            .header("cache-control", "no-cache");
        let mut response = request.send().await.map_err(failed)?;
        let seen = Seen {
            site: site_of(&response),
            status: Some(response.status().as_u16()),
        };
        if !response.status().is_success() {
            return Err(error::status(&self.shown, response.status().as_u16()));
        }
        let mut read = 0;
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            read += chunk.len();
            if read >= BODY_BYTES_MAX {
                break;
            }
        }
        Ok(seen)
    }
}

#[async_trait]
impl Probe for HttpProbe {
    async fn look(&self) -> PortResult<Seen> {
        tokio::time::timeout(self.timeout, self.get())
            .await
            .unwrap_or_else(|_| Err(error::timeout(&self.shown, self.timeout)))
    }
}

fn site_of(response: &Response) -> Option<SiteName> {
    let value = response.headers().get(SITE_HEADER)?;
    SiteName::new(value.to_str().ok()?).ok()
}

/// Makes ring the process's TLS provider, unless somebody chose one already.
fn install_tls_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if rustls::crypto::ring::default_provider()
            .install_default()
            .is_err()
        {
            tracing::debug!("the process has a TLS provider already");
        }
    });
}
