//! Bodies of the API, shared with its client in the CLI.

use planb_engine::Approval;
use planb_model::runbook::{Runbook, RunbookHash, RunbookKind};
use planb_model::{ExecutionId, StepId};
use serde::{Deserialize, Serialize};

/// Query of the status page.
#[derive(Debug, Default, Deserialize)]
pub struct PageQuery {
    /// `ko` or `en`; the browser's preference otherwise.
    pub lang: Option<String>,
}

/// Asks for a runbook, or for its execution.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartRequest {
    /// What for.
    pub kind: RunbookKind,
    /// Why the old site need not be proven fenced.
    pub override_fence: Option<String>,
    /// Hash of the runbook that is approved; without it the execution waits.
    pub approve: Option<RunbookHash>,
    /// Who asks.
    pub who: Option<String>,
}

impl StartRequest {
    /// The approval in it.
    pub fn approval(&self) -> Option<Approval> {
        self.approve.clone().map(|hash| Approval {
            by: self.who.clone().unwrap_or_else(|| "api".to_owned()),
            hash,
        })
    }
}

/// A runbook that would run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// Its hash.
    pub hash: RunbookHash,
    /// The runbook.
    pub runbook: Runbook,
}

/// An execution that was opened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Opened {
    /// Which one.
    pub id: ExecutionId,
}

/// Something an operator does to an execution.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind",
    deny_unknown_fields
)]
pub enum ExecutionChange {
    /// Approves its runbook.
    Approve {
        /// The hash, or its first 12 digits.
        hash: RunbookHash,
        /// Who.
        who: String,
    },
    /// Tries failed and unknown steps again.
    Resume {
        /// Who.
        who: String,
    },
    /// Goes on without a failed or unknown step.
    Skip {
        /// Which step.
        step: StepId,
        /// Who.
        who: String,
        /// Why.
        reason: String,
    },
    /// Starts no new steps.
    Pause {
        /// Who.
        who: String,
    },
    /// Gives it up.
    Cancel {
        /// Who.
        who: String,
    },
}

/// `api.json` in the state directory: how the CLI finds a running control plane.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiAddress {
    /// `http://127.0.0.1:7420`.
    pub url: String,
    /// What callers that change something must present.
    pub token: String,
    /// Process ID of the control plane.
    pub pid: u32,
}

impl std::fmt::Debug for ApiAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiAddress")
            .field("url", &self.url)
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}
