//! The edge: an HTTP/1.1 reverse proxy that always has an answer.
//!
//! Layer 3. Sends requests to the origins of a traffic plan in order and, when
//! none is left or the plan says so, answers with a maintenance page from
//! memory. It takes only plans that supersede the one it holds, keeps that one
//! on disk before it acknowledges it, and goes on serving it when the control
//! plane is gone (safety rules 1 and 8).
//!
//! A request is sent twice only when doing so is harmless: its method is
//! idempotent (RFC 9110 section 9.2.2) and its body is still here. There is
//! deliberately no TLS, no caching and no buffering of bodies.

mod admin;
mod body;
mod config;
mod connection;
mod desk;
mod edge;
mod error;
mod forward;
mod headers;
mod io;
mod language;
mod metrics;
mod origin;
mod page;
mod pool;
mod remote;
mod send;
mod serve;
mod time;
mod tunnel;
mod wire;

pub use config::{AdminConfig, EdgeConfig, Limits};
pub use edge::Edge;
pub use metrics::MetricsSnapshot;
pub use remote::RemoteTraffic;
