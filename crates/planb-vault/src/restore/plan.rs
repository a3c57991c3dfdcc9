//! What a restore would do, found out without touching the target.

use super::goal::Goal;
use super::{Start, Target, plainer};
use crate::chain::Head;
use crate::error;
use crate::layout::{ManifestName, SegmentName};
use crate::segment::Segment;
use crate::vault::same_place;
use planb_model::recovery::{
    AppliedMark, Place, RestorePlan, SegmentBody, SegmentSeq, SnapshotLoad, SnapshotManifest,
};
use planb_ports::{ErrorKind, PortResult};

/// The log up to the asked point.
struct Way {
    first_segment: SegmentSeq,
    segments: u64,
    bytes: u64,
    to: Option<Place>,
    reaches: bool,
}

impl Target<'_> {
    /// From where the target stands.
    pub(super) async fn plan_from_mark(
        &self,
        mark: &AppliedMark,
        head: &Head,
    ) -> PortResult<RestorePlan> {
        let names = self.vault.manifests().await?;
        let loaded = names.iter().find(|name| name.id == mark.snapshot);
        // It may be pruned already; the log behind it is what counts.
        let name = loaded.or(names.first());
        let name = name.ok_or_else(error::nothing_to_restore)?;
        let manifest = self.vault.read_manifest(name).await?;
        let way = self.way(Some(head)).await?;
        Ok(plan(&manifest, mark, None, way))
    }

    /// From the newest of the snapshots that is whole.
    pub(super) async fn plan_from_snapshot(
        &self,
        names: &[ManifestName],
    ) -> PortResult<RestorePlan> {
        let mut first_error = None;
        for name in names {
            if let Some(refused) = self.refuses_files(name).await? {
                first_error.get_or_insert(refused);
                continue;
            }
            match self.start(name).await {
                Ok(start) => {
                    self.database.accepts(&start.manifest).await?;
                    return self.plan_start(&start).await;
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

    async fn plan_start(&self, start: &Start) -> PortResult<RestorePlan> {
        let manifest = &start.manifest;
        let load = SnapshotLoad {
            parts: manifest.parts.len() as u64,
            stored_bytes: manifest.parts.iter().map(|p| p.stored_bytes).sum(),
            raw_bytes: manifest.parts.iter().map(|p| p.raw_bytes).sum(),
            rows: manifest.tables.iter().map(|t| t.rows).sum(),
        };
        let way = self.way(start.head.as_ref()).await?;
        Ok(plan(manifest, &start.mark, Some(load), way))
    }

    async fn way(&self, head: Option<&Head>) -> PortResult<Way> {
        let Some(head) = head else {
            return Ok(Way {
                first_segment: SegmentSeq::FIRST,
                segments: 0,
                bytes: 0,
                to: None,
                reaches: true,
            });
        };
        let names = self.vault.list_segments(head.epoch, head.next).await?;
        let count = self.needed(head, &names).await?;
        let mut needed = &names[..count.min(names.len())];
        let gap = self.gap(head, needed).await?;
        if let Some(gap) = gap {
            needed = &needed[..gap];
        }
        Ok(Way {
            first_segment: head.next,
            segments: needed.len() as u64,
            bytes: needed.iter().map(|name| name.size).sum(),
            to: self.last_place(head, needed).await?,
            reaches: gap.is_none() && (*self.goal == Goal::End || count <= names.len()),
        })
    }

    /// The first of `names` whose log does not go on from the one before: a
    /// snapshot stands there, which was taken because log was lost.
    async fn gap(&self, head: &Head, names: &[SegmentName]) -> PortResult<Option<usize>> {
        let manifests = self.vault.manifests().await?;
        let of_epoch = manifests.iter().filter(|name| name.epoch == head.epoch);
        let mut starts: Vec<SegmentSeq> = of_epoch.map(|name| name.next_segment).collect();
        starts.sort_unstable();
        starts.dedup();
        for start in starts {
            let at = names.partition_point(|name| name.seq < start);
            let (Some(name), true) = (names.get(at), at > 0) else {
                continue;
            };
            let before = self.vault.read_segment(head.epoch, &names[at - 1]).await?;
            let behind = self.vault.read_segment(head.epoch, name).await?;
            let SegmentBody::Log { start, .. } = &behind.header.body else {
                continue;
            };
            if log_end(&before).is_some_and(|end| !same_place(&end, start)) {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// How many of `names` are at or before the asked point, and the one it
    /// lies in; more than there are when the log ends before it. Looks at few
    /// of them: they are in order.
    async fn needed(&self, head: &Head, names: &[SegmentName]) -> PortResult<usize> {
        if *self.goal == Goal::End {
            return Ok(names.len());
        }
        let (mut low, mut high) = (0, names.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let segment = self.vault.read_segment(head.epoch, &names[middle]).await?;
            if self.goal.holds(self.database, &segment) && log_end(&segment).is_some() {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low + 1)
    }

    async fn last_place(&self, head: &Head, names: &[SegmentName]) -> PortResult<Option<Place>> {
        for name in names.iter().rev() {
            let segment = self.vault.read_segment(head.epoch, name).await?;
            if let Some(position) = log_end(&segment) {
                let at = segment.header.written_at;
                return Ok(Some(Place { at, position }));
            }
        }
        Ok(None)
    }
}

fn log_end(segment: &Segment) -> Option<planb_model::recovery::LogPosition> {
    match &segment.header.body {
        SegmentBody::Log { end, .. } => Some(end.clone()),
        SegmentBody::Closed { .. } => None,
    }
}

fn plan(
    manifest: &SnapshotManifest,
    mark: &AppliedMark,
    load: Option<SnapshotLoad>,
    way: Way,
) -> RestorePlan {
    RestorePlan {
        engine: manifest.engine,
        snapshot: mark.snapshot.clone(),
        epoch: mark.epoch,
        taken_at: manifest.taken_at,
        load,
        from: mark.position.clone(),
        first_segment: way.first_segment,
        segments: way.segments,
        log_bytes: way.bytes,
        to: way.to,
        reaches: way.reaches,
    }
}
