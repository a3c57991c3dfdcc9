//! The asked point, and what lies at or before it.

use crate::error;
use crate::layout::ManifestName;
use crate::segment::Segment;
use crate::vault::Vault;
use jiff::Timestamp;
use planb_model::recovery::{LogPosition, SegmentBody, SegmentSeq, SnapshotManifest};
use planb_ports::{Database, ErrorKind, PortResult, RestoreTo, Until};
use std::cmp::Ordering;

/// Where a restore stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Goal {
    /// At the end of the log.
    End,
    /// At the snapshot, before any log.
    Snapshot,
    /// At a point in the log.
    Until(Until),
}

impl Goal {
    pub(crate) fn of(to: &RestoreTo) -> Self {
        match to {
            RestoreTo::Latest => Goal::End,
            RestoreTo::Snapshot(_) => Goal::Snapshot,
            RestoreTo::Time(time) => Goal::Until(Until::Time(*time)),
            RestoreTo::Position(point) => Goal::Until(Until::Position(point.clone())),
        }
    }

    /// Whether a whole segment lies at or before the point, as its header tells.
    pub(crate) fn holds(&self, database: &dyn Database, segment: &Segment) -> bool {
        match (self, &segment.header.body) {
            (Goal::End, _) => true,
            (Goal::Until(Until::Time(time)), _) => segment.header.written_at <= *time,
            (Goal::Until(Until::Position(point)), SegmentBody::Log { end, .. }) => {
                at_or_before(database, end, point)
            }
            _ => false,
        }
    }
}

fn at_or_before(database: &dyn Database, position: &LogPosition, point: &str) -> bool {
    let order = database.point_order(position, point);
    matches!(order, Some(Ordering::Less | Ordering::Equal))
}

/// The snapshots to try, best first: all of one epoch, so that each leads to
/// the same end.
pub(crate) async fn candidates(
    vault: &Vault,
    database: &dyn Database,
    to: &RestoreTo,
) -> PortResult<Vec<ManifestName>> {
    let mut names = vault.manifests().await?;
    let newest = names.first().ok_or_else(error::nothing_to_restore)?.clone();
    let first = match to {
        RestoreTo::Latest => newest,
        RestoreTo::Snapshot(id) => {
            names.retain(|name| name.id == *id);
            return match names.is_empty() {
                true => Err(error::no_such_snapshot(id)),
                false => Ok(names),
            };
        }
        RestoreTo::Time(time) => before_time(vault, &names, *time).await?,
        RestoreTo::Position(point) => before_position(vault, database, &names, point).await?,
    };
    names.retain(|name| name.epoch == first.epoch && *name <= first);
    Ok(names)
}

/// The newest snapshot without a transaction committed after `time`.
async fn before_time(
    vault: &Vault,
    names: &[ManifestName],
    time: Timestamp,
) -> PortResult<ManifestName> {
    let mut damaged = None;
    for name in names {
        match vault.read_manifest(name).await {
            Ok(manifest) if manifest.consistent_at.is_some_and(|at| at <= time) => {
                return not_behind_a_damaged_one(name, damaged);
            }
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::Corrupt => {
                damaged.get_or_insert((name.epoch, e));
            }
            Err(e) => return Err(e),
        }
    }
    let oldest = names.last().map_or("", |name| &name.id);
    Err(damaged.map_or_else(|| error::before_oldest(&time, oldest), |(_, e)| e))
}

/// A damaged snapshot gives way to an older one of its own epoch only: in an
/// older epoch everything written since would be missing.
fn not_behind_a_damaged_one(
    name: &ManifestName,
    damaged: Option<(planb_model::Epoch, planb_ports::PortError)>,
) -> PortResult<ManifestName> {
    match damaged {
        Some((epoch, error)) if epoch != name.epoch => Err(error),
        _ => Ok(name.clone()),
    }
}

/// The newest snapshot at or before `point` in an epoch whose log has it.
async fn before_position(
    vault: &Vault,
    database: &dyn Database,
    names: &[ManifestName],
    point: &str,
) -> PortResult<ManifestName> {
    let (mut known, mut ends) = (false, None);
    for epoch in names.chunk_by(|a, b| a.epoch == b.epoch) {
        for name in epoch {
            let manifest = match vault.read_manifest(name).await {
                Err(e) if e.kind() == ErrorKind::Corrupt => continue,
                other => other?,
            };
            let order = database.point_order(&manifest.position, point);
            known |= order.is_some();
            if !matches!(order, Some(Ordering::Less | Ordering::Equal)) {
                continue;
            }
            let end = vault.log_end(&manifest).await?;
            let to_end = database.point_order(&end, point);
            if matches!(to_end, Some(Ordering::Greater | Ordering::Equal)) {
                return Ok(name.clone());
            }
            // This epoch's log does not get there; an older one may, whose
            // source had other names for its places.
            ends.get_or_insert(end);
            break;
        }
    }
    Err(match ends {
        Some(end) => error::behind_the_log(point, &end),
        None if known => {
            let oldest = names.last().map_or("", |name| &name.id);
            error::before_oldest(&point, oldest)
        }
        None => error::unknown_point(point),
    })
}

impl Vault {
    /// Where the log of the epoch of `manifest` ends now.
    async fn log_end(&self, manifest: &SnapshotManifest) -> PortResult<LogPosition> {
        let names = self.list_segments(manifest.epoch, manifest.next_segment);
        for name in names.await?.iter().rev() {
            let segment = self.read_segment(manifest.epoch, name).await?;
            if let SegmentBody::Log { end, .. } = segment.header.body {
                return Ok(end);
            }
        }
        Ok(manifest.position.clone())
    }

    /// Whether what is applied just before the segment at `next` lies at or
    /// before `time`: the segment `position` is in was written by then.
    pub(crate) async fn applied_by(
        &self,
        epoch: planb_model::Epoch,
        next: SegmentSeq,
        position: &LogPosition,
        time: Timestamp,
    ) -> PortResult<bool> {
        let from = SegmentSeq(next.0.saturating_sub(1).max(1));
        for name in self.list_segments(epoch, from).await?.into_iter().take(2) {
            let segment = self.read_segment(epoch, &name).await?;
            if let SegmentBody::Log { end, .. } = &segment.header.body
                && (name.seq == next || crate::vault::same_place(end, position))
            {
                return Ok(segment.header.written_at <= time);
            }
        }
        Ok(false)
    }
}
