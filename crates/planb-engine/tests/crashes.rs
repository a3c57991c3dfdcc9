//! The control plane dies at every point of the journal and around every
//! effect; the next one goes on, and nothing happens twice.

mod support;

use planb_engine::{CrashPoint, EngineError, Side};
use planb_model::Epoch;
use planb_model::execution::{ExecutionState, JournalEntry};
use planb_model::runbook::RunbookKind;
use planb_ports::ErrorKind;
use planb_testkit::{Fault, Link};
use std::sync::Arc;
use support::{CrashAt, Life, World, assert_completed, site, start};

/// A world in which the next execution is a failover or a switchover to busan.
async fn ready(kind: RunbookKind) -> World {
    let world = World::protected(6).await;
    if kind == RunbookKind::Failover {
        world.seoul.die();
    }
    world
}

/// Lets `life` run its execution until it dies; then the next life ends it.
async fn dies_and_goes_on(world: &World, life: Life, kind: RunbookKind) {
    let service = life.service.clone();
    let starter = tokio::spawn(async move { start(&service, kind).await });
    world
        .until("the control plane dies", || life.incarnation.is_dead())
        .await;
    starter.abort();
    life.kill();
    let life = world.live();
    let id = match world.store.peek_executions().pop() {
        Some((execution, _)) => execution.id,
        None => life.start(kind).await,
    };
    let status = world.finished(&life, &id).await;
    if status.state == ExecutionState::PendingManualApproval {
        let hash = status.execution.hash.clone();
        let approved = life.service.approve(&id, &hash, "kim").await;
        approved.expect("approves");
        world
            .until("it is over", || life.service.status().execution.is_none())
            .await;
    }
    assert_completed(&world.finished(&life, &id).await);
    moved_once(world, kind);
    life.end().await;
}

/// The end is the same as without a crash, and no effect came twice.
fn moved_once(world: &World, kind: RunbookKind) {
    let epoch = Epoch(2);
    let record = world.record();
    assert_eq!((record.active, record.epoch), (site("busan"), epoch));
    assert_eq!(world.edge_site(), Some(site("busan")));
    assert_eq!(world.busan.database.rows(), world.seoul.database.rows());
    assert_eq!(world.busan.database.effects("promote", epoch), 1);
    assert_eq!(world.busan.workload.effects("start", epoch), 1);
    assert_eq!(world.busan.database.primaries_destroyed(), 0);
    assert_eq!(world.seoul.database.primaries_destroyed(), 0);
    let of_epoch = |p: &&planb_model::traffic::TrafficPlan| p.epoch == epoch;
    assert_eq!(world.edge.history().iter().filter(of_epoch).count(), 2);
    let claims = world.repository.claims();
    assert_eq!(claims.iter().filter(|(e, _)| *e == epoch).count(), 1);
    match kind {
        RunbookKind::Failover => assert_eq!(world.seoul.workload.effects("fence", epoch), 1),
        _ => {
            assert_eq!(world.seoul.workload.effects("stop", epoch), 1);
            assert_eq!(world.seoul.database.effects("fence", epoch), 1);
        }
    }
    assert_eq!(world.store.peek_executions().len(), 1);
}

async fn every_journal_point(kind: RunbookKind) {
    let world = ready(kind).await;
    let life = world.live();
    assert_completed(&world.run(&life, kind).await);
    moved_once(&world, kind);
    life.end().await;
    let entries = world.journal_len();
    assert!(entries > 20, "{entries} entries");
    for seq in 1..=entries {
        for side in [Side::Before, Side::After] {
            let world = ready(kind).await;
            let point = CrashPoint { seq, side };
            let life = world.live_with(|life| {
                Arc::new(CrashAt {
                    point,
                    life: life.clone(),
                })
            });
            dies_and_goes_on(&world, life, kind).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failover_survives_a_crash_at_every_journal_point() {
    every_journal_point(RunbookKind::Failover).await;
}

#[tokio::test(start_paused = true)]
async fn a_switchover_survives_a_crash_at_every_journal_point() {
    every_journal_point(RunbookKind::Switchover).await;
}

/// The effects of a move: the link they go over and the method.
fn effects(world: &World) -> Vec<(Link, &'static str)> {
    let mut effects = vec![
        (world.store_link.clone(), "claim"),
        (world.store_link.clone(), "activate"),
        (world.store_link.clone(), "append"),
        (world.repository_link.clone(), "claim-epoch"),
        (world.repository_link.clone(), "close-log"),
    ];
    for method in [
        "begin-restore",
        "load-part",
        "end-restore",
        "apply-segment",
        "promote",
    ] {
        effects.push((world.busan.database_link.clone(), method));
    }
    effects.push((world.seoul.database_link.clone(), "fence"));
    for link in [&world.seoul.workload_link, &world.busan.workload_link] {
        for method in ["start", "stop", "fence"] {
            effects.push((link.clone(), method));
        }
    }
    effects.push((world.edge_link.clone(), "apply"));
    effects
}

/// Crashes around the `nth` call of an effect, if there is one; how many calls
/// there are is found by trying.
async fn around_every_effect(kind: RunbookKind) {
    let world = ready(kind).await;
    let before: Vec<u64> = effects(&world).iter().map(|(l, m)| l.calls(m)).collect();
    let life = world.live();
    assert_completed(&world.run(&life, kind).await);
    life.end().await;
    let after: Vec<u64> = effects(&world).iter().map(|(l, m)| l.calls(m)).collect();
    let mut crashes = 0;
    for (index, (before, after)) in before.into_iter().zip(after).enumerate() {
        for nth in before + 1..=after {
            for fault in [Fault::CrashBefore, Fault::CrashAfter] {
                let world = ready(kind).await;
                let (link, method) = effects(&world).remove(index);
                link.script(method, link.calls(method) + nth - before, fault);
                let life = world.live();
                dies_and_goes_on(&world, life, kind).await;
                crashes += 1;
            }
        }
    }
    assert!(crashes > 50, "{crashes} crashes");
}

#[tokio::test(start_paused = true)]
async fn a_failover_survives_a_crash_around_every_effect() {
    around_every_effect(RunbookKind::Failover).await;
}

#[tokio::test(start_paused = true)]
async fn a_switchover_survives_a_crash_around_every_effect() {
    around_every_effect(RunbookKind::Switchover).await;
}

/// A switchover that finds different rows after the drain, and is given up.
async fn different_rows() -> World {
    let world = World::protected(4).await;
    let link = &world.seoul.database_link;
    let nth = link.calls("digests") + 1;
    link.script("digests", nth, Fault::Fail(ErrorKind::Corrupt));
    let life = world.live();
    let status = world.run(&life, RunbookKind::Switchover).await;
    assert_eq!(status.state, ExecutionState::PausedByFailedStep);
    life.end().await;
    world
}

async fn taken_back(world: &World, life: &Life) {
    world
        .until("it is over", || {
            let mut all = world.store.peek_executions();
            all.pop().is_some_and(|(_, journal)| {
                let last = journal.last().map(|r| r.entry.clone());
                matches!(last, Some(JournalEntry::Finished { .. }))
            })
        })
        .await;
    let status = world.finished(life, &world.execution()).await;
    assert_eq!(status.state, ExecutionState::Failed, "{:#?}", status.steps);
    let record = world.record();
    assert_eq!(
        (record.active, record.active_epoch),
        (site("seoul"), Epoch(2))
    );
    assert_eq!(world.edge_site(), Some(site("seoul")));
    world.seoul.workload.write("after", "1").expect("serves");
    assert_eq!(world.seoul.database.effects("promote", Epoch(2)), 1);
    assert_eq!(world.seoul.workload.effects("start", Epoch(2)), 1);
    assert_eq!(world.busan.database.effects("promote", Epoch(2)), 0);
}

#[tokio::test(start_paused = true)]
async fn taking_back_survives_a_crash_at_every_journal_point() {
    let world = different_rows().await;
    let paused_at = world.journal_len();
    let life = world.live();
    let canceled = life.service.cancel(&world.execution(), "kim").await;
    canceled.expect("cancels");
    taken_back(&world, &life).await;
    life.end().await;
    let end = world.journal_len();
    assert!(end > paused_at + 8, "cancel, four steps back, the end");
    for seq in paused_at + 1..=end {
        for side in [Side::Before, Side::After] {
            let world = different_rows().await;
            let point = CrashPoint { seq, side };
            let life = world.live_with(|life| {
                Arc::new(CrashAt {
                    point,
                    life: life.clone(),
                })
            });
            let (service, id) = (life.service.clone(), world.execution());
            let cancel = tokio::spawn(async move { service.cancel(&id, "kim").await });
            world
                .until("the control plane dies", || life.incarnation.is_dead())
                .await;
            cancel.abort();
            life.kill();
            let life = world.live();
            if world.journal_len() == paused_at {
                let again = life.service.cancel(&world.execution(), "kim").await;
                again.expect("cancels");
            }
            taken_back(&world, &life).await;
            life.end().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_finds_its_place_taken_has_lost_the_execution() {
    let world = World::protected(1).await;
    let life = world.live();
    let kind = RunbookKind::Switchover;
    let service = &life.service;
    let opened = service.start(kind, support::operator(), None, None).await;
    let id = opened.expect("opens");
    let hash = world.store.peek_executions()[0].0.hash.clone();
    // A second control plane on the same state, which nobody should have started.
    let store: &dyn planb_ports::Store = &world.store;
    let (by, now) = ("lee".to_owned(), planb_ports::Clock::now(&world.clock));
    let entry = JournalEntry::Approved {
        by,
        hash: hash.clone(),
    };
    store.append(&id, 1, &entry, now).await.expect("appends");
    let lost = service.approve(&id, &hash, "kim").await;
    assert!(matches!(lost, Err(EngineError::Lost { .. })), "{lost:?}");
    assert_eq!(world.journal_len(), 1);
    life.kill();
}

#[tokio::test(start_paused = true)]
async fn a_step_that_needs_the_operator_is_not_begun_again_by_itself() {
    let world = ready(RunbookKind::Failover).await;
    let life = world.live();
    let mut runbook = life.service.plan(RunbookKind::Failover, None).await;
    life.end().await;
    let runbook = runbook.as_mut().expect("can be planned");
    let starting = support::step("start-workload");
    for step in runbook.steps.iter_mut().filter(|s| s.id == starting) {
        step.resume = planb_model::runbook::Resume::Operator;
    }
    let execution = planb_model::execution::Execution {
        id: planb_model::ExecutionId::new("by-hand").expect("a name"),
        hash: runbook.hash(),
        runbook: runbook.clone(),
        trigger: support::operator(),
        opened_at: planb_ports::Clock::now(&world.clock),
    };
    let store: &dyn planb_ports::Store = &world.store;
    store.open_execution(&execution).await.expect("opens");
    let link = &world.busan.workload_link;
    link.script("start", link.calls("start") + 1, Fault::CrashAfter);
    let life = world.live();
    let approved = life.service.approve(&execution.id, &execution.hash, "kim");
    approved.await.expect("approves");
    world
        .until("the control plane dies", || life.incarnation.is_dead())
        .await;
    life.kill();

    let life = world.live();
    world
        .until("it waits", || {
            let execution = life.service.status().execution;
            execution.is_some_and(|e| e.state == ExecutionState::PausedByFailedStep)
        })
        .await;
    let status = world.finished(&life, &execution.id).await;
    let code = status.steps[&starting].code.clone();
    assert_eq!(code.as_deref(), Some("PB-ENGINE-INTERRUPTED"));
    assert_eq!(link.calls("start"), 1);
    life.service
        .resume(&execution.id, "kim")
        .await
        .expect("resumes");
    world
        .until("it is over", || life.service.status().execution.is_none())
        .await;
    assert_eq!(world.edge_site(), Some(site("busan")));
    assert_eq!(link.calls("start"), 2);
    life.end().await;
}

/// The store takes an entry, its answer is lost, and so is the answer to the
/// question whether it is there.
#[tokio::test(start_paused = true)]
async fn an_append_in_doubt_is_read_again() {
    let world = World::protected(3).await;
    let life = world.live();
    let link = &world.store_link;
    let (appends, reads) = (link.calls("append"), link.calls("journal"));
    link.script("append", appends + 1, Fault::TimeoutAfter);
    // The first read opens the journal.
    link.script("journal", reads + 2, Fault::TimeoutBefore);
    let runbook = life.service.plan(RunbookKind::Switchover, None).await;
    let approval = planb_engine::Approval {
        by: "kim".to_owned(),
        hash: runbook.expect("can be planned").hash(),
    };
    let kind = RunbookKind::Switchover;
    let opened = life
        .service
        .start(kind, support::operator(), Some(approval), None);
    assert!(opened.await.is_err(), "whether it is approved is not known");
    let id = world.execution();
    assert_completed(&world.finished(&life, &id).await);
    life.end().await;
}
