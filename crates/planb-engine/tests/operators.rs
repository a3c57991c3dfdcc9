//! Approvals, failures, unknown outcomes, and giving up.

mod support;

use planb_engine::{Approval, EngineError};
use planb_model::Epoch;
use planb_model::execution::{ExecutionState, StepState};
use planb_model::runbook::{RunbookHash, RunbookKind};
use planb_ports::{Database, ErrorKind};
use planb_testkit::Fault;
use support::{World, assert_completed, operator, site, step};

#[tokio::test(start_paused = true)]
async fn an_approval_binds_to_the_hash() {
    let world = World::protected(3).await;
    let life = world.live();
    let service = &life.service;
    let kind = RunbookKind::Switchover;
    let wrong = || RunbookHash("0".repeat(64));
    let approval = Approval {
        by: "kim".to_owned(),
        hash: wrong(),
    };
    let refused = service.start(kind, operator(), Some(approval), None).await;
    assert!(matches!(refused, Err(EngineError::WrongHash { .. })));
    assert!(
        world.store.peek_executions().is_empty(),
        "nothing was opened"
    );

    let id = service
        .start(kind, operator(), None, None)
        .await
        .expect("opens");
    let refused = service.approve(&id, &wrong(), "kim").await;
    assert!(matches!(refused, Err(EngineError::WrongHash { .. })));
    let status = world.finished(&life, &id).await;
    assert_eq!(status.state, ExecutionState::PendingManualApproval);
    assert_eq!(world.record().epoch, Epoch(1));
    let dry = service.plan(kind, None).await.expect("can be planned");
    service
        .approve(&id, &dry.hash(), "lee")
        .await
        .expect("approves");
    let again = service.approve(&id, &dry.hash(), "lee").await;
    assert!(matches!(again, Err(EngineError::WrongState { .. })));
    world
        .until("it is over", || service.status().execution.is_none())
        .await;
    let status = world.finished(&life, &id).await;
    assert_completed(&status);
    assert_eq!(status.approved_by.as_deref(), Some("lee"));
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn only_one_execution_at_a_time() {
    let world = World::protected(1).await;
    let life = world.live();
    let kind = RunbookKind::Switchover;
    life.service
        .start(kind, operator(), None, None)
        .await
        .expect("opens");
    let second = life.service.start(kind, operator(), None, None).await;
    assert!(matches!(second, Err(EngineError::Port(e)) if e.kind() == ErrorKind::Conflict));
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_pauses_and_is_asked_for_when_it_is_resumed() {
    let world = World::protected(3).await;
    world.seoul.die();
    // The promotion happens, and then the site is cut off: neither the answer
    // nor any look at it arrives.
    let link = &world.busan.database_link;
    link.script("promote", 1, Fault::TimeoutAfter);
    let life = world.live();
    let id = life.start(RunbookKind::Failover).await;
    world
        .until("it is promoted", || {
            world.busan.database.effects("promote", Epoch(2)) == 1
        })
        .await;
    link.set_up(false);
    let status = world.finished(&life, &id).await;
    assert_eq!(
        status.state,
        ExecutionState::PausedByFailedStep,
        "{:#?}",
        status.steps
    );
    assert_eq!(status.steps[&step("promote")].state, StepState::Unknown);
    assert_eq!(
        world.busan.workload.running(),
        None,
        "nothing goes on from unknown"
    );
    life.service.resume(&id, "kim").await.expect("resumes");
    world
        .until("it was asked and did not answer", || {
            let execution = life.service.status().execution;
            execution.is_some_and(|e| {
                e.steps[&step("promote")].attempts == 2
                    && e.state == ExecutionState::PausedByFailedStep
            })
        })
        .await;
    link.set_up(true);
    life.service.resume(&id, "kim").await.expect("resumes");
    world
        .until("it is over", || life.service.status().execution.is_none())
        .await;
    let status = world.finished(&life, &id).await;
    assert_eq!(status.state, ExecutionState::CompletedWithExceptions);
    assert_eq!(world.busan.database.effects("promote", Epoch(2)), 1);
    assert_eq!(
        world.busan.database_link.calls("promote"),
        1,
        "asked, not assumed"
    );
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_asked_for_at_once() {
    let world = World::protected(3).await;
    world.seoul.die();
    world
        .busan
        .database_link
        .script("promote", 1, Fault::TimeoutAfter);
    let life = world.live();
    assert_completed(&world.run(&life, RunbookKind::Failover).await);
    assert_eq!(world.busan.database_link.calls("promote"), 1);
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_site_is_not_promoted_over_without_an_override() {
    let world = World::protected(3).await;
    // Not dead: cut off, and taking writes.
    world.seoul.database_link.set_up(false);
    world.seoul.workload_link.set_up(false);
    let life = world.live();
    let status = world.run(&life, RunbookKind::Failover).await;
    assert_eq!(status.state, ExecutionState::PausedByFailedStep);
    let fence = &status.steps[&step("fence-site")];
    assert_eq!(fence.code.as_deref(), Some("PB-ENGINE-NO-FENCE-PROOF"));
    assert_eq!(status.steps[&step("promote")].state, StepState::NotStarted);
    assert_eq!(
        status.steps[&step("verify-restored")].state,
        StepState::Completed
    );
    assert!(world.seoul.database.accepts_writes());
    let id = status.execution.id.clone();
    let service = &life.service;
    let skipped = service
        .skip(&id, &step("fence-site"), "kim", "I know")
        .await;
    assert!(matches!(skipped, Err(EngineError::NotSkippable { .. })));
    let promoted = world.busan.database.effects("promote", Epoch(2));
    assert_eq!(promoted, 0);
    // Giving up cannot reach the old site either: that is told, not hidden.
    service.cancel(&id, "kim").await.expect("cancels");
    let status = world.finished(&life, &id).await;
    assert_eq!(status.state, ExecutionState::PausedByFailedStep);
    for stuck in ["undo-promote", "undo-start-workload"] {
        world.finished(&life, &id).await;
        service
            .skip(&id, &step(stuck), "kim", "cut off")
            .await
            .expect("skips");
        world
            .until("it went on", || {
                let execution = service.status().execution;
                execution.is_none_or(|e| e.state != ExecutionState::InProgress)
            })
            .await;
    }
    world
        .until("it is over", || service.status().execution.is_none())
        .await;
    // The override is planned, hashed and approved.
    let kind = RunbookKind::Failover;
    let reason = Some("the power of the building is cut".to_owned());
    let runbook = service
        .plan(kind, reason.clone())
        .await
        .expect("can be planned");
    let approval = Approval {
        by: "kim".to_owned(),
        hash: runbook.hash(),
    };
    let id = service
        .start(kind, operator(), Some(approval), reason)
        .await;
    assert_completed(&world.finished(&life, &id.expect("starts")).await);
    assert_eq!(world.record().active, site("busan"));
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn giving_up_a_switchover_leaves_the_service_where_it_was() {
    let world = World::protected(4).await;
    let calls = world.busan.database_link.calls("digests");
    world
        .busan
        .database_link
        .script("digests", calls + 1, Fault::Fail(ErrorKind::Corrupt));
    // The restore itself compares as well; whichever look fails, it stops.
    let life = world.live();
    let status = world.run(&life, RunbookKind::Switchover).await;
    assert_eq!(
        status.state,
        ExecutionState::PausedByFailedStep,
        "after {calls} looks"
    );
    let id = status.execution.id.clone();
    life.service.cancel(&id, "kim").await.expect("cancels");
    world
        .until("it is over", || life.service.status().execution.is_none())
        .await;
    let status = world.finished(&life, &id).await;
    assert_eq!(status.state, ExecutionState::Failed);
    assert_eq!(world.record().active, site("seoul"));
    world
        .until("the edge serves seoul", || {
            world.edge_site() == Some(site("seoul"))
        })
        .await;
    world
        .seoul
        .workload
        .write("still here", "1")
        .expect("serves");
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_drained_switchover_is_taken_back_under_the_new_epoch() {
    let world = World::protected(4).await;
    let life = world.live();
    // Fails as late as it can be taken back: while the rows are compared.
    let compared = world.seoul.database_link.calls("digests");
    world
        .seoul
        .database_link
        .script("digests", compared + 1, Fault::Fail(ErrorKind::Corrupt));
    let status = world.run(&life, RunbookKind::Switchover).await;
    assert_eq!(
        status.steps[&step("compare-databases")].state,
        StepState::Failed
    );
    assert!(!world.seoul.database.accepts_writes(), "fenced and drained");
    let id = status.execution.id.clone();
    life.service.cancel(&id, "kim").await.expect("cancels");
    world
        .until("it is over", || life.service.status().execution.is_none())
        .await;
    let record = world.record();
    assert_eq!(
        (record.active, record.active_epoch),
        (site("seoul"), Epoch(2))
    );
    assert_eq!(world.edge_site(), Some(site("seoul")));
    world
        .seoul
        .workload
        .write("still here", "1")
        .expect("serves again");
    world
        .until("it is protected again", || {
            world.repository.recoverable_keys().contains("still here")
        })
        .await;
    assert_completed(&world.run(&life, RunbookKind::Switchover).await);
    assert!(world.busan.database.has("still here"));
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_and_a_resume_lets_go() {
    let world = World::protected(2).await;
    let life = world.live();
    let service = &life.service;
    let kind = RunbookKind::Switchover;
    let id = service
        .start(kind, operator(), None, None)
        .await
        .expect("opens");
    service.pause(&id, "kim").await.expect("pauses");
    let hash = service
        .plan(kind, None)
        .await
        .expect("can be planned")
        .hash();
    service.approve(&id, &hash, "kim").await.expect("approves");
    let status = world.finished(&life, &id).await;
    assert_eq!(status.state, ExecutionState::PausedByOperator);
    assert!(status.steps.values().all(|s| s.attempts == 0));
    service.resume(&id, "kim").await.expect("resumes");
    world
        .until("it is over", || service.status().execution.is_none())
        .await;
    assert_completed(&world.finished(&life, &id).await);
    let newest = service.history(10).await.expect("reads");
    assert_eq!(newest.len(), 1);
    let history = service.execution_history(&id).await.expect("reads");
    assert_eq!(history.status, newest[0]);
    assert_eq!(history.journal.len() as u64, world.journal_len());
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_execution_planned_on_an_older_epoch_ends_as_failed() {
    let world = World::protected(2).await;
    let life = world.live();
    let kind = RunbookKind::Failover;
    let service = &life.service;
    let id = service
        .start(kind, operator(), None, None)
        .await
        .expect("opens");
    // Somebody else claims in between.
    let other = planb_model::ExecutionId::new("other").expect("a name");
    let clock = planb_ports::Clock::now(&world.clock);
    let store: &dyn planb_ports::Store = &world.store;
    let claimed = store
        .claim_epoch(&world.service_name(), Epoch(1), &other, clock)
        .await;
    claimed.expect("claims");
    let (execution, _) = world.store.peek_executions().remove(0);
    service
        .approve(&id, &execution.hash, "kim")
        .await
        .expect("approves");
    world
        .until("it is over", || service.status().execution.is_none())
        .await;
    let status = world.finished(&life, &id).await;
    assert_eq!(status.state, ExecutionState::Failed);
    assert!(world.seoul.database.accepts_writes(), "nothing was done");
    assert!(
        world
            .repository
            .claims()
            .iter()
            .all(|(epoch, _)| *epoch == Epoch(1))
    );
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_target_that_lost_its_disk_after_the_restore_is_not_promoted() {
    let world = World::protected(3).await;
    world.seoul.die();
    for nth in 1..=5 {
        let link = &world.busan.database_link;
        link.script("promote", nth, Fault::Unavailable);
    }
    let life = world.live();
    let id = life.start(RunbookKind::Failover).await;
    let status = world.finished(&life, &id).await;
    assert_eq!(status.state, ExecutionState::PausedByFailedStep);
    world.busan.database.revive_empty();
    life.service.resume(&id, "kim").await.expect("resumes");
    let status = world.finished(&life, &id).await;
    let promote = &status.steps[&step("promote")];
    assert_eq!(promote.code.as_deref(), Some("PB-ENGINE-TARGET-LOST"));
    assert!(world.busan.database.peek_fence().epoch.is_none());

    life.service.cancel(&id, "kim").await.expect("cancels");
    let anew = world.run(&life, RunbookKind::Failover).await;
    assert_completed(&anew);
    assert_eq!(world.busan.database.rows().len(), 3);
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_target_that_lost_its_disk_after_the_promotion_is_not_activated() {
    let world = World::protected(3).await;
    world.seoul.die();
    world.busan.workload.set_healthy(false);
    let life = world.live();
    let id = life.start(RunbookKind::Failover).await;
    world
        .until("busan is promoted and started", || {
            world.busan.workload.running() == Some(Epoch(2))
        })
        .await;
    world.busan.database.revive_empty();
    world.busan.workload.set_healthy(true);
    let status = world.finished(&life, &id).await;
    assert_eq!(status.state, ExecutionState::PausedByFailedStep);
    let activate = &status.steps[&step("activate")];
    assert_eq!(activate.code.as_deref(), Some("PB-ENGINE-TARGET-LOST"));
    assert_eq!(world.record().active, site("seoul"));

    life.service.cancel(&id, "kim").await.expect("cancels");
    let anew = world.run(&life, RunbookKind::Failover).await;
    assert_completed(&anew);
    assert_eq!(world.busan.database.rows().len(), 3);
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_fence_of_the_active_epoch_that_comes_late_does_not_stay() {
    let world = World::protected(3).await;
    let life = world.live();
    let service = world.service_name();
    let done = world.run(&life, RunbookKind::Switchover).await;
    assert_completed(&done);
    let epoch = world.record().active_epoch;
    let busan = &world.busan.database;
    busan.fence(&service, epoch).await.expect("the late one");
    assert!(!busan.accepts_writes());
    world
        .until("it takes writes again", || busan.accepts_writes())
        .await;
    life.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_workload_that_dies_before_its_health_check_is_started_by_resuming() {
    let world = World::protected(3).await;
    world.seoul.die();
    let workload = &world.busan.workload;
    workload.set_healthy(false);
    let life = world.live();
    let id = life.start(RunbookKind::Failover).await;
    world
        .until("it runs", || workload.running() == Some(Epoch(2)))
        .await;
    workload.set_powered(false);
    workload.set_powered(true);
    workload.set_healthy(true);
    let status = world.finished(&life, &id).await;
    assert_eq!(status.state, ExecutionState::PausedByFailedStep);
    life.service.resume(&id, "kim").await.expect("resumes");
    let status = world.finished(&life, &id).await;
    assert_eq!(status.state, ExecutionState::CompletedWithExceptions);
    assert_eq!(workload.running(), Some(Epoch(2)));
    life.end().await;
}
