//! Log behind a base backup: raw bytes, written where the server keeps its log.
//!
//! A standby without a source looks into its own `pg_wal` for more. So a
//! segment is written there, at the place its position names, and is durable
//! before the mark says so; the server replays it at its own pace, and whoever
//! reads the copy or promotes it waits for that. Writing the same bytes again
//! changes nothing, so that whatever was broken off is simply done again.

use super::control::Control;
use super::notes::{Copy, Notes, data_dir};
use super::owner::Owner;
use super::server;
use crate::client::Client;
use crate::error::{self, corrupt};
use crate::log::wal::{BadLog, Walker};
use crate::lsn::{Lsn, Stream, order};
use planb_model::recovery::{AppliedMark, LogPosition, SegmentBody};
use planb_ports::{ErrorKind, LogSegment, PortError, PortResult, SegmentEnd, Until};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;

/// Log that may lie unreplayed in the copy: it takes room on its disk.
const BACKLOG_BYTES_MAX: u64 = 256 << 20;

/// Applies segments that follow each other.
pub(crate) async fn segments(
    client: &Client,
    segments: &[LogSegment],
    until: Option<&Until>,
) -> PortResult<(usize, SegmentEnd)> {
    let mark = Notes::mark(&client.config)?.ok_or_else(super::no_restore)?;
    let until = until.map(server::until_settings).transpose()?;
    let data = data_dir(&client.config)?;
    let mut wire = match is_told(client, until.as_deref())? {
        true => server::standby(client).await?,
        false => {
            let copy = Copy::At {
                mark: mark.clone(),
                until: until.clone(),
            };
            Notes::set_copy(&client.config, copy)?;
            server::restart(client, until.as_deref()).await?
        }
    };
    let file_bytes = Control::read(client, &data).await?.wal_file_bytes()?;
    let mut here = mark;
    for (whole, segment) in segments.iter().enumerate() {
        let (stream, start, end) = place(segment, &here.position)?;
        let log = Log {
            data: &data,
            stream: &stream,
            file_bytes,
        };
        log.write(start, end, &segment.bytes)?;
        if until.is_some() {
            if server::wait_replayed(&mut wire, end).await? {
                let at = server::replayed(&mut wire).await?;
                let position = stream.position(at);
                set(client, stopped(segment, &position), until)?;
                return Ok((whole, SegmentEnd::Stopped(position)));
            }
        } else {
            let may_wait = end.0.saturating_sub(BACKLOG_BYTES_MAX);
            server::wait_replayed(&mut wire, Lsn(may_wait)).await?;
        }
        here = segment.mark.clone();
    }
    set(client, here, until)?;
    Ok((segments.len(), SegmentEnd::All))
}

/// Whether the server runs with this point to stop at.
fn is_told(client: &Client, until: Option<&str>) -> PortResult<bool> {
    let copy = Notes::read(&client.config)?.and_then(|notes| notes.copy);
    Ok(matches!(copy, Some(Copy::At { until: told, .. }) if told.as_deref() == until))
}

fn set(client: &Client, mark: AppliedMark, until: Option<String>) -> PortResult<()> {
    Notes::set_copy(&client.config, Copy::At { mark, until })
}

/// The mark of a point inside of a segment.
fn stopped(segment: &LogSegment, position: &LogPosition) -> AppliedMark {
    AppliedMark {
        next_segment: segment.header.seq,
        position: position.clone(),
        ..segment.mark.clone()
    }
}

/// Where a segment goes; it must continue the copy.
fn place(segment: &LogSegment, here: &LogPosition) -> PortResult<(Stream, Lsn, Lsn)> {
    let SegmentBody::Log { start, end, .. } = &segment.header.body else {
        return Err(out_of_order("a closing segment has no log".into()));
    };
    let before = |a, b| order(a, b) == Some(Ordering::Less);
    let fits = start == here || (before(start, here) && before(here, end));
    if !fits || *end != segment.mark.position {
        return Err(out_of_order(format!(
            "the segment goes from {start} to {end}, the copy is at {here}"
        )));
    }
    let (stream, start) = Stream::parse(start)?;
    let (_, end) = Stream::parse(end)?;
    Ok((stream, start, end))
}

fn out_of_order(message: String) -> PortError {
    PortError::new(ErrorKind::Conflict, "PB-POSTGRES-ORDER", message)
}

/// The log of a data directory.
struct Log<'a> {
    data: &'a Path,
    stream: &'a Stream,
    file_bytes: u64,
}

impl Log<'_> {
    /// Writes a segment durably, after a look at all of it.
    fn write(&self, start: Lsn, end: Lsn, bytes: &[u8]) -> PortResult<()> {
        if start.0 + bytes.len() as u64 != end.0 {
            return Err(corrupt(format!(
                "{} bytes do not lead from {start} to {end}",
                bytes.len()
            )));
        }
        let mut walker = Walker::new(start, self.file_bytes);
        let walked = walker.feed(bytes);
        walked.map_err(|BadLog(why)| corrupt(format!("the segment is no log: {why}")))?;
        if walker.boundary() != end {
            return Err(corrupt(format!(
                "the segment ends inside of a record at {end}"
            )));
        }
        let owner = Owner::of(self.data)?;
        let mut files = BTreeMap::new();
        let mut at = start.0;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (number, offset) = (at / self.file_bytes, at % self.file_bytes);
            let length = usize::try_from(self.file_bytes - offset).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at(length.min(rest.len()));
            let name = self.name(number);
            let path = self.data.join("pg_wal").join(&name);
            let written = self.open(&path, owner).and_then(|file| {
                file.write_all_at(now, offset)?;
                files.insert(name, file);
                Ok(())
            });
            written.map_err(|e| error::file(&path, e))?;
            at += now.len() as u64;
            rest = later;
        }
        for (name, file) in files {
            file.sync_data()
                .map_err(|e| error::file(Path::new(&name), e))?;
        }
        Ok(())
    }

    /// Opens a file of the log; a new one is whole and empty, as the server's are.
    fn open(&self, path: &Path, owner: Owner) -> std::io::Result<File> {
        if path.exists() {
            return File::options().write(true).open(path);
        }
        let new = path.with_extension("planb");
        let file = File::create(&new)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        file.set_len(self.file_bytes)?;
        owner.owns(&new)?;
        std::fs::rename(&new, path)?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(file)
    }

    /// `000000010000000000000003`: timeline, then the number in two halves.
    fn name(&self, number: u64) -> String {
        let in_half = (1u64 << 32) / self.file_bytes;
        let (high, low) = (number / in_half, number % in_half);
        format!("{:08X}{high:08X}{low:08X}", self.stream.timeline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_log_are_named_as_the_server_names_them() {
        let stream = Stream {
            system: "1".into(),
            timeline: 2,
        };
        let log = |file_bytes| Log {
            data: Path::new("/"),
            stream: &stream,
            file_bytes,
        };
        let small = log(16 << 20);
        assert_eq!(small.name(0x1_0300_0028 >> 24), "000000020000000100000003");
        assert_eq!(small.name(255), "0000000200000000000000FF");
        assert_eq!(log(1 << 20).name(4096), "000000020000000100000000");
    }
}
