//! One snapshot beside whoever ships log into the same epoch, without ever
//! writing log: a backup must not get in the way of a running stream.
//!
//! Where the log of the epoch goes on behind the snapshot's consistent point is
//! found by reading: the first segment that ends after it. While a stream runs,
//! its next segments come within seconds. When none comes, nobody ships log,
//! and the snapshot begins anew: between the end of the log and the snapshot
//! there is then no recovery point, which is said.

use crate::error;
use crate::layout::SegmentName;
use crate::snapshot::Written;
use crate::vault::Vault;
use jiff::Timestamp;
use planb_model::recovery::{LogPosition, SegmentBody, SegmentSeq, SnapshotManifest};
use planb_model::{Epoch, SiteName, Text};
use planb_ports::{Database, PortResult, Progress, SnapshotOptions};
use std::cmp::Ordering;
use std::time::Duration;

/// A running stream ships a canary every second or so; ten times that is a
/// stream that hangs, or none.
const QUIET_SECS_MAX: u64 = 10;
/// Time between two looks for the next segment.
const LOOK_MS: u64 = 200;

/// A snapshot taken by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Its manifest.
    pub manifest: SnapshotManifest,
    /// Stored bytes.
    pub stored_bytes: u64,
    /// Where the log before it ends, when nobody ships log and the snapshot
    /// does not continue it.
    pub gap_from: Option<LogPosition>,
    /// Why files or rows, where there was a choice.
    pub why: Option<Text>,
    /// When the newest snapshot of the vault was taken, where that is a time to
    /// come: the clock here or there is or was wrong.
    pub clock_behind: Option<Timestamp>,
}

impl Vault {
    /// See `VaultRepository::backup`.
    pub(crate) async fn backup(
        &self,
        database: &dyn Database,
        claimant: &str,
        site: &SiteName,
        options: &SnapshotOptions,
        progress: &dyn Progress,
    ) -> PortResult<Backup> {
        let epoch = self.epochs().await?.pop().unwrap_or(Epoch::FIRST);
        self.claim(epoch, claimant, site).await?;
        let before = self.head(epoch).await?;
        if let Some(by) = before.closed {
            return Err(self.fenced(by, epoch));
        }
        if let Some(end) = &before.end
            && database.log_order(end, end).is_none()
        {
            return Err(error::unordered_log());
        }
        let written = self.write_snapshot(database, options, progress).await?;
        progress.stage("looking where the log goes on");
        let place = self
            .find_place(database, epoch, before.next, &written)
            .await?;
        // A newer epoch may have been claimed while the rows were copied.
        self.require_claim(epoch).await?;
        let (_, manifest) = self.publish(&written, epoch, place.next).await?;
        Ok(Backup {
            manifest,
            stored_bytes: written.stored_bytes,
            gap_from: place.gap_from,
            why: written.facts.why,
            clock_behind: written.clock_behind,
        })
    }

    async fn find_place(
        &self,
        database: &dyn Database,
        epoch: Epoch,
        from: SegmentSeq,
        written: &Written,
    ) -> PortResult<Place> {
        let point = &written.facts.position;
        // The last segment before the snapshot began may hold its point already.
        let mut seq = SegmentSeq(from.0.saturating_sub(1).max(1));
        let mut last_end: Option<LogPosition> = None;
        let mut heard = self.clock.monotonic();
        loop {
            let names = self.list_segments(epoch, seq).await?;
            for name in &names {
                let Some(end) = self.end_of(epoch, name).await? else {
                    return Err(error::chain_ended(epoch));
                };
                heard = self.clock.monotonic();
                seq = name.seq.next();
                match database.log_order(&end, point) {
                    Some(Ordering::Greater) => return Ok(Place::at(name.seq)),
                    Some(Ordering::Equal) => return Ok(Place::at(seq)),
                    // Shipped since the snapshot began, and not to be compared
                    // with it: the stream would go on past it unseen.
                    None if name.seq >= from => return Err(error::unordered_log()),
                    _ => last_end = Some(end),
                }
            }
            let Some(end) = &last_end else {
                return Ok(Place::at(from)); // This epoch has no log yet.
            };
            let quiet = self.clock.monotonic().saturating_sub(heard);
            if quiet >= Duration::from_secs(QUIET_SECS_MAX) {
                return Ok(Place {
                    next: seq,
                    gap_from: Some(end.clone()),
                });
            }
            self.clock.sleep(Duration::from_millis(LOOK_MS)).await;
        }
    }

    /// Where the log of a segment ends; `None` for a closing object.
    async fn end_of(&self, epoch: Epoch, name: &SegmentName) -> PortResult<Option<LogPosition>> {
        let segment = self.read_segment(epoch, name).await?;
        Ok(match segment.header.body {
            SegmentBody::Log { end, .. } => Some(end),
            SegmentBody::Closed { .. } => None,
        })
    }
}

/// Where the log behind a snapshot goes on.
struct Place {
    next: SegmentSeq,
    gap_from: Option<LogPosition>,
}

impl Place {
    fn at(next: SegmentSeq) -> Self {
        Self {
            next,
            gap_from: None,
        }
    }
}
