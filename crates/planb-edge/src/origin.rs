//! Origins: parsed once, and tried last for a while when they do not connect.

use crate::config::Limits;
use crate::error;
use hyper::Uri;
use hyper::header::HeaderValue;
use hyper::http::uri::{Authority, Scheme};
use planb_model::SiteName;
use planb_model::traffic::Origin;
use planb_ports::PortResult;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Somewhere requests are sent, as the edge uses it.
#[derive(Debug)]
pub(crate) struct OriginSite {
    pub(crate) site: SiteName,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// `host:port`, as it stands in a `Host` header.
    pub(crate) authority: HeaderValue,
    health: Mutex<Health>,
}

#[derive(Debug, Default)]
struct Health {
    failures_in_row: u32,
    /// Monotonic time until which it is tried last.
    suspended_until: Option<Duration>,
}

impl OriginSite {
    /// Parses an origin; only `http://host:port` without path can be one.
    pub(crate) fn parse(origin: &Origin) -> PortResult<Self> {
        let bad = || error::bad_origin(&origin.site);
        let uri: Uri = origin.url.parse().map_err(|e| bad().source(e))?;
        let authority = uri.authority().ok_or_else(bad)?;
        let plain = uri.scheme() == Some(&Scheme::HTTP)
            && matches!(uri.path(), "" | "/")
            && uri.query().is_none()
            && !authority.host().is_empty();
        let port = port_of(authority).filter(|_| plain).ok_or_else(bad)?;
        Ok(Self {
            site: origin.site.clone(),
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port,
            authority: HeaderValue::from_str(&format!("{}:{port}", authority.host()))
                .map_err(|e| bad().source(e))?,
            health: Mutex::default(),
        })
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It connected.
    pub(crate) fn connected(&self) {
        *self.health() = Health::default();
    }

    /// It did not connect, at monotonic time `now`.
    pub(crate) fn failed(&self, limits: &Limits, now: Duration) {
        let mut health = self.health();
        health.failures_in_row = health.failures_in_row.saturating_add(1);
        if health.failures_in_row >= limits.connect_failures_max {
            health.suspended_until = Some(now.saturating_add(limits.suspension));
        }
    }

    fn is_suspended(&self, now: Duration) -> bool {
        self.health()
            .suspended_until
            .is_some_and(|until| now < until)
    }
}

/// The port of `host` or `host:port`; `None` for anything else, such as a
/// user or a port that is no number below 65536.
pub(crate) fn port_of(authority: &Authority) -> Option<u16> {
    if authority.as_str() == authority.host() {
        return Some(80);
    }
    let port = authority.port_u16()?;
    (authority.as_str().len() == authority.host().len() + 1 + authority.port()?.as_str().len())
        .then_some(port)
}

/// The order in which origins are tried at `now`: by priority, those that did
/// not connect lately last. None is left out, so the order is never empty
/// because of bad health.
pub(crate) fn order<T: AsRef<OriginSite>>(origins: &[T], now: Duration) -> Vec<&OriginSite> {
    let mut order: Vec<&OriginSite> = origins.iter().map(AsRef::as_ref).collect();
    order.sort_by_key(|origin| origin.is_suspended(now));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn origin(site: &str, url: &str) -> PortResult<OriginSite> {
        OriginSite::parse(&Origin {
            site: SiteName::new(site).unwrap(),
            url: url.to_owned(),
        })
    }

    #[test]
    fn only_plain_http_addresses_are_origins() {
        let good = origin("a", "http://127.0.0.1:8080").unwrap();
        assert_eq!((good.host.as_str(), good.port), ("127.0.0.1", 8080));
        let six = origin("a", "http://[::1]:8080/").unwrap();
        assert_eq!((six.host.as_str(), six.port), ("::1", 8080));
        assert_eq!(six.authority, "[::1]:8080");
        assert_eq!(origin("a", "http://web").unwrap().port, 80);
        for bad in [
            "",
            "web:80",
            "https://web:443",
            "http://web/path",
            "http://web/?q",
            "http://me:hunter2@web:1",
            "http://:80",
            "/",
            "http://web:99999",
        ] {
            let error = origin("a", bad).unwrap_err();
            assert_eq!(error.code(), "PB-EDGE-ORIGIN", "{bad}");
            assert!(!error.chain().contains("hunter2"));
        }
    }

    #[test]
    fn an_origin_that_does_not_connect_is_tried_last_for_a_while() {
        let limits = Limits::default();
        let origins: Vec<_> = ["a", "b", "c"]
            .map(|site| Arc::new(origin(site, "http://web:1").unwrap()))
            .into();
        let sites = |now| -> Vec<&str> {
            order(&origins, now)
                .iter()
                .map(|o| o.site.as_str())
                .collect()
        };
        let now = Duration::from_secs(100);
        for _ in 1..limits.connect_failures_max {
            origins[0].failed(&limits, now);
        }
        assert_eq!(sites(now), ["a", "b", "c"]);
        origins[0].failed(&limits, now);
        assert_eq!(sites(now), ["b", "c", "a"]);
        assert_eq!(sites(now + limits.suspension), ["a", "b", "c"]);
        origins[0].failed(&limits, now);
        assert_eq!(sites(now), ["b", "c", "a"]);
        origins[0].connected();
        assert_eq!(sites(now), ["a", "b", "c"]);
    }
}
