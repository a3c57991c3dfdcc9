//! Places in the write-ahead log.

use crate::error::corrupt;
use planb_model::recovery::LogPosition;
use planb_ports::PortResult;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A byte position in the write-ahead log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lsn(pub u64);

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

impl FromStr for Lsn {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (high, low) = text.split_once('/').ok_or(())?;
        let hex = |part: &str| match part.len() {
            1..=8 => u64::from_str_radix(part, 16).map_err(|_| ()),
            _ => Err(()),
        };
        Ok(Self(hex(high)? << 32 | hex(low)?))
    }
}

/// One unbroken log: a server's data and the timeline it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stream {
    pub system: String,
    pub timeline: u32,
}

impl Stream {
    /// The position `lsn` of this log.
    pub fn position(&self, lsn: Lsn) -> LogPosition {
        LogPosition {
            stream: format!("postgresql:{}:{}", self.system, self.timeline),
            at: lsn.to_string(),
            gtid: None,
        }
    }

    /// Takes a position apart.
    pub fn parse(position: &LogPosition) -> PortResult<(Self, Lsn)> {
        let parsed = || {
            let mut parts = position.stream.split(':');
            let (Some("postgresql"), Some(system), Some(timeline), None) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                return None;
            };
            let stream = Stream {
                system: system.to_owned(),
                timeline: timeline.parse().ok()?,
            };
            Some((stream, position.at.parse().ok()?))
        };
        parsed().ok_or_else(|| {
            let LogPosition { stream, at, .. } = position;
            corrupt(format!("{at} of {stream} is not a position of PostgreSQL"))
        })
    }
}

/// How two positions are ordered.
pub(crate) fn order(a: &LogPosition, b: &LogPosition) -> Option<Ordering> {
    let ((one, at), (other, to)) = (Stream::parse(a).ok()?, Stream::parse(b).ok()?);
    (one == other).then(|| at.cmp(&to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_written_and_read() {
        let stream = Stream {
            system: "7350".into(),
            timeline: 2,
        };
        let position = stream.position(Lsn(0x1_0300_0028));
        assert_eq!(position.at, "1/3000028");
        assert_eq!(
            Stream::parse(&position).expect("good"),
            (stream, Lsn(0x1_0300_0028))
        );
        assert_eq!("1/03000028".parse(), Ok(Lsn(0x1_0300_0028)));
        for bad in ["", "1", "/", "1/", "g/1", "1/123456789"] {
            assert_eq!(bad.parse::<Lsn>(), Err(()), "{bad}");
        }
    }

    #[test]
    fn only_positions_of_one_timeline_compare() {
        let at = |timeline, lsn| {
            let system = "7350".into();
            Stream { system, timeline }.position(Lsn(lsn))
        };
        assert_eq!(
            order(&at(1, 9), &at(1, 0x1_0000_0000)),
            Some(Ordering::Less)
        );
        assert_eq!(order(&at(1, 9), &at(2, 10)), None);
        let other = LogPosition {
            stream: "mariadb:1".into(),
            at: "f:1".into(),
            gtid: None,
        };
        assert_eq!(order(&at(1, 9), &other), None);
    }
}
