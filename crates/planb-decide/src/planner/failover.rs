//! The failover: the active site is lost, the other takes over from the vault.

use super::step::step;
use planb_model::SiteName;
use planb_model::runbook::{Action, Step};

/// Steps of a failover. With an override there is no fence: the runbook says so
/// in its hash, and the reason is what was approved.
///
/// Fencing, shedding and closing the log are independent and run side by side;
/// the restore waits only for the closed log, the promotion for everything.
pub(super) fn steps(from: &SiteName, to: &SiteName, overridden: bool) -> Vec<Step> {
    let site = || to.clone();
    let make = |id, action, needs: &[&str]| step(id, action, needs, from);
    let mut steps = vec![
        make("claim-epoch", Action::ClaimEpoch, &[]),
        make("shed-traffic", Action::ShedTraffic, &["claim-epoch"]),
        make("close-log", Action::CloseLog, &["claim-epoch"]),
    ];
    let mut before_promote = vec!["verify-restored"];
    if !overridden {
        let action = Action::FenceSite { site: from.clone() };
        steps.push(make("fence-site", action, &["claim-epoch"]));
        before_promote.push("fence-site");
    }
    steps.extend([
        make("restore", Action::Restore { site: site() }, &["close-log"]),
        make(
            "verify-restored",
            Action::VerifyRestored { site: site() },
            &["restore"],
        ),
        make("promote", Action::Promote { site: site() }, &before_promote),
        make(
            "start-workload",
            Action::StartWorkload { site: site() },
            &["promote"],
        ),
    ]);
    steps.extend(super::switchover::take_over(from, to));
    steps
}
