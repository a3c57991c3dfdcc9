//! A drill of one snapshot: restored into a database nobody needs, compared
//! with its manifest, its log replayed and compared again, and the result put
//! into the vault as a signed record.
//!
//! Honest about what was seen: rows equal the manifest; log applied to a place;
//! rows equal a later snapshot's manifest after the log between, when there is
//! one; the engine's own integrity check; the newest canary.

pub mod history;
mod measure;
pub mod scratch;
mod tap;

use crate::data::OpenVault;
use crate::error::CliResult;
use measure::Measures;
use planb_decide::clean_point::{Measured, OrderedValue, Signal};
use planb_model::recovery::{
    LogPosition, NewRecord, RecordKind, SnapshotManifest, SnapshotPoint, TableDigest,
};
use planb_ports::{
    Database, ErrorKind, PortError, PortResult, Progress, Repository, RestoreOptions, RestoreTo,
};
use scratch::Scratch;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use tap::Tap;

/// What a drill found; the body of a verification record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Findings {
    /// Whether all that was looked at is well.
    pub passed: bool,
    /// Where it was restored to: a scratch server or an address.
    pub restored_into: String,
    /// Tables and rows that equal the manifest.
    pub tables_compared: u64,
    /// Rows in them.
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
    /// What did not go well; empty when it passed.
    pub problems: Vec<String>,
    /// What could not be looked at.
    pub not_checked: Vec<String>,
    /// Whether the store keeps the snapshot from being changed, if it tells.
    pub immutable: Option<bool>,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
    /// What was measured of the content on the way.
    pub measures: Vec<Measured>,
    /// How long it took.
    pub seconds: f64,
}

/// What is drilled, and with what.
pub struct Drill<'a> {
    pub vault: &'a OpenVault,
    pub point: &'a SnapshotPoint,
    /// All points of the vault, newest first.
    pub points: &'a [SnapshotPoint],
    pub progress: &'a dyn Progress,
}

impl Drill<'_> {
    /// Runs it in `scratch` and writes the record. `Err` when nothing could be
    /// found out, which is no verdict.
    pub async fn run(&self, scratch: &Scratch) -> CliResult<Findings> {
        let started = self.vault.clock.monotonic();
        let measures = Arc::new(Measures::default());
        let tap = Tap::new(Arc::clone(&scratch.database), Arc::clone(&measures));
        let repository = &self.vault.repository;
        let manifest = repository.manifest(&self.point.id).await?;
        let mut found = Findings::begin(scratch, &manifest);
        found.immutable = repository.is_immutable(&self.point.id).await?;
        self.restore(&tap, &mut found).await?;
        if found.problems.is_empty() {
            found.measures.extend(measures.content());
            self.integrity(&tap, &mut found).await;
            self.replay(&tap, &measures, &mut found).await?;
        }
        found.passed = found.problems.is_empty();
        let took = self.vault.clock.monotonic().saturating_sub(started);
        found.seconds = took.as_secs_f64();
        self.record(&found).await?;
        Ok(found)
    }

    async fn restore(&self, tap: &Tap, found: &mut Findings) -> PortResult<()> {
        let options = RestoreOptions {
            to: RestoreTo::Snapshot(self.point.id.clone()),
            ..RestoreOptions::default()
        };
        let restored = self.vault.repository.restore(tap, &options, self.progress);
        match restored.await {
            Ok(report) => {
                found.tables_compared = report.tables_compared;
                found.rows_compared = report.rows_compared;
                Ok(())
            }
            Err(error) => found.problem("restore", error),
        }
    }

    async fn integrity(&self, tap: &Tap, found: &mut Findings) {
        self.progress.stage("checking integrity");
        match tap.integrity().await {
            Ok(findings) => {
                let texts = findings.iter().map(|f| f.reason.en.clone());
                found.integrity = texts.collect();
                for text in found.integrity.clone() {
                    found.problems.push(format!("integrity: {text}"));
                }
            }
            Err(error) => found
                .not_checked
                .push(format!("integrity: {}", error.chain())),
        }
    }

    /// Applies the log behind the snapshot: first to the next snapshot of the
    /// chain, whose manifest is a second opinion on every row, then to its end.
    async fn replay(&self, tap: &Tap, measures: &Measures, found: &mut Findings) -> PortResult<()> {
        let Some(log) = &self.point.log else {
            found.not_checked.push("no log behind it".into());
            return Ok(());
        };
        measures.log_begins();
        if let Some(next) = self.next_snapshot() {
            let position = next.facts.as_ref().map(|f| f.position.at.clone());
            let to = RestoreTo::Position(position.unwrap_or_default());
            if self.apply(tap, to, found).await? {
                self.second_opinion(tap, next, found).await?;
            }
        } else {
            found
                .not_checked
                .push("no later snapshot to compare with".into());
        }
        if found.problems.is_empty() {
            let to = RestoreTo::Position(log.to.position.at.clone());
            self.apply(tap, to, found).await?;
        }
        let seconds = log.to.at.duration_since(log.from.at).as_secs_f64();
        found.measures.extend(measures.log(seconds));
        Ok(())
    }

    /// The next newer snapshot on the same log.
    fn next_snapshot(&self) -> Option<&SnapshotPoint> {
        let log = self.point.log.as_ref()?;
        self.points
            .iter()
            .take_while(|p| p.id != self.point.id)
            .filter(|p| p.epoch == self.point.epoch && p.damage.is_none())
            .filter(|p| p.next_segment > log.first && p.next_segment <= log.last)
            .last()
    }

    /// Applies log up to `to`; whether it got exactly there.
    async fn apply(&self, tap: &Tap, to: RestoreTo, found: &mut Findings) -> PortResult<bool> {
        let options = RestoreOptions {
            to,
            ..RestoreOptions::default()
        };
        let applied = self.vault.repository.restore(tap, &options, self.progress);
        match applied.await {
            Ok(report) if report.loaded_snapshot => {
                found
                    .not_checked
                    .push("the log could not be applied on top of it".into());
                Ok(false)
            }
            Ok(report) => {
                found.transactions_applied += report.transactions_applied;
                found.log_applied_to = Some(report.mark.position.clone());
                let canary = report.canary.map(|c| c.written_at);
                found.canary_written_at = found.canary_written_at.max(canary);
                Ok(report.reached == planb_model::recovery::Reached::Asked)
            }
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                found.not_checked.push(format!("log: {}", error.chain()));
                Ok(false)
            }
            Err(error) => found.problem("log", error).map(|()| false),
        }
    }

    async fn second_opinion(
        &self,
        tap: &Tap,
        next: &SnapshotPoint,
        found: &mut Findings,
    ) -> PortResult<()> {
        self.progress.stage("comparing tables");
        let expected = self.vault.repository.manifest(&next.id).await?.tables;
        let have = tap.digests().await?;
        if sorted(expected) == sorted(have) {
            found.equals_snapshot = Some(next.id.clone());
        } else {
            found.problems.push(format!(
                "after the log between, the rows differ from those of snapshot {}",
                next.id
            ));
        }
        Ok(())
    }

    async fn record(&self, found: &Findings) -> CliResult<()> {
        let body = serde_json::to_value(found)
            .map_err(|e| crate::error::CliError::io("write JSON", "JSON을 출력", e))?;
        let record = |kind, passed, body| NewRecord {
            kind,
            snapshot: self.point.id.clone(),
            passed,
            body,
        };
        let repository = &self.vault.repository;
        let drilled = record(RecordKind::Verification, Some(found.passed), body);
        repository.put_record(drilled).await?;
        Ok(())
    }
}

impl Findings {
    fn begin(scratch: &Scratch, manifest: &SnapshotManifest) -> Self {
        let stored: u64 = manifest.parts.iter().map(|p| p.stored_bytes).sum();
        let raw: u64 = manifest.parts.iter().map(|p| p.raw_bytes).sum();
        Self {
            passed: false,
            restored_into: scratch.name.clone(),
            tables_compared: 0,
            rows_compared: 0,
            log_applied_to: None,
            transactions_applied: 0,
            equals_snapshot: None,
            canary_written_at: None,
            integrity: Vec::new(),
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
    fn problem(&mut self, what: &str, error: PortError) -> PortResult<()> {
        if error.kind() != ErrorKind::Corrupt {
            return Err(error);
        }
        self.problems
            .push(format!("{what}: [{}] {}", error.code(), error.chain()));
        Ok(())
    }
}

fn sorted(mut tables: Vec<TableDigest>) -> Vec<TableDigest> {
    tables.sort();
    tables
}
