//! A control plane that was left behind on the wrong side of a broken network
//! goes on acting under its old epoch. The targets refuse it; each test shows
//! that with the refusal removed the damage is there.

mod support;

use planb_engine::Approval;
use planb_model::Epoch;
use planb_model::runbook::RunbookKind;
use planb_model::traffic::{TrafficMode, TrafficPlan};
use planb_ports::{Clock, Traffic};
use planb_testkit::Link;
use std::time::Duration;
use support::{Life, World, assert_completed, operator, site};

/// Which refusal is removed.
#[derive(Clone, Copy, PartialEq)]
enum Removed {
    Nothing,
    OfTheDatabase,
    OfTheVault,
}

/// What an old control plane did to a service that had moved on.
struct Damage {
    busan_takes_writes: bool,
    written_after_closing: u64,
    primaries_destroyed: u64,
    edge: Option<planb_model::SiteName>,
}

/// Seoul and its control plane are cut off, alive; busan is promoted over them
/// by an override, and both go on.
async fn split(removed: Removed) -> Damage {
    let mut world = World::new();
    world.plan.strategy = planb_model::plan::Strategy::WarmStandby;
    world.protect(5).await;
    match removed {
        Removed::Nothing => {}
        Removed::OfTheDatabase => world.busan.database.remove_epoch_check(),
        Removed::OfTheVault => world.repository.remove_epoch_check(),
    }
    let old_side = World {
        store_link: Link::direct(),
        ..world.clone()
    };
    let old = old_side.live();
    world
        .until("the old control plane is at work", || {
            old.service.status().protection.rpo_secs.is_some() && world.edge_site().is_some()
        })
        .await;
    old_side.store_link.set_up(false);

    let mut new_side = world.clone();
    new_side.seoul.database_link = Link::direct();
    new_side.seoul.workload_link = Link::direct();
    new_side.seoul.database_link.set_up(false);
    new_side.seoul.workload_link.set_up(false);
    let new = new_side.live();
    fail_over_with_override(&new_side, &new).await;

    // Both live on for a while; seoul's clients still write there.
    for row in 0..20 {
        let written = world.seoul.workload.write(&format!("split-{row}"), "1");
        written.expect("seoul does not know");
        world.clock.sleep(Duration::from_secs(1)).await;
    }
    let damage = Damage {
        busan_takes_writes: world.busan.database.accepts_writes(),
        written_after_closing: world.repository.written_after_closing(),
        primaries_destroyed: world.busan.database.primaries_destroyed(),
        edge: world.edge_site(),
    };
    old.kill();
    new.end().await;
    damage
}

async fn fail_over_with_override(world: &World, life: &Life) {
    let reason = Some("seoul cannot be reached, its power is cut".to_owned());
    let kind = RunbookKind::Failover;
    let runbook = life.service.plan(kind, reason.clone()).await;
    let approval = Approval {
        by: "kim".to_owned(),
        hash: runbook.expect("can be planned").hash(),
    };
    let started = life.service.start(kind, operator(), Some(approval), reason);
    let id = started.await.expect("starts");
    assert_completed(&world.finished(life, &id).await);
}

#[tokio::test(start_paused = true)]
async fn an_old_control_plane_does_no_damage() {
    let damage = split(Removed::Nothing).await;
    assert!(damage.busan_takes_writes);
    assert_eq!(damage.written_after_closing, 0);
    assert_eq!(damage.primaries_destroyed, 0);
    assert_eq!(damage.edge, Some(site("busan")));
}

#[tokio::test(start_paused = true)]
async fn without_the_refusal_of_the_database_it_would_stop_the_new_primary() {
    let damage = split(Removed::OfTheDatabase).await;
    assert!(!damage.busan_takes_writes || damage.primaries_destroyed > 0);
}

#[tokio::test(start_paused = true)]
async fn without_the_refusal_of_the_vault_it_would_extend_the_closed_log() {
    let damage = split(Removed::OfTheVault).await;
    assert!(damage.written_after_closing > 0);
}

/// A plan of the old epoch that was under way for long arrives at the edge
/// after the service has moved.
async fn late_plan(unchecked: bool) -> Option<planb_model::SiteName> {
    let world = World::protected(3).await;
    let late = world.edge.serving(&world.service_name());
    let late = late.expect("protecting applies a plan");
    world.seoul.die();
    let life = world.live();
    assert_completed(&world.run(&life, RunbookKind::Failover).await);
    life.end().await;
    if unchecked {
        world.edge.remove_epoch_check();
    }
    let applied = world.edge.apply(&late).await;
    assert_eq!(applied.is_err_and(|e| e.is_fenced()), !unchecked);
    world.edge_site()
}

#[tokio::test(start_paused = true)]
async fn a_late_plan_of_the_old_epoch_is_refused_by_the_edge() {
    assert_eq!(late_plan(false).await, Some(site("busan")));
    assert_eq!(late_plan(true).await, Some(site("seoul")));
}

#[tokio::test(start_paused = true)]
async fn an_edge_ahead_of_the_record_is_left_alone() {
    let world = World::protected(3).await;
    let ahead = TrafficPlan {
        service: world.service_name(),
        epoch: Epoch(9),
        revision: 1,
        mode: TrafficMode::Maintenance,
        retry_after_secs: 5,
    };
    world.edge.apply(&ahead).await.expect("newer");
    let life = world.live();
    world.clock.sleep(Duration::from_secs(10)).await;
    assert_eq!(world.edge.serving(&world.service_name()), Some(ahead));
    life.end().await;
}
