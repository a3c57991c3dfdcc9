//! The plan: one service, its two sites, and what is asked of them.
//!
//! These are the checked types. [`parse`] reads them from planb.yaml, with every
//! error naming file, line, column, field and a hint.

mod alone;
mod check;
mod convert;
mod error;
mod excerpt;
mod parse;
mod problems;
mod raw;
mod review;
mod scalar;
mod schema;
mod structure;
mod template;
pub mod tree;

pub use alone::{AddressError, database_address, duration_of, size_of, vault_address};
pub use error::{PlanError, PlanErrors};
pub use parse::{PLAN_BYTES_MAX, SERVICES_MAX, parse};
pub use problems::Problems;
pub use review::review;
pub use schema::schema;
pub use structure::nearest;
pub use template::template;

use crate::observation::ProbeKind;
use crate::recovery::{Engine, RetentionPolicy};
use crate::{SecretRef, ServiceName, SiteName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// One document of `kind: Service`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePlan {
    /// Its name.
    pub name: ServiceName,
    /// Grade after the MOIS guideline, 1 (core) to 4 (ordinary).
    pub grade: Grade,
    /// What is promised.
    pub objectives: Objectives,
    /// How ready the second home is kept.
    pub strategy: Strategy,
    /// The site that takes writes in peace time.
    pub primary: Site,
    /// The second home.
    pub standby: Site,
    /// How its data gets there.
    pub data: DataPlan,
    /// How a dead site is noticed.
    pub health: HealthPlan,
    /// How requests get to it.
    pub traffic: TrafficSettings,
    /// Who decides.
    pub failover: FailoverPlan,
}

impl ServicePlan {
    /// The site called `name`.
    pub fn site(&self, name: &SiteName) -> Option<&Site> {
        [&self.primary, &self.standby]
            .into_iter()
            .find(|s| &s.name == name)
    }

    /// Whether files of every site's database may be replaced. Roles change at a
    /// failover, so one that takes them is not enough for snapshots of files.
    pub fn takes_files(&self) -> bool {
        let sites = self.sites();
        sites.iter().all(|site| site.database.takes_files())
    }

    /// The site that is not `name`.
    pub fn other_site(&self, name: &SiteName) -> &Site {
        if &self.primary.name == name {
            &self.standby
        } else {
            &self.primary
        }
    }

    /// Both sites, primary first.
    pub fn sites(&self) -> [&Site; 2] {
        [&self.primary, &self.standby]
    }
}

/// Grade of a service, 1 (core) to 4 (ordinary).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Grade(pub u8);

/// Recovery objectives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Objectives {
    /// Longest outage.
    pub rto: Duration,
    /// Longest span of lost writes.
    pub rpo: Duration,
}

/// How ready the second home is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Data in the vault; the database is restored at failover.
    PilotLight,
    /// The standby database follows the vault all the time.
    WarmStandby,
}

/// One site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Site {
    /// Its name.
    pub name: SiteName,
    /// Its database.
    pub database: DatabaseAddress,
    /// What serves requests there.
    pub workload: Workload,
    /// Answers 2xx when the service is well there.
    pub health_url: String,
    /// `http://host:port` the edge sends requests to.
    pub origin: String,
}

/// Where a database is.
#[expect(
    clippy::large_enum_variant,
    reason = "there are two in a plan, and servers are the usual ones"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind"
)]
pub enum DatabaseAddress {
    /// A file on this machine: `sqlite:/path/orders.db`.
    Sqlite {
        /// The database file.
        path: PathBuf,
    },
    /// A server: `mysql://user@host:3306/orders`, `mariadb://…` or `postgresql://…`.
    Server {
        /// `Engine::Mysql`, `Engine::Mariadb` or `Engine::Postgresql`.
        engine: Engine,
        /// Host name or address.
        host: String,
        /// TCP port.
        port: u16,
        /// User PlanB connects as.
        user: String,
        /// Where its password is; `None` for none.
        password: Option<SecretRef>,
        /// The schemas that are protected; at least one.
        databases: Vec<String>,
        /// CA certificate (PEM); TLS is required when given.
        tls_ca: Option<PathBuf>,
        /// What only PostgreSQL has.
        #[serde(skip_serializing_if = "Option::is_none")]
        postgresql: Option<PostgresqlSettings>,
        /// MySQL and MariaDB: the files of a server on this machine, which a
        /// snapshot of files is restored into.
        #[serde(skip_serializing_if = "Option::is_none")]
        files: Option<ReplaceableFiles>,
    },
}

/// A server's files that may be replaced as a whole; from the URL's query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplaceableFiles {
    /// `data-dir`: its data directory on this machine.
    pub data_dir: PathBuf,
    /// `stop`: program and arguments that stop it, also when it does not run.
    pub stop: Vec<String>,
    /// `start`: program and arguments that start it.
    pub start: Vec<String>,
}

/// How a PostgreSQL server is protected and restored into; from the URL's query.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PostgresqlSettings {
    /// `method=logical`: rows of the named databases instead of the whole server.
    pub logical: bool,
    /// `data-dir`: the data directory on this machine that PlanB restores into.
    pub data_dir: Option<PathBuf>,
    /// `bin-dir`: the folder of PostgreSQL's programs on this machine.
    pub bin_dir: Option<PathBuf>,
    /// `slot`: the replication slot that keeps the log for PlanB.
    pub slot: Option<String>,
}

impl DatabaseAddress {
    /// Whether it says that files of a server of MySQL or MariaDB may be replaced.
    pub fn takes_files(&self) -> bool {
        matches!(self, DatabaseAddress::Server { files: Some(_), .. })
    }

    /// The engine behind the address.
    pub fn engine(&self) -> Engine {
        match self {
            DatabaseAddress::Sqlite { .. } => Engine::Sqlite,
            DatabaseAddress::Server { engine, .. } => *engine,
        }
    }
}

/// What serves requests at a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind"
)]
pub enum Workload {
    /// PlanB starts and stops it.
    Managed {
        /// The program and its arguments; stays in the foreground.
        start: CommandLine,
        /// Run to stop it; by default its process group gets SIGTERM, then SIGKILL.
        stop: Option<CommandLine>,
        /// How long it may take to stop before SIGKILL.
        stop_grace: Duration,
    },
    /// Others start and stop it; PlanB looks at its health and calls hooks.
    Observed {
        /// Run to have it started.
        start: Option<CommandLine>,
        /// Run to have it stopped.
        stop: Option<CommandLine>,
        /// Run to make sure it takes no writes even when it does not answer
        /// (power off, security group, …). Exit 0 means it is certain.
        fence: Option<CommandLine>,
    },
}

/// A program with its arguments; no shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandLine {
    /// Program, then arguments; not empty.
    pub argv: Vec<String>,
    /// Working directory.
    pub directory: Option<PathBuf>,
    /// Environment added to PlanB's own.
    pub env: BTreeMap<String, String>,
    /// Where output goes; discarded when `None`.
    pub log: Option<PathBuf>,
    /// Longest run of a command that must end (hooks), then it is killed and unknown.
    pub timeout: Duration,
}

/// How data gets to the second home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DataPlan {
    /// Where the vault is.
    pub vault: VaultAddress,
    /// Log is written to the vault at most this long after it is committed …
    pub flush_interval: Duration,
    /// … or when this many bytes have gathered.
    pub flush_bytes: u64,
    /// Time between snapshots.
    pub snapshot_interval: Duration,
    /// Time between canaries.
    pub canary_interval: Duration,
    /// What is deleted; nothing when `None`.
    pub retention: Option<RetentionPolicy>,
    /// Whether snapshots hold the accounts that may use the databases.
    pub users: bool,
    /// How snapshots are drilled without anybody asking; not when `None`.
    pub verification: Option<VerificationPlan>,
    /// Most bytes of log that wait on the local disk for the vault.
    pub spool_bytes_max: u64,
}

/// How snapshots are drilled without anybody asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationPlan {
    /// The newest snapshot is drilled again with the log that has come since,
    /// this long after its last drill.
    pub interval: Duration,
}

/// Where a vault is, how it is encrypted, and whose signatures count in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VaultAddress {
    /// `file:///path`, `az://container/prefix`, `s3://bucket/prefix`, `gs://bucket/prefix`.
    pub url: String,
    /// Options of the store by their `object_store` name (`azure_storage_endpoint`, …).
    pub options: BTreeMap<String, String>,
    /// Options whose values are secrets (`azure_storage_account_key`, …).
    pub secret_options: BTreeMap<String, SecretRef>,
    /// `age1…` public keys every object is encrypted to; none for no encryption.
    pub recipients: Vec<String>,
    /// The `age` identity that can read it; needed when there are recipients.
    pub identity: Option<SecretRef>,
    /// The private Ed25519 key that new objects are signed with.
    pub signing_key: Option<SecretRef>,
    /// Public keys whose signatures count; when there are any, what none of them
    /// signed is refused.
    pub trusted_signers: Vec<String>,
}

/// How a dead site is noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthPlan {
    /// Time between probes of an observer.
    pub interval: Duration,
    /// Longest wait for one probe.
    pub timeout: Duration,
    /// Failures in a row after which an observer says DOWN.
    pub failures: u32,
    /// Successes in a row after which it says UP again.
    pub recoveries: u32,
    /// Observers.
    pub observers: Vec<Observer>,
    /// Observers that must say DOWN before traffic is shed.
    pub shed_quorum: u32,
    /// Observers that must say DOWN, with the data check, before promotion.
    pub promote_quorum: u32,
}

/// One vantage point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Observer {
    /// Its name, unique.
    pub name: String,
    /// How it looks at the active site; at least one.
    pub probes: Vec<ProbeKind>,
    /// URL or `tcp://host:port` known to be well; when it fails, so has the observer's own
    /// uplink. `None`: the vault is asked.
    pub canary: Option<String>,
}

/// How requests get to the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrafficSettings {
    /// The edge.
    pub edge: EdgeSettings,
    /// Value of `Retry-After` on the maintenance page.
    pub retry_after: Duration,
}

/// Which edge serves the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind"
)]
pub enum EdgeSettings {
    /// In the process of `planb up`.
    Embedded {
        /// `host:port` it listens on.
        listen: String,
    },
    /// A `planb edge` of its own.
    Remote {
        /// `http://host:port` of its admin API.
        admin: String,
        /// Token of the admin API.
        token: Option<SecretRef>,
        /// `http://host:port` the service is seen at from outside.
        public: String,
    },
}

/// Who decides about a failover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailoverPlan {
    /// Who decides.
    pub mode: FailoverMode,
}

/// Who decides about a failover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FailoverMode {
    /// PlanB only tells; an operator starts it.
    Manual,
    /// PlanB prepares it and waits for an approval.
    Approve,
    /// PlanB does it.
    Automatic,
}
