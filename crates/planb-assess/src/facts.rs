//! What the command found about one service, for methods that look at evidence.
//! `None` means that it was not looked at, or could not be: never that all is well.

use jiff::Timestamp;
use planb_model::drill::DrillResult;
use planb_model::plan::ServicePlan;
use planb_model::recovery::{Record, SnapshotPoint};
use planb_model::status::ExecutionStatus;
use std::collections::BTreeMap;

/// Evidence about one service.
#[derive(Debug, Clone)]
pub struct Facts {
    /// When it was looked at.
    pub now: Timestamp,
    /// The plan file.
    pub plan: Option<ServicePlan>,
    /// Executions of the service in the store.
    pub executions: Option<Vec<ExecutionStatus>>,
    /// The audit log, after it was verified.
    pub audit: Audit,
    /// Snapshots in the vault, newest first.
    pub points: Option<Vec<SnapshotPoint>>,
    /// Verification records in the vault.
    pub records: Option<Vec<Record>>,
    /// Measured failovers of the service.
    pub drills: Vec<DrillResult>,
    /// Files that were read, by the name the answers give them: their SHA-256.
    pub files: BTreeMap<String, String>,
}

/// How the audit log was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audit {
    /// It was not looked at, or there is none.
    Unseen,
    /// Every entry is as it was signed.
    Whole {
        /// Name of the log.
        log: String,
        /// Its entries.
        entries: u64,
        /// When the last of them was written.
        newest_at: Timestamp,
    },
    /// It is not what was signed.
    Broken {
        /// What is wrong with it.
        why: String,
    },
}

impl Facts {
    /// Nothing seen yet.
    pub fn none(now: Timestamp) -> Self {
        Self {
            now,
            plan: None,
            executions: None,
            audit: Audit::Unseen,
            points: None,
            records: None,
            drills: Vec::new(),
            files: BTreeMap::new(),
        }
    }
}
