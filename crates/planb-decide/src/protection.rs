//! Protection: whose log is shipped, and how well it goes.

use crate::Fold;
use crate::health::DataCheck;
use jiff::Timestamp;
use planb_model::plan::DataPlan;
use planb_model::runbook::{Action, RunbookKind};
use planb_model::service::ServiceRecord;
use planb_model::{Canary, Epoch, SiteName};
use std::time::Duration;

/// Canaries that may be missing before their silence means something: one can
/// be late because of a busy moment, three cannot.
const CANARIES_MISSED_MAX: u32 = 3;
/// Slack for a flush, an upload and reading back, besides the intervals.
const CANARY_SLACK_MS: u64 = 500;

/// Whose log should be shipped now, and under which epoch; `None` while the
/// service is being moved and nobody's should.
///
/// `moving` is the execution that has not finished, if any. A switchover's
/// source keeps shipping until its log is drained; a failover's does not,
/// because its chain is closed under it.
pub fn protection_wanted(
    record: &ServiceRecord,
    moving: Option<&Fold>,
) -> Option<(SiteName, Epoch)> {
    let wanted = Some((record.active.clone(), record.active_epoch));
    let Some(fold) = moving.filter(|f| f.finished().is_none()) else {
        return wanted;
    };
    let runbook = &fold.execution().runbook;
    if record.active_epoch >= runbook.epoch {
        return wanted;
    }
    let stopped = match runbook.kind {
        RunbookKind::Failover => fold.was_begun(|a| matches!(a, Action::ClaimEpoch)),
        RunbookKind::Switchover | RunbookKind::Failback => {
            fold.was_begun(|a| matches!(a, Action::DrainLog { .. } | Action::CloseLog))
        }
    };
    if stopped { None } else { wanted }
}

/// How long canaries may be away before the data tier counts as silent.
pub fn canary_silence_max(data: &DataPlan) -> Duration {
    let canaries = data.canary_interval.saturating_mul(CANARIES_MISSED_MAX);
    canaries
        .saturating_add(data.flush_interval)
        .saturating_add(Duration::from_millis(CANARY_SLACK_MS))
}

/// Seconds of writes that would be lost now, by the newest canary read back.
pub fn rpo_secs(canary: &Canary, now: Timestamp) -> f64 {
    now.duration_since(canary.written_at).as_secs_f64().max(0.0)
}

/// What the data says of a site that observers say is lost. `last_seen` is how
/// long ago a canary was last read back, by a clock that does not jump; a site
/// that was never heard of is silent.
pub fn data_check(recoverable: bool, last_seen: Option<Duration>, data: &DataPlan) -> DataCheck {
    DataCheck {
        recoverable,
        canary_stale: last_seen.is_none_or(|age| age > canary_silence_max(data)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Story, at, plan_of};
    use planb_model::runbook::RunbookKind;

    fn wanted(story: &Story) -> Option<(String, u64)> {
        let wanted = protection_wanted(&story.record, Some(&story.fold()));
        wanted.map(|(site, epoch)| (site.to_string(), epoch.0))
    }

    #[test]
    fn the_source_of_a_switchover_ships_until_it_is_drained() {
        let mut story = Story::approved(RunbookKind::Switchover);
        for step in [
            "restore-ahead",
            "claim-epoch",
            "shed-traffic",
            "stop-workload",
        ] {
            story.complete(step);
        }
        story.complete("fence-database");
        assert_eq!(wanted(&story), Some(("seoul".to_owned(), 4)));
        story.begin("drain-log");
        assert_eq!(wanted(&story), None);
    }

    #[test]
    fn a_lost_source_does_not_ship_and_the_new_one_does() {
        let mut story = Story::approved(RunbookKind::Failover);
        assert_eq!(wanted(&story), Some(("seoul".to_owned(), 4)));
        story.begin("claim-epoch");
        assert_eq!(wanted(&story), None);
        story.record.active = SiteName::new("busan").expect("a name");
        story.record.epoch = Epoch(5);
        story.record.active_epoch = Epoch(5);
        assert_eq!(wanted(&story), Some(("busan".to_owned(), 5)));
    }

    #[test]
    fn silence_needs_more_than_one_late_canary() {
        let data = plan_of("seoul", "busan").data;
        let stale = |ms: u64| data_check(true, Some(Duration::from_millis(ms)), &data).canary_stale;
        assert!(!stale(1_000));
        assert!(stale(2_000));
        assert!(data_check(true, None, &data).canary_stale);
    }

    #[test]
    fn a_clock_that_went_back_loses_nothing() {
        let canary = Canary {
            epoch: Epoch(1),
            sequence: 1,
            written_at: at(5_000),
        };
        assert!(rpo_secs(&canary, at(4_000)).abs() < f64::EPSILON);
        assert!((rpo_secs(&canary, at(5_500)) - 0.5).abs() < 1e-9);
    }
}
