//! Records about snapshots: what a verification found, what looked wrong.

use crate::ServiceName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordKind {
    /// A restore of the snapshot into a database that was looked at.
    Verification,
    /// Signs of tampering, measured.
    Signals,
}

impl RecordKind {
    /// Name of its folder in the vault.
    pub fn folder(self) -> &'static str {
        match self {
            RecordKind::Verification => "verification",
            RecordKind::Signals => "signals",
        }
    }
}

/// A record to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRecord {
    /// What it tells.
    pub kind: RecordKind,
    /// The snapshot it is about.
    pub snapshot: String,
    /// Whether all was well; `None` when that is not known.
    pub passed: Option<bool>,
    /// What was found, in the words of its writer.
    pub body: serde_json::Value,
}

/// A record in the vault; created once, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// [`super::VAULT_FORMAT`].
    pub format: u32,
    /// Whose vault.
    pub service: ServiceName,
    /// What it tells.
    pub kind: RecordKind,
    /// The snapshot it is about.
    pub snapshot: String,
    /// When it was written, by the writer's clock.
    pub written_at: Timestamp,
    /// How often the clock was behind the newest record until then: records are in
    /// the order of turns, then of times.
    #[serde(default, skip_serializing_if = "is_first")]
    pub turn: u32,
    /// Whether all was well; `None` when that is not known.
    pub passed: Option<bool>,
    /// What was found, in the words of its writer.
    pub body: serde_json::Value,
    /// Whether it is signed; not part of the object.
    #[serde(skip)]
    pub signature: SignatureState,
}

/// Records without a turn are of the first one.
fn is_first(turn: &u32) -> bool {
    *turn == 0
}

impl Record {
    /// What it says in short; `None` when it is not known whether all was well.
    pub fn verdict(&self) -> Option<Verdict> {
        Some(Verdict {
            at: self.written_at,
            passed: self.passed?,
        })
    }
}

/// What was found, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// When it was written down.
    pub at: Timestamp,
    /// Whether all was well.
    pub passed: bool,
}

/// Whether somebody whose key is pinned has signed an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureState {
    /// There is no signature.
    #[default]
    Unsigned,
    /// There is a signature, and no key to check it with.
    Unchecked,
    /// Signed by a pinned key.
    Valid,
}
