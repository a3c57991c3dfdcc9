//! Moving a service: there, back, by itself, and with the old site returning.

mod support;

use planb_model::execution::{ExecutionState, StepState, Trigger};
use planb_model::plan::{FailoverMode, Strategy};
use planb_model::runbook::{Phase, RunbookKind};
use planb_model::status::{ProtectionState, Verdict};
use planb_model::{Epoch, ExecutionId};
use planb_ports::{Clock, Workload};
use std::time::Duration;
use support::{World, assert_completed, site, step};

#[tokio::test(start_paused = true)]
async fn a_failover_brings_everything_that_was_in_the_vault() {
    let world = World::protected(20).await;
    world.seoul.die();
    let life = world.live();
    let status = world.run(&life, RunbookKind::Failover).await;
    assert_completed(&status);
    assert_eq!(world.busan.database.rows(), world.seoul.database.rows());
    assert!(world.busan.database.accepts_writes());
    assert_eq!(world.busan.workload.running(), Some(Epoch(2)));
    assert_eq!(world.edge_site(), Some(site("busan")));
    let record = world.record();
    assert_eq!(
        (record.active, record.active_epoch),
        (site("busan"), Epoch(2))
    );
    assert!(status.phases.contains_key(&Phase::Execute));
    // Reprotected: what is written now reaches the vault under the new epoch.
    world.busan.workload.write("after", "1").expect("serves");
    world
        .until("the new primary is protected", || {
            world.repository.recoverable_keys().contains("after")
        })
        .await;
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn log_that_waits_for_the_vault_is_told_and_taken_along() {
    let world = World::protected(5).await;
    let life = world.live();
    let protection = || life.service.status().protection;
    let protected = || protection().state == ProtectionState::Protected;
    world.until("it is protected", protected).await;
    world.repository_link.set_up(false);
    world.seoul.workload.write("waits", "1").expect("serves");
    world
        .until("the recovery point ages", || {
            let now = protection();
            now.spool.is_some_and(|spool| spool.bytes > 0) && now.rpo_secs > Some(10.0)
        })
        .await;
    assert_eq!(protection().state, ProtectionState::Degraded);
    assert!(!world.repository.recoverable_keys().contains("waits"));

    world.seoul.die();
    world.repository_link.set_up(true);
    let status = world.run(&life, RunbookKind::Failover).await;
    assert_completed(&status);
    assert_eq!(world.busan.database.rows(), world.seoul.database.rows());
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn parallel_branches_overlap() {
    let world = World::protected(1).await;
    world.seoul.die();
    let slow = planb_testkit::Fault::Delay(Duration::from_secs(20));
    let calls = world.edge_link.calls("apply");
    world.edge_link.script("apply", calls + 1, slow.clone());
    let calls = world.repository_link.calls("close-log");
    world.repository_link.script("close-log", calls + 1, slow);
    let life = world.live();
    // The keeper of the edge would take the slow call first.
    let status = world.run(&life, RunbookKind::Failover).await;
    assert_completed(&status);
    let times = |id: &str| {
        let status = &status.steps[&step(id)];
        (
            status.started_at.expect("began"),
            status.ended_at.expect("ended"),
        )
    };
    let (shed, close, fence) = (
        times("shed-traffic"),
        times("close-log"),
        times("fence-site"),
    );
    assert!(shed.0 < close.1 && close.0 < shed.1, "{shed:?} {close:?}");
    assert!(fence.1 < close.1, "the fence waits for neither");
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_old_primary_comes_back_fenced_and_stays_read_only() {
    let world = World::protected(5).await;
    world.seoul.die();
    let life = world.live();
    assert_completed(&world.run(&life, RunbookKind::Failover).await);
    world.seoul.return_as_it_was();
    // Somebody there starts the service as it always was.
    let zombie = world.seoul.workload.clone();
    assert!(
        zombie.start(Epoch(1)).await.is_err(),
        "it was fenced when it was proven dead"
    );
    world
        .until("the old primary is fenced", || {
            let fence = world.seoul.database.peek_fence();
            fence.read_only && fence.epoch == Some(Epoch(2))
        })
        .await;
    assert!(world.seoul.database.put("split", "1").is_err());
    assert!(!world.busan.database.has("split"));
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_failback_loses_nothing_and_compares_every_row() {
    let world = World::protected(10).await;
    world.seoul.die();
    let life = world.live();
    assert_completed(&world.run(&life, RunbookKind::Failover).await);
    world.seoul.return_as_it_was();
    for row in 0..10 {
        let written = world.busan.workload.write(&format!("later-{row}"), "1");
        written.expect("busan takes writes");
    }
    world
        .until("the new primary is protected", || {
            life.service.status().protection.state == ProtectionState::Protected
        })
        .await;
    let last = world.busan.workload.clone();
    last.write("last", "1").expect("busan takes writes");
    let status = world.run(&life, RunbookKind::Failback).await;
    assert_completed(&status);
    assert_eq!(world.seoul.database.rows(), world.busan.database.rows());
    assert!(world.seoul.database.has("last"));
    assert_eq!(world.seoul.database.rows().len(), 21);
    let facts = status.steps[&step("compare-databases")].facts.clone();
    assert_eq!(facts.expect("facts")["rows"], 21);
    assert_eq!(world.edge_site(), Some(site("seoul")));
    assert!(!world.busan.database.accepts_writes());
    assert_eq!(world.busan.workload.running(), None);
    assert_eq!(world.seoul.database.primaries_destroyed(), 0);
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_site_is_noticed_and_failed_over_by_itself() {
    let mut world = World::new();
    world.observers = 5;
    world.protect(5).await;
    let life = world.live();
    world
        .until("the site is well", || {
            life.service.status().health.verdict == Verdict::Up
        })
        .await;
    let rpo = life.service.status().protection.rpo_secs.expect("measured");
    assert!(rpo < 1.0, "{rpo} s");
    world.seoul.die();
    let died_at = world.clock.now();
    world
        .until("the service is moved", || {
            world.edge_site() == Some(site("busan"))
        })
        .await;
    let took = world.clock.now().duration_since(died_at).as_secs_f64();
    assert!(took < 10.0, "detected and moved in {took} s");
    let id = world.execution();
    let status = world.finished(&life, &id).await;
    assert_completed(&status);
    assert_eq!(status.approved_by.as_deref(), Some("automatic"));
    assert!(matches!(status.execution.trigger, Trigger::Detector { .. }));
    let phases = [Phase::Detect, Phase::Decide, Phase::Execute, Phase::Traffic];
    assert!(
        phases.iter().all(|p| status.phases.contains_key(p)),
        "{:?}",
        status.phases
    );
    // In between the edge said so itself.
    let shed = world.edge.history().iter().any(|plan| {
        plan.epoch == Epoch(1) && plan.mode == planb_model::traffic::TrafficMode::Maintenance
    });
    assert!(shed, "traffic is shed before the promotion is decided");
    life.end().await;
}

async fn pending(world: &World, mode: FailoverMode) -> (support::Life, Option<ExecutionId>) {
    let life = world.live();
    world
        .until("the site is well", || {
            life.service.status().health.verdict == Verdict::Up
        })
        .await;
    world.seoul.workload.set_healthy(false);
    world.seoul.database.kill();
    world
        .until("the site is lost", || {
            life.service.status().health.verdict == Verdict::Down
        })
        .await;
    world.clock.sleep(Duration::from_secs(20)).await;
    let opened = world.store.peek_executions();
    let id = opened.first().map(|(e, _)| e.id.clone());
    assert_eq!(id.is_some(), mode != FailoverMode::Manual);
    (life, id)
}

#[tokio::test(start_paused = true)]
async fn with_mode_approve_it_waits_and_is_withdrawn_when_the_site_is_well_again() {
    let mut world = World::new();
    world.observers = 5;
    world.plan.failover.mode = FailoverMode::Approve;
    world.protect(5).await;
    let (life, id) = pending(&world, FailoverMode::Approve).await;
    let id = id.expect("opened");
    let status = world.finished(&life, &id).await;
    assert_eq!(status.state, ExecutionState::PendingManualApproval);
    assert_eq!(
        status.steps[&step("claim-epoch")].state,
        StepState::PendingApproval
    );
    assert_eq!(world.record().epoch, Epoch(1), "nothing has happened");
    world.seoul.workload.set_healthy(true);
    world.seoul.database.revive();
    world
        .until("it is withdrawn", || {
            life.service.status().execution.is_none()
        })
        .await;
    let status = world.finished(&life, &id).await;
    assert_eq!(status.state, ExecutionState::Canceled);
    world
        .until("the edge serves again", || {
            world.edge_site() == Some(site("seoul"))
        })
        .await;
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn with_mode_manual_it_only_tells() {
    let mut world = World::new();
    world.observers = 5;
    world.plan.failover.mode = FailoverMode::Manual;
    world.protect(5).await;
    let (life, _) = pending(&world, FailoverMode::Manual).await;
    assert_eq!(world.edge_site(), None, "traffic is shed");
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn while_canaries_arrive_nothing_is_promoted() {
    let mut world = World::new();
    world.observers = 5;
    world.protect(5).await;
    let life = world.live();
    world
        .until("the site is well", || {
            life.service.status().health.verdict == Verdict::Up
        })
        .await;
    // The web tier fails, the data tier lives.
    world.seoul.workload.set_healthy(false);
    world
        .until("traffic is shed", || world.edge_site().is_none())
        .await;
    world.clock.sleep(Duration::from_secs(60)).await;
    assert!(world.store.peek_executions().is_empty());
    assert_eq!(world.record().epoch, Epoch(1));
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_warm_standby_follows_and_is_let_go_of_by_a_failover() {
    let mut world = World::new();
    world.plan.strategy = Strategy::WarmStandby;
    world.protect(5).await;
    let life = world.live();
    world.seoul.workload.write("new", "1").expect("serves");
    world
        .until("the standby follows", || world.busan.database.has("new"))
        .await;
    world
        .until("the standby is fenced", || {
            !world.busan.database.accepts_writes()
        })
        .await;
    world.seoul.die();
    let status = world.run(&life, RunbookKind::Failover).await;
    assert_completed(&status);
    let facts = status.steps[&step("restore")].facts.clone();
    assert_eq!(facts.expect("facts")["loadedSnapshot"], false);
    assert!(world.busan.database.accepts_writes());
    world.clock.sleep(Duration::from_secs(5)).await;
    assert_eq!(world.busan.database.primaries_destroyed(), 0);
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_edge_gets_its_plan_back_and_a_foreign_standby_is_left_alone() {
    let mut world = World::protected(3).await;
    world.busan.database.put("theirs", "1").expect("writable");
    world.edge = planb_testkit::FakeTraffic::new();
    let life = world.live();
    world
        .until("the edge has a plan", || {
            world.edge_site() == Some(site("seoul"))
        })
        .await;
    world.clock.sleep(Duration::from_secs(10)).await;
    assert!(
        world.busan.database.accepts_writes(),
        "PlanB had no hand in it"
    );
    assert!(world.busan.database.has("theirs"));
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_log_is_drained_only_when_protection_has_let_go_of_it() {
    let world = World::protected(3).await;
    let life = world.live();
    world
        .until("seoul is protected", || {
            life.service.status().protection.state == ProtectionState::Protected
        })
        .await;
    let link = &world.repository_link;
    let slow = Duration::from_secs(2);
    let nth = link.calls("ship") + 1;
    link.script("ship", nth, planb_testkit::Fault::Delay(slow));
    world
        .until("a segment is under way", || link.calls("ship") == nth)
        .await;
    let under_way = world.clock.now();
    let status = world.run(&life, RunbookKind::Switchover).await;
    assert_completed(&status);
    let drained = status.steps[&step("drain-log")].ended_at.expect("ended");
    let waited = drained.duration_since(under_way).as_secs_f64();
    assert!(
        waited >= 1.9,
        "drained {waited} s after a segment was begun"
    );
    assert_eq!(world.busan.database.rows(), world.seoul.database.rows());
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_old_site_of_a_switchover_does_not_start_when_it_boots_on_a_new_disk() {
    let world = World::protected(3).await;
    let life = world.live();
    assert_completed(&world.run(&life, RunbookKind::Switchover).await);
    world
        .until("the old workload is fenced", || {
            world.seoul.workload.effects("fence", Epoch(2)) == 1
        })
        .await;
    life.end().await;
    // Its database with the fence row is gone, and nobody is there to fence it.
    world.seoul.die();
    world.seoul.database.revive_empty();
    world.seoul.workload.set_powered(true);
    let booted = world.seoul.workload.start(Epoch(1)).await;
    assert!(booted.is_err_and(|e| e.is_fenced()));
}
