//! How a repository writes.

use planb_model::Secret;
use planb_model::recovery::RetentionPolicy;
use planb_ports::SnapshotOptions;
use std::time::Duration;

/// Default level of zstd: fast enough for one core to follow a busy database.
pub const ZSTD_LEVEL_DEFAULT: i32 = 3;

/// How a repository writes and seals.
#[derive(Debug, Clone)]
pub struct VaultOptions {
    /// `age1…` keys every new object is encrypted to; none for no encryption.
    pub recipients: Vec<String>,
    /// The `AGE-SECRET-KEY-…` that reads them, or a whole identity file. Needed
    /// whenever there are recipients: a writer reads back what it wrote.
    pub identity: Option<Secret>,
    /// Ed25519 key new manifests and records are signed with: PEM, or the base64
    /// inside it.
    pub signing_key: Option<Secret>,
    /// Public keys of those whose manifests and records count. When there are
    /// any, everything else is refused.
    pub trusted_signers: Vec<String>,
    /// Log is shipped when this many bytes have gathered …
    pub flush_bytes: u64,
    /// … or this long after the first transaction that has not been shipped.
    pub flush_interval: Duration,
    /// What is deleted while protection runs; nothing when `None`.
    pub retention: Option<RetentionPolicy>,
    /// Time between snapshots.
    pub snapshot_interval: Duration,
    /// Time between canaries.
    pub canary_interval: Duration,
    /// How snapshots are taken while log is shipped.
    pub snapshot: SnapshotOptions,
    /// Level of compression, 1 (fast) to 22 (small).
    pub zstd_level: i32,
}

impl Default for VaultOptions {
    fn default() -> Self {
        Self {
            recipients: Vec::new(),
            identity: None,
            signing_key: None,
            trusted_signers: Vec::new(),
            retention: None,
            flush_bytes: 1024 * 1024,
            flush_interval: Duration::from_secs(1),
            snapshot_interval: Duration::from_secs(24 * 3_600),
            canary_interval: Duration::from_secs(1),
            snapshot: SnapshotOptions::default(),
            zstd_level: ZSTD_LEVEL_DEFAULT,
        }
    }
}
