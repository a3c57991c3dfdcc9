//! What an entry says. Its bytes in the log are its JSON as it was first
//! written, on one line.

use jiff::Timestamp;
use planb_model::ExecutionId;
use planb_model::execution::{Execution, JournalRecord};
use planb_model::service::ServiceRecord;
use serde::{Deserialize, Serialize};

/// Version of the entries written by this build.
pub const AUDIT_FORMAT: u32 = 1;

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind"
)]
pub enum Entry {
    /// The log began; always the first entry.
    Began {
        /// [`AUDIT_FORMAT`].
        format: u32,
        /// When.
        at: Timestamp,
        /// Entries of the store that were there before and come next. What
        /// happened to them until now, nobody can prove.
        adopted: u64,
    },
    /// The record of a service changed: its epoch, or the site that takes writes.
    Service {
        /// How.
        change: ServiceChange,
        /// The record afterwards.
        record: ServiceRecord,
    },
    /// An execution was opened: its runbook, with any override, and its trigger.
    Execution {
        /// The execution.
        execution: Execution,
    },
    /// A journal got an entry: an approval, an intent, an outcome, …
    Journal {
        /// Whose journal.
        execution: ExecutionId,
        /// The entry.
        record: JournalRecord,
    },
}

impl Entry {
    /// Reads one. Not generic: it is in the binary once, whoever reads.
    ///
    /// # Errors
    /// What is no such JSON.
    pub fn from_json(json: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(json)
    }
}

/// How the record of a service changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ServiceChange {
    /// The service was registered.
    Registered,
    /// An execution claimed an epoch.
    Claimed,
    /// The site that takes writes was set.
    Activated,
}

impl Entry {
    /// When it was written, by the clock of its writer.
    pub fn at(&self) -> Timestamp {
        match self {
            Entry::Began { at, .. } => *at,
            Entry::Service { record, .. } => record.updated_at,
            Entry::Execution { execution } => execution.opened_at,
            Entry::Journal { record, .. } => record.at,
        }
    }
}
