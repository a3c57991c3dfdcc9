//! Sites as they are written.

use super::{RawSecret, millis};
use crate::plan::scalar::{
    DatabaseUrlText, DurationText, HttpUrlText, NameText, OriginText, PlainText,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A place the service can run at.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::plan) struct RawSite {
    /// Name of the site.
    #[schemars(example = &"seoul")]
    pub name: NameText,
    /// What the site is in peace time.
    pub role: RawRole,
    /// The service's database at this site.
    pub database: RawDatabase,
    /// What serves requests at this site.
    pub workload: RawWorkload,
    /// URL that answers 2xx when the service is well at this site.
    pub health: HttpUrlText,
    /// `http://host:port` the edge sends requests to.
    pub origin: OriginText,
}

/// What a site is in peace time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::plan) enum RawRole {
    /// It takes writes.
    Primary,
    /// It takes over.
    Standby,
}

/// The service's database at a site.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::plan) struct RawDatabase {
    /// `mysql://user@host:port/database`, `mariadb://…`, `postgresql://…` or `sqlite:/path/file.db`.
    /// PostgreSQL takes `?data-dir=…&bin-dir=…&slot=…&method=logical`. MySQL and MariaDB take
    /// `?data-dir=…&stop=…&start=…`: the files a physical snapshot is restored into, and the commands
    /// (words between spaces, no shell) for their server. Where the databases of all sites have
    /// these, snapshots copy files by themselves when they can.
    /// Never with a password.
    pub url: DatabaseUrlText,
    /// Where the password of the user is. Leave it out when there is none.
    pub password: Option<RawSecret>,
    /// The databases (schemas) that are protected. By default the one of the URL.
    #[schemars(length(min = 1, max = 256), extend("examples" = [["orders"]]))]
    pub databases: Option<Vec<PlainText>>,
    /// TLS to the server.
    pub tls: Option<RawTls>,
}

/// TLS to a database server.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::plan) struct RawTls {
    /// CA certificate (PEM) the server's certificate is checked with. Connections
    /// without TLS are refused when it is given.
    #[schemars(example = &"/etc/ssl/ca.pem")]
    pub ca: PlainText,
}

/// What serves requests at a site: a program PlanB starts (`start`), or one that
/// others start and PlanB only observes (`observe`). Exactly one of the two.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::plan) struct RawWorkload {
    /// The program PlanB starts. It must stay in the foreground.
    pub start: Option<RawCommand>,
    /// Run to stop that program. By default its processes get SIGTERM.
    pub stop: Option<RawCommand>,
    /// How long the program may take to stop before SIGKILL, from 0s to 1h. By default 10s.
    #[schemars(example = &"10s")]
    pub stop_grace: Option<DurationText>,
    /// Others start and stop the service here; PlanB looks at its health.
    pub observe: Option<RawObserve>,
}

/// A service that others start and stop.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::plan) struct RawObserve {
    /// Commands PlanB runs to have something done.
    pub hooks: RawHooks,
}

/// Commands that have something done. Exit code 0 means that it is done.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::plan) struct RawHooks {
    /// Has the service started. Without it PlanB leaves that to others.
    pub start: Option<RawCommand>,
    /// Has the service stopped in good order. Without it PlanB leaves that to others.
    pub stop: Option<RawCommand>,
    /// Makes certain that the service takes no writes even when it does not
    /// answer: power off, a security group. Without it a failover needs an
    /// approved override.
    pub fence: Option<RawCommand>,
}

/// A program with its arguments. There is no shell.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::plan) struct RawCommand {
    /// The program, then its arguments. Not for secrets: other users can see them.
    #[schemars(length(min = 1, max = 256), extend("examples" = [["./orders", "--listen", "127.0.0.1:8081"]]))]
    pub command: Vec<String>,
    /// Working directory. By default PlanB's own.
    #[schemars(example = &"/srv")]
    pub directory: Option<PlainText>,
    /// Environment added to PlanB's own, which the program inherits. Not for secrets.
    #[serde(default)]
    #[schemars(extend("x-planb-names" = "no-secrets"))]
    pub env: BTreeMap<String, String>,
    /// File that output is added to. By default output is discarded.
    #[schemars(example = &"/var/log/orders.log")]
    pub log: Option<PlainText>,
    /// Longest run of a command that must end (`stop` and hooks), from 1s to 24h;
    /// then it is killed and its outcome is unknown.
    #[serde(default = "default_timeout")]
    pub timeout: DurationText,
}

fn default_timeout() -> DurationText {
    millis(60_000)
}
