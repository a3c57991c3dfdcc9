//! What observers saw of a site.

use crate::SiteName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One round of one observer against one site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// Who looked.
    pub observer: String,
    /// What was looked at.
    pub site: SiteName,
    /// When the round ended, by the control plane's clock.
    pub at: Timestamp,
    /// Outcome of the round's probes of the site; the round fails if any does.
    pub probes: Vec<ProbeResult>,
    /// Outcome of the observer's look at something known to be well. An
    /// observer whose own canary fails is excluded: it cannot tell a dead site
    /// from its own dead uplink.
    pub own_canary_ok: bool,
}

impl Observation {
    /// Whether every probe of the site succeeded. No probe is no success.
    pub fn succeeded(&self) -> bool {
        !self.probes.is_empty() && self.probes.iter().all(|p| p.error.is_none())
    }
}

/// One probe of a round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeResult {
    /// How it looked.
    pub kind: ProbeKind,
    /// How long it took.
    pub took: Duration,
    /// `None` when it succeeded.
    pub error: Option<String>,
}

/// How a probe looks at a site.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ProbeKind {
    /// GET of the health URL answers 2xx.
    Http,
    /// A TCP connection opens.
    Tcp,
    /// The database answers `SELECT 1`.
    Sql,
}
