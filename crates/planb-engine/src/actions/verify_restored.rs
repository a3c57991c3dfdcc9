//! Checks a restored database by itself, before it may be promoted.

use super::{StepCx, StepError, StepResult};
use planb_model::finding::{Finding, Severity};
use planb_model::recovery::{AppliedMark, RecoveryPoint};
use planb_model::{Canary, SiteName};
use serde_json::json;

/// The database stands at the end of the chain, holds the newest canary of the
/// chain, and passes its engine's own integrity check.
pub(super) async fn perform(cx: &StepCx<'_>, site: &SiteName) -> StepResult {
    let database = &cx.site(site)?.database;
    let found = Found {
        point: cx.shared.ports.repository.recovery_point().await?,
        mark: database.applied().await?,
        canary: database.read_canary(cx.service()).await?,
        findings: database.integrity().await?,
    };
    match wrong(&found) {
        None => Ok(json!({
            "position": found.point.position.at,
            "canarySequence": found.canary.map(|c| c.sequence),
            "integrityFindings": found.findings.len(),
        })),
        Some(wrong) => Err(StepError::check(
            "PB-ENGINE-NOT-VERIFIED",
            format!("the database of site '{site}' {wrong}"),
        )),
    }
}

/// What vault and database say.
struct Found {
    point: RecoveryPoint,
    mark: Option<AppliedMark>,
    canary: Option<Canary>,
    findings: Vec<Finding>,
}

/// What is not as it has to be for a promotion; `None` when all is well.
fn wrong(found: &Found) -> Option<String> {
    let point = &found.point;
    let Some(mark) = &found.mark else {
        return Some("has no clean restore; resume to check again, or cancel".to_owned());
    };
    // The GTID set is another writing of the same place, where it is known.
    let there = (point.epoch, &point.position.stream, &point.position.at);
    if (mark.epoch, &mark.position.stream, &mark.position.at) != there {
        return Some(format!(
            "stands at {} of epoch {}, the log ends at {} of epoch {}",
            mark.position, mark.epoch, point.position, point.epoch
        ));
    }
    let age = |c: &Canary| (c.epoch, c.sequence);
    if let Some(newest) = &point.canary
        && found.canary.as_ref().is_none_or(|c| age(c) < age(newest))
    {
        return Some(format!(
            "does not hold canary {} of epoch {}, which is in the log",
            newest.sequence, newest.epoch
        ));
    }
    // What could not be looked at is not well either (safety rule 4).
    let mut findings = found.findings.iter();
    let bad = findings.find(|f| f.severity >= Severity::Error)?;
    Some(format!("does not pass {}: {}", bad.code, bad.reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use planb_model::recovery::{LogPosition, SegmentSeq};
    use planb_model::{Epoch, Text};

    fn position(at: &str) -> LogPosition {
        LogPosition {
            stream: "s".to_owned(),
            at: at.to_owned(),
            gtid: None,
        }
    }

    fn canary(sequence: u64) -> Canary {
        Canary {
            epoch: Epoch(1),
            sequence,
            written_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn well() -> Found {
        Found {
            point: RecoveryPoint {
                snapshot: "one".to_owned(),
                epoch: Epoch(1),
                last_segment: Some(SegmentSeq(4)),
                position: position("40"),
                written_at: Timestamp::UNIX_EPOCH,
                canary: Some(canary(7)),
                restore_bytes: 1,
                passed_over: vec![],
            },
            mark: Some(AppliedMark {
                snapshot: "one".to_owned(),
                epoch: Epoch(1),
                next_segment: SegmentSeq(5),
                position: position("40"),
            }),
            canary: Some(canary(7)),
            findings: vec![],
        }
    }

    #[test]
    fn only_the_whole_log_with_its_canary_and_integrity_is_well() {
        assert_eq!(wrong(&well()), None);
        type Break = fn(&mut Found);
        let cases: [(&str, Break); 7] = [
            ("no mark", |f| f.mark = None),
            ("short of the end", |f| f.point.position = position("41")),
            ("another stream", |f| {
                f.point.position.stream = "t".to_owned()
            }),
            ("another chain", |f| f.point.epoch = Epoch(2)),
            ("no canary", |f| f.canary = None),
            ("an older canary", |f| f.canary = Some(canary(6))),
            ("not looked at", |f| {
                let text = || Text::new("cannot be looked at", "확인할 수 없습니다");
                let unknown = Severity::Unknown;
                f.findings = vec![Finding::failed("PB-X", unknown, "it", text(), text())];
            }),
        ];
        for (name, change) in cases {
            let mut found = well();
            change(&mut found);
            assert!(wrong(&found).is_some(), "{name}");
        }
    }
}
