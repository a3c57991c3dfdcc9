//! Looks at services from outside: HTTP, TCP, and SQL over the database port.
//!
//! Layer 4. A look is over within its timeout, uses a connection of its own so
//! that a dead process is noticed at once, and never follows a redirect: what
//! answers somewhere else says nothing about the target. There is deliberately
//! no retry here: the judge counts failures, and a hidden retry would hide them.

mod address;
mod error;
mod http;
mod sql;
mod tcp;

pub use http::HttpProbe;
pub use sql::SqlProbe;
pub use tcp::TcpProbe;

use planb_ports::{PortResult, Probe};
use std::sync::Arc;
use std::time::Duration;

/// The probe for a URL: TCP for `tcp://host:port`, HTTP for `http://` and `https://`.
pub fn from_url(url: &str, timeout: Duration) -> PortResult<Arc<dyn Probe>> {
    if url.starts_with("tcp://") {
        Ok(Arc::new(TcpProbe::new(url, timeout)?))
    } else {
        Ok(Arc::new(HttpProbe::new(url, timeout)?))
    }
}
