//! The words PlanB thinks in: parsed once, then trusted.
//!
//! Layer 0. Plain data and the rules that make it valid: identifiers, the plan
//! file, runbooks, journal entries, recovery points, traffic plans. There is
//! deliberately no I/O, no clock and no randomness here: a value of these types
//! is a fact somebody else established.

pub mod canary;
pub mod drill;
pub mod execution;
pub mod finding;
pub mod id;
pub mod lang;
pub mod moment;
pub mod observation;
pub mod plan;
pub mod recovery;
pub mod runbook;
pub mod secret;
pub mod service;
pub mod status;
pub mod traffic;

pub use canary::Canary;
pub use id::{Epoch, ExecutionId, ServiceName, SiteName, StepId};
pub use lang::{Lang, Text};
pub use secret::{Secret, SecretRef};
