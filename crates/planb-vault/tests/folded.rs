//! Folded log shortens restores, and no restore needs it.

mod world;

use planb_ports::progress::NoProgress;
use planb_ports::repository::RestoreReport;
use planb_ports::{Clock, Database, Repository, RestoreOptions, RestoreTo};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use world::ordered::OrderedDatabase;
use world::{ONE, Protection, World};

const FOLDED: &str = "orders/folded/0000000001/";

/// A world whose source changed one row again and again, for a while.
async fn folded(world: &World, minutes: u64) -> Protection {
    folded_with(world, minutes, "").await
}

async fn folded_with(world: &World, minutes: u64, value: &str) -> Protection {
    let mut source = OrderedDatabase::of(&world.source, &world.clock);
    source.folds = true;
    world.claim(ONE).await;
    let protection = Protection::start(world.repository(), Arc::new(source), &world.clock);
    protection.caught_up().await;
    for second in 0..minutes * 60 {
        world
            .source
            .put("hot", &format!("{value}{second}"))
            .expect("writable");
        world.clock.sleep(Duration::from_secs(1)).await;
    }
    protection.caught_up().await;
    protection
}

/// Restores, and says how many folded objects were taken.
async fn restore(world: &World, target: &OrderedDatabase, to: RestoreTo) -> (RestoreReport, usize) {
    let before = target.folded.load(Relaxed);
    let options = RestoreOptions {
        to,
        ..RestoreOptions::default()
    };
    let report = world
        .repository()
        .restore(target, &options, &NoProgress)
        .await;
    let report = report.unwrap_or_else(|error| panic!("{}", error.chain()));
    (report, target.folded.load(Relaxed) - before)
}

fn target(world: &World) -> OrderedDatabase {
    let mut target = OrderedDatabase::of(&world.target, &world.clock);
    target.folds = true;
    target
}

#[tokio::test(start_paused = true)]
async fn a_restore_takes_the_longest_folded_log_and_the_rest_as_it_is() {
    let world = World::new();
    let protection = folded(&world, 12).await;
    let count = |level: &str| world.keys(&format!("{FOLDED}{level}/")).len();
    assert!(count("30s") >= 20 && count("5m") >= 2, "{}", count("30s"));
    let target = target(&world);
    let (report, taken) = restore(&world, &target, RestoreTo::Latest).await;
    assert_eq!(world.target.rows(), world.source.rows());
    // Two of five minutes and what came since; most segments are in them.
    assert!((2..=8).contains(&taken), "{taken}");
    let segments = world.log_keys(ONE).len() as u64;
    assert!(report.segments_applied > 300 && segments >= report.segments_applied);
    assert_eq!(report.canary, protection.newest_canary());

    // From there on only what is new.
    world.put_rows("more", 3).await;
    protection.caught_up().await;
    let (_, taken) = restore(&world, &target, RestoreTo::Latest).await;
    assert_eq!((world.target.rows(), taken), (world.source.rows(), 0));
    protection.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restore_to_a_point_does_not_pass_it_by_folded_log() {
    let world = World::new();
    let protection = folded(&world, 2).await;
    let rows = world.source.rows();
    let moment = world.clock.now();
    for value in 0..90 {
        let put = world.source.put("hot", &format!("later {value}"));
        put.expect("writable");
        world.clock.sleep(Duration::from_secs(1)).await;
    }
    protection.caught_up().await;
    let target = target(&world);
    let (_, taken) = restore(&world, &target, RestoreTo::Time(moment)).await;
    assert!(taken >= 1);
    assert_eq!(world.target.rows(), rows);
    protection.stop().await;
}

#[tokio::test(start_paused = true)]
async fn damaged_missing_and_refused_folded_log_is_done_without() {
    let world = World::new();
    let protection = folded(&world, 2).await;
    protection.stop().await;
    let keys = world.keys(FOLDED);
    assert!(keys.len() >= 3);
    for key in &keys {
        assert!(world.storage.corrupt(key));
    }
    let target = target(&world);
    let (_, taken) = restore(&world, &target, RestoreTo::Latest).await;
    assert_eq!((world.target.rows(), taken), (world.source.rows(), 0));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_takes_no_folded_log_gets_the_segments() {
    let world = World::new();
    let protection = folded(&world, 2).await;
    let mut target = target(&world);
    target.takes_folded = false;
    let (report, taken) = restore(&world, &target, RestoreTo::Latest).await;
    assert_eq!((world.target.rows(), taken), (world.source.rows(), 0));
    let mark = target.applied().await.expect("asked");
    assert_eq!(mark, Some(report.mark));
    protection.stop().await;
}

#[tokio::test(start_paused = true)]
async fn folded_log_of_another_chain_is_not_taken() {
    let (world, other) = (World::new(), World::new());
    folded(&world, 2).await.stop().await;
    folded_with(&other, 2, "other ").await.stop().await;
    for key in world.keys(FOLDED) {
        world.storage.lose(&key).expect("there");
    }
    for key in other.keys(FOLDED) {
        let object = other.storage.peek(&key).expect("there");
        world.storage.plant(&key, object);
    }
    let target = target(&world);
    let (_, taken) = restore(&world, &target, RestoreTo::Latest).await;
    assert_eq!((world.target.rows(), taken), (world.source.rows(), 0));
}
