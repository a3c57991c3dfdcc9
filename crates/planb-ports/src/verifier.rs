//! Drills of what is in the vault, one at a time, without anybody asking.

use crate::PortResult;
use async_trait::async_trait;
use jiff::Timestamp;
use planb_model::Text;
use std::time::Duration;

/// Restores snapshots into databases nobody needs, and signs what it found.
#[async_trait]
pub trait Verifier: Send + Sync {
    /// Drills the snapshot that most needs it: the newest one that was never
    /// drilled, then older ones; else the newest once its last drill is older
    /// than `interval`, because log has come since. `None` when nothing is due.
    ///
    /// Dropping the call ends the drill and removes its database; nothing is
    /// recorded then. Touches neither site.
    async fn verify_next(&self, interval: Duration) -> PortResult<Option<Verified>>;

    /// The newest drill in the vault, whoever made it.
    async fn last(&self) -> PortResult<Option<Verified>>;
}

/// What a drill found, in short; the record in the vault says the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// The snapshot.
    pub snapshot: String,
    /// When its record was written.
    pub at: Timestamp,
    /// Whether everything that was looked at is well.
    pub passed: bool,
    /// Whether nothing looks tampered with; `None` when that was not judged.
    pub clean: Option<bool>,
    /// What does.
    pub suspicions: Vec<Text>,
    /// The place in the log that was replayed to, if there was log.
    pub log_to: Option<String>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What is not well.
    pub problems: Vec<String>,
}
