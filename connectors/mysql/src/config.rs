//! Where a server is and how to log in.

use crate::physical::PhysicalTarget;
use planb_model::Secret;
use planb_model::recovery::Engine;
use std::path::PathBuf;
use std::time::Duration;

/// How long connecting may take when the plan does not say.
pub const CONNECT_TIMEOUT_MS_DEFAULT: u64 = 5_000;

/// Connections over which log is applied at once. On two cores MySQL was slower
/// with four than with one, and with two always faster (docs/benchmarks.md).
pub const APPLY_LANES_DEFAULT: usize = 2;
/// Bytes of rows that a connection of its own is worth: with less, connecting
/// and committing took longer than one connection did for all of it.
pub const APPLY_LANE_BYTES_DEFAULT: usize = 2 << 20;

/// One server and the databases in it that are protected.
#[derive(Debug, Clone)]
pub struct MysqlConfig {
    /// [`Engine::Mysql`] or [`Engine::Mariadb`].
    pub engine: Engine,
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// PlanB's account.
    pub user: String,
    /// Its password.
    pub password: Option<Secret>,
    /// The databases (schemas) that are protected; at least one.
    pub databases: Vec<String>,
    /// PEM file with the authority of the server's certificate. TLS is used,
    /// and demanded, when it is given.
    pub tls_ca: Option<PathBuf>,
    /// Longest time connecting may take.
    pub connect_timeout: Duration,
    /// The `server_id` PlanB gives itself when it reads the binlog; random when
    /// `None`. Must differ from every server's and every replica's.
    pub replica_id: Option<u32>,
    /// Folder with the server's programs on this machine, for copies of its files;
    /// found in `PATH` and in the usual places when `None`.
    pub bin_dir: Option<PathBuf>,
    /// How its files are replaced; without it, only rows can be restored.
    pub physical: Option<PhysicalTarget>,
    /// Connections over which log is applied at once, at most; 1 for one after
    /// the other.
    pub apply_lanes: usize,
    /// Bytes of row events that each of them must have to be used.
    pub apply_lane_bytes: usize,
}

impl MysqlConfig {
    /// A server without TLS and without a password.
    pub fn new(
        engine: Engine,
        host: impl Into<String>,
        port: u16,
        user: impl Into<String>,
    ) -> Self {
        Self {
            engine,
            host: host.into(),
            port,
            user: user.into(),
            password: None,
            databases: Vec::new(),
            tls_ca: None,
            connect_timeout: Duration::from_millis(CONNECT_TIMEOUT_MS_DEFAULT),
            replica_id: None,
            bin_dir: None,
            physical: None,
            apply_lanes: APPLY_LANES_DEFAULT,
            apply_lane_bytes: APPLY_LANE_BYTES_DEFAULT,
        }
    }

    /// Whether the server is MariaDB.
    pub(crate) fn is_mariadb(&self) -> bool {
        self.engine == Engine::Mariadb
    }

    /// How messages call the server.
    pub(crate) fn subject(&self) -> String {
        format!("{} {}:{}", self.engine, self.host, self.port)
    }
}
