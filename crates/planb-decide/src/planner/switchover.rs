//! Switchover and failback: both sites are well, and nothing may be lost.

use super::step::step;
use planb_model::SiteName;
use planb_model::runbook::{Action, Step};

/// Steps of a switchover.
///
/// The standby is brought near while the source still serves, before anything
/// is claimed: when that fails, nothing has happened. Then the source is
/// stopped, fenced and drained in that order, so that the drained log is
/// everything there is, and only when both databases hold the same rows does
/// the new one take writes.
pub(super) fn steps(from: &SiteName, to: &SiteName) -> Vec<Step> {
    let old = || from.clone();
    let new = || to.clone();
    let make = |id, action, needs: &[&str]| step(id, action, needs, from);
    let compare = Action::CompareDatabases {
        from: old(),
        to: new(),
    };
    let mut steps = vec![
        make("restore-ahead", Action::Restore { site: new() }, &[]),
        make("claim-epoch", Action::ClaimEpoch, &["restore-ahead"]),
        make("shed-traffic", Action::ShedTraffic, &["claim-epoch"]),
        make(
            "stop-workload",
            Action::StopWorkload { site: old() },
            &["shed-traffic"],
        ),
        make(
            "fence-database",
            Action::FenceDatabase { site: old() },
            &["stop-workload"],
        ),
        make(
            "drain-log",
            Action::DrainLog { site: old() },
            &["fence-database"],
        ),
        make("close-log", Action::CloseLog, &["drain-log"]),
        make("restore", Action::Restore { site: new() }, &["close-log"]),
        make("compare-databases", compare, &["restore"]),
        make(
            "promote",
            Action::Promote { site: new() },
            &["compare-databases"],
        ),
        make(
            "start-workload",
            Action::StartWorkload { site: new() },
            &["promote"],
        ),
    ];
    steps.extend(take_over(from, to));
    steps
}

/// How every move ends: healthy, protected, and seen from outside.
pub(super) fn take_over(from: &SiteName, to: &SiteName) -> Vec<Step> {
    let site = || to.clone();
    let make = |id, action, needs: &[&str]| step(id, action, needs, from);
    vec![
        make(
            "check-health",
            Action::CheckHealth { site: site() },
            &["start-workload"],
        ),
        make(
            "activate",
            Action::Activate { site: site() },
            &["check-health"],
        ),
        // Also after shedding: within an epoch the edge takes plans in order.
        make(
            "switch-traffic",
            Action::SwitchTraffic { site: site() },
            &["activate", "shed-traffic"],
        ),
        make(
            "confirm-outside",
            Action::ConfirmOutside { site: site() },
            &["switch-traffic"],
        ),
    ]
}
