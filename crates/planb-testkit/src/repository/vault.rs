//! What the fake vault holds, and the rules of writing into it.

use crate::database::keys_in;
use crate::fake_error;
use bytes::Bytes;
use planb_model::recovery::{
    LogPosition, ObjectHash, PartSpec, RecoveryPoint, SegmentBody, SegmentHeader, SegmentSeq,
    SnapshotManifest,
};
use planb_model::{Canary, Epoch, SiteName};
use planb_ports::{ErrorKind, PortError, PortResult};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(super) struct Vault {
    claims: BTreeMap<Epoch, (String, SiteName)>,
    chains: BTreeMap<Epoch, Chain>,
    snapshots: Vec<Snapshot>,
    snapshots_begun: u64,
    pub(super) written_after_closing: u64,
    pub(super) ever_durable: BTreeSet<String>,
    pub(super) unchecked: bool,
}

/// The log of one epoch.
#[derive(Debug, Default)]
struct Chain {
    segments: Vec<Segment>,
    closed: Option<Epoch>,
}

#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) header: SegmentHeader,
    pub(super) bytes: Bytes,
    /// The newest one in `bytes`.
    pub(super) canary: Option<Canary>,
    keys: Vec<String>,
}

impl Segment {
    pub(super) fn new(header: SegmentHeader, bytes: Bytes) -> Self {
        Self {
            header,
            canary: Canary::newest_in(&bytes),
            keys: keys_in(&bytes),
            bytes,
        }
    }

    /// Keys of user rows in it.
    pub(super) fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Whether `next` was made to follow it.
    pub(super) fn is_before(&self, next: &Segment) -> bool {
        let header = &next.header;
        header.epoch == self.header.epoch
            && (header.seq, &header.previous) == (self.header.seq.next(), &self.hash())
    }

    /// Whether the other one is the same object.
    pub(super) fn is_same(&self, other: &Segment) -> bool {
        self.hash() == other.hash()
    }

    fn hash(&self) -> ObjectHash {
        let mut object = format!("{:?}", self.header).into_bytes();
        object.extend_from_slice(&self.bytes);
        ObjectHash::of(&object)
    }

    fn end(&self) -> Option<&LogPosition> {
        match &self.header.body {
            SegmentBody::Log { end, .. } => Some(end),
            SegmentBody::Closed { .. } => None,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) manifest: SnapshotManifest,
    pub(super) parts: Vec<(PartSpec, Bytes)>,
    /// The newest one in `parts`.
    pub(super) canary: Option<Canary>,
    keys: Vec<String>,
    /// Counts snapshots as they are begun; clocks jump, and manifests come late.
    order: u64,
}

impl Snapshot {
    pub(super) fn new(
        manifest: SnapshotManifest,
        parts: Vec<(PartSpec, Bytes)>,
        order: u64,
    ) -> Self {
        let canaries = parts
            .iter()
            .filter_map(|(_, bytes)| Canary::newest_in(bytes));
        Self {
            manifest,
            canary: canaries.last(),
            keys: parts.iter().flat_map(|(_, bytes)| keys_in(bytes)).collect(),
            parts,
            order,
        }
    }
}

/// Where a chain can be continued.
#[derive(Debug, Clone)]
pub(super) struct Tail {
    pub(super) epoch: Epoch,
    pub(super) next: SegmentSeq,
    pub(super) previous: ObjectHash,
    /// Snapshot and position that the log continues; `None` without a snapshot.
    pub(super) continues: Option<(String, LogPosition)>,
}

impl Tail {
    /// Whether `segment` was made for this place and its log begins here.
    pub(super) fn is_followed_by(&self, segment: &Segment) -> bool {
        let header = &segment.header;
        let starts = match &header.body {
            SegmentBody::Log { start, .. } => Some(start),
            SegmentBody::Closed { .. } => None,
        };
        (header.epoch, header.seq, &header.previous) == (self.epoch, self.next, &self.previous)
            && starts == self.continues.as_ref().map(|(_, position)| position)
    }

    /// Moves behind a segment that follows.
    pub(super) fn pass(&mut self, segment: &Segment) {
        self.next = segment.header.seq.next();
        self.previous = segment.hash();
        if let (Some((_, position)), Some(end)) = (&mut self.continues, segment.end()) {
            position.clone_from(end);
        }
    }
}

impl Vault {
    pub(super) fn claim(
        &mut self,
        epoch: Epoch,
        claimant: &str,
        site: &SiteName,
    ) -> PortResult<()> {
        if let Some(newest) = self.newest_claim()
            && newest > epoch
        {
            return Err(PortError::fenced(newest, "the vault", epoch));
        }
        let mine = (claimant.to_owned(), site.clone());
        match self.claims.get(&epoch) {
            Some(there) if *there == mine => Ok(()),
            Some(_) => Err(fake_error(ErrorKind::Conflict, "the epoch has a claimant")),
            None => {
                self.claims.insert(epoch, mine);
                Ok(())
            }
        }
    }

    pub(super) fn newest_claim(&self) -> Option<Epoch> {
        self.claims.keys().next_back().copied()
    }

    pub(super) fn claims(&self) -> Vec<(Epoch, String)> {
        let claim = |(epoch, (who, _)): (&Epoch, &(String, SiteName))| (*epoch, who.clone());
        self.claims.iter().map(claim).collect()
    }

    pub(super) fn close(&mut self, by: Epoch) {
        for epoch in Epoch::FIRST.0..by.0 {
            let chain = self.chains.entry(Epoch(epoch)).or_default();
            chain.closed.get_or_insert(by);
        }
    }

    pub(super) fn closed(&self) -> BTreeSet<Epoch> {
        let closed = self.chains.iter().filter(|(_, c)| c.closed.is_some());
        closed.map(|(epoch, _)| *epoch).collect()
    }

    /// Refuses a writer of an epoch whose chain is closed.
    fn check_open(&mut self, epoch: Epoch) -> PortResult<()> {
        let chain = self.chains.entry(epoch).or_default();
        match chain.closed {
            Some(by) if !self.unchecked => Err(PortError::fenced(by, "the vault's log", epoch)),
            Some(_) => {
                self.written_after_closing += 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(super) fn tail(&self, epoch: Epoch) -> Tail {
        let chain = self.chains.get(&epoch);
        let last = chain.and_then(|c| c.segments.last());
        let newest = self.newest_snapshot(epoch);
        let continues = newest.map(|snapshot| {
            let after = last.filter(|s| s.header.seq >= snapshot.manifest.next_segment);
            let position = after.and_then(Segment::end);
            let position = position.unwrap_or(&snapshot.manifest.position);
            (snapshot.manifest.id.clone(), position.clone())
        });
        Tail {
            epoch,
            next: last.map_or(SegmentSeq::FIRST, |s| s.header.seq.next()),
            previous: last.map_or_else(ObjectHash::genesis, Segment::hash),
            continues,
        }
    }

    /// Adds a segment at its place; the very same one again is no effect.
    pub(super) fn ship(&mut self, segment: Segment) -> PortResult<()> {
        let epoch = segment.header.epoch;
        let chain = self.chains.entry(epoch).or_default();
        let place = usize::try_from(segment.header.seq.0 - 1).unwrap_or(usize::MAX);
        if let Some(there) = chain.segments.get(place) {
            if there.hash() == segment.hash() {
                return Ok(());
            }
            let message = "another writer has this place of the chain";
            return Err(fake_error(ErrorKind::Conflict, message));
        }
        self.check_open(epoch)?;
        let tail = self.tail(epoch);
        // A late segment of the same writer may have come in between.
        let starts = match &segment.header.body {
            SegmentBody::Log { start, .. } => Some(start),
            SegmentBody::Closed { .. } => None,
        };
        if starts != tail.continues.as_ref().map(|(_, position)| position) {
            let message = "the segment does not start where the chain ends";
            return Err(fake_error(ErrorKind::Conflict, message));
        }
        if (tail.next, tail.previous) != (segment.header.seq, segment.header.previous.clone()) {
            let message = "the segment does not continue the chain";
            return Err(fake_error(ErrorKind::Conflict, message));
        }
        self.ever_durable.extend(segment.keys.iter().cloned());
        self.chains.entry(epoch).or_default().segments.push(segment);
        Ok(())
    }

    /// The place of a snapshot that begins now among all of them.
    pub(super) fn begin_snapshot(&mut self) -> u64 {
        self.snapshots_begun += 1;
        self.snapshots_begun
    }

    /// Adds a snapshot, its manifest last.
    pub(super) fn add_snapshot(&mut self, snapshot: Snapshot) -> PortResult<()> {
        let same = |s: &Snapshot| s.manifest.id == snapshot.manifest.id;
        if self.snapshots.iter().any(same) {
            return Ok(());
        }
        self.check_open(snapshot.manifest.epoch)?;
        self.ever_durable.extend(snapshot.keys.iter().cloned());
        self.snapshots.push(snapshot);
        Ok(())
    }

    /// The newest snapshot that the log, as far as it goes, continues.
    fn newest_snapshot(&self, epoch: Epoch) -> Option<&Snapshot> {
        let of_epoch = self.snapshots.iter().filter(|s| s.manifest.epoch == epoch);
        let usable = of_epoch.filter(|s| self.is_continued(s));
        usable.max_by_key(|s| (s.manifest.next_segment, s.order))
    }

    /// Whether the segment after the snapshot is not there yet or starts where it ends.
    fn is_continued(&self, snapshot: &Snapshot) -> bool {
        let manifest = &snapshot.manifest;
        let next = self.segment(manifest.epoch, manifest.next_segment);
        next.is_none_or(|segment| match segment.header.body {
            SegmentBody::Log { start, .. } => start == manifest.position,
            SegmentBody::Closed { .. } => true,
        })
    }

    /// The newest epoch that has a whole snapshot.
    pub(super) fn newest_chain(&self) -> Option<Epoch> {
        self.snapshots.iter().map(|s| s.manifest.epoch).max()
    }

    /// What a restore starts from.
    pub(super) fn newest_recovery(&self) -> PortResult<&Snapshot> {
        let newest = self.newest_chain().and_then(|e| self.newest_snapshot(e));
        newest.ok_or_else(|| fake_error(ErrorKind::NotFound, "the vault has no snapshot"))
    }

    pub(super) fn segment(&self, epoch: Epoch, seq: SegmentSeq) -> Option<Segment> {
        let chain = self.chains.get(&epoch)?;
        let place = usize::try_from(seq.0.checked_sub(1)?).ok()?;
        chain.segments.get(place).cloned()
    }

    pub(super) fn is_closed(&self, epoch: Epoch) -> bool {
        self.chains.get(&epoch).is_some_and(|c| c.closed.is_some())
    }

    fn after(&self, snapshot: &Snapshot) -> impl Iterator<Item = &Segment> {
        let first = snapshot.manifest.next_segment;
        let chain = self.chains.get(&snapshot.manifest.epoch);
        let segments = chain.map(|c| c.segments.as_slice()).unwrap_or_default();
        segments.iter().filter(move |s| s.header.seq >= first)
    }

    pub(super) fn recovery_point(&self) -> PortResult<RecoveryPoint> {
        let snapshot = self.newest_recovery()?;
        let mut point = RecoveryPoint {
            snapshot: snapshot.manifest.id.clone(),
            epoch: snapshot.manifest.epoch,
            last_segment: None,
            position: snapshot.manifest.position.clone(),
            written_at: snapshot.manifest.taken_at,
            canary: snapshot.canary,
            restore_bytes: 0,
            passed_over: Vec::new(),
        };
        let part_bytes = snapshot.parts.iter().map(|(_, bytes)| bytes.len() as u64);
        point.restore_bytes += part_bytes.sum::<u64>();
        for segment in self.after(snapshot) {
            point.last_segment = Some(segment.header.seq);
            point.written_at = segment.header.written_at;
            point.restore_bytes += segment.bytes.len() as u64;
            point.canary = segment.canary.or(point.canary);
            if let Some(end) = segment.end() {
                point.position = end.clone();
            }
        }
        Ok(point)
    }

    pub(super) fn recoverable_keys(&self) -> BTreeSet<String> {
        let Ok(snapshot) = self.newest_recovery() else {
            return BTreeSet::new();
        };
        let log = self.after(snapshot).flat_map(|s| &s.keys);
        snapshot.keys.iter().chain(log).cloned().collect()
    }
}
