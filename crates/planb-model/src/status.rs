//! What the control plane tells about a service: the JSON of the API, the
//! status page and `planb status`.

use crate::execution::{Execution, ExecutionState, JournalRecord, StepState};
use crate::recovery::RecoveryPoint;
use crate::runbook::Phase;
use crate::{Canary, Epoch, ServiceName, SiteName, StepId, Text};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One service, now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceStatus {
    /// Which one.
    pub service: ServiceName,
    /// When this was put together.
    pub at: Timestamp,
    /// Its epoch.
    pub epoch: Epoch,
    /// The site that takes writes.
    pub active: SiteName,
    /// Verdict about the active site.
    pub health: HealthStatus,
    /// How well it is protected.
    pub protection: ProtectionStatus,
    /// Whether a restore was tried, and how that went.
    #[serde(default)]
    pub verification: VerificationStatus,
    /// The execution that has not finished, if any.
    pub execution: Option<ExecutionStatus>,
    /// Promised recovery time, in seconds.
    pub objective_rto_secs: f64,
    /// Promised recovery point, in seconds.
    pub objective_rpo_secs: f64,
}

/// What the detector says of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// It is well.
    Up,
    /// Something is wrong, not enough to say that it is lost.
    Suspect,
    /// It is lost.
    Down,
    /// Too few observers can tell.
    Unknown,
}

/// Health of the active site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthStatus {
    /// The verdict over all observers.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub why: Text,
    /// Each observer's own verdict.
    pub observers: BTreeMap<String, Verdict>,
}

/// How well a service is protected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProtectionStatus {
    /// What it is doing.
    pub state: ProtectionState,
    /// Seconds of writes that would be lost now: age of the newest canary read
    /// back at the other side. `None` when none was seen yet.
    pub rpo_secs: Option<f64>,
    /// That canary.
    pub canary: Option<Canary>,
    /// The last recovery point that was checked.
    pub recovery_point: Option<RecoveryPoint>,
    /// Segments shipped since the control plane started.
    pub segments: u64,
    /// Transactions shipped since the control plane started.
    pub transactions: u64,
    /// Log that waits on the local disk because the vault is slow or away.
    #[serde(default)]
    pub spool: Option<SpoolStatus>,
    /// The last error, while it lasts.
    pub error: Option<String>,
    /// What is wrong in the vault as it was last read back, while that lasts: it is
    /// away, or something in it is damaged or forged.
    #[serde(default)]
    pub vault_error: Option<String>,
}

/// Log that waits on the local disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpoolStatus {
    /// Bytes that wait.
    pub bytes: u64,
    /// Age of the oldest transaction that waits, in seconds.
    pub age_secs: f64,
    /// Whether there is no room for more, so that the source is not read.
    pub full: bool,
}

/// What protection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProtectionState {
    /// Not running: an execution is moving the service, or there is no control plane.
    Stopped,
    /// Taking the first snapshot.
    Starting,
    /// Log is shipped and canaries come back.
    Protected,
    /// Something fails and is tried again; the recovery point ages.
    Degraded,
    /// A newer epoch took over; this side must not act.
    Fenced,
}

/// How the drills of a service's snapshots go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationStatus {
    /// What it is doing.
    pub state: VerificationState,
    /// The newest drill in the vault.
    pub last: Option<DrillVerdict>,
    /// Why the last try came to no verdict, while that lasts.
    pub error: Option<String>,
}

/// What the drills are doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VerificationState {
    /// The plan says so, or there is no control plane.
    #[default]
    Off,
    /// Nothing is due, or the service is being moved.
    Waiting,
    /// A snapshot is being restored into a scratch database.
    Drilling,
    /// No drill is possible here.
    Impossible,
}

/// What a drill found, in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DrillVerdict {
    /// The snapshot.
    pub snapshot: String,
    /// When it was written down.
    pub at: Timestamp,
    /// Whether everything that was looked at is well.
    pub passed: bool,
    /// Whether nothing looks tampered with; `None` when that was not judged.
    pub clean: Option<bool>,
    /// What does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspicions: Vec<Text>,
    /// The place in the log that was replayed to, if there was log.
    pub log_to: Option<String>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What is not well.
    pub problems: Vec<String>,
}

/// One execution, folded from its journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionStatus {
    /// What was opened.
    pub execution: Execution,
    /// Where it stands.
    pub state: ExecutionState,
    /// Who approved it, if it is approved.
    pub approved_by: Option<String>,
    /// Where its steps stand.
    pub steps: BTreeMap<StepId, StepStatus>,
    /// When the last entry was written.
    pub updated_at: Timestamp,
    /// Seconds per phase, as far as the journal tells; `detect` starts at the
    /// first failed observation, because a control plane cannot know the fault.
    pub phases: BTreeMap<Phase, f64>,
}

impl ExecutionStatus {
    /// Reads a list of them: what `planb history --json` prints.
    ///
    /// # Errors
    /// What is no such JSON.
    pub fn list_from_json(json: &[u8]) -> serde_json::Result<Vec<Self>> {
        serde_json::from_slice(json)
    }
}

/// One step, folded from the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepStatus {
    /// Where it stands.
    pub state: StepState,
    /// How often it was begun.
    pub attempts: u32,
    /// When the last attempt began.
    pub started_at: Option<Timestamp>,
    /// When the last attempt ended.
    pub ended_at: Option<Timestamp>,
    /// What it did, in figures.
    pub facts: Option<serde_json::Value>,
    /// What went wrong.
    pub error: Option<String>,
    /// Code of what went wrong.
    pub code: Option<String>,
}

/// An execution with its whole journal, for `planb history ID`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionHistory {
    /// The folded state.
    pub status: ExecutionStatus,
    /// Every entry.
    pub journal: Vec<JournalRecord>,
}

impl ExecutionHistory {
    /// Reads one. Not generic: it is in the binary once, whoever reads.
    ///
    /// # Errors
    /// What is no such JSON.
    pub fn from_json(json: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(json)
    }
}
