//! The fake database as the target of a restore.

use super::encoding;
use super::state::{Applied, ENGINE, State};
use crate::fake_error;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::BoxStream;
use planb_model::recovery::{
    AppliedMark, LogPosition, PartSpec, SegmentBody, SegmentHeader, SnapshotManifest,
};
use planb_ports::{ErrorKind, PortResult, SegmentEnd, Until};

/// A whole part; the fake has no business with parts that do not fit in memory.
pub(super) async fn gather(mut bytes: BoxStream<'_, PortResult<Bytes>>) -> PortResult<Bytes> {
    let mut whole = BytesMut::new();
    while let Some(chunk) = bytes.next().await {
        whole.extend_from_slice(&chunk?);
    }
    Ok(whole.freeze())
}

fn conflict(message: &str) -> planb_ports::PortError {
    fake_error(ErrorKind::Conflict, message)
}

impl State {
    pub(super) fn accepts(&self, manifest: &SnapshotManifest) -> PortResult<()> {
        if manifest.engine == ENGINE {
            return Ok(());
        }
        Err(fake_error(
            ErrorKind::Unsupported,
            "the snapshot is of another engine",
        ))
    }

    pub(super) fn begin_restore(&mut self, manifest: &SnapshotManifest) -> PortResult<()> {
        self.accepts(manifest)?;
        let ours = self.applied != Applied::Never || self.fence.epoch.is_some();
        if !self.rows.is_empty() && !ours {
            return Err(conflict("the target has tables that are not PlanB's"));
        }
        if self.fence.epoch.is_some() && self.check_writable().is_ok() {
            if !self.unchecked {
                return Err(conflict("the target takes writes"));
            }
            self.primaries_destroyed += 1;
        }
        let effect = ("begin-restore", manifest.epoch);
        *self.effects.entry(effect).or_insert(0) += 1;
        self.rows.clear();
        self.canaries.clear();
        self.new_stream();
        self.applied = Applied::Broken;
        Ok(())
    }

    pub(super) fn load_part(&mut self, part: &PartSpec, bytes: &[u8]) -> PortResult<()> {
        if self.applied != Applied::Broken {
            return Err(conflict("no restore has begun"));
        }
        if part.kind != "rows" && part.kind != "canaries" {
            return Err(fake_error(ErrorKind::Corrupt, "not a part of a fake"));
        }
        for record in encoding::decode(bytes)? {
            self.take(record);
        }
        Ok(())
    }

    pub(super) fn end_restore(&mut self, mark: &AppliedMark) -> PortResult<()> {
        if self.applied != Applied::Broken {
            return Err(conflict("no restore has begun"));
        }
        self.applied = Applied::Clean(mark.clone());
        Ok(())
    }

    pub(super) fn apply(
        &mut self,
        header: &SegmentHeader,
        bytes: &[u8],
        mark: &AppliedMark,
        until: Option<&Until>,
    ) -> PortResult<SegmentEnd> {
        let Some(before) = self.applied.mark().cloned() else {
            return Err(conflict("the target has no applied mark"));
        };
        if let SegmentBody::Log { start, .. } = &header.body
            && *start != before.position
        {
            let message = format!(
                "the segment starts at {start}, the target stands at {}",
                before.position
            );
            return Err(conflict(&message));
        }
        let records = encoding::decode(bytes)?;
        if std::mem::take(&mut self.break_apply) {
            self.applied = Applied::Broken;
            return Err(fake_error(ErrorKind::Unavailable, "the apply broke off"));
        }
        let (mark, end) = match until {
            None => (mark.clone(), SegmentEnd::All),
            Some(until) => stop(&before, mark, header, until)?,
        };
        let wanted = number(&mark.position)?.saturating_sub(number(&before.position)?);
        for record in records.into_iter().take(wanted) {
            self.take(record);
        }
        self.applied = Applied::Clean(mark);
        Ok(end)
    }
}

/// Where the fake stops: at a record by number, at a moment by whole segments.
fn stop(
    before: &AppliedMark,
    mark: &AppliedMark,
    header: &SegmentHeader,
    until: &Until,
) -> PortResult<(AppliedMark, SegmentEnd)> {
    let at = match until {
        Until::Time(time) if header.written_at <= *time => {
            return Ok((mark.clone(), SegmentEnd::All));
        }
        Until::Time(_) => before.position.clone(),
        Until::Position(at) => {
            let mut position = mark.position.clone();
            position.at = at.clone();
            position
        }
    };
    if number(&at)? >= number(&mark.position)? {
        return Ok((mark.clone(), SegmentEnd::All));
    }
    let mut stopped = mark.clone();
    stopped.next_segment = header.seq;
    stopped.position = at.clone();
    Ok((stopped, SegmentEnd::Stopped(at)))
}

fn number(position: &LogPosition) -> PortResult<usize> {
    let number = position.at.parse();
    number.map_err(|_| fake_error(ErrorKind::Invalid, "a fake's positions are numbers"))
}
