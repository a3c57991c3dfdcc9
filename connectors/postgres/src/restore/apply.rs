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
use super::server::{self, Told};
use crate::client::Client;
use crate::error::{self, corrupt};
use crate::log::wal::{BadLog, Walker};
use crate::lsn::{Lsn, Stream, order};
use crate::wire::Wire;
use planb_model::recovery::{AppliedMark, LogPosition, SegmentBody};
use planb_ports::{ErrorKind, LogSegment, PortError, PortResult, SegmentEnd, Until};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Log that may lie unreplayed in the copy: it takes room on its disk.
const BACKLOG_BYTES_MAX: u64 = 256 << 20;

/// Applies segments that follow each other.
pub(crate) async fn segments(
    client: &Client,
    segments: &[LogSegment],
    until: Option<&Until>,
) -> PortResult<(usize, SegmentEnd)> {
    let mark = Notes::mark(&client.config)?.ok_or_else(super::no_restore)?;
    let noted = Told::noted(client)?;
    let mut told = Told {
        until: until.map(server::until_settings).transpose()?,
        timeline: noted.timeline,
    };
    let data = data_dir(&client.config)?;
    let mut wire = match noted == told {
        true => server::standby(client).await?,
        false => tell(client, &mark, &told).await?,
    };
    let file_bytes = Control::read(client, &data).await?.wal_file_bytes()?;
    let mut here = mark;
    for (whole, segment) in segments.iter().enumerate() {
        let place = Place::of(segment, &here.position)?;
        let log = Log {
            data: &data,
            stream: &place.stream,
            file_bytes,
        };
        log.write(&place, &segment.bytes)?;
        if place.moves && told.timeline != Some(place.stream.timeline) {
            // The server follows the timeline it began with, until it is told.
            told.timeline = Some(place.stream.timeline);
            wire = tell(client, &here, &told).await?;
        }
        if until.is_some() {
            if server::wait_replayed(&mut wire, place.end).await? {
                let at = server::replayed(&mut wire).await?;
                let position = place.stream.position(at);
                set(client, stopped(segment, &position), &told)?;
                return Ok((whole, SegmentEnd::Stopped(position)));
            }
        } else {
            let may_wait = place.end.0.saturating_sub(BACKLOG_BYTES_MAX);
            server::wait_replayed(&mut wire, Lsn(may_wait)).await?;
        }
        here = segment.mark.clone();
    }
    set(client, here, &told)?;
    Ok((segments.len(), SegmentEnd::All))
}

/// Starts the server anew with something else told, which is noted first.
async fn tell(client: &Client, mark: &AppliedMark, told: &Told) -> PortResult<Wire> {
    set(client, mark.clone(), told)?;
    server::restart(client, told).await
}

fn set(client: &Client, mark: AppliedMark, told: &Told) -> PortResult<()> {
    let copy = Copy::At {
        mark,
        until: told.until.clone(),
        timeline: told.timeline,
    };
    Notes::set_copy(&client.config, copy)
}

/// The mark of a point inside of a segment.
fn stopped(segment: &LogSegment, position: &LogPosition) -> AppliedMark {
    AppliedMark {
        next_segment: segment.header.seq,
        position: position.clone(),
        ..segment.mark.clone()
    }
}

/// Where a segment goes.
struct Place {
    /// Its end's, which all of its bytes are of.
    stream: Stream,
    start: Lsn,
    end: Lsn,
    /// Where the copy is: at the start or inside.
    here: Lsn,
    /// Whether it is the first of its timeline.
    moves: bool,
}

impl Place {
    /// It must continue the copy.
    fn of(segment: &LogSegment, here: &LogPosition) -> PortResult<Self> {
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
        let (at, here) = Stream::parse(here)?;
        let (_, start) = Stream::parse(start)?;
        let (stream, end) = Stream::parse(end)?;
        Ok(Self {
            moves: at.timeline != stream.timeline,
            stream,
            start,
            end,
            here,
        })
    }
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
    /// Writes what is new of a segment durably, after a look at all of it.
    fn write(&self, place: &Place, bytes: &[u8]) -> PortResult<()> {
        self.look(place, bytes)?;
        let owner = Owner::of(self.data)?;
        self.write_history(owner)?;
        let mut files = BTreeMap::new();
        let known = usize::try_from(place.here.0 - place.start.0).unwrap_or(usize::MAX);
        let mut at = place.here.0;
        let mut rest = bytes.get(known..).unwrap_or_default();
        while !rest.is_empty() {
            let (number, offset) = (at / self.file_bytes, at % self.file_bytes);
            let length = usize::try_from(self.file_bytes - offset).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at(length.min(rest.len()));
            let name = self.name(self.stream.timeline, number);
            let path = self.folder().join(&name);
            if offset > 0 && place.moves {
                self.branch_off(number, &path, owner)?;
            }
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

    /// Refuses what is no log, or not all of it.
    fn look(&self, place: &Place, bytes: &[u8]) -> PortResult<()> {
        let (start, end) = (place.start, place.end);
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
        Ok(())
    }

    fn folder(&self) -> PathBuf {
        self.data.join("pg_wal")
    }

    /// Writes the file by which the server knows where this timeline began.
    fn write_history(&self, owner: Owner) -> PortResult<()> {
        let Some((name, lines)) = self.stream.history() else {
            return Ok(());
        };
        let path = self.folder().join(name);
        if path.exists() {
            return Ok(());
        }
        self.create(&path, owner, |file| {
            std::io::Write::write_all(&mut &*file, lines.as_bytes())
        })
        .map(|_| ())
        .map_err(|e| error::file(&path, e))
    }

    /// A timeline that begins inside of a file has the file's beginning of the
    /// timeline before.
    fn branch_off(&self, number: u64, path: &Path, owner: Owner) -> PortResult<()> {
        let Some((before, _)) = self.stream.ancestors.last() else {
            return Ok(());
        };
        if path.exists() {
            return Ok(());
        }
        let from = self.folder().join(self.name(*before, number));
        let begun = std::fs::read(&from).map_err(|e| error::file(&from, e))?;
        let created = self.create(path, owner, |file| file.write_all_at(&begun, 0));
        created.map(|_| ()).map_err(|e| error::file(path, e))
    }

    /// Opens a file of the log; a new one is whole and empty, as the server's are.
    fn open(&self, path: &Path, owner: Owner) -> std::io::Result<File> {
        if path.exists() {
            return File::options().write(true).open(path);
        }
        self.create(path, owner, |file| file.set_len(self.file_bytes))
    }

    /// Makes a file that has its name only when it has its content.
    fn create(
        &self,
        path: &Path,
        owner: Owner,
        fill: impl FnOnce(&File) -> std::io::Result<()>,
    ) -> std::io::Result<File> {
        let new = path.with_extension("planb");
        let file = File::create(&new)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        fill(&file)?;
        file.sync_all()?;
        owner.owns(&new)?;
        std::fs::rename(&new, path)?;
        File::open(self.folder())?.sync_all()?;
        Ok(file)
    }

    /// `000000010000000000000003`: timeline, then the number in two halves.
    fn name(&self, timeline: u32, number: u64) -> String {
        let in_half = (1u64 << 32) / self.file_bytes;
        let (high, low) = (number / in_half, number % in_half);
        format!("{timeline:08X}{high:08X}{low:08X}")
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
            ancestors: Vec::new(),
        };
        let log = |file_bytes| Log {
            data: Path::new("/"),
            stream: &stream,
            file_bytes,
        };
        let small = log(16 << 20);
        assert_eq!(
            small.name(2, 0x1_0300_0028 >> 24),
            "000000020000000100000003"
        );
        assert_eq!(small.name(2, 255), "0000000200000000000000FF");
        assert_eq!(log(1 << 20).name(2, 4096), "000000020000000100000000");
    }
}
