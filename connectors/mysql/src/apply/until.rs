//! Where in a segment a restore to an earlier point stops. Pure.

use crate::binlog::event::{Event, kind};
use crate::binlog::gtid::{self, GtidState};
use crate::binlog::position::BinlogPosition;
use crate::binlog::segment::Segment;
use crate::error::corrupt;
use jiff::Timestamp;
use planb_model::recovery::{LogPosition, SegmentBody, SegmentHeader};
use planb_ports::{ErrorKind, PortError, PortResult, Until};
use std::ops::ControlFlow;

/// A place between two transactions of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    /// Number of events before it.
    pub events: usize,
    /// It as a position.
    pub position: LogPosition,
}

/// Finds the place; `None` when all of the segment lies before it. `begun` is the
/// event that begins the transaction the segment is the last piece of.
pub(super) fn find(
    segment: &Segment<'_>,
    header: &SegmentHeader,
    until: &Until,
    begun: Option<&Event<'_>>,
) -> PortResult<Option<Cut>> {
    let SegmentBody::Log { start, end, .. } = &header.body else {
        return Ok(None);
    };
    let point = Point::parse(until)?;
    if point.is_at(start, start.stream == end.stream)? {
        return Ok(Some(Cut {
            events: 0,
            position: start.clone(),
        }));
    }
    let file = BinlogPosition::parse(&end.at)?.file;
    let mut gtid = GtidState::parse(is_mariadb(segment, begun), start.gtid.as_deref());
    let mut before = start.clone();
    let bounds = match begun {
        Some(_) => vec![(0, segment.events.len())],
        None => bounds(&segment.events),
    };
    for (first, next) in bounds {
        let events = &segment.events[first..next];
        let begin = begun.or(events.first());
        let transaction = Transaction::read(begin, events.last(), &file)?;
        match point.look(&transaction)? {
            ControlFlow::Break(Side::Before) => {
                return Ok(Some(Cut {
                    events: first,
                    position: before,
                }));
            }
            side => {
                if let Some(of) = begin.and_then(gtid::read) {
                    gtid.add(&of);
                }
                before = LogPosition {
                    stream: end.stream.clone(),
                    at: transaction.end.to_string(),
                    gtid: gtid.text(),
                };
                if side == ControlFlow::Break(Side::After) {
                    return Ok(Some(Cut {
                        events: next,
                        position: before,
                    }));
                }
            }
        }
    }
    Ok(None)
}

fn is_mariadb(segment: &Segment<'_>, begun: Option<&Event<'_>>) -> bool {
    let mut kinds = segment.events.iter().chain(begun).map(Event::kind);
    kinds.any(|kind| kind == kind::MARIADB_GTID)
}

/// First and one past the last event of each transaction.
fn bounds(events: &[Event<'_>]) -> Vec<(usize, usize)> {
    let mut starts: Vec<usize> = (0..events.len())
        .filter(|index| events[*index].begins_transaction())
        .collect();
    starts.push(events.len());
    starts.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

/// Which side of a transaction the place is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

/// What of a transaction decides.
#[derive(Debug)]
struct Transaction {
    end: BinlogPosition,
    committed: Timestamp,
    gtid: Option<Gtid>,
}

/// The name of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Gtid {
    Mariadb {
        domain: u32,
        server: u32,
        number: u64,
    },
    /// The source's UUID without hyphens, a tag or none, and the number.
    Mysql { source: String, number: u64 },
}

impl Transaction {
    fn read(first: Option<&Event<'_>>, last: Option<&Event<'_>>, file: &str) -> PortResult<Self> {
        let (Some(first), Some(last)) = (first, last) else {
            return Err(corrupt("a transaction of the log is empty"));
        };
        Ok(Self {
            end: BinlogPosition::new(file, last.next_offset().into()),
            committed: committed(first, last)?,
            gtid: gtid_of(first),
        })
    }
}

/// When a transaction was committed: MySQL tells it to the microsecond, MariaDB
/// to the second, rounded down.
fn committed(first: &Event<'_>, last: &Event<'_>) -> PortResult<Timestamp> {
    /// Behind flags, source, number and the two numbers of its logical clock.
    const AT: usize = 1 + 16 + 8 + 1 + 8 + 8;
    /// Set when the time at the first source follows as another number.
    const TWO_TIMES: u64 = 1 << 55;
    let micros = (first.kind() == kind::GTID || first.kind() == kind::ANONYMOUS_GTID)
        .then(|| first.body().get(AT..AT + 7).map(number))
        .flatten()
        .map(|time| time & !TWO_TIMES)
        .filter(|time| *time > 0);
    let time = match micros {
        Some(micros) => Timestamp::from_microsecond(i64::try_from(micros).unwrap_or(i64::MAX)),
        None => Timestamp::from_second(last.timestamp().into()),
    };
    time.map_err(|_| corrupt("a transaction of the log has no readable time"))
}

fn number(bytes: &[u8]) -> u64 {
    let fold = |sum, byte: &u8| (sum << 8) | u64::from(*byte);
    bytes.iter().rev().fold(0, fold)
}

fn gtid_of(event: &Event<'_>) -> Option<Gtid> {
    let body = event.body();
    match event.kind() {
        kind::MARIADB_GTID => Some(Gtid::Mariadb {
            number: number(body.get(..8)?),
            domain: u32::try_from(number(body.get(8..12)?)).ok()?,
            server: event.server_id(),
        }),
        kind::GTID => Some(Gtid::Mysql {
            source: body
                .get(1..17)?
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect(),
            number: number(body.get(17..25)?),
        }),
        _ => None,
    }
}

/// The asked point.
#[derive(Debug, Clone)]
enum Point {
    Time(Timestamp),
    Offset(BinlogPosition),
    Gtid(Gtid, String),
}

impl Point {
    fn parse(until: &Until) -> PortResult<Self> {
        let text = match until {
            Until::Time(time) => return Ok(Point::Time(*time)),
            Until::Position(text) => text.trim(),
        };
        if let Some(gtid) = Gtid::parse(text) {
            return Ok(Point::Gtid(gtid, text.to_owned()));
        }
        BinlogPosition::parse(text).map(Point::Offset).map_err(|_| {
            PortError::new(
                ErrorKind::Invalid,
                "PB-MYSQL-POINT",
                format!("'{text}' is not a place in a log"),
            )
            .hint(
                "give a GTID (MariaDB 0-1-42, MySQL uuid:42) or binlog.000007:1234",
                "GTID(MariaDB 0-1-42, MySQL uuid:42) 또는 binlog.000007:1234 형식으로 지정하세요",
            )
        })
    }

    /// Whether the start of a segment is the place already. An error when the
    /// place lies before it, which offsets tell in one server's log only.
    fn is_at(&self, start: &LogPosition, one_server: bool) -> PortResult<bool> {
        match self {
            Point::Time(_) => Ok(false),
            Point::Offset(asked) => {
                let start = BinlogPosition::parse(&start.at)?;
                if one_server && *asked < start {
                    return Err(passed(&asked.to_string(), &start.to_string()));
                }
                Ok(*asked == start)
            }
            Point::Gtid(
                Gtid::Mariadb {
                    domain,
                    server,
                    number,
                },
                text,
            ) => {
                let GtidState::Mariadb(state) = GtidState::parse(true, start.gtid.as_deref())
                else {
                    return Ok(false);
                };
                match state.get(domain) {
                    Some((_, last)) if last > number => Err(passed(text, &start.at)),
                    Some((by, last)) if last == number && by != server => Err(unknown(text)),
                    Some((_, last)) => Ok(last == number),
                    None => Ok(false),
                }
            }
            Point::Gtid(Gtid::Mysql { source, number }, text) => {
                let set = start.gtid.as_deref().unwrap_or_default();
                match last_of(set, source, *number) {
                    Some(last) if last > *number => Err(passed(text, &start.at)),
                    Some(_) => Ok(true),
                    None => Ok(false),
                }
            }
        }
    }

    fn look(&self, at: &Transaction) -> PortResult<ControlFlow<Side>> {
        let before = |is_before| {
            if is_before {
                ControlFlow::Break(Side::Before)
            } else {
                ControlFlow::Continue(())
            }
        };
        Ok(match self {
            Point::Time(until) => before(at.committed > *until),
            Point::Offset(asked) if at.end == *asked => ControlFlow::Break(Side::After),
            Point::Offset(asked) => before(at.end > *asked),
            Point::Gtid(asked, _) if at.gtid.as_ref() == Some(asked) => {
                ControlFlow::Break(Side::After)
            }
            Point::Gtid(asked, text) => match (asked, &at.gtid) {
                (
                    Gtid::Mariadb { domain, number, .. },
                    Some(Gtid::Mariadb {
                        domain: d,
                        number: n,
                        ..
                    }),
                ) if d == domain && n >= number => return Err(unknown(text)),
                _ => ControlFlow::Continue(()),
            },
        })
    }
}

impl Gtid {
    fn parse(text: &str) -> Option<Self> {
        if let Some((source, number)) = text.rsplit_once(':') {
            let digits: String = source.chars().filter(|c| *c != '-').collect();
            let is_uuid = source.len() == 36
                && digits.len() == 32
                && digits.bytes().all(|b| b.is_ascii_hexdigit());
            return Some(Gtid::Mysql {
                source: is_uuid.then(|| digits.to_lowercase())?,
                number: number.parse().ok()?,
            });
        }
        let mut parts = text.split('-');
        let gtid = Gtid::Mariadb {
            domain: parts.next()?.parse().ok()?,
            server: parts.next()?.parse().ok()?,
            number: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(gtid)
    }
}

/// The end of the interval of a MySQL GTID set that has `number` of `source`.
fn last_of(set: &str, source: &str, number: u64) -> Option<u64> {
    set.split(',').find_map(|part| {
        let (uuid, intervals) = part.trim().split_once(':')?;
        let digits: String = uuid.chars().filter(|c| *c != '-').collect();
        if !digits.eq_ignore_ascii_case(source) {
            return None;
        }
        intervals.split(':').find_map(|interval| {
            let (from, to) = interval.split_once('-').unwrap_or((interval, interval));
            let (from, to): (u64, u64) = (from.parse().ok()?, to.parse().ok()?);
            (from..=to).contains(&number).then_some(to)
        })
    })
}

/// The point lies before where the copy stands.
pub(super) fn passed(asked: &str, stands: &str) -> PortError {
    PortError::new(
        ErrorKind::Invalid,
        "PB-MYSQL-POINT-PASSED",
        format!("{asked} lies before {stands}, where the copy stands"),
    )
    .hint(
        "restore from an older snapshot",
        "더 오래된 스냅샷에서 복원하세요",
    )
}

fn unknown(asked: &str) -> PortError {
    PortError::new(
        ErrorKind::NotFound,
        "PB-MYSQL-POINT-UNKNOWN",
        format!("the log has no transaction {asked}"),
    )
    .hint(
        "look at `planb points` for what can be recovered",
        "복구할 수 있는 시점은 `planb points`로 확인하세요",
    )
}

#[cfg(test)]
mod tests;
