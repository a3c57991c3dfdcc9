//! Long transactions, which come in pieces.
//!
//! The target must not have a part of one, and no memory should hold the whole.
//! So pieces are put aside in a table of the target, each together with its mark
//! in one transaction, and with the last one all are applied, piece by piece, in
//! one transaction. Log that does not go on with the open transaction (its source
//! crashed, or a replica took over and begins it anew) drops what was put aside.

mod store;

use super::plan::Plan;
use super::until::{self, Cut};
use super::work::Work;
use super::{check_not_passed, not_continuous, span, tables};
use crate::applied;
use crate::binlog::event::Event;
use crate::binlog::position::BinlogPosition;
use crate::binlog::segment::{self, Segment};
use crate::client::Client;
use crate::error::corrupt;
use planb_model::Canary;
use planb_model::recovery::{AppliedMark, LogPosition, SegmentBody, SegmentHeader};
use planb_ports::{LogSegment, PortResult, Until};
pub(crate) use store::forget;
use store::{Aside, Store};

/// How a segment stands to a long transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// There is none in it.
    None,
    /// There is none in it, though the one before it was not at its end.
    Drops,
    First,
    Middle,
    Last,
}

impl Part {
    /// Finds out.
    pub fn of(given: &LogSegment) -> PortResult<Self> {
        let (start, end) = span(&given.header)?;
        let ends_inside = BinlogPosition::is_inside(&end.at);
        if !BinlogPosition::is_inside(&start.at) {
            return Ok(if ends_inside { Self::First } else { Self::None });
        }
        let segment = segment::read(&given.bytes)?;
        let begins = segment.events.first().is_none_or(Event::begins_transaction);
        Ok(match (begins, ends_inside) {
            (true, true) => Self::First,
            (true, false) => Self::Drops,
            (false, true) => Self::Middle,
            (false, false) => Self::Last,
        })
    }
}

/// Whether a segment begins or ends inside of a transaction: nothing is folded
/// with it.
pub(super) fn touches_one(header: &SegmentHeader) -> bool {
    match &header.body {
        SegmentBody::Log { start, end, .. } => {
            BinlogPosition::is_inside(&start.at) || BinlogPosition::is_inside(&end.at)
        }
        SegmentBody::Closed { .. } => false,
    }
}

/// A piece to be taken.
pub(super) struct Given<'a> {
    pub part: Part,
    pub segment: &'a LogSegment,
    /// How far the target has come in the segment's file.
    pub done_to: u64,
}

/// Puts a piece aside, or applies the transaction it ends. Says where it stopped,
/// when the asked point lies before the end of the transaction or is its end.
pub(super) async fn take(
    client: &Client,
    work: &mut Work<'_>,
    given: &Given<'_>,
    until: Option<&Until>,
) -> PortResult<Option<LogPosition>> {
    let logged = given.segment;
    let segment = segment::read(&logged.bytes)?;
    let (start, _) = span(&logged.header)?;
    let mut store = Store::open(client).await?;
    let aside = match given.part {
        Part::Middle | Part::Last => store.up_to(&start.at).await?,
        _ => Vec::new(),
    };
    let mut mark = logged.mark.clone();
    let mut stopped = None;
    if let Some(until) = until {
        let begun = store.first_event(&aside, segment.checksum).await?;
        match stop(given, &segment, until, begun.as_deref())? {
            Some(cut) if cut.events == 0 => return Ok(Some(cut.position)),
            Some(cut) => {
                mark.position = cut.position.clone();
                stopped = Some(cut.position);
            }
            None => {}
        }
    }
    let plan = plan(client, logged, &segment, given.done_to)?;
    work.check_fits(&plan.steps).await?;
    let tables = tables::read(client, &mut store.conn).await?;
    let atomic = plan.is_atomic() && tables.are_transactional(&plan.tables);
    if given.part != Part::Last {
        if given.part == Part::First {
            store.begin().await?;
        }
        store.put(logged, atomic).await?;
        return Ok(None);
    }
    if !atomic || aside.iter().any(|piece| !piece.atomic) {
        applied::begin(client, &mut store.conn).await?;
    }
    let whole = Whole {
        logged,
        segment: &segment,
        aside: &aside,
        mark: &mark,
    };
    apply(client, work, &mut store, &whole, &plan).await?;
    if let Err(error) = forget(client, &mut store.conn).await {
        // What is left there belongs to no mark; the next one makes it anew.
        tracing::warn!(
            error = error.chain(),
            "what was put aside could not be dropped"
        );
    }
    Ok(stopped)
}

fn plan<'a>(
    client: &Client,
    logged: &'a LogSegment,
    segment: &Segment<'a>,
    done_to: u64,
) -> PortResult<Plan<'a>> {
    let (databases, service) = (&client.config.databases, &logged.header.service);
    let count = segment.events.len();
    Plan::make(&logged.bytes, segment, count, databases, service, done_to)
}

/// Where a restore to `until` stops. What decides about a transaction is in its
/// first event and in its last one, so a piece between them decides nothing.
fn stop(
    given: &Given<'_>,
    segment: &Segment<'_>,
    until: &Until,
    begun: Option<&[u8]>,
) -> PortResult<Option<Cut>> {
    let header = &given.segment.header;
    let begun = begun.map(|bytes| Event::take(bytes, segment.checksum));
    let begun = begun.transpose()?.map(|(event, _)| event);
    let cut = match given.part {
        Part::Middle => None,
        _ => until::find(segment, header, until, begun.as_ref())?,
    };
    let Some(cut) = cut else { return Ok(None) };
    if cut.events == 0 {
        check_not_passed(segment, 0, &cut.position, given.done_to)?;
        return Ok(Some(cut));
    }
    // The first piece's end is no place to stop at.
    Ok((given.part == Part::Last).then_some(cut))
}

/// A transaction that is whole now.
struct Whole<'a> {
    logged: &'a LogSegment,
    segment: &'a Segment<'a>,
    aside: &'a [Aside],
    mark: &'a AppliedMark,
}

/// Applies all pieces and sets the mark, in one transaction but for what commits
/// by itself.
async fn apply(
    client: &Client,
    work: &mut Work<'_>,
    store: &mut Store<'_>,
    whole: &Whole<'_>,
    last: &Plan<'_>,
) -> PortResult<()> {
    let service = &whole.logged.header.service;
    work.begin_group(whole.segment.format, whole.segment.checksum)
        .await?;
    let mut canary: Option<Canary> = last.canary;
    for piece in whole.aside {
        let logged = LogSegment {
            bytes: store.read(piece).await?,
            ..whole.logged.clone()
        };
        let segment = segment::read(&logged.bytes)?;
        if segment.checksum != whole.segment.checksum {
            return Err(corrupt("pieces of a transaction have different formats"));
        }
        let plan = plan(client, &logged, &segment, 0)?;
        work.steps(&plan.steps).await?;
        let number = |canary: &Canary| (canary.epoch, canary.sequence);
        canary = canary.into_iter().chain(plan.canary).max_by_key(number);
    }
    work.steps(&last.steps).await?;
    work.end_group(service, canary, whole.mark).await
}

/// What was put aside is not what the log says.
fn gone(start: &str) -> planb_ports::PortError {
    not_continuous(format!(
        "the part of a transaction before {start} that was put aside is not in the target"
    ))
    .hint(
        "restore the copy from a snapshot",
        "복제본을 스냅샷에서 다시 복원하세요",
    )
}
