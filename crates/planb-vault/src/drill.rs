//! A drill of one snapshot: restored into a database nobody needs, compared
//! with its manifest, its log replayed and compared again, and the result put
//! into the vault as a signed record.
//!
//! Honest about what was seen: rows equal the manifest; log applied to a place;
//! rows equal a later snapshot's after the log between, when there is one; the
//! engine's own integrity check; foreign keys, UTF-8 and JSON; the newest canary;
//! and, by stretches of the log, what it looks like.

mod due;
mod findings;
mod history;
mod measure;
mod record;
mod tap;
mod windows;

pub use due::due;
pub use findings::Findings;
pub use history::{History, LogSignals, read as read_history};

use crate::VaultRepository;
use measure::Measures;
use planb_model::finding::Severity;
use planb_model::recovery::{SnapshotPoint, TableDigest};
use planb_ports::{
    Clock, Database, ErrorKind, PortResult, Progress, Repository, RestoreOptions, RestoreTo,
};
use std::sync::Arc;
use tap::Tap;

/// What is drilled, and with what.
pub struct Drill<'a> {
    /// The vault.
    pub repository: &'a VaultRepository,
    /// How long it takes is measured by it.
    pub clock: &'a dyn Clock,
    /// The snapshot.
    pub point: &'a SnapshotPoint,
    /// All points of the vault, newest first.
    pub points: &'a [SnapshotPoint],
    /// Hears how it goes.
    pub progress: &'a dyn Progress,
}

impl Drill<'_> {
    /// Runs it in `database`, called `name` in the record, and writes the
    /// records. `Err` when nothing could be found out, which is no verdict.
    ///
    /// # Errors
    /// Those of the storage and of the database; a snapshot that is damaged is
    /// a finding.
    pub async fn run(&self, database: Arc<dyn Database>, name: &str) -> PortResult<Findings> {
        let started = self.clock.monotonic();
        let measures = Arc::new(Measures::default());
        let repository = self.repository;
        let manifest = repository.manifest(&self.point.id).await?;
        let tap = Tap::new(database, Arc::clone(&measures), manifest.service.clone());
        let mut found = Findings::begin(name, &manifest);
        found.immutable = repository.is_immutable(&self.point.id).await?;
        self.restore(&tap, &mut found).await?;
        if found.problems.is_empty() {
            found.measures.extend(measures.content());
            self.integrity(&tap, &mut found).await;
        }
        if found.problems.is_empty() {
            // What the server finds damaged is not read any further.
            self.count(&tap, &mut found).await?;
        }
        if found.problems.is_empty() {
            self.replay(&tap, &measures, &mut found).await?;
        }
        found.passed = found.problems.is_empty();
        let took = self.clock.monotonic().saturating_sub(started);
        found.seconds = took.as_secs_f64();
        self.record(&mut found).await?;
        Ok(found)
    }

    async fn restore(&self, tap: &Tap, found: &mut Findings) -> PortResult<()> {
        let options = RestoreOptions {
            to: RestoreTo::Snapshot(self.point.id.clone()),
            ..RestoreOptions::default()
        };
        let restored = self.repository.restore(tap, &options, self.progress);
        match restored.await {
            Ok(report) => {
                found.tables_compared = report.tables_compared;
                if !found.files {
                    found.rows_compared = report.rows_compared;
                }
                Ok(())
            }
            Err(error) => found.problem("restore", error),
        }
    }

    async fn integrity(&self, tap: &Tap, found: &mut Findings) {
        self.progress.stage("checking integrity");
        match tap.integrity().await {
            Ok(findings) => {
                for finding in findings {
                    let text = finding.reason.en;
                    if finding.severity == Severity::Error {
                        found.problems.push(format!("integrity: {text}"));
                        found.integrity.push(text);
                    } else {
                        found.noted.push(text);
                    }
                }
            }
            Err(error) => found
                .not_checked
                .push(format!("integrity: {}", error.chain())),
        }
        match tap.content_checks().await {
            Ok(checks) => found
                .measures
                .extend(checks.into_iter().map(findings::check)),
            Err(error) => found
                .not_checked
                .push(format!("foreign keys, UTF-8, JSON: {}", error.chain())),
        }
    }

    /// A manifest of files does not know rows: they are hashed here, for the drills
    /// of other snapshots to compare with.
    async fn count(&self, tap: &Tap, found: &mut Findings) -> PortResult<()> {
        if !found.files {
            return Ok(());
        }
        self.progress.stage("hashing tables");
        let digests = match tap.digests().await {
            Ok(digests) => sorted(digests),
            Err(error) => return found.problem("rows", error),
        };
        let rows = digests.iter().map(|d| (d.table.clone(), d.rows));
        found.rows = rows.collect();
        found.digests = digests;
        let note = "rows against the manifest, which has files: those of the copy were hashed";
        found.not_checked.push(note.into());
        Ok(())
    }

    /// Applies the log behind the snapshot: first to the next snapshot of the
    /// chain, whose manifest is a second opinion on every row, then to its end.
    async fn replay(&self, tap: &Tap, measures: &Measures, found: &mut Findings) -> PortResult<()> {
        let Some(log) = &self.point.log else {
            found.not_checked.push("no log behind it".into());
            return Ok(());
        };
        let segments = log.last.0.saturating_sub(log.first.0) + 1;
        measures.log_begins(segments, log.from.at);
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
        found.log.windows = measures.windows();
        if found.transactions_applied > 0 {
            self.check_log(tap, found).await;
        }
        let immutable = self.repository.is_log_immutable(self.point.epoch, log);
        found.log.immutable = immutable.await?;
        Ok(())
    }

    /// The checks again, at the end of the log. Where in it a check began to
    /// fail is not known, so it speaks against all of it; the snapshot was well.
    async fn check_log(&self, tap: &Tap, found: &mut Findings) {
        self.progress.stage("checking integrity");
        let mut failed = Vec::new();
        match tap.integrity().await {
            Ok(findings) => {
                let errors = findings.into_iter();
                let errors = errors.filter(|f| f.severity == Severity::Error);
                failed.extend(errors.map(|f| f.reason.en));
            }
            Err(error) => found
                .not_checked
                .push(format!("integrity behind the log: {}", error.chain())),
        }
        match tap.content_checks().await {
            Ok(checks) => failed.extend(checks.iter().filter_map(|c| found.newly_broken(c))),
            Err(error) => found
                .not_checked
                .push(format!("rules behind the log: {}", error.chain())),
        }
        for window in &mut found.log.windows {
            window.failed_checks.extend(failed.iter().cloned());
        }
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
        let applied = self.repository.restore(tap, &options, self.progress);
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
        let manifest = self.repository.manifest(&next.id).await?;
        let expected = match manifest.has_files() {
            // It knows no rows: they are those its own drill has seen.
            true => self.seen_by_drill(&next.id).await?,
            false => Some(manifest.tables),
        };
        let Some(expected) = expected else {
            found.not_checked.push(format!(
                "the rows of snapshot {}, which has not been drilled yet",
                next.id
            ));
            return Ok(());
        };
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
}

fn sorted(mut tables: Vec<TableDigest>) -> Vec<TableDigest> {
    tables.sort();
    tables
}
