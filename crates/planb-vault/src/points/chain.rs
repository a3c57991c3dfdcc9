//! The log behind snapshots, from one pass over the names of an epoch's
//! segments: whatever their number, only the places of snapshots are kept.

use super::tells_about_the_object;
use crate::layout::SegmentName;
use crate::vault::{Vault, same_place};
use futures::TryStreamExt;
use jiff::Timestamp;
use planb_model::Epoch;
use planb_model::recovery::{
    LogPosition, LogRange, Place, SegmentBody, SegmentSeq, SnapshotManifest,
};
use planb_ports::PortResult;
use std::collections::{BTreeMap, BTreeSet};

/// A listed segment, and the stored bytes of all before it.
#[derive(Debug, Clone)]
struct Listed {
    name: SegmentName,
    before: u64,
}

/// What is remembered of a segment that was read.
#[derive(Debug, Clone)]
struct Glance {
    written_at: Timestamp,
    body: SegmentBody,
}

/// The chain of one epoch, as far as its snapshots ask.
pub(super) struct Chain<'a> {
    vault: &'a Vault,
    epoch: Epoch,
    /// Where snapshots begin, and the segments just before.
    places: BTreeMap<SegmentSeq, Listed>,
    first: Option<SegmentSeq>,
    last: Option<Listed>,
    /// `None` for what is not there or is damaged.
    read: BTreeMap<SegmentSeq, Option<Glance>>,
}

impl<'a> Chain<'a> {
    /// Lists the chain; `starts` are the places where snapshots begin.
    pub(super) async fn list(
        vault: &'a Vault,
        epoch: Epoch,
        starts: &[SegmentSeq],
    ) -> PortResult<Self> {
        let mut chain = Chain {
            vault,
            epoch,
            places: BTreeMap::new(),
            first: None,
            last: None,
            read: BTreeMap::new(),
        };
        let starts: BTreeSet<SegmentSeq> = starts.iter().copied().collect();
        let mut names = vault.segments(epoch, SegmentSeq::FIRST).await?;
        let mut before = 0;
        while let Some(name) = names.try_next().await? {
            let listed = Listed { before, name };
            before += listed.name.size;
            let seq = listed.name.seq;
            chain.first.get_or_insert(seq);
            if starts.contains(&seq) || starts.contains(&seq.next()) {
                chain.places.insert(seq, listed.clone());
            }
            chain.last = Some(listed);
        }
        Ok(chain)
    }

    /// Places where the log does not go on from the segment before. There is a
    /// snapshot at each: it was taken because log was lost.
    pub(super) async fn gaps(&mut self, starts: &[SegmentSeq]) -> PortResult<Vec<SegmentSeq>> {
        let mut gaps = Vec::new();
        for at in starts.iter().copied() {
            let before = SegmentSeq(at.0.saturating_sub(1));
            let (end, start) = (self.log(before).await?, self.log(at).await?);
            if let (Some((_, end)), Some((start, _))) = (end, start)
                && !same_place(&end, &start)
            {
                gaps.push(at);
            }
        }
        gaps.sort();
        Ok(gaps)
    }

    /// The log behind `manifest`; `None` when it does not go on from there.
    pub(super) async fn range(
        &mut self,
        manifest: &SnapshotManifest,
        gaps: &[SegmentSeq],
    ) -> PortResult<Option<LogRange>> {
        let first = manifest.next_segment;
        let gap = gaps.iter().copied().find(|gap| *gap > first);
        let Some(start) = self.log(first).await?.map(|(start, _)| start) else {
            return Ok(None);
        };
        // At a gap the log must begin at the snapshot; elsewhere the snapshot
        // lies in log that goes on, and the restore looks closer.
        let begins = same_place(&start, &manifest.position);
        if !begins && (gaps.contains(&first) || first == SegmentSeq::FIRST) {
            return Ok(None);
        }
        let from = self.places.get(&first).map_or(0, |listed| listed.before);
        let mut ended = gap.is_some();
        let mut next = match gap {
            Some(gap) => self.listed(SegmentSeq(gap.0 - 1), None).await?,
            None => self.last.clone(),
        };
        while let Some(listed) = next.filter(|listed| listed.name.seq >= first) {
            match self.glance(&listed.name).await? {
                Some(Glance {
                    written_at,
                    body: SegmentBody::Log { end, .. },
                }) => {
                    let to = Place {
                        at: written_at,
                        position: end,
                    };
                    return Ok(Some(LogRange {
                        first,
                        last: listed.name.seq,
                        from: Place {
                            at: manifest.consistent_at.unwrap_or(manifest.taken_at),
                            position: manifest.position.clone(),
                        },
                        to,
                        stored_bytes: (listed.before + listed.name.size).saturating_sub(from),
                        ended,
                    }));
                }
                Some(_) => ended = true,
                None => {}
            }
            let before = SegmentSeq(listed.name.seq.0 - 1);
            next = self.listed(before, Some(listed.before)).await?;
        }
        Ok(None)
    }

    /// Start and end of the log in a segment; `None` when it has none, is not
    /// there or is damaged.
    async fn log(&mut self, seq: SegmentSeq) -> PortResult<Option<(LogPosition, LogPosition)>> {
        let Some(listed) = self.places.get(&seq).cloned() else {
            return Ok(None);
        };
        Ok(match self.glance(&listed.name).await?.map(|g| g.body) {
            Some(SegmentBody::Log { start, end, .. }) => Some((start, end)),
            _ => None,
        })
    }

    /// A place of the chain, asked for again when it was not kept; `end` are the
    /// bytes up to behind it.
    async fn listed(&self, seq: SegmentSeq, end: Option<u64>) -> PortResult<Option<Listed>> {
        if let Some(listed) = self.places.get(&seq) {
            return Ok(Some(listed.clone()));
        }
        if self.first.is_none_or(|first| seq < first) {
            return Ok(None);
        }
        let mut names = self.vault.segments(self.epoch, seq).await?;
        let name = names.try_next().await?.filter(|name| name.seq == seq);
        Ok(name.map(|name| Listed {
            before: end.unwrap_or_default().saturating_sub(name.size),
            name,
        }))
    }

    async fn glance(&mut self, name: &SegmentName) -> PortResult<Option<Glance>> {
        if let Some(glance) = self.read.get(&name.seq) {
            return Ok(glance.clone());
        }
        let glance = match self.vault.read_segment(self.epoch, name).await {
            Ok(segment) => Some(Glance {
                written_at: segment.header.written_at,
                body: segment.header.body,
            }),
            Err(e) if tells_about_the_object(e.kind()) => None,
            Err(e) => return Err(e),
        };
        self.read.insert(name.seq, glance.clone());
        Ok(glance)
    }
}
