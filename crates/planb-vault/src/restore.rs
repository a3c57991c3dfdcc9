//! Brings a database to a recovery point.
//!
//! Order: the plan, snapshot parts, comparison of every table with the
//! manifest, applied mark, then log segment by segment up to the asked point. A
//! target that stands cleanly on the chain before that point already only gets
//! the log it lacks; so the same call serves failover, the catch-up of a move,
//! a warm standby, and going back to a moment.

mod accounts;
mod folded;
mod follow;
mod goal;
mod load;
mod log;
mod plan;

use crate::chain::Head;
use crate::error;
use crate::layout::ManifestName;
use crate::point::Holds;
use crate::vault::{Vault, same_place};
pub(crate) use follow::{Followed, follow};
use goal::Goal;
use load::load;
use log::Applier;
use planb_model::recovery::{AppliedMark, LogPosition, Reached, RestorePlan, SnapshotManifest};
use planb_ports::repository::RestoreReport;
use planb_ports::{Database, ErrorKind, PortError, PortResult, Progress, RestoreOptions, Until};
use std::cmp::Ordering;

/// What a restore works with.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) database: &'a dyn Database,
    pub(crate) options: &'a RestoreOptions,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) goal: &'a Goal,
}

/// See `Repository::restore`. Also returns where the log goes on, unless no log
/// was asked for.
pub(crate) async fn restore(
    vault: &Vault,
    database: &dyn Database,
    options: &RestoreOptions,
    progress: &dyn Progress,
) -> PortResult<(RestoreReport, Option<Head>)> {
    let target = Target {
        vault,
        database,
        options,
        progress,
        goal: &Goal::of(&options.to),
    };
    let names = goal::candidates(vault, database, &options.to).await?;
    if let Some((mark, head)) = target.stands_before(&names).await? {
        let (report, head) = target.apply(empty_report(mark), head).await?;
        if !target.is_overtaken(&names, &report.mark).await? {
            return Ok((target.accounts(report).await?, Some(head)));
        }
        progress.stage("log was lost behind this copy; a newer snapshot leads further");
    }
    let (report, head) = target.restore_from_snapshot(&names).await?;
    Ok((target.accounts(report).await?, head))
}

/// What [`restore`] would do.
pub(crate) async fn plan(
    vault: &Vault,
    database: &dyn Database,
    options: &RestoreOptions,
    progress: &dyn Progress,
) -> PortResult<RestorePlan> {
    let target = Target {
        vault,
        database,
        options,
        progress,
        goal: &Goal::of(&options.to),
    };
    let names = goal::candidates(vault, database, &options.to).await?;
    match target.stands_before(&names).await? {
        Some((mark, head)) => target.plan_from_mark(&mark, &head).await,
        None => target.plan_from_snapshot(&names).await,
    }
}

/// A snapshot that can be loaded, and the log behind it.
struct Start {
    manifest: SnapshotManifest,
    mark: AppliedMark,
    head: Option<Head>,
}

impl Target<'_> {
    /// Where the target stands, when only log is missing to the asked point.
    async fn stands_before(
        &self,
        names: &[ManifestName],
    ) -> PortResult<Option<(AppliedMark, Head)>> {
        let Some(mark) = self.database.applied().await? else {
            return Ok(None);
        };
        if names.iter().all(|name| name.epoch != mark.epoch) || !self.is_before_goal(&mark).await? {
            return Ok(None);
        }
        let Some(head) = self.goes_on(&mark).await? else {
            return Ok(None);
        };
        self.check_signed(&head).await?;
        Ok(Some((mark, head)))
    }

    /// Before anything is changed: all log up to the newest signed head must be
    /// there, and be what was signed; and its last segment must be signed, which
    /// speaks for those before it. On the way to an earlier point only what
    /// lies before it counts, and is checked as it is read.
    async fn check_signed(&self, head: &Head) -> PortResult<()> {
        match self.goal {
            Goal::End => {
                self.vault.check_head(head.epoch, head.next).await?;
                self.vault.check_end(head.epoch, head.next).await
            }
            _ => Ok(()),
        }
    }

    /// Whether nothing is applied that lies after the asked point. When that is
    /// not certain, a snapshot decides.
    async fn is_before_goal(&self, mark: &AppliedMark) -> PortResult<bool> {
        match self.goal {
            Goal::End => Ok(true),
            Goal::Snapshot => Ok(false),
            Goal::Until(Until::Position(point)) => {
                let order = self.database.point_order(&mark.position, point);
                Ok(matches!(order, Some(Ordering::Less | Ordering::Equal)))
            }
            Goal::Until(Until::Time(time)) => {
                let (next, position) = (mark.next_segment, &mark.position);
                let vault = self.vault;
                vault.applied_by(mark.epoch, next, position, *time).await
            }
        }
    }

    /// Whether one of the snapshots stands behind `mark` after all log was
    /// applied: it was taken because log in between was lost, and only it leads
    /// further, even when no segment follows it yet.
    async fn is_overtaken(&self, names: &[ManifestName], mark: &AppliedMark) -> PortResult<bool> {
        for name in names.iter().filter(|n| n.next_segment >= mark.next_segment) {
            let position = match self.vault.read_manifest(name).await {
                Ok(manifest) => manifest.position,
                Err(e) if e.kind() == ErrorKind::Corrupt => {
                    self.give_way(name, &e);
                    continue;
                }
                Err(e) => return Err(e),
            };
            let order = self.database.log_order(&position, &mark.position);
            let reached = same_place(&position, &mark.position)
                || matches!(order, Some(Ordering::Less | Ordering::Equal));
            return Ok(!reached);
        }
        Ok(false)
    }

    /// Where the log behind `mark` goes on; `None` when only a snapshot leads
    /// further.
    async fn goes_on(&self, mark: &AppliedMark) -> PortResult<Option<Head>> {
        let found = self.log_after(mark).await?;
        let head = self.vault.head(mark.epoch).await?;
        if head.next < mark.next_segment {
            let key = self.vault.layout.segment_prefix(mark.epoch, head.next);
            return Err(error::target_ahead(&key));
        }
        Ok(found)
    }

    async fn log_after(&self, mark: &AppliedMark) -> PortResult<Option<Head>> {
        let order = |at: &LogPosition| self.database.log_order(at, &mark.position);
        let holds = |start: &LogPosition, end: &LogPosition| match (order(start), order(end)) {
            (Some(Ordering::Less), Some(Ordering::Greater)) => Holds::Yes,
            (_, Some(Ordering::Less | Ordering::Equal)) => Holds::Later,
            _ => Holds::No,
        };
        self.vault
            .log_after(mark.epoch, mark.next_segment, &mark.position, holds)
            .await
    }

    /// Loads the newest of the snapshots that is whole, and applies the log
    /// after it. A damaged one, and one of files the target does not take, gives way to an older one of the same epoch; that
    /// is said, not hidden, and fails when its log does not lead to the same end.
    async fn restore_from_snapshot(
        &self,
        names: &[ManifestName],
    ) -> PortResult<(RestoreReport, Option<Head>)> {
        let mut first_error = None;
        for name in names {
            if let Some(refused) = self.refuses_files(name).await? {
                first_error.get_or_insert(refused);
                continue;
            }
            match self.load_one(name).await {
                Ok((start, mut report)) => {
                    report.reached_at = start.manifest.consistent_at;
                    report.mark = start.mark;
                    // The log may have gone on while the snapshot was loaded.
                    let Some(head) = self.log_behind(&start.manifest, &report.mark).await? else {
                        return Ok((report, None));
                    };
                    let (report, head) = self.apply(report, head).await?;
                    return match first_error {
                        Some(error) if self.falls_short(&report) => Err(error),
                        _ => Ok((report, Some(head))),
                    };
                }
                Err(e) if e.kind() == ErrorKind::Corrupt => {
                    self.give_way(name, &e);
                    first_error.get_or_insert(e);
                }
                Err(e) => return Err(plainer(first_error, e)),
            }
        }
        Err(first_error.unwrap_or_else(error::nothing_to_restore))
    }

    /// Why a snapshot of files cannot be put into the target, whose address does not
    /// say how, or which is of another version: one of rows may lead there, too.
    async fn refuses_files(&self, name: &ManifestName) -> PortResult<Option<PortError>> {
        let manifest = match self.vault.read_manifest(name).await {
            Ok(manifest) => manifest,
            // Found again, and said, where it is to be loaded.
            Err(e) if e.kind() == ErrorKind::Corrupt => return Ok(None),
            Err(e) => return Err(e),
        };
        if !manifest.has_files() || manifest.engine != self.database.engine() {
            return Ok(None);
        }
        match self.database.accepts(&manifest).await {
            Err(e) if e.kind() == ErrorKind::Unsupported => {
                self.give_way(name, &e);
                Ok(Some(e))
            }
            other => other.map(|()| None),
        }
    }

    /// Whether log lies behind a gap that only a newer snapshot bridges. When
    /// that one is damaged, nobody decided to lose what is there.
    fn falls_short(&self, report: &RestoreReport) -> bool {
        *self.goal == Goal::End && report.reached == Reached::LogEnds
    }

    fn give_way(&self, name: &ManifestName, error: &PortError) {
        let text = format!("snapshot {} cannot be used: {error}", name.id);
        self.progress.stage(&text);
        tracing::warn!(
            snapshot = name.id,
            error = error.chain(),
            "trying an older one"
        );
    }

    async fn load_one(&self, name: &ManifestName) -> PortResult<(Start, RestoreReport)> {
        // Before anything is destroyed: is it whole, and does its log go on?
        let start = self.start(name).await?;
        let mut report = empty_report(start.mark.clone());
        load(self, &start.manifest, &start.mark, &mut report).await?;
        Ok((start, report))
    }

    /// Checks that a snapshot is whole and its log goes on, without loading it.
    async fn start(&self, name: &ManifestName) -> PortResult<Start> {
        let manifest = self.vault.read_manifest(name).await?;
        self.vault.check_parts(&manifest).await?;
        let mark = AppliedMark {
            snapshot: manifest.id.clone(),
            epoch: manifest.epoch,
            next_segment: manifest.next_segment,
            position: manifest.position.clone(),
        };
        let head = self.log_behind(&manifest, &mark).await?;
        if let Some(head) = &head {
            self.check_signed(head).await?;
        }
        Ok(Start {
            manifest,
            mark,
            head,
        })
    }

    /// The log behind a snapshot; `None` when none is asked for.
    async fn log_behind(
        &self,
        manifest: &SnapshotManifest,
        mark: &AppliedMark,
    ) -> PortResult<Option<Head>> {
        if *self.goal == Goal::Snapshot {
            return Ok(None);
        }
        match self.log_after(mark).await? {
            Some(head) => Ok(Some(head)),
            None => Err(self.vault.not_continued(manifest)),
        }
    }

    async fn apply(&self, report: RestoreReport, head: Head) -> PortResult<(RestoreReport, Head)> {
        Applier::new(*self, report, head).run().await
    }
}

/// When the target does not take files, that is what is to be mended, not that
/// older snapshots lead nowhere.
fn plainer(first: Option<PortError>, last: PortError) -> PortError {
    first
        .filter(|e| e.kind() == ErrorKind::Unsupported)
        .unwrap_or(last)
}

fn empty_report(mark: AppliedMark) -> RestoreReport {
    RestoreReport {
        mark,
        loaded_snapshot: false,
        tables_compared: 0,
        rows_compared: 0,
        segments_applied: 0,
        transactions_applied: 0,
        stored_bytes: 0,
        canary: None,
        chain_closed: false,
        reached: Reached::Asked,
        reached_at: None,
        accounts: None,
        missing_definers: Vec::new(),
        broken_keys: None,
    }
}
