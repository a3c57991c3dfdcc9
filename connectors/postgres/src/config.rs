//! Where a server is, how to log in, and how it is restored into.

use planb_model::Secret;
use std::path::PathBuf;
use std::time::Duration;

/// How long connecting may take when the plan does not say.
pub const CONNECT_TIMEOUT_MS_DEFAULT: u64 = 5_000;
/// The slot PlanB reads the log through when the plan does not say.
pub const SLOT_DEFAULT: &str = "planb";

/// How a server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// The whole server: base backup and write-ahead log.
    #[default]
    Physical,
    /// Named databases: `pg_dump` for definitions, `COPY` for rows. Snapshots
    /// only, no log.
    Logical,
}

/// A data directory of this machine that PlanB restores into, and whose server
/// it starts and stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresTarget {
    /// The data directory. PlanB's own notes are beside it, in `<data_dir>.planb`.
    pub data_dir: PathBuf,
}

/// One server.
#[derive(Debug, Clone)]
pub struct PostgresConfig {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// PlanB's account.
    pub user: String,
    /// Its password.
    pub password: Option<Secret>,
    /// The databases that are protected by the logical method, at least one.
    /// The physical one protects all there are.
    pub databases: Vec<String>,
    /// PEM file with the authority of the server's certificate. TLS is used,
    /// demanded and verified with the host's name when it is given.
    pub tls_ca: Option<PathBuf>,
    /// Longest time connecting may take.
    pub connect_timeout: Duration,
    /// How it is protected.
    pub method: Method,
    /// The physical replication slot that keeps the log for PlanB.
    pub slot: String,
    /// What is restored into by the physical method; without it the server is
    /// a source only.
    pub target: Option<PostgresTarget>,
    /// Folder with `pg_ctl`, `pg_dump` and `psql`; found in `PATH` and in
    /// Debian's places when `None`.
    pub bin_dir: Option<PathBuf>,
}

impl PostgresConfig {
    /// A server without TLS and without a password, protected physically.
    pub fn new(host: impl Into<String>, port: u16, user: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port,
            user: user.into(),
            password: None,
            databases: Vec::new(),
            tls_ca: None,
            connect_timeout: Duration::from_millis(CONNECT_TIMEOUT_MS_DEFAULT),
            method: Method::Physical,
            slot: SLOT_DEFAULT.to_owned(),
            target: None,
            bin_dir: None,
        }
    }

    /// How messages call the server.
    pub(crate) fn subject(&self) -> String {
        format!("postgresql {}:{}", self.host, self.port)
    }
}
