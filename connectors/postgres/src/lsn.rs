//! Places in the write-ahead log.

mod timeline;

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

/// One unbroken log: a server's data, the timeline it is on, and where each
/// timeline before branched off into the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stream {
    pub system: String,
    pub timeline: u32,
    /// Timelines before, the oldest first, and where each ended. Empty on the
    /// first one, and where it is not known.
    pub ancestors: Vec<(u32, Lsn)>,
}

impl Stream {
    /// The position `lsn` of this log.
    pub fn position(&self, lsn: Lsn) -> LogPosition {
        let mut stream = format!("postgresql:{}:{}", self.system, self.timeline);
        for (timeline, end) in &self.ancestors {
            stream.push_str(&format!(":{timeline}@{end}"));
        }
        LogPosition {
            stream,
            at: lsn.to_string(),
            gtid: None,
        }
    }

    /// Takes a position apart.
    pub fn parse(position: &LogPosition) -> PortResult<(Self, Lsn)> {
        let ancestor = |text: &str| {
            let (timeline, end) = text.split_once('@')?;
            Some((timeline.parse().ok()?, end.parse().ok()?))
        };
        let parsed = || {
            let mut parts = position.stream.split(':');
            let (Some("postgresql"), Some(system), Some(timeline)) =
                (parts.next(), parts.next(), parts.next())
            else {
                return None;
            };
            let stream = Stream {
                system: system.to_owned(),
                timeline: timeline.parse().ok()?,
                ancestors: parts.map(ancestor).collect::<Option<_>>()?,
            };
            Some((stream, position.at.parse().ok()?))
        };
        parsed().ok_or_else(|| {
            let LogPosition { stream, at, .. } = position;
            corrupt(format!("{at} of {stream} is not a position of PostgreSQL"))
        })
    }
}

/// How two positions are ordered; `None` when neither lies on the way to the
/// other.
pub(crate) fn order(a: &LogPosition, b: &LogPosition) -> Option<Ordering> {
    let ((one, at), (other, to)) = (Stream::parse(a).ok()?, Stream::parse(b).ok()?);
    let joined = other.goes_on(&one, at).is_ok() || one.goes_on(&other, to).is_ok();
    joined.then(|| at.cmp(&to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_written_and_read() {
        let mut stream = Stream {
            system: "7350".into(),
            timeline: 2,
            ancestors: Vec::new(),
        };
        let position = stream.position(Lsn(0x1_0300_0028));
        assert_eq!(position.at, "1/3000028");
        assert_eq!(
            Stream::parse(&position).expect("good"),
            (stream.clone(), Lsn(0x1_0300_0028))
        );
        stream.ancestors = vec![(1, Lsn(0x300_0148))];
        let position = stream.position(Lsn(0x400_0000));
        assert_eq!(position.stream, "postgresql:7350:2:1@0/3000148");
        assert_eq!(
            Stream::parse(&position).expect("good"),
            (stream, Lsn(0x400_0000))
        );
        assert_eq!("1/03000028".parse(), Ok(Lsn(0x1_0300_0028)));
        for bad in ["", "1", "/", "1/", "g/1", "1/123456789"] {
            assert_eq!(bad.parse::<Lsn>(), Err(()), "{bad}");
        }
    }

    #[test]
    fn only_positions_on_the_way_to_each_other_compare() {
        let at = |timeline, lsn| {
            let stream = Stream {
                system: "7350".into(),
                timeline,
                ancestors: Vec::new(),
            };
            stream.position(Lsn(lsn))
        };
        assert_eq!(
            order(&at(1, 9), &at(1, 0x1_0000_0000)),
            Some(Ordering::Less)
        );
        assert_eq!(order(&at(1, 9), &at(2, 10)), None);
        let mut second = at(2, 20);
        second.stream.push_str(":1@0/10");
        assert_eq!(order(&at(1, 9), &second), Some(Ordering::Less));
        assert_eq!(order(&second, &at(1, 9)), Some(Ordering::Greater));
        // Behind the place where the second timeline began.
        assert_eq!(order(&at(1, 17), &second), None);
        let other = LogPosition {
            stream: "mariadb:1".into(),
            at: "f:1".into(),
            gtid: None,
        };
        assert_eq!(order(&at(1, 9), &other), None);
    }
}
