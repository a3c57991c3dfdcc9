//! Every rule has a runbook that breaks it and is refused.

use super::*;
use crate::planner::{PlanFacts, plan};
use crate::testing::{plan_of, record};
use planb_model::runbook::{Action, RunbookKind, Undo};
use proptest::prelude::*;

fn runbook(kind: RunbookKind, active: &str, fence_override: Option<&str>) -> Runbook {
    plan(&PlanFacts {
        plan: &plan_of("seoul", "busan"),
        record: &record(active, 7),
        kind,
        fence_override: fence_override.map(str::to_owned),
    })
    .expect("can be planned")
}

fn failover() -> Runbook {
    runbook(RunbookKind::Failover, "seoul", None)
}

fn switchover() -> Runbook {
    runbook(RunbookKind::Switchover, "seoul", None)
}

fn id(text: &str) -> StepId {
    StepId::new(text).expect("a name")
}

fn step<'a>(runbook: &'a mut Runbook, name: &str) -> &'a mut planb_model::runbook::Step {
    let found = runbook.steps.iter_mut().find(|s| s.id.as_str() == name);
    found.expect("the step is there")
}

/// Takes a step out; whoever needed it needs what it needed.
fn without(mut runbook: Runbook, name: &str) -> Runbook {
    let needs = step(&mut runbook, name).needs.clone();
    runbook.steps.retain(|s| s.id.as_str() != name);
    for step in &mut runbook.steps {
        if step.needs.iter().any(|n| n.as_str() == name) {
            step.needs.retain(|n| n.as_str() != name);
            step.needs.extend(needs.clone());
        }
    }
    runbook
}

fn unlinked(mut runbook: Runbook, name: &str, need: &str) -> Runbook {
    step(&mut runbook, name)
        .needs
        .retain(|n| n.as_str() != need);
    runbook
}

fn refused(runbook: &Runbook, expected: &Violation) {
    let broken = check(runbook);
    assert!(
        broken.contains(expected),
        "expected {expected:?}, got {broken:?}"
    );
}

#[test]
fn no_promotion_without_a_fence_or_a_recorded_override() {
    let violation = Violation::NotAfter(id("promote"), "fence-site");
    refused(&without(failover(), "fence-site"), &violation);
    refused(&unlinked(failover(), "promote", "fence-site"), &violation);
    let overridden = runbook(RunbookKind::Failover, "seoul", Some("power is cut"));
    assert_eq!(check(&overridden), []);
    let mut silent = overridden;
    silent.fence_override = None;
    refused(&silent, &violation);
}

#[test]
fn an_override_needs_a_reason_and_a_failover() {
    let mut blank = failover();
    blank.fence_override = Some("  ".to_owned());
    refused(&blank, &Violation::BadOverride);
    let mut switched = switchover();
    switched.fence_override = Some("why not".to_owned());
    refused(&switched, &Violation::BadOverride);
}

#[test]
fn no_promotion_of_what_was_not_verified() {
    let expected = Violation::NotAfter(id("promote"), "verify-restored");
    refused(&without(failover(), "verify-restored"), &expected);
    let expected = Violation::NotAfter(id("promote"), "restore");
    refused(&without(failover(), "restore"), &expected);
    let expected = Violation::NotAfter(id("promote"), "a restore after close-log");
    refused(&unlinked(failover(), "restore", "close-log"), &expected);
}

#[test]
fn a_switchover_fences_drains_and_compares_in_that_order() {
    let expected = Violation::NotAfter(id("drain-log"), "fence-database");
    refused(&without(switchover(), "fence-database"), &expected);
    let expected = Violation::NotAfter(id("promote"), "drain-log");
    refused(&without(switchover(), "drain-log"), &expected);
    let expected = Violation::NotAfter(id("close-log"), "drain-log");
    refused(&without(switchover(), "drain-log"), &expected);
    let expected = Violation::NotAfter(id("promote"), "compare-databases");
    refused(&without(switchover(), "compare-databases"), &expected);
    let expected = Violation::NotAfter(id("compare-databases"), "close-log");
    refused(&without(switchover(), "close-log"), &expected);
}

#[test]
fn nothing_acts_under_an_epoch_that_is_not_taken() {
    for name in ["shed-traffic", "close-log", "fence-site"] {
        let expected = Violation::NotAfter(id(name), "claim-epoch");
        refused(&unlinked(failover(), name, "claim-epoch"), &expected);
    }
    refused(
        &without(failover(), "claim-epoch"),
        &Violation::NotOnce("claim-epoch", 0),
    );
    let mut jumped = failover();
    jumped.epoch = jumped.epoch.next();
    refused(
        &jumped,
        &Violation::EpochStep(jumped.based_on, jumped.epoch),
    );
}

#[test]
fn traffic_goes_only_where_health_was_checked() {
    let expected = Violation::NotAfter(id("switch-traffic"), "check-health of the same site");
    refused(&without(failover(), "check-health"), &expected);
    let mut elsewhere = failover();
    let seoul = elsewhere.from.clone();
    step(&mut elsewhere, "check-health").action = Action::CheckHealth {
        site: seoul.clone(),
    };
    refused(&elsewhere, &Violation::WrongSite(id("check-health"), seoul));
    let expected = Violation::NotAfter(id("switch-traffic"), "activate of the same site");
    refused(
        &unlinked(failover(), "switch-traffic", "activate"),
        &expected,
    );
    let expected = Violation::NotAfter(id("confirm-outside"), "switch-traffic");
    refused(
        &unlinked(failover(), "confirm-outside", "switch-traffic"),
        &expected,
    );
}

#[test]
fn nothing_serves_before_the_promotion() {
    for name in ["start-workload", "activate", "check-health"] {
        let mut early = failover();
        step(&mut early, name).needs = vec![id("claim-epoch")];
        refused(&early, &Violation::NotAfter(id(name), "promote"));
    }
}

#[test]
fn the_graph_is_one() {
    let mut circle = failover();
    step(&mut circle, "claim-epoch").needs = vec![id("confirm-outside")];
    let broken = check(&circle);
    assert!(matches!(broken[..], [Violation::Cycle(_)]), "{broken:?}");
    let mut missing = failover();
    step(&mut missing, "promote").needs.push(id("nothing"));
    refused(
        &missing,
        &Violation::MissingNeed(id("promote"), id("nothing")),
    );
    let mut double = failover();
    let copy = double.steps[0].clone();
    double.steps.push(copy);
    refused(&double, &Violation::DuplicateStep(id("claim-epoch")));
    let mut none = failover();
    none.steps.clear();
    refused(&none, &Violation::StepCount(0));
    let mut many = failover();
    for number in 0..STEPS_MAX {
        let mut copy = many.steps[1].clone();
        copy.id = id(&format!("shed-{number}"));
        many.steps.push(copy);
    }
    let count = many.steps.len();
    refused(&many, &Violation::StepCount(count));
}

#[test]
fn every_step_is_bounded_and_honest() {
    for deadline in [0, DEADLINE_SECS_MAX + 1] {
        let mut unbounded = failover();
        step(&mut unbounded, "restore").deadline_secs = deadline;
        refused(&unbounded, &Violation::Deadline(id("restore")));
    }
    let mut reserved = failover();
    step(&mut reserved, "confirm-outside").id = id("undo-it");
    refused(&reserved, &Violation::ReservedId(id("undo-it")));
    let mut undoable = failover();
    step(&mut undoable, "promote").undo = Undo::Nothing;
    refused(&undoable, &Violation::NotPointOfNoReturn(id("promote")));
    let mut same = failover();
    same.from = same.to.clone();
    refused(&same, &Violation::SameSite(same.to.clone()));
    let mut twice = failover();
    let mut copy = step(&mut twice, "promote").clone();
    copy.id = id("promote-again");
    twice.steps.push(copy);
    refused(&twice, &Violation::NotOnce("promote", 2));
    refused(
        &without(failover(), "activate"),
        &Violation::NotOnce("activate", 0),
    );
}

proptest! {
    #[test]
    fn whatever_the_planner_plans_passes(
        kind in 0..3usize, home in any::<bool>(), epoch in 1..u64::from(u32::MAX),
        reason in proptest::option::of("[a-z ]{0,12}"),
    ) {
        let kinds = [RunbookKind::Failover, RunbookKind::Switchover, RunbookKind::Failback];
        let planned = plan(&PlanFacts {
            plan: &plan_of("seoul", "busan"),
            record: &record(if home { "seoul" } else { "busan" }, epoch),
            kind: kinds[kind],
            fence_override: reason,
        });
        if let Ok(runbook) = planned {
            prop_assert_eq!(check(&runbook), []);
            let text = serde_json::to_vec(&runbook).expect("serializes");
            let back: Runbook = serde_json::from_slice(&text).expect("deserializes");
            prop_assert_eq!(back.hash(), runbook.hash());
        }
    }
}
