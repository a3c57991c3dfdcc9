//! Which snapshot is drilled next.

use jiff::Timestamp;
use planb_model::recovery::SnapshotPoint;
use std::time::Duration;

/// The snapshot of `points`, newest first, that most needs a drill: the newest
/// that never had one, then older ones; else the newest whole one when log has
/// come behind it and its last drill is `interval` old, or of a time to come: how
/// old that one is nobody knows. Damaged ones cannot be restored, which is said
/// where they are listed.
pub fn due(points: &[SnapshotPoint], interval: Duration, now: Timestamp) -> Option<&SnapshotPoint> {
    let whole = || points.iter().filter(|point| point.damage.is_none());
    if let Some(never) = whole().find(|point| point.verified.is_none()) {
        return Some(never);
    }
    let newest = whole().next()?;
    let drilled = newest.verified?.at;
    let is_due = match Duration::try_from(now.duration_since(drilled)) {
        Ok(age) => age >= interval && newest.log.as_ref().is_some_and(|log| log.to.at > drilled),
        Err(_) => true,
    };
    is_due.then_some(newest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use planb_model::Epoch;
    use planb_model::recovery::{LogPosition, LogRange, Place, SegmentSeq, Verdict};

    fn at(minute: i64) -> Timestamp {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        start + jiff::SignedDuration::from_mins(minute)
    }

    fn place(minute: i64) -> Place {
        Place {
            at: at(minute),
            position: LogPosition {
                stream: "log".into(),
                at: minute.to_string(),
                gtid: None,
            },
        }
    }

    fn point(id: &str, drilled: Option<i64>, log_to: i64) -> SnapshotPoint {
        SnapshotPoint {
            id: id.into(),
            epoch: Epoch::FIRST,
            next_segment: SegmentSeq::FIRST,
            damage: None,
            facts: None,
            log: Some(LogRange {
                first: SegmentSeq::FIRST,
                last: SegmentSeq::FIRST,
                from: place(0),
                to: place(log_to),
                stored_bytes: 1,
                ended: false,
            }),
            verified: drilled.map(|minute| Verdict {
                at: at(minute),
                passed: true,
            }),
            clean: None,
        }
    }

    #[test]
    fn what_was_never_drilled_comes_first_and_the_newest_of_it() {
        let hour = Duration::from_secs(3_600);
        let id = |points: &[SnapshotPoint], now| due(points, hour, at(now)).map(|p| p.id.clone());
        let mut points = [
            point("c", Some(10), 100),
            point("b", None, 100),
            point("a", None, 100),
        ];
        assert_eq!(id(&points, 20).as_deref(), Some("b"));
        points[1].damage = Some("torn".into());
        assert_eq!(id(&points, 20).as_deref(), Some("a"));
        points[2].verified = points[0].verified;
        assert_eq!(id(&points, 20), None, "not an hour ago");
        assert_eq!(id(&points, 70).as_deref(), Some("c"), "log has come since");
        points[0] = point("c", Some(10), 5);
        assert_eq!(id(&points, 70), None, "nothing has come since");
        assert_eq!(id(&[], 70), None);
        points[0] = point("c", Some(5_000), 60);
        assert_eq!(id(&points, 70).as_deref(), Some("c"), "of a time to come");
    }
}
