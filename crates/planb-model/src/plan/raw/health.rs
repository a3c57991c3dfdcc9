//! Detection as it is written.

use super::millis;
use crate::observation::ProbeKind;
use crate::plan::scalar::{DurationText, NameText, ReachableText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Observers when a plan names none: enough that 4 of 5 can agree.
const OBSERVERS: u32 = 5;

/// How a dead site is noticed: every observer looks at the active site, and
/// enough of them must agree.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in crate::plan) struct RawHealth {
    /// Time between two looks of an observer, from 100ms to 1h.
    pub interval: DurationText,
    /// Longest wait for one look; shorter than `interval`.
    pub timeout: DurationText,
    /// Failures in a row after which an observer says DOWN.
    #[schemars(range(min = 1, max = 100))]
    pub failures: u32,
    /// Successes in a row after which it says UP again.
    #[schemars(range(min = 1, max = 100))]
    pub recoveries: u32,
    /// Observers that must say DOWN before the maintenance page is shown.
    #[schemars(range(min = 1, max = 64))]
    pub shed_quorum: u32,
    /// Observers that must say DOWN before the other site may be promoted. The
    /// data check comes on top.
    #[schemars(range(min = 1, max = 64))]
    pub promote_quorum: u32,
    /// The observers. One cannot tell a dead site from its own dead uplink, so
    /// there are several, best at different places.
    #[schemars(length(min = 1, max = 64))]
    pub observers: Vec<RawObserver>,
}

impl Default for RawHealth {
    fn default() -> Self {
        Self {
            interval: millis(1_000),
            timeout: millis(800),
            failures: 5,
            recoveries: 3,
            shed_quorum: 3,
            promote_quorum: 4,
            observers: (1..=OBSERVERS)
                .map(|n| RawObserver {
                    name: NameText(format!("observer-{n}")),
                    probes: default_probes(),
                    canary: None,
                })
                .collect(),
        }
    }
}

fn default_probes() -> Vec<ProbeKind> {
    vec![ProbeKind::Http, ProbeKind::Tcp, ProbeKind::Sql]
}

/// A vantage point.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::plan) struct RawObserver {
    /// Name of the observer, unique in the plan.
    #[schemars(example = &"observer-1")]
    pub name: NameText,
    /// How it looks at a site; a look fails when any of them does.
    #[serde(default = "default_probes")]
    #[schemars(length(min = 1, max = 3))]
    pub probes: Vec<ProbeKind>,
    /// `https://…` or `tcp://host:port` known to be well. When it fails, the
    /// observer excludes itself. By default it asks the vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<ReachableText>,
}
