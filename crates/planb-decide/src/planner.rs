//! Compiles runbooks: what has to be done, in which order, to move a service.
//!
//! Plain data in, plain data out. The planner holds the order; `checker` holds
//! the rules the order has to keep and shares no code with it.

mod failover;
mod step;
mod switchover;

pub(crate) use step::undo_step;

use crate::WaitingOn;
use planb_model::plan::ServicePlan;
use planb_model::runbook::{Runbook, RunbookKind, Step};
use planb_model::service::ServiceRecord;

/// What a plan is made from.
#[derive(Debug, Clone)]
pub struct PlanFacts<'a> {
    /// What is asked of the service.
    pub plan: &'a ServicePlan,
    /// Where it stands.
    pub record: &'a ServiceRecord,
    /// What is wanted.
    pub kind: RunbookKind,
    /// Why the old site need not be proven fenced; only for a failover.
    pub fence_override: Option<String>,
}

/// Compiles the runbook for `facts`.
///
/// # Errors
/// Everything that keeps it from being planned.
pub fn plan(facts: &PlanFacts<'_>) -> Result<Runbook, Vec<WaitingOn>> {
    let waiting = waiting_on(facts);
    if !waiting.is_empty() {
        return Err(waiting);
    }
    let from = facts.record.active.clone();
    let to = facts.plan.other_site(&from).name.clone();
    let steps: Vec<Step> = match facts.kind {
        RunbookKind::Failover => failover::steps(&from, &to, facts.fence_override.is_some()),
        RunbookKind::Switchover | RunbookKind::Failback => switchover::steps(&from, &to),
    };
    Ok(Runbook {
        kind: facts.kind,
        service: facts.plan.name.clone(),
        from,
        to,
        based_on: facts.record.epoch,
        epoch: facts.record.epoch.next(),
        fence_override: facts.fence_override.clone(),
        steps,
    })
}

fn waiting_on(facts: &PlanFacts<'_>) -> Vec<WaitingOn> {
    let mut waiting = Vec::new();
    let active = &facts.record.active;
    if facts.plan.site(active).is_none() {
        waiting.push(WaitingOn::KnownSite {
            site: active.clone(),
        });
    }
    if facts.plan.primary.name == facts.plan.standby.name {
        waiting.push(WaitingOn::TwoSites);
    }
    if facts.kind == RunbookKind::Failback && active == &facts.plan.primary.name {
        waiting.push(WaitingOn::NotHome {
            site: active.clone(),
        });
    }
    if let Some(reason) = &facts.fence_override {
        if facts.kind != RunbookKind::Failover {
            waiting.push(WaitingOn::NoOverride);
        }
        if reason.trim().is_empty() {
            waiting.push(WaitingOn::OverrideReason);
        }
    }
    waiting
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checker::check;
    use crate::testing::{plan_of, record};
    use planb_model::runbook::Action;

    fn planned(kind: RunbookKind, active: &str, fence_override: Option<&str>) -> Runbook {
        let plan = plan_of("seoul", "busan");
        let record = record(active, 4);
        plan_with(&plan, &record, kind, fence_override).expect("can be planned")
    }

    fn plan_with(
        plan_file: &ServicePlan,
        record: &ServiceRecord,
        kind: RunbookKind,
        fence_override: Option<&str>,
    ) -> Result<Runbook, Vec<WaitingOn>> {
        plan(&PlanFacts {
            plan: plan_file,
            record,
            kind,
            fence_override: fence_override.map(str::to_owned),
        })
    }

    fn needs(runbook: &Runbook, id: &str) -> Vec<String> {
        let step = runbook.steps.iter().find(|s| s.id.as_str() == id);
        let needs = step.map(|s| s.needs.iter().map(ToString::to_string).collect());
        needs.unwrap_or_default()
    }

    #[test]
    fn a_failover_promotes_only_what_is_verified_and_fenced() {
        let runbook = planned(RunbookKind::Failover, "seoul", None);
        assert_eq!(
            needs(&runbook, "promote"),
            ["verify-restored", "fence-site"]
        );
        for parallel in ["shed-traffic", "close-log", "fence-site"] {
            assert_eq!(needs(&runbook, parallel), ["claim-epoch"]);
        }
        assert_eq!(runbook.epoch.0, 5);
        assert_eq!(runbook.to.as_str(), "busan");
    }

    #[test]
    fn an_override_leaves_the_fence_out_and_changes_the_hash() {
        let fenced = planned(RunbookKind::Failover, "seoul", None);
        let overridden = planned(RunbookKind::Failover, "seoul", Some("power is cut"));
        let other = planned(RunbookKind::Failover, "seoul", Some("building is lost"));
        let has_fence = |r: &Runbook| {
            let mut actions = r.steps.iter().map(|s| &s.action);
            actions.any(|a| matches!(a, Action::FenceSite { .. }))
        };
        assert!(has_fence(&fenced) && !has_fence(&overridden));
        assert_ne!(overridden.hash(), other.hash());
    }

    #[test]
    fn a_failback_leads_home_and_compares_everything_first() {
        let runbook = planned(RunbookKind::Failback, "busan", None);
        assert_eq!(runbook.to.as_str(), "seoul");
        assert_eq!(needs(&runbook, "promote"), ["compare-databases"]);
        assert_eq!(needs(&runbook, "drain-log"), ["fence-database"]);
        assert_eq!(needs(&runbook, "restore"), ["close-log"]);
    }

    #[test]
    fn what_cannot_be_planned_says_why() {
        let plan_file = plan_of("seoul", "busan");
        let home = record("seoul", 1);
        let refused = plan_with(&plan_file, &home, RunbookKind::Failback, None);
        assert!(matches!(refused, Err(r) if matches!(r[..], [WaitingOn::NotHome { .. }])));
        let refused = plan_with(&plan_file, &home, RunbookKind::Switchover, Some(" "));
        assert_eq!(
            refused.expect_err("refused"),
            [WaitingOn::NoOverride, WaitingOn::OverrideReason]
        );
        let lost = record("jeju", 1);
        let refused = plan_with(&plan_file, &lost, RunbookKind::Failover, None);
        assert!(matches!(refused, Err(r) if matches!(r[..], [WaitingOn::KnownSite { .. }])));
    }

    #[test]
    fn planning_twice_gives_the_same_hash() {
        for (kind, active) in [
            (RunbookKind::Failover, "seoul"),
            (RunbookKind::Switchover, "seoul"),
            (RunbookKind::Failback, "busan"),
        ] {
            let (one, two) = (planned(kind, active, None), planned(kind, active, None));
            assert_eq!(one.hash(), two.hash());
            assert_eq!(check(&one), []);
        }
    }
}
