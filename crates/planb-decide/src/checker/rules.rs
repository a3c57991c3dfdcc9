//! The rules themselves.

use super::graph::Graph;
use super::{DEADLINE_SECS_MAX, STEPS_MAX, UNDO_PREFIX, Violation};
use planb_model::SiteName;
use planb_model::runbook::{Action, Runbook, RunbookKind, Step, Undo};

/// Rules about the runbook and each step by itself.
pub(super) fn shape(runbook: &Runbook) -> Vec<Violation> {
    let mut broken = Vec::new();
    if !(1..=STEPS_MAX).contains(&runbook.steps.len()) {
        broken.push(Violation::StepCount(runbook.steps.len()));
    }
    if runbook.epoch != runbook.based_on.next() {
        broken.push(Violation::EpochStep(runbook.based_on, runbook.epoch));
    }
    if runbook.from == runbook.to {
        broken.push(Violation::SameSite(runbook.to.clone()));
    }
    if let Some(reason) = &runbook.fence_override
        && (runbook.kind != RunbookKind::Failover || reason.trim().is_empty())
    {
        broken.push(Violation::BadOverride);
    }
    for step in &runbook.steps {
        if step.id.as_str().starts_with(UNDO_PREFIX) {
            broken.push(Violation::ReservedId(step.id.clone()));
        }
        if !(1..=DEADLINE_SECS_MAX).contains(&step.deadline_secs) {
            broken.push(Violation::Deadline(step.id.clone()));
        }
        for (site, allowed) in sites(&step.action, runbook) {
            if site != allowed {
                broken.push(Violation::WrongSite(step.id.clone(), site.clone()));
            }
        }
        let no_return = matches!(
            step.action,
            Action::Promote { .. } | Action::Activate { .. } | Action::SwitchTraffic { .. }
        );
        if no_return && step.undo != Undo::PointOfNoReturn {
            broken.push(Violation::NotPointOfNoReturn(step.id.clone()));
        }
    }
    broken.extend(once(runbook, "claim-epoch", |a| {
        matches!(a, Action::ClaimEpoch)
    }));
    broken.extend(once(runbook, "promote", |a| {
        matches!(a, Action::Promote { .. })
    }));
    broken.extend(once(runbook, "activate", |a| {
        matches!(a, Action::Activate { .. })
    }));
    broken
}

fn once(runbook: &Runbook, what: &'static str, is: impl Fn(&Action) -> bool) -> Option<Violation> {
    let count = runbook.steps.iter().filter(|s| is(&s.action)).count();
    (count != 1).then_some(Violation::NotOnce(what, count))
}

/// The sites an action is done at, each with the only one it may be done at.
fn sites<'a>(action: &'a Action, runbook: &'a Runbook) -> Vec<(&'a SiteName, &'a SiteName)> {
    let (old, new) = (&runbook.from, &runbook.to);
    match action {
        Action::ClaimEpoch | Action::CloseLog | Action::ShedTraffic => Vec::new(),
        Action::FenceSite { site }
        | Action::StopWorkload { site }
        | Action::FenceDatabase { site }
        | Action::DrainLog { site } => vec![(site, old)],
        Action::Restore { site }
        | Action::VerifyRestored { site }
        | Action::Promote { site }
        | Action::StartWorkload { site }
        | Action::CheckHealth { site }
        | Action::Activate { site }
        | Action::SwitchTraffic { site }
        | Action::ConfirmOutside { site } => vec![(site, new)],
        Action::CompareDatabases { from, to } => vec![(from, old), (to, new)],
    }
}

/// Rules about the order of steps.
pub(super) fn order(runbook: &Runbook, graph: &Graph<'_>) -> Vec<Violation> {
    let mut broken = Vec::new();
    for step in &runbook.steps {
        // Epoch (safety rule 1): nothing acts under an epoch that is not taken.
        // Bringing the standby near acts under none.
        let ahead =
            matches!(step.action, Action::Restore { .. }) && runbook.kind != RunbookKind::Failover;
        if !ahead && !matches!(step.action, Action::ClaimEpoch) {
            require(&mut broken, graph, step, "claim-epoch", |a| {
                matches!(a, Action::ClaimEpoch)
            });
        }
        match &step.action {
            Action::Promote { .. } => promote(&mut broken, runbook, graph, step),
            Action::StartWorkload { .. } | Action::Activate { .. } => {
                require(&mut broken, graph, step, "promote", |a| {
                    matches!(a, Action::Promote { .. })
                });
            }
            Action::SwitchTraffic { .. } => {
                require(
                    &mut broken,
                    graph,
                    step,
                    "check-health of the same site",
                    |a| matches!(a, Action::CheckHealth { .. }),
                );
                require(&mut broken, graph, step, "activate of the same site", |a| {
                    matches!(a, Action::Activate { .. })
                });
            }
            Action::CheckHealth { .. } => {
                require(&mut broken, graph, step, "promote", |a| {
                    matches!(a, Action::Promote { .. })
                });
            }
            Action::DrainLog { .. } => {
                require(&mut broken, graph, step, "fence-database", |a| {
                    matches!(a, Action::FenceDatabase { .. })
                });
            }
            Action::ConfirmOutside { .. } => {
                require(&mut broken, graph, step, "switch-traffic", |a| {
                    matches!(a, Action::SwitchTraffic { .. })
                });
            }
            _ => {}
        }
    }
    broken
}

/// Fence before promote (safety rule 2), and only what was checked (rule 4).
fn promote(broken: &mut Vec<Violation>, runbook: &Runbook, graph: &Graph<'_>, step: &Step) {
    let is_close = |a: &Action| matches!(a, Action::CloseLog);
    let is_restore = |a: &Action| matches!(a, Action::Restore { .. });
    require(broken, graph, step, "close-log", is_close);
    require(broken, graph, step, "restore", is_restore);
    // At least one restore has to see the closed log.
    let mut restores = runbook.steps.iter().filter(|s| is_restore(&s.action));
    if !restores.any(|restore| graph.is_after(restore, is_close)) {
        broken.push(Violation::NotAfter(
            step.id.clone(),
            "a restore after close-log",
        ));
    }
    if runbook.kind == RunbookKind::Failover {
        if runbook.fence_override.is_none() {
            require(broken, graph, step, "fence-site", |a| {
                matches!(a, Action::FenceSite { .. })
            });
        }
        require(broken, graph, step, "verify-restored", |a| {
            matches!(a, Action::VerifyRestored { .. })
        });
        return;
    }
    require(broken, graph, step, "drain-log", |a| {
        matches!(a, Action::DrainLog { .. })
    });
    let is_compare = |a: &Action| matches!(a, Action::CompareDatabases { .. });
    require(broken, graph, step, "compare-databases", is_compare);
    for other in &runbook.steps {
        if is_close(&other.action) {
            require(broken, graph, other, "drain-log", |a| {
                matches!(a, Action::DrainLog { .. })
            });
        }
        if is_compare(&other.action) {
            require(broken, graph, other, "restore", is_restore);
            require(broken, graph, other, "close-log", is_close);
        }
    }
}

fn require(
    broken: &mut Vec<Violation>,
    graph: &Graph<'_>,
    step: &Step,
    what: &'static str,
    is: impl Fn(&Action) -> bool,
) {
    if !graph.is_after(step, is) {
        broken.push(Violation::NotAfter(step.id.clone(), what));
    }
}
