//! The result of a measured failover and failback: what `planb demo` prints and
//! what its report shows.

use crate::ExecutionId;
use crate::runbook::Phase;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Figures of one measured failover and the failback after it. The field names
/// are the public JSON of `planb demo --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrillResult {
    /// From fault onset to the first good answer seen by the outside probe.
    pub rto_seconds: f64,
    /// `rto_seconds` by phase; they add up to it.
    pub phases: PhaseSeconds,
    /// Age, at fault onset, of the oldest acknowledged order that was lost; 0
    /// when none was.
    pub rpo_seconds: f64,
    /// Orders the load generator had an acknowledgement for at fault onset.
    pub acknowledged: u64,
    /// Of those, found whole at the new primary.
    pub recovered: u64,
    /// Of those, missing or different at the new primary.
    pub lost: u64,
    /// The way back.
    pub failback: FailbackResult,
    /// True only when every acknowledged order was compared after both moves.
    pub verified: bool,
    /// Path of the HTML report.
    pub report: String,
    /// The failover's execution in the history of the state it was run on; a
    /// file of an older version does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<ExecutionId>,
    /// What was run.
    pub setup: DrillSetup,
    /// What happened when, in order.
    pub timeline: Vec<TimelineEntry>,
    /// What the outside probe saw.
    pub probe: Vec<ProbeSample>,
}

impl DrillResult {
    /// Reads one. Not generic: it is in the binary once, whoever reads.
    ///
    /// # Errors
    /// What is no such JSON.
    pub fn from_json(json: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(json)
    }
}

/// Seconds by phase.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct PhaseSeconds {
    /// From fault onset to the verdict.
    pub detect_seconds: f64,
    /// From the verdict to the approval.
    pub decide_seconds: f64,
    /// From the approval to a healthy service at the other site.
    pub execute_seconds: f64,
    /// From there to the first good answer seen from outside.
    pub traffic_seconds: f64,
}

/// The way back.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FailbackResult {
    /// How long the outside probe saw no good answer during the failback.
    pub rto_seconds: f64,
    /// Acknowledged orders missing or different at the old home afterwards.
    pub lost: u64,
}

/// What was run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrillSetup {
    /// The service.
    pub service: String,
    /// The site that was killed.
    pub from: String,
    /// The site that took over.
    pub to: String,
    /// `sqlite` or `mariadb`.
    pub database: String,
    /// `local` or `azurite`.
    pub vault: String,
    /// Bytes of the database when the site was killed.
    pub database_bytes: u64,
    /// Promised recovery time, in seconds.
    pub objective_rto_seconds: f64,
    /// Promised recovery point, in seconds.
    pub objective_rpo_seconds: f64,
    /// Version of PlanB.
    pub version: String,
    /// Operating system, processor and cores.
    pub machine: String,
    /// When it began.
    pub started_at: Timestamp,
}

/// One moment of a timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// Seconds after fault onset; negative before it.
    pub at_seconds: f64,
    /// Until when it lasted, for steps.
    pub until_seconds: Option<f64>,
    /// The phase it belongs to; `None` outside the recovery.
    pub phase: Option<Phase>,
    /// Identifier of the step or moment: `fault`, `verdict`, `restore`.
    pub id: String,
    /// What happened, in figures or words.
    pub detail: String,
    /// Whether it belongs to the failover (`false`: to the failback).
    pub failover: bool,
}

/// One look of the outside probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeSample {
    /// Seconds after fault onset; negative before it.
    pub at_seconds: f64,
    /// HTTP status; 0 when there was no answer.
    pub status: u16,
    /// The site that answered, if it was one.
    pub site: Option<String>,
}
