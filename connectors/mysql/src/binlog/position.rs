//! Places in the binlog.

use crate::error::corrupt;
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

/// Which of two positions of one server's log comes first; `None` when they are
/// of different servers.
pub(crate) fn order(a: &LogPosition, b: &LogPosition) -> Option<Ordering> {
    let parse = |position: &LogPosition| BinlogPosition::parse(&position.at).ok();
    (a.stream == b.stream).then_some(())?;
    Some(parse(a)?.cmp(&parse(b)?))
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

    #[test]
    fn positions_of_two_servers_have_no_order() {
        let at = |stream: &str, at: &str| LogPosition {
            stream: stream.into(),
            at: at.into(),
            gtid: None,
        };
        let (one, later) = (at("a", "b.000001:900"), at("a", "b.000002:4"));
        assert_eq!(order(&one, &later), Some(Ordering::Less));
        assert_eq!(order(&one, &one), Some(Ordering::Equal));
        assert_eq!(order(&one, &at("b", "b.000002:4")), None);
        assert_eq!(order(&one, &at("a", "nowhere")), None);
    }
}
