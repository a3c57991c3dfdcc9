//! The newest state that could be recovered now, checked by reading the vault.
//!
//! Reading everything each second would cost too much, so what was checked once
//! is remembered: objects never change under their names. A damaged object is
//! noticed when it is first read, and by every restore; from time to time the
//! listing is compared, which notices objects that went away in between.

use crate::canary::is_newer;
use crate::chain::{Head, Link};
use crate::error;
use crate::layout::{ManifestName, SegmentName};
use crate::segment::Segment;
use crate::trust::Trust;
use crate::vault::{Vault, same_place};
use futures::StreamExt;
use jiff::Timestamp;
use planb_model::recovery::{
    LogPosition, ObjectHash, RecoveryPoint, SegmentBody, SegmentSeq, SnapshotManifest,
};
use planb_model::{Canary, Epoch};
use planb_ports::{ErrorKind, PortResult};
use std::pin::pin;
use std::time::Duration;

/// Listing a day of segments costs up to a quarter of a second on a local disk.
const LISTING_SECS_MIN: u64 = 60;

/// How far the vault has been checked.
#[derive(Debug)]
pub(crate) struct Verified {
    /// All manifests there were; when they change, everything begins anew.
    names: Vec<ManifestName>,
    manifest: SnapshotManifest,
    head: Head,
    trust: Trust,
    position: LogPosition,
    written_at: Timestamp,
    canary: Option<Canary>,
    restore_bytes: u64,
    /// When the listing was last compared; `None` before the first time.
    listed_at: Option<Duration>,
    /// The log goes on elsewhere: only a newer snapshot leads further.
    ended: bool,
    /// See `RecoveryPoint::passed_over`.
    passed_over: Vec<String>,
}

/// See `Repository::recovery_point`. `verified` keeps what was checked, also
/// when this future is dropped half-way.
pub(crate) async fn recovery_point(
    vault: &Vault,
    verified: &mut Option<Verified>,
) -> PortResult<RecoveryPoint> {
    let names = vault.manifests().await?;
    if verified.as_ref().is_none_or(|v| v.names != names) {
        *verified = None;
        *verified = Some(begin(vault, names).await?);
    }
    let Some(state) = verified.as_mut() else {
        return Err(error::nothing_to_restore());
    };
    let extended = state.extend(vault).await;
    let point = state.point();
    if extended.is_err() {
        // Reads it again from the start next time: it may have been mended.
        *verified = None;
    }
    extended.map(|()| point)
}

async fn begin(vault: &Vault, names: Vec<ManifestName>) -> PortResult<Verified> {
    let mut passed_over = Vec::new();
    let warn = |e: &planb_ports::PortError| {
        tracing::warn!(
            code = e.code(),
            error = e.chain(),
            "a snapshot is damaged or forged; an older one is taken"
        );
        passed_over.push(format!("[{}] {}", e.code(), e.chain()));
    };
    let (_, manifest) = vault.newest_whole(&names, warn).await?;
    let at_snapshot = vault
        .log_after(
            manifest.epoch,
            manifest.next_segment,
            &manifest.position,
            |_, _| Holds::Yes,
        )
        .await?;
    let Some(head) = at_snapshot else {
        return Err(vault.not_continued(&manifest));
    };
    Ok(Verified {
        names,
        head,
        trust: Trust::default(),
        position: manifest.position.clone(),
        written_at: manifest.taken_at,
        canary: None,
        restore_bytes: manifest.parts.iter().map(|p| p.stored_bytes).sum(),
        manifest,
        listed_at: None,
        ended: false,
        passed_over,
    })
}

impl Verified {
    async fn extend(&mut self, vault: &Vault) -> PortResult<()> {
        let now = vault.clock.monotonic();
        let due = Duration::from_secs(LISTING_SECS_MIN);
        if self
            .listed_at
            .is_none_or(|at| now.saturating_sub(at) >= due)
        {
            self.compare_listing(vault).await?;
            self.listed_at = Some(now);
        }
        while !self.ended && self.head.closed.is_none() {
            match vault.next_segment(&self.head).await? {
                Some(segment) => {
                    self.trust.check(vault, &segment).await?;
                    self.take(&segment)?;
                }
                None => break,
            }
        }
        Ok(())
    }

    async fn compare_listing(&mut self, vault: &Vault) -> PortResult<()> {
        let names = vault
            .list_segments(self.head.epoch, self.manifest.next_segment)
            .await?;
        check_start(vault, &names, self.head.epoch, self.manifest.next_segment)?;
        let known = self.head.next;
        if names
            .last()
            .map_or(self.manifest.next_segment, |n| n.seq.next())
            < known
        {
            return Err(vault.missing_segment(self.head.epoch, SegmentSeq(known.0 - 1)));
        }
        let new = names.into_iter().filter(|name| name.seq >= known);
        let epoch = self.head.epoch;
        let mut segments = pin!(vault.read_ahead(epoch, new));
        while let Some(segment) = segments.next().await {
            if !self.ended {
                let segment = segment?;
                self.trust.check(vault, &segment).await?;
                self.take(&segment)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, segment: &Segment) -> PortResult<()> {
        let mut head = self.head.clone();
        if head.advance(segment)? == Link::Jumps {
            self.ended = true;
            return Ok(());
        }
        if let SegmentBody::Log { end, .. } = &segment.header.body {
            self.position = end.clone();
            self.written_at = segment.header.written_at;
        }
        if let Some(found) = Canary::newest_in(&segment.raw)
            && is_newer(&found, self.canary.as_ref())
        {
            self.canary = Some(found);
        }
        self.restore_bytes += segment.stored_bytes;
        self.head = head;
        Ok(())
    }

    fn point(&self) -> RecoveryPoint {
        let first = self.manifest.next_segment;
        let last = self.head.next.0 - 1;
        RecoveryPoint {
            snapshot: self.manifest.id.clone(),
            epoch: self.manifest.epoch,
            last_segment: (self.head.next > first).then_some(SegmentSeq(last)),
            position: self.position.clone(),
            written_at: self.written_at,
            canary: self.canary,
            restore_bytes: self.restore_bytes,
            passed_over: self.passed_over.clone(),
        }
    }
}

/// A chain that is read from `from` on must begin there, or not at all.
pub(crate) fn check_start(
    vault: &Vault,
    names: &[SegmentName],
    epoch: Epoch,
    from: SegmentSeq,
) -> PortResult<()> {
    match names.first() {
        Some(first) if first.seq != from => Err(vault.missing_segment(epoch, from)),
        _ => Ok(()),
    }
}

/// Whether a place is inside a segment.
pub(crate) enum Holds {
    /// It is.
    Yes,
    /// It is behind it.
    Later,
    /// It is before it, or nobody knows.
    No,
}

impl Vault {
    /// The place in the chain of `epoch` where log goes on that was applied up
    /// to `position`: the segment at `next`, or a later one when those before it
    /// are in what was applied already. `None` when it does not go on there.
    ///
    /// A segment that begins before `position` goes on there if it continues
    /// the segment before it and `holds(start, end)` says that `position` is in it.
    pub(crate) async fn log_after(
        &self,
        epoch: Epoch,
        next: SegmentSeq,
        position: &LogPosition,
        holds: impl Fn(&LogPosition, &LogPosition) -> Holds,
    ) -> PortResult<Option<Head>> {
        let from = SegmentSeq(next.0.saturating_sub(1).max(1));
        let names = self.list_segments(epoch, from).await?;
        let find = |seq| names.iter().find(|n| n.seq == seq);
        if find(next).is_none() {
            let before = find(SegmentSeq(next.0.saturating_sub(1)));
            return self.not_yet(epoch, next, position, &names, before).await;
        }
        let mut before = match find(SegmentSeq(next.0.saturating_sub(1))) {
            Some(name) => self.trusted_end_of(epoch, name).await?,
            None => None,
        };
        for name in names.iter().filter(|n| n.seq >= next) {
            let segment = self.read_segment(epoch, name).await?;
            let head = Head {
                next: name.seq,
                previous: segment.header.previous.clone(),
                end: Some(position.clone()),
                ..Head::of(epoch)
            };
            let SegmentBody::Log { start, end, .. } = segment.header.body else {
                return Ok(Some(head));
            };
            if same_place(&start, position) {
                return Ok(Some(head));
            }
            if !before.is_some_and(|before| same_place(&before, &start)) {
                return Ok(None);
            }
            match holds(&start, &end) {
                Holds::Yes => {
                    let end = Some(start);
                    return Ok(Some(Head { end, ..head }));
                }
                Holds::Later => before = Some(end),
                Holds::No => return Ok(None),
            }
        }
        let names = &names[names.len() - 1..];
        let next = SegmentSeq(names[0].seq.0 + 1);
        self.not_yet(epoch, next, position, names, names.first())
            .await
    }

    /// The place of a segment that does not exist yet.
    async fn not_yet(
        &self,
        epoch: Epoch,
        next: SegmentSeq,
        position: &LogPosition,
        names: &[SegmentName],
        before: Option<&SegmentName>,
    ) -> PortResult<Option<Head>> {
        if let Some(last) = names.last().filter(|n| n.seq > next) {
            tracing::debug!(key = last.key, "there is log behind a gap");
            return Err(self.missing_segment(epoch, next));
        }
        let previous = match before {
            Some(before) => ObjectHash::of(&self.storage.read(&before.key).await?),
            // Nothing tells the name of the next object; the listing will.
            None if next > SegmentSeq::FIRST => ObjectHash(String::new()),
            None => ObjectHash::genesis(),
        };
        Ok(Some(Head {
            next,
            previous,
            end: Some(position.clone()),
            ..Head::of(epoch)
        }))
    }

    /// Where the log of a segment ends; `None` when it has none, or is damaged.
    async fn trusted_end_of(
        &self,
        epoch: Epoch,
        name: &SegmentName,
    ) -> PortResult<Option<LogPosition>> {
        match self.read_segment(epoch, name).await {
            Ok(segment) => Ok(match segment.header.body {
                SegmentBody::Log { end, .. } => Some(end),
                SegmentBody::Closed { .. } => None,
            }),
            Err(e) if e.kind() == ErrorKind::Corrupt => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The error for a snapshot whose log does not begin at it.
    pub(crate) fn not_continued(&self, manifest: &SnapshotManifest) -> planb_ports::PortError {
        let prefix = self
            .layout
            .segment_prefix(manifest.epoch, manifest.next_segment);
        let what = format!("its log does not go on from snapshot {}", manifest.id);
        error::corrupt(&format!("{prefix}*"), what)
    }
}
