//! Places in the binlog.

use super::gtid::GtidState;
use crate::error::corrupt;
use crate::own;
use planb_model::recovery::LogPosition;
use planb_ports::PortResult;
use std::cmp::Ordering;
use std::fmt;

/// A byte offset in a binlog file: `binlog.000007:1234`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BinlogPosition {
    pub file: String,
    pub offset: u64,
}

impl BinlogPosition {
    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> PortResult<Self> {
        let parsed = text.rsplit_once(':').and_then(|(file, offset)| {
            let offset = offset.parse().ok()?;
            (!file.is_empty()).then(|| Self {
                file: file.to_owned(),
                offset,
            })
        });
        parsed.ok_or_else(|| corrupt(format!("'{text}' is not a binlog position")))
    }
}

impl fmt::Display for BinlogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.offset)
    }
}

impl PartialOrd for BinlogPosition {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for BinlogPosition {
    /// After file 999999 comes 1000000: longer names are later.
    fn cmp(&self, other: &Self) -> Ordering {
        (self.file.len(), &self.file, self.offset).cmp(&(
            other.file.len(),
            &other.file,
            other.offset,
        ))
    }
}

/// Which of two positions comes first. In one server's log by place; in the logs
/// of two servers that have the same history (a source and its replica) by
/// GTIDs. `None` when neither tells.
pub(crate) fn order(mariadb: bool, a: &LogPosition, b: &LogPosition) -> Option<Ordering> {
    let parse = |position: &LogPosition| BinlogPosition::parse(&position.at).ok();
    let (place_a, place_b) = (parse(a)?, parse(b)?);
    if a.stream == b.stream {
        return Some(place_a.cmp(&place_b));
    }
    if own::lineage(&a.stream) != own::lineage(&b.stream) {
        return None;
    }
    let state = |position: &LogPosition| GtidState::parse(mariadb, position.gtid.as_deref());
    let (a, b) = (state(a), state(b));
    match (a.is_within(&b)?, b.is_within(&a)?) {
        (true, true) => Some(Ordering::Equal),
        (true, false) => Some(Ordering::Less),
        (false, true) => Some(Ordering::Greater),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_back_and_ordered_across_files() {
        let at = |text: &str| BinlogPosition::parse(text).expect("parses");
        assert_eq!(at("b.000001:4").to_string(), "b.000001:4");
        assert!(at("b.000001:900") < at("b.000002:4"));
        assert!(at("b.999999:900") < at("b.1000000:4"));
        assert!(at("b.000001:90") < at("b.000001:100"));
        assert!(BinlogPosition::parse("b.000001").is_err());
        assert!(BinlogPosition::parse(":4").is_err());
    }

    fn at(stream: &str, at: &str, gtid: Option<&str>) -> LogPosition {
        LogPosition {
            stream: stream.into(),
            at: at.into(),
            gtid: gtid.map(str::to_owned),
        }
    }

    #[test]
    fn positions_of_unrelated_servers_have_no_order() {
        let order = |a: &LogPosition, b: &LogPosition| order(true, a, b);
        let one = at("mariadb:1:x", "b.000001:900", Some("0-1-5"));
        let later = at("mariadb:1:x", "b.000002:4", Some("0-1-9"));
        assert_eq!(order(&one, &later), Some(Ordering::Less));
        assert_eq!(order(&one, &one), Some(Ordering::Equal));
        let other = at("mariadb:1:y", "b.000002:4", Some("0-1-9"));
        assert_eq!(order(&one, &other), None);
        assert_eq!(order(&one, &at("mariadb:1:x", "nowhere", None)), None);
    }

    #[test]
    fn positions_of_a_source_and_its_replica_are_ordered_by_gtid() {
        let order = |a: &LogPosition, b: &LogPosition| order(true, a, b);
        let old = at("mariadb:1:x", "b.000007:900", Some("0-1-5"));
        let new = at("mariadb:2:x", "b.000001:4", Some("0-2-6"));
        assert_eq!(order(&old, &new), Some(Ordering::Less));
        assert_eq!(order(&new, &old), Some(Ordering::Greater));
        let same = at("mariadb:2:x", "b.000001:400", Some("0-1-5"));
        assert_eq!(order(&old, &same), Some(Ordering::Equal));
        // Two transactions with the same number: the histories parted.
        let parted = at("mariadb:2:x", "b.000001:400", Some("0-2-5"));
        assert_eq!(order(&old, &parted), None);
    }
}
