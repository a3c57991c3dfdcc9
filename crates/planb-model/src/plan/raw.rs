//! The plan file as it is written: the types behind `planb schema`, the checks
//! of its shape, and docs/reference/plan-file.md. The comments of the fields
//! are the reference; they are written for the people who write plans.

mod health;
mod site;

pub(super) use health::RawHealth;
pub(super) use site::{RawCommand, RawDatabase, RawRole, RawSite, RawWorkload};

use super::scalar::{
    DurationText, HttpUrlText, ListenText, NameText, PlainText, RecipientText, SignerText,
    SizeText, VariableText, VaultUrlText,
};
use super::{FailoverMode, Strategy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A duration default, in milliseconds.
pub(super) fn millis(ms: u64) -> DurationText {
    DurationText(Duration::from_millis(ms))
}

/// A service that PlanB protects. One file can hold several, separated by `---`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawDocument {
    /// Version of this format.
    pub api_version: RawApiVersion,
    /// What the document describes.
    pub kind: RawKind,
    /// What identifies the document.
    pub metadata: RawMetadata,
    /// What is wanted.
    pub spec: RawSpec,
}

/// Version of this format.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
pub(super) enum RawApiVersion {
    /// The first version.
    #[serde(rename = "planb.dev/v1")]
    V1,
}

/// What a document describes.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
pub(super) enum RawKind {
    /// One protected service.
    Service,
}

/// What identifies a document.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawMetadata {
    /// Name of the service, unique among all plans.
    pub name: NameText,
}

/// What is wanted of a service.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawSpec {
    /// Grade of the service, from 1 (core) to 4 (ordinary), after the disaster
    /// recovery guideline of the Ministry of the Interior and Safety.
    #[schemars(range(min = 1, max = 4), example = 2)]
    pub grade: u8,
    /// What is promised to the users of the service.
    pub objectives: RawObjectives,
    /// How ready the second home is kept.
    #[serde(default = "default_strategy")]
    pub strategy: Strategy,
    /// The two places the service can run at: one `primary`, one `standby`.
    #[schemars(length(min = 2, max = 2))]
    pub sites: Vec<RawSite>,
    /// How the data gets to the second home.
    pub data: RawData,
    /// How a dead site is noticed.
    #[serde(default)]
    pub health: RawHealth,
    /// How requests get to the service.
    pub traffic: RawTraffic,
    /// Who decides about a failover.
    #[serde(default)]
    pub failover: RawFailover,
}

fn default_strategy() -> Strategy {
    Strategy::PilotLight
}

/// What is promised to the users of the service.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawObjectives {
    /// Recovery time objective: the longest outage.
    #[schemars(example = &"15m")]
    pub rto: DurationText,
    /// Recovery point objective: the longest span of writes that may be lost.
    #[schemars(example = &"5m")]
    pub rpo: DurationText,
}

/// How the data gets to the second home.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawData {
    /// Where snapshots and log are kept. Both sites must reach it, and it must
    /// not depend on the primary site.
    pub vault: RawVault,
    /// When log is written to the vault.
    #[serde(default)]
    pub flush: RawFlush,
    /// Time between snapshots, from 1m to 31d. A shorter one means less log to
    /// apply at a failover.
    #[serde(default = "default_snapshot_interval")]
    pub snapshot_interval: DurationText,
    /// Time between canary writes, from 100ms to 1h. They measure how much
    /// would be lost now.
    #[serde(default = "default_canary_interval")]
    pub canary_interval: DurationText,
    /// What is kept in the vault. Without it, nothing is ever deleted.
    #[serde(default)]
    pub retention: Option<RawRetention>,
    /// Whether snapshots hold the users and roles that may use the databases, with
    /// password hashes and privileges, and a failover makes those that are missing
    /// at the second home. Needs `vault.encryption`. Not for SQLite, which has none;
    /// snapshots of PostgreSQL's files hold all users anyway.
    #[serde(default)]
    pub users: bool,
    /// How snapshots are tried out: each is restored once into a scratch
    /// database that PlanB starts on its own machine and removes.
    #[serde(default)]
    pub verification: RawVerification,
    /// Where log waits on the control plane's own disk while the vault is slow
    /// or away.
    #[serde(default)]
    pub spool: RawSpool,
}

/// How snapshots are tried out, one at a time and never beside a failover.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawVerification {
    /// Whether it is done. Without it nobody knows whether a restore works.
    #[serde(default = "default_verification")]
    pub enabled: bool,
    /// The newest snapshot is tried again with the log that has come since, this
    /// long after the last time, from 1m to 31d.
    #[serde(default = "default_verification_interval")]
    pub interval: DurationText,
}

impl Default for RawVerification {
    fn default() -> Self {
        Self {
            enabled: default_verification(),
            interval: default_verification_interval(),
        }
    }
}

fn default_verification() -> bool {
    true
}

fn default_verification_interval() -> DurationText {
    millis(86_400_000)
}

/// Where log waits while the vault is slow or away. It is compressed, and
/// encrypted when the vault is.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct RawSpool {
    /// Most log that waits on disk, from 16MiB to 1TiB. Beyond it the source is
    /// not read any more, and keeps its log.
    pub size: SizeText,
}

impl Default for RawSpool {
    fn default() -> Self {
        Self {
            size: SizeText(1 << 30),
        }
    }
}

/// What is kept in the vault. Rules add up: a snapshot stays while any of them
/// wants it. The newest one, the last verified one, and what exact points need
/// are never deleted.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawRetention {
    /// The newest this many snapshots.
    #[serde(default = "default_keep_last")]
    #[schemars(range(min = 1, max = 1000))]
    pub keep_last: u32,
    /// Snapshots, and the log for exact points, of this time, from 1h to 3660d.
    #[serde(default = "default_keep_for")]
    pub keep_for: DurationText,
    /// The last snapshot of each of so many days.
    #[serde(default)]
    #[schemars(range(max = 1000))]
    pub daily: u32,
    /// The last snapshot of each of so many weeks.
    #[serde(default)]
    #[schemars(range(max = 1000))]
    pub weekly: u32,
    /// The last snapshot of each of so many months.
    #[serde(default)]
    #[schemars(range(max = 1000))]
    pub monthly: u32,
    /// The last snapshot of each of so many years.
    #[serde(default)]
    #[schemars(range(max = 1000))]
    pub yearly: u32,
    /// How long the store refuses to delete an object, from 1h to 3660d. PlanB does
    /// not set this in the store; it only does not try before.
    #[serde(default)]
    pub immutable_for: Option<DurationText>,
}

fn default_keep_last() -> u32 {
    3
}

fn default_keep_for() -> DurationText {
    millis(30 * 86_400_000)
}

fn default_snapshot_interval() -> DurationText {
    millis(86_400_000)
}

fn default_canary_interval() -> DurationText {
    millis(1_000)
}

/// Where snapshots and log are kept.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawVault {
    /// `file:///path`, `az://container/prefix`, `s3://bucket/prefix` or
    /// `gs://bucket/prefix`.
    pub url: VaultUrlText,
    /// Options of the object store by name, such as `azure_storage_endpoint` or
    /// `aws_region`. Not for secrets.
    #[serde(default)]
    #[schemars(extend("x-planb-names" = "no-secrets"))]
    pub options: BTreeMap<String, PlainText>,
    /// Options whose values are secrets, such as `azure_storage_account_key`.
    #[serde(default)]
    pub secret_options: BTreeMap<String, RawSecret>,
    /// Encryption of every object. Without it, whoever can read the vault can
    /// read the data.
    pub encryption: Option<RawEncryption>,
    /// Signatures on snapshots, log and results of drills. Without them, whoever
    /// can write to the vault decides what is restored.
    pub signing: Option<RawSigning>,
}

/// Encryption of the vault with `age`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawEncryption {
    /// Public keys (`age1…`). Any one of the matching private keys can read the vault.
    #[schemars(length(min = 1, max = 16))]
    pub recipients: Vec<RecipientText>,
    /// The private key that belongs to one of the recipients. PlanB needs it
    /// to restore.
    pub identity: RawSecret,
}

/// Signatures of the vault (Ed25519). What none of the trusted keys signed is
/// refused. Switched on in the middle of a vault's life, it begins with a new snapshot.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawSigning {
    /// The private key (PEM) PlanB signs with: `openssl genpkey -algorithm ed25519`.
    pub key: RawSecret,
    /// Public keys whose signatures count, one of them that of `key`: what
    /// `openssl pkey -pubout` prints, or its middle line. After a change of keys
    /// the old one stays here for as long as what it signed is kept.
    #[schemars(length(min = 1, max = 16))]
    pub trusted: Vec<SignerText>,
}

/// Where a secret is. Exactly one of the two; a secret is never written into a plan.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1, "x-planb-secret" = true))]
pub(super) struct RawSecret {
    /// Name of an environment variable of the PlanB process.
    pub env: Option<VariableText>,
    /// Path of a file whose content, without line ends after it, is the secret.
    #[schemars(example = &"/etc/planb/secret")]
    pub file: Option<PlainText>,
}

/// When log is written to the vault: whichever comes first.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct RawFlush {
    /// Longest time after a commit, from 10ms to 1h. Part of what can be lost.
    pub interval: DurationText,
    /// This much log, from 4KiB to 256MiB.
    pub size: SizeText,
}

impl Default for RawFlush {
    fn default() -> Self {
        Self {
            interval: millis(1_000),
            size: SizeText(1 << 20),
        }
    }
}

/// How requests get to the service: an edge inside `planb up` (`listen`) or one
/// that runs by itself (`admin`, `public`).
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawEdge {
    /// Address the edge inside `planb up` listens on.
    pub listen: Option<ListenText>,
    /// URL of the admin API of a `planb edge` that runs by itself.
    #[schemars(example = &"http://127.0.0.1:9001")]
    pub admin: Option<HttpUrlText>,
    /// Token of that admin API.
    pub token: Option<RawSecret>,
    /// URL users see the service at through that edge.
    #[schemars(example = &"https://orders.example.com")]
    pub public: Option<HttpUrlText>,
}

/// How requests get to the service.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RawTraffic {
    /// The edge in front of both sites.
    pub edge: RawEdge,
    /// `Retry-After` of the maintenance page, whole seconds from 1s to 24h.
    #[serde(default = "default_retry_after")]
    pub retry_after: DurationText,
}

fn default_retry_after() -> DurationText {
    millis(10_000)
}

/// Who decides about a failover.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct RawFailover {
    /// Who decides.
    pub mode: FailoverMode,
}

impl Default for RawFailover {
    fn default() -> Self {
        Self {
            mode: FailoverMode::Approve,
        }
    }
}
