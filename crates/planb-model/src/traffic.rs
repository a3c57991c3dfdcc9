//! Traffic plans: where the edge sends requests.

use crate::{Epoch, ServiceName, SiteName};
use serde::{Deserialize, Serialize};

/// What the edge serves for one service. Immutable; a newer epoch or, within an
/// epoch, a higher revision replaces it, and nothing older ever does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrafficPlan {
    /// The service.
    pub service: ServiceName,
    /// Epoch of whoever published it.
    pub epoch: Epoch,
    /// Orders plans of one epoch.
    pub revision: u64,
    /// What to do with requests.
    pub mode: TrafficMode,
    /// Value of `Retry-After` on the maintenance page, in seconds.
    pub retry_after_secs: u32,
}

/// How requests are served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind",
    deny_unknown_fields
)]
pub enum TrafficMode {
    /// Tries the origins in order, then the maintenance page. Never empty.
    Serve {
        /// Origins by priority, best first; at least one.
        origins: Vec<Origin>,
    },
    /// Answers 503 with the maintenance page from memory.
    Maintenance,
}

/// Somewhere requests can be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Origin {
    /// The site it stands at.
    pub site: SiteName,
    /// `http://host:port`.
    pub url: String,
}

impl TrafficPlan {
    /// Whether this plan may replace `old`: newer epoch, or same epoch and higher revision.
    pub fn supersedes(&self, old: &TrafficPlan) -> bool {
        (self.epoch, self.revision) > (old.epoch, old.revision)
    }

    /// Whether the plan can be served at all (safety rule 8: never an empty answer).
    pub fn is_servable(&self) -> bool {
        match &self.mode {
            TrafficMode::Serve { origins } => !origins.is_empty(),
            TrafficMode::Maintenance => true,
        }
    }
}
