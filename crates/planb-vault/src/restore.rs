//! Brings a database to the newest recovery point.
//!
//! Order: snapshot parts, comparison of every table with the manifest, applied
//! mark, then log segment by segment. A target that stands cleanly on the
//! newest chain already only gets the log it lacks; so the same call serves
//! failover, the catch-up of a move, and a warm standby.

mod load;
mod log;

use crate::chain::Head;
use crate::error;
use crate::layout::ManifestName;
use crate::vault::Vault;
use load::load;
use log::Applier;
use planb_model::recovery::{AppliedMark, LogPosition, SnapshotManifest};
use planb_ports::repository::RestoreReport;
use planb_ports::{Database, ErrorKind, PortResult, Progress, RestoreOptions, RestoreTo};
use std::cmp::Ordering;

/// What a restore works with.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) database: &'a dyn Database,
    pub(crate) options: &'a RestoreOptions,
    pub(crate) progress: &'a dyn Progress,
}

/// See `Repository::restore`.
pub(crate) async fn restore(
    vault: &Vault,
    database: &dyn Database,
    options: &RestoreOptions,
    progress: &dyn Progress,
) -> PortResult<RestoreReport> {
    let target = Target {
        vault,
        database,
        options,
        progress,
    };
    if options.to != RestoreTo::Latest {
        return Err(error::only_latest());
    }
    let names = vault.manifests().await?;
    let newest = names.first().ok_or_else(error::nothing_to_restore)?;
    if let Some(mark) = database.applied().await?
        && mark.epoch == newest.epoch
        && let Some(head) = target.goes_on(&mark).await?
    {
        return target.apply(empty_report(mark), head).await;
    }
    target.restore_from_snapshot(&names).await
}

impl Target<'_> {
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
        let before = |a: &LogPosition, b: &LogPosition| {
            self.database.log_order(a, b) == Some(Ordering::Less)
        };
        self.vault
            .log_after(
                mark.epoch,
                mark.next_segment,
                &mark.position,
                |start, end| before(start, &mark.position) && before(&mark.position, end),
            )
            .await
    }

    /// Loads the newest snapshot that is whole, and applies the log after it.
    /// A damaged one gives way to an older one of the same epoch, whose log
    /// leads to the same end; that is said, not hidden.
    async fn restore_from_snapshot(&self, names: &[ManifestName]) -> PortResult<RestoreReport> {
        let newest = names.first().ok_or_else(error::nothing_to_restore)?;
        let mut first_error = None;
        for name in names.iter().filter(|n| n.epoch == newest.epoch) {
            match self.load_one(name).await {
                Ok((manifest, mark, mut report)) => {
                    let head = self.log_after(&mark).await?;
                    let head = head.ok_or_else(|| self.vault.not_continued(&manifest))?;
                    report.mark = mark;
                    return self.apply(report, head).await;
                }
                Err(e) if e.kind() == ErrorKind::Corrupt => {
                    let text = format!("snapshot {} cannot be used: {e}", name.id);
                    self.progress.stage(&text);
                    tracing::warn!(snapshot = name.id, error = e.chain(), "trying an older one");
                    first_error.get_or_insert(e);
                }
                Err(e) => return Err(e),
            }
        }
        Err(first_error.unwrap_or_else(error::nothing_to_restore))
    }

    async fn load_one(
        &self,
        name: &ManifestName,
    ) -> PortResult<(SnapshotManifest, AppliedMark, RestoreReport)> {
        let manifest = self.vault.read_manifest(name).await?;
        self.vault.check_parts(&manifest).await?;
        let mark = AppliedMark {
            snapshot: manifest.id.clone(),
            epoch: manifest.epoch,
            next_segment: manifest.next_segment,
            position: manifest.position.clone(),
        };
        // Before anything is destroyed: does its log go on at all?
        if self.log_after(&mark).await?.is_none() {
            return Err(self.vault.not_continued(&manifest));
        }
        let mut report = empty_report(mark.clone());
        load(self, &manifest, &mark, &mut report).await?;
        Ok((manifest, mark, report))
    }

    async fn apply(&self, report: RestoreReport, head: Head) -> PortResult<RestoreReport> {
        Applier::new(*self, report, head).run().await
    }
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
    }
}
