//! What an edge is started with, and the bounds it keeps.

use planb_model::{Secret, ServiceName};
use std::path::PathBuf;
use std::time::Duration;

/// What an edge is started with.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// The service it serves; plans of others are refused.
    pub service: ServiceName,
    /// `host:port` it listens on; port 0 takes a free one.
    pub listen: String,
    /// Where it keeps its plan. Without, a restart forgets plan and epoch: for tests only.
    pub state_file: Option<PathBuf>,
    /// The admin API, for an edge that is a process of its own.
    pub admin: Option<AdminConfig>,
    /// Whether another proxy in front is trusted: its `X-Forwarded-*` headers
    /// are then extended. Otherwise they are replaced, because anyone can send them.
    pub trust_forwarded: bool,
    /// Bounds.
    pub limits: Limits,
}

impl EdgeConfig {
    /// An edge of `service` at `listen`, without state file and admin API.
    pub fn new(service: ServiceName, listen: impl Into<String>) -> Self {
        Self {
            service,
            listen: listen.into(),
            state_file: None,
            admin: None,
            trust_forwarded: false,
            limits: Limits::default(),
        }
    }
}

/// The admin API: reads and replaces the plan.
#[derive(Debug, Clone)]
pub struct AdminConfig {
    /// `host:port` it listens on; port 0 takes a free one.
    pub listen: String,
    /// Whoever sends it as bearer token may move the service.
    pub token: Secret,
    /// Whether an address other than loopback is meant. The API has no TLS:
    /// only for networks whose every listener may know the token.
    pub allow_other_than_loopback: bool,
}

/// Bounds of an edge. The defaults suit a service behind one address.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Clients served at once; more wait in the listen queue of the system.
    /// Each may cost some 100 KiB.
    pub connections_max: usize,
    /// Bytes of a request's line and headers; common servers take 8 to 64 KiB.
    pub header_bytes_max: usize,
    /// Longest wait for the headers of a request, also between two requests of
    /// a connection. Keeps slow senders from holding connections.
    pub header_timeout: Duration,
    /// Longest wait for a connection to an origin. Short: while it lasts, the
    /// client of a dead site waits for its maintenance page.
    pub connect_timeout: Duration,
    /// Longest wait for the head of a response, from the last byte of the
    /// request that moved.
    pub first_byte_timeout: Duration,
    /// Longest pause within a body, and longest wait for a client to take bytes.
    pub idle_timeout: Duration,
    /// Idle connections kept per origin.
    pub idle_connections_max: usize,
    /// How long an idle connection is kept; below the keep-alive of common
    /// servers (5 s of Node.js and Apache), which close it under our feet.
    pub idle_connection_age_max: Duration,
    /// Failed connects in a row after which an origin is tried last.
    pub connect_failures_max: u32,
    /// For how long it is tried last.
    pub suspension: Duration,
    /// Longest wait for requests in flight at shutdown.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            header_bytes_max: 32 * 1024,
            header_timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(1),
            first_byte_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(60),
            idle_connections_max: 64,
            idle_connection_age_max: Duration::from_secs(4),
            connect_failures_max: 3,
            suspension: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(10),
        }
    }
}
