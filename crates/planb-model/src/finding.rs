//! Results of checks: what was looked at, how it is, why, and what to do.

use crate::Text;
use serde::{Deserialize, Serialize};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Works, but something is weaker than it should be.
    Warning,
    /// Protection or recovery would not work.
    Error,
    /// Could not be looked at. Never counted as ok.
    Unknown,
}

/// One checked fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable code with a page in docs/errors, such as `PB-MYSQL-BINLOG-OFF`.
    pub code: String,
    /// How it came out.
    pub severity: Severity,
    /// What was looked at, such as `site seoul: database`.
    pub subject: String,
    /// What was found and why it matters.
    pub reason: Text,
    /// What to do about it; `None` when there is nothing to do.
    pub fix: Option<Text>,
}

impl Finding {
    /// A check that passed.
    pub fn ok(code: &str, subject: impl Into<String>, reason: Text) -> Self {
        Self {
            code: code.to_owned(),
            severity: Severity::Ok,
            subject: subject.into(),
            reason,
            fix: None,
        }
    }

    /// A check that did not pass; every failure says what to do.
    pub fn failed(
        code: &str,
        severity: Severity,
        subject: impl Into<String>,
        reason: Text,
        fix: Text,
    ) -> Self {
        Self {
            code: code.to_owned(),
            severity,
            subject: subject.into(),
            reason,
            fix: Some(fix),
        }
    }
}
