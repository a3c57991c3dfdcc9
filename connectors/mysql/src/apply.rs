//! Applying the log: segments become steps, and the steps become one
//! transaction where they can.
//!
//! Row events go back into the server as `BINLOG` statements, so that the
//! server's own code reads the source's bytes; many changes of one row are
//! folded into one before. Segments without definitions are applied with their
//! mark in one transaction: all of it or nothing. A definition ends a
//! transaction by itself, so then the mark is made dirty first.

mod compact;
pub(crate) mod lanes;
mod pieces;
mod plan;
mod session;
mod tables;
mod until;
mod work;

use crate::applied::{self, Applied};
use crate::binlog::gtid::GtidState;
use crate::binlog::position::BinlogPosition;
use crate::binlog::segment::{self, Segment};
use crate::client::Client;
use crate::error::corrupt;
use crate::{binlog, own};
use mysql_async::Conn;
use pieces::Part;
use plan::Plan;
use planb_model::ServiceName;
use planb_model::recovery::{AppliedMark, LogPosition, SegmentBody, SegmentHeader};
use planb_ports::{ErrorKind, LogSegment, PortError, PortResult, SegmentEnd, Until};
use std::cmp::Ordering;
use until::Cut;
use work::Work;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use compact::fold_log;
pub(crate) use compact::{apply as apply_folded, fold};
pub(crate) use pieces::forget as forget_pieces;

/// A segment, planned.
struct Planned<'a> {
    format: &'a [u8],
    checksum: bool,
    plan: Plan<'a>,
    service: &'a ServiceName,
    /// Set when all of the plan is applied.
    mark: AppliedMark,
    /// The asked point, when it lies in this segment.
    stopped: Option<LogPosition>,
}

/// Applies segments that follow each other and sets the mark. Says how many
/// were applied whole, and how the last one looked at ended.
pub(crate) async fn segments(
    client: &Client,
    segments: &[LogSegment],
    until: Option<&Until>,
) -> PortResult<(usize, SegmentEnd)> {
    let Some(first) = segments.first() else {
        return Ok((0, SegmentEnd::All));
    };
    let mut conn = client.connect().await?;
    own::ensure(&mut conn).await?;
    lanes::settle::settle(client, &mut conn).await?;
    let (at, done_to) = continues(client, &mut conn, first).await?;
    check_order(segments)?;
    let mut work = Work::start(client, conn, Some(at)).await?;
    let mut group: Vec<Planned<'_>> = Vec::new();
    for (index, given) in segments.iter().enumerate() {
        let done_to = if index == 0 { done_to } else { 0 };
        let part = Part::of(given)?;
        if part != Part::None {
            work.apply(&std::mem::take(&mut group)).await?;
        }
        if part == Part::Drops {
            forget_pieces(client, &mut client.connect().await?).await?;
        } else if part != Part::None {
            let given = pieces::Given {
                part,
                segment: given,
                done_to,
            };
            match pieces::take(client, &mut work, &given, until).await? {
                Some(position) => return Ok((index, SegmentEnd::Stopped(position))),
                None => {
                    work.stands_at(&segments[index].mark);
                    continue;
                }
            }
        }
        let planned = plan(client, given, done_to, until)?;
        if !group.last().is_none_or(|last| last.goes_with(&planned)) {
            work.apply(&std::mem::take(&mut group)).await?;
        }
        let stopped = planned.stopped.clone();
        group.push(planned);
        if let Some(position) = stopped {
            work.apply(&group).await?;
            return Ok((index, SegmentEnd::Stopped(position)));
        }
    }
    work.apply(&group).await?;
    Ok((segments.len(), SegmentEnd::All))
}

impl Planned<'_> {
    /// Whether `next` may be applied in the same transaction.
    fn goes_with(&self, next: &Self) -> bool {
        self.plan.is_atomic()
            && next.plan.is_atomic()
            && same_format(self.format, next.format)
            && self.service == next.service
    }
}

/// Whether two format descriptions differ by nothing but when they were
/// written, and by checksums, which are made anew.
fn same_format(a: &[u8], b: &[u8]) -> bool {
    /// Where the version of the log and the name of the server are.
    const SERVER: std::ops::Range<usize> = 19..19 + 52;
    /// Behind the time: lengths of the heads of events, then the algorithm of
    /// checksums and its sum.
    const HEADS_AT: usize = 19 + 56;
    const TAIL_BYTES: usize = 5;
    let heads = |f: &'_ [u8]| {
        let end = f.len().checked_sub(TAIL_BYTES)?;
        Some((f.get(SERVER)?.to_vec(), f.get(HEADS_AT..end)?.to_vec()))
    };
    a == b || heads(a).is_some_and(|heads_of_a| heads(b) == Some(heads_of_a))
}

fn plan<'a>(
    client: &Client,
    given: &'a LogSegment,
    done_to: u64,
    until: Option<&Until>,
) -> PortResult<Planned<'a>> {
    let segment = segment::read(&given.bytes)?;
    let cut = match until {
        Some(until) => until::find(&segment, &given.header, until, None)?,
        None => None,
    };
    let mut mark = given.mark.clone();
    let mut count = segment.events.len();
    if let Some(Cut { events, position }) = &cut {
        check_not_passed(&segment, *events, position, done_to)?;
        if *events < count {
            mark.next_segment = given.header.seq;
        }
        mark.position = position.clone();
        count = *events;
    }
    let databases = &client.config.databases;
    let service = &given.header.service;
    Ok(Planned {
        format: segment.format,
        checksum: segment.checksum,
        plan: Plan::make(&given.bytes, &segment, count, databases, service, done_to)?,
        service,
        mark,
        stopped: cut.map(|cut| cut.position),
    })
}

/// A point that the target has left behind cannot be reached any more.
fn check_not_passed(
    segment: &Segment<'_>,
    events: usize,
    position: &LogPosition,
    done_to: u64,
) -> PortResult<()> {
    let ends_at = events
        .checked_sub(1)
        .and_then(|last| segment.events.get(last));
    let reached = ends_at.map_or(0, |event| u64::from(event.next_offset()));
    if done_to > reached {
        return Err(until::passed(&position.at, &format!("offset {done_to}")));
    }
    Ok(())
}

/// Refuses a segment that does not go on where the target stands: applying one
/// twice, or leaving one out, would change rows without a trace.
///
/// Returns the mark, and how far the target has come in the file the segment is
/// of; 0 when everything in the segment is new. A snapshot that was taken while
/// log was shipped lies inside a segment.
async fn continues(
    client: &Client,
    conn: &mut Conn,
    segment: &LogSegment,
) -> PortResult<(AppliedMark, u64)> {
    let (start, end) = span(&segment.header)?;
    match applied::read(client, conn).await? {
        Applied::At(mark)
            if (&mark.position.stream, &mark.position.at) == (&start.stream, &start.at) =>
        {
            Ok((mark, 0))
        }
        Applied::At(mark)
            if is_inside(client, &mark.position, start, end)
                && !BinlogPosition::is_inside(&mark.position.at) =>
        {
            if mark.position.stream != end.stream {
                // Read from the old source, the segment from its replica.
                let offset = passed(client, segment, start, &mark.position)?;
                return Ok((mark, offset));
            }
            let here = BinlogPosition::parse(&mark.position.at)?;
            let file = BinlogPosition::parse(&end.at)?.file;
            let offset = if here.file == file { here.offset } else { 0 };
            Ok((mark, offset))
        }
        Applied::At(mark) => Err(not_continuous(format!(
            "the segment goes from {start} to {end}, the target stands at {}",
            mark.position
        ))),
        Applied::Never | Applied::Broken => Err(not_continuous(
            "the target was not restored from a snapshot".into(),
        )),
    }
}

/// Refuses segments of which one does not begin where the one before it ends.
fn check_order(segments: &[LogSegment]) -> PortResult<()> {
    for pair in segments.windows(2) {
        let ((_, end), (start, _)) = (span(&pair[0].header)?, span(&pair[1].header)?);
        if (&end.stream, &end.at) != (&start.stream, &start.at) {
            return Err(not_continuous(format!(
                "a segment starts at {start}, the one before it ends at {end}"
            )));
        }
    }
    Ok(())
}

fn span(header: &SegmentHeader) -> PortResult<(&LogPosition, &LogPosition)> {
    match &header.body {
        SegmentBody::Log { start, end, .. } => Ok((start, end)),
        SegmentBody::Closed { .. } => Err(not_continuous(
            "a closing object has nothing to apply".into(),
        )),
    }
}

fn not_continuous(message: String) -> PortError {
    PortError::new(ErrorKind::Conflict, "PB-MYSQL-NOT-CONTINUOUS", message)
}

/// How far a segment of one server goes to a place in another one's log.
fn passed(
    client: &Client,
    segment: &LogSegment,
    start: &LogPosition,
    here: &LogPosition,
) -> PortResult<u64> {
    let is_mariadb = client.config.is_mariadb();
    let state = |position: &LogPosition| GtidState::parse(is_mariadb, position.gtid.as_deref());
    segment::read(&segment.bytes)?
        .place_of(state(start), &state(here))
        .ok_or_else(|| corrupt(format!("the segment does not pass {here}")))
}

fn is_inside(client: &Client, here: &LogPosition, start: &LogPosition, end: &LogPosition) -> bool {
    let is_mariadb = client.config.is_mariadb();
    let before = |a, b| binlog::position::order(is_mariadb, a, b) == Some(Ordering::Less);
    before(start, here) && before(here, end)
}
