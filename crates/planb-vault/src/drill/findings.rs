//! What a drill found: the body of a verification record.

use super::LogSignals;
use super::measure::measured;
use planb_decide::clean_point::{Measured, OrderedValue, Signal};
use planb_model::recovery::{LogPosition, SnapshotManifest, TableDigest};
use planb_ports::{ContentCheck, ContentRule, ErrorKind, PortError, PortResult};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a drill found; the body of a verification record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Findings {
    /// Whether all that was looked at is well.
    pub passed: bool,
    /// Where it was restored to: a scratch server or an address.
    pub restored_into: String,
    /// Whether it is of a server's files: these were compared with the manifest by
    /// their hashes, and no rows.
    #[serde(default)]
    pub files: bool,
    /// Tables that equal the manifest; of files that are listed there, folders.
    pub tables_compared: u64,
    /// Rows in these tables.
    pub rows_compared: u64,
    /// Where log was applied to; `None` when there was none or it could not be.
    pub log_applied_to: Option<LogPosition>,
    /// Transactions in it.
    pub transactions_applied: u64,
    /// A later snapshot whose rows equalled the target's after the log between.
    pub equals_snapshot: Option<String>,
    /// When the newest canary that was seen was committed.
    pub canary_written_at: Option<jiff::Timestamp>,
    /// What the engine's integrity check found.
    pub integrity: Vec<String>,
    /// What it remarked on and does not call damage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub noted: Vec<String>,
    /// What did not go well; empty when it passed.
    pub problems: Vec<String>,
    /// What could not be looked at.
    pub not_checked: Vec<String>,
    /// Whether the store keeps the snapshot from being changed, if it tells.
    pub immutable: Option<bool>,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
    /// Digests of the rows, when the manifest has those of files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<TableDigest>,
    /// What was measured of the content on the way.
    pub measures: Vec<Measured>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// The log by stretches; a record of its own.
    #[serde(skip)]
    pub log: LogSignals,
    /// Whether nothing looks tampered with, in the snapshot and in its log;
    /// `None` when that was not judged. The verdict of the record of the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clean: Option<bool>,
}

impl Findings {
    /// Rows that were compared; of files, those that were hashed.
    pub fn rows_seen(&self) -> u64 {
        match self.files {
            true => self.digests.iter().map(|table| table.rows).sum(),
            false => self.rows_compared,
        }
    }

    pub(super) fn begin(name: &str, manifest: &SnapshotManifest) -> Self {
        let stored: u64 = manifest.parts.iter().map(|p| p.stored_bytes).sum();
        let raw: u64 = manifest.parts.iter().map(|p| p.raw_bytes).sum();
        Self {
            passed: false,
            restored_into: name.to_owned(),
            files: manifest.has_files(),
            tables_compared: 0,
            rows_compared: 0,
            log_applied_to: None,
            transactions_applied: 0,
            equals_snapshot: None,
            canary_written_at: None,
            integrity: Vec::new(),
            noted: Vec::new(),
            digests: Vec::new(),
            log: LogSignals::default(),
            clean: None,
            problems: Vec::new(),
            not_checked: Vec::new(),
            immutable: None,
            rows: manifest
                .tables
                .iter()
                .map(|t| (t.table.clone(), t.rows))
                .collect(),
            measures: vec![Measured {
                signal: Signal::Compressed,
                table: None,
                value: OrderedValue::new(stored as f64 / raw.max(1) as f64),
            }],
            seconds: 0.0,
        }
    }

    /// What is wrong with the snapshot is a finding. Anything else, such as a
    /// vault that is away, says nothing about it.
    pub(super) fn problem(&mut self, what: &str, error: PortError) -> PortResult<()> {
        if error.kind() != ErrorKind::Corrupt {
            return Err(error);
        }
        self.problems
            .push(format!("{what}: [{}] {}", error.code(), error.chain()));
        Ok(())
    }

    /// What to say when more rows break a rule behind the log than before it.
    pub(super) fn newly_broken(&self, behind: &ContentCheck) -> Option<String> {
        let (now, was) = (check(behind.clone()), |m: &&Measured| {
            m.signal == signal(behind.rule) && m.table.as_deref() == Some(&behind.table)
        });
        let before = self.measures.iter().find(was);
        let before = before.map_or(0.0, |m| m.value.get());
        (now.value.get() > before).then(|| {
            let rule = match behind.rule {
                ContentRule::ForeignKey => "have foreign keys that lead nowhere",
                ContentRule::Utf8 => "have text that is no UTF-8",
                ContentRule::Json => "have JSON that is none",
            };
            format!(
                "{} rows of {} {rule}, {before} did before the log",
                behind.broken, behind.table
            )
        })
    }
}

/// A check as a measure.
pub(super) fn check(check: ContentCheck) -> Measured {
    measured(signal(check.rule), Some(check.table), check.broken as f64)
}

fn signal(rule: ContentRule) -> Signal {
    match rule {
        ContentRule::ForeignKey => Signal::Orphans,
        ContentRule::Utf8 => Signal::NotUtf8,
        ContentRule::Json => Signal::NotJson,
    }
}
