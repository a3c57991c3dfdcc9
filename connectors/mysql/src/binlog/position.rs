//! Places in the binlog.

use super::gtid::GtidState;
use crate::error::corrupt;
use crate::own;
use planb_model::recovery::LogPosition;
use planb_ports::PortResult;
use std::cmp::Ordering;
use std::fmt;

/// A byte offset in a binlog file: `binlog.000007:1234`. Or a place inside of
/// the transaction that begins there: `binlog.000007:1234+4194304-` and a sum of
/// the 4194304 bytes of it that lie before the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BinlogPosition {
    pub file: String,
    pub offset: u64,
    pub inside: Option<Inside>,
}

/// How much of a transaction lies before a place inside of it. Events inside of
/// one need not tell their places in the file (MariaDB since 11.7), so bytes
/// are counted from where it begins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Inside {
    pub bytes: u64,
    /// The first 8 bytes of their BLAKE3: what is read again must be the same.
    pub sum: u64,
}

impl BinlogPosition {
    /// A place between two transactions.
    pub fn new(file: impl Into<String>, offset: u64) -> Self {
        Self {
            file: file.into(),
            offset,
            inside: None,
        }
    }

    /// Reads what `Display` writes.
    pub fn parse(text: &str) -> PortResult<Self> {
        let parsed = text.rsplit_once(':').and_then(|(file, place)| {
            let (offset, inside) = match place.split_once('+') {
                Some((offset, inside)) => (offset, Some(Inside::parse(inside)?)),
                None => (place, None),
            };
            let offset = offset.parse().ok()?;
            (!file.is_empty()).then(|| Self {
                file: file.to_owned(),
                offset,
                inside,
            })
        });
        parsed.ok_or_else(|| corrupt(format!("'{text}' is not a binlog position")))
    }

    /// Whether the text of a position is a place inside of a transaction.
    pub fn is_inside(text: &str) -> bool {
        Self::parse(text).is_ok_and(|position| position.inside.is_some())
    }
}

impl Inside {
    fn parse(text: &str) -> Option<Self> {
        let (bytes, sum) = text.split_once('-')?;
        Some(Self {
            bytes: bytes.parse().ok()?,
            sum: u64::from_str_radix(sum, 16).ok()?,
        })
    }
}

impl fmt::Display for BinlogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.offset)?;
        match &self.inside {
            Some(inside) => write!(f, "+{}-{:016x}", inside.bytes, inside.sum),
            None => Ok(()),
        }
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
        let files = (self.file.len(), &self.file).cmp(&(other.file.len(), &other.file));
        let places = || (self.offset, &self.inside).cmp(&(other.offset, &other.inside));
        files.then_with(places)
    }
}

/// Which of two positions comes first. In one server's log by place; in the logs
/// of two servers that have the same history (a source and its replica) by
/// GTIDs. `None` when neither tells: the other server begins a transaction anew of
/// which a part was shipped, so a place inside of it has the same GTIDs as the one
/// before it, and either may be the later one.
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
        (true, true) => {
            let is_between = place_a.inside.is_none() && place_b.inside.is_none();
            is_between.then_some(Ordering::Equal)
        }
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
        let inside = at("b.000001:90+4194400-00a1b2c3d4e5f607");
        assert_eq!(inside.to_string(), "b.000001:90+4194400-00a1b2c3d4e5f607");
        assert!(at("b.000001:90") < inside && inside < at("b.000001:91"));
        assert!(inside < at("b.000001:90+4194500-0000000000000000"));
        assert!(BinlogPosition::is_inside("b.000001:90+7-0f"));
        assert!(!BinlogPosition::is_inside("b.000001:90"));
        assert!(BinlogPosition::parse("b.000001:90+7").is_err());
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
        // A part of the sixth was shipped; the replica's log begins it anew.
        let inside = at("mariadb:1:x", "b.000007:900+70-0f", Some("0-1-5"));
        assert_eq!(order(&old, &inside), Some(Ordering::Less));
        assert_eq!(order(&inside, &new), Some(Ordering::Less));
        assert_eq!(order(&inside, &same), None);
        // Two transactions with the same number: the histories parted.
        let parted = at("mariadb:2:x", "b.000001:400", Some("0-2-5"));
        assert_eq!(order(&old, &parted), None);
    }
}
