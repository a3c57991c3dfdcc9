//! Runbooks: immutable, content-hashed graphs of steps.
//!
//! A runbook is compiled by the planner in `planb-decide`, checked by an
//! independent checker there, and carried out by `planb-engine`. It holds no
//! time and no randomness: planning twice from the same facts gives the same
//! hash, so a dry run shows exactly the runbook that would run.

use crate::{Epoch, ServiceName, SiteName, StepId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a runbook is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunbookKind {
    /// The active site is lost; the other takes over from the vault.
    Failover,
    /// Both sites are well; the service moves without loss.
    Switchover,
    /// A switchover home, to the site the plan calls primary.
    Failback,
}

impl fmt::Display for RunbookKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RunbookKind::Failover => "failover",
            RunbookKind::Switchover => "switchover",
            RunbookKind::Failback => "failback",
        })
    }
}

/// A compiled runbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Runbook {
    /// What it is for.
    pub kind: RunbookKind,
    /// The service it moves.
    pub service: ServiceName,
    /// The site that takes writes before it.
    pub from: SiteName,
    /// The site that takes writes after it.
    pub to: SiteName,
    /// The epoch it was planned on; it cannot start under another.
    pub based_on: Epoch,
    /// The epoch it acts under, claimed by its first step.
    pub epoch: Epoch,
    /// Why the old site need not be proven fenced; part of the hash, so an
    /// approval of the runbook is an approval of the override.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence_override: Option<String>,
    /// Its steps. The order is for reading; `needs` decides.
    pub steps: Vec<Step>,
}

impl Runbook {
    /// Hash of the content: BLAKE3 over its canonical JSON, in hexadecimal.
    pub fn hash(&self) -> RunbookHash {
        #[expect(
            clippy::expect_used,
            reason = "plain data with string keys always serializes"
        )]
        let json = serde_json::to_vec(self).expect("a runbook serializes");
        RunbookHash(blake3::hash(&json).to_hex().to_string())
    }

    /// The step called `id`.
    pub fn step(&self, id: &StepId) -> Option<&Step> {
        self.steps.iter().find(|s| &s.id == id)
    }
}

/// Identifies a runbook by its content; approvals bind to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunbookHash(pub String);

impl RunbookHash {
    /// First 12 digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// Unique in the runbook.
    pub id: StepId,
    /// What it does.
    pub action: Action,
    /// Steps that must be completed before it starts.
    pub needs: Vec<StepId>,
    /// What a restart does when it finds the step begun and not ended.
    pub resume: Resume,
    /// How it is taken back.
    pub undo: Undo,
    /// The part of the recovery time it counts for.
    pub phase: Phase,
    /// It fails as unknown when it has not ended by then, in seconds.
    pub deadline_secs: u32,
}

/// What a step does. Every action is idempotent under one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind",
    deny_unknown_fields
)]
pub enum Action {
    /// Takes the runbook's epoch in the store and in the vault.
    ClaimEpoch,
    /// Ends every older log chain in the vault, so that nothing can extend it.
    CloseLog,
    /// Makes sure `site` takes no more writes: stops its workload and fences
    /// its database, or proves that it is dead.
    FenceSite {
        /// The old site.
        site: SiteName,
    },
    /// Shows the maintenance page.
    ShedTraffic,
    /// Stops the workload in good order.
    StopWorkload {
        /// Where.
        site: SiteName,
    },
    /// Makes the database read-only under the runbook's epoch.
    FenceDatabase {
        /// Where.
        site: SiteName,
    },
    /// Ships the rest of the log of a fenced database.
    DrainLog {
        /// Where.
        site: SiteName,
    },
    /// Brings the database to the newest recovery point: snapshot, then log.
    Restore {
        /// Where.
        site: SiteName,
    },
    /// Checks the restored database by itself: it stands at the end of the
    /// closed chain, holds the chain's newest canary, and passes the engine's
    /// own integrity check.
    VerifyRestored {
        /// Where.
        site: SiteName,
    },
    /// Compares every table of the two databases: row counts and hashes.
    CompareDatabases {
        /// The source.
        from: SiteName,
        /// The copy.
        to: SiteName,
    },
    /// Lets the database take writes under the runbook's epoch.
    Promote {
        /// Where.
        site: SiteName,
    },
    /// Starts the workload.
    StartWorkload {
        /// Where.
        site: SiteName,
    },
    /// Waits until the health URL answers well.
    CheckHealth {
        /// Where.
        site: SiteName,
    },
    /// Records in the store that `site` takes writes; protection follows it.
    Activate {
        /// Where.
        site: SiteName,
    },
    /// Points the edge at `site`.
    SwitchTraffic {
        /// Where.
        site: SiteName,
    },
    /// Waits until a request from outside is answered by `site`.
    ConfirmOutside {
        /// Where.
        site: SiteName,
    },
}

/// What a restart does with a step that was begun and not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Resume {
    /// Does it again; doing it twice is doing it once.
    Retry,
    /// Does it again under the same idempotency key, which the target remembers.
    IdempotentKey,
    /// Asks the target whether it happened.
    Reconcile,
    /// Pauses for an operator.
    Operator,
}

/// How a step is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    tag = "kind",
    deny_unknown_fields
)]
pub enum Undo {
    /// It changed nothing that needs taking back.
    Nothing,
    /// By these actions, under the same epoch.
    By {
        /// What takes it back; at least one.
        actions: Vec<Action>,
    },
    /// Not at all: after it, the way out is forward.
    PointOfNoReturn,
}

/// A part of the recovery time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// From fault onset to the verdict.
    Detect,
    /// From the verdict to the approval.
    Decide,
    /// From the approval to a healthy service at the other site.
    Execute,
    /// From there to the first good answer seen from outside.
    Traffic,
}
