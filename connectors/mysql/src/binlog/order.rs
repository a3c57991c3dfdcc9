//! How a position stands to a point somebody asks for in the server's words.

use super::gtid::GtidState;
use super::position::BinlogPosition;
use planb_model::recovery::LogPosition;
use std::cmp::Ordering;

/// Orders `position` and `point`: a GTID, or a file and an offset. `None` when
/// `point` is neither, or the position has no GTIDs to compare with.
///
/// By a GTID, a position is at the point from that transaction on until the
/// next one of its domain (MySQL: of its source).
pub(crate) fn of(position: &LogPosition, point: &str) -> Option<Ordering> {
    let point = point.trim();
    if let Some((source, number)) = mysql_gtid(point) {
        let set = position.gtid.as_deref()?;
        let last = end_of_interval(set, source, number);
        return Some(last.map_or(Ordering::Less, |last| last.cmp(&number)));
    }
    if let Some((domain, server, number)) = mariadb_gtid(point) {
        let GtidState::Mariadb(state) = GtidState::parse(true, position.gtid.as_deref()) else {
            return None;
        };
        return match state.get(&domain) {
            None => Some(Ordering::Less),
            Some((by, last)) if *last == number && *by != server => None,
            Some((_, last)) => Some(last.cmp(&number)),
        };
    }
    let point = BinlogPosition::parse(point).ok()?;
    Some(BinlogPosition::parse(&position.at).ok()?.cmp(&point))
}

fn mariadb_gtid(text: &str) -> Option<(u32, u32, u64)> {
    let mut parts = text.split('-');
    let gtid = (
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
    );
    parts.next().is_none().then_some(gtid)
}

fn mysql_gtid(text: &str) -> Option<(&str, u64)> {
    let (source, number) = text.split_once(':')?;
    let is_uuid = source.len() == 36
        && source.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
        && source.bytes().filter(|b| *b == b'-').count() == 4;
    Some((is_uuid.then_some(source)?, number.parse().ok()?))
}

/// The end of the interval of a GTID set that has `number` of `source`.
fn end_of_interval(set: &str, source: &str, number: u64) -> Option<u64> {
    set.split(',').find_map(|part| {
        let (uuid, intervals) = part.trim().split_once(':')?;
        if !uuid.eq_ignore_ascii_case(source) {
            return None;
        }
        intervals.split(':').find_map(|interval| {
            let (from, to) = interval.split_once('-').unwrap_or((interval, interval));
            let (from, to): (u64, u64) = (from.parse().ok()?, to.parse().ok()?);
            (from..=to).contains(&number).then_some(to)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_ordered_with_what_people_ask_for() {
        use Ordering::{Equal, Greater, Less};
        const UUID: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
        let mysql = |rest: &str| format!("{UUID}:{rest}");
        let cases = [
            ("0-1-42,1-1-7", "b.000002:100", Some(Equal)),
            ("0-1-42,1-1-7", "b.000002:99", Some(Greater)),
            ("0-1-42,1-1-7", "b.000010:4", Some(Less)),
            ("0-1-42,1-1-7", "0-1-42", Some(Equal)),
            ("0-1-42,1-1-7", "0-2-42", None),
            ("0-1-42,1-1-7", "0-2-41", Some(Greater)),
            ("0-1-42,1-1-7", "1-1-8", Some(Less)),
            ("0-1-42,1-1-7", "2-1-1", Some(Less)),
            ("0-1-42,1-1-7", "yesterday", None),
            (&mysql("1-5:8-9"), &mysql("5"), Some(Equal)),
            (&mysql("1-5:8-9"), &mysql("4"), Some(Greater)),
            (&mysql("1-5:8-9"), &mysql("7"), Some(Less)),
            (&mysql("1-5"), &mysql("6").to_uppercase(), Some(Less)),
            (&mysql("1-5"), &mysql("5").to_uppercase(), Some(Equal)),
        ];
        for (gtid, point, expected) in cases {
            let position = LogPosition {
                stream: "s".into(),
                at: "b.000002:100".into(),
                gtid: Some(gtid.to_owned()),
            };
            assert_eq!(of(&position, point), expected, "{gtid} {point}");
        }
    }
}
