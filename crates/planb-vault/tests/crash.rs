//! `kill -9` at every call to the storage: the next life goes on, and nothing
//! is lost or there twice.

mod world;

use planb_model::SiteName;
use planb_ports::{Clock, Repository};
use planb_testkit::{Fault, Incarnation, Link};
use std::sync::Arc;
use std::time::Duration;
use world::{ONE, Protection, SECOND, World, seq_of};

/// Runs one life until it dies or has shipped everything. Returns whether it died.
async fn live(world: &World, nth: u64, fault: Fault) -> bool {
    let life = Incarnation::new();
    let link = Link::direct();
    link.script("*", nth, fault);
    let repository = world.repository_of(link, &life);
    let clock = world.clock.clone();
    let dead = || async {
        while !life.is_dead() {
            clock.sleep(Duration::from_millis(1)).await;
        }
    };
    let site = SiteName::new("seoul").expect("name");
    tokio::select! {
        () = dead() => return true,
        claimed = repository.claim_epoch(ONE, "test", &site) => claimed.expect("claimed"),
    }
    let source = Arc::new(world.source.clone());
    let protection = Protection::start(repository, source, &world.clock);
    let writes = async {
        world.put_rows("row", 3).await;
        protection.caught_up().await;
    };
    let died = tokio::select! {
        () = dead() => true,
        () = writes => false,
    };
    protection.abandon();
    died
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_every_call_loses_nothing_and_repeats_nothing() {
    let mut lives = 0;
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        for nth in 1.. {
            let world = World::new();
            if !live(&world, nth, fault.clone()).await {
                break;
            }
            lives += 1;
            world.put_rows("between", 1).await;
            world.claim(ONE).await;
            let again = world.protect_through(Link::direct());
            world.put_rows("after", 1).await;
            again.caught_up().await;
            again.stop().await;
            let report = world.restore_all().await;
            // The fake refuses a segment that does not start where it stands;
            // the places in the chain have no gap either.
            let keys = world.log_keys(ONE);
            assert_eq!(seq_of(keys.last().expect("log")).0, keys.len() as u64);
            assert_eq!(report.mark.next_segment.0, keys.len() as u64 + 1);
        }
    }
    assert!(lives > 40, "only {lives} calls were tried");
}

#[tokio::test(start_paused = true)]
async fn parts_without_a_manifest_do_not_count() {
    let world = World::new();
    let protection = world.protect().await;
    world.put_rows("a", 3).await;
    protection.caught_up().await;
    protection.stop().await;
    let before = world.repository().recovery_point().await.expect("a point");
    let parts = world.keys("orders/snapshot/").len();
    world.put_rows("lost", 1).await;
    world.source.purge_log();

    let life = Incarnation::new();
    let link = Link::direct();
    // The first create is `vault.json`, the second the manifest.
    link.script("create", 2, Fault::CrashBefore);
    let repository = world.repository_of(link, &life);
    let source = Arc::new(world.source.clone());
    let dying = Protection::start(repository, source, &world.clock);
    dying.until("the crash", || life.is_dead()).await;
    dying.abandon();
    assert!(
        world.keys("orders/snapshot/").len() > parts,
        "parts were written"
    );
    assert_eq!(world.keys("orders/manifest/").len(), 1);
    let after = world.repository().recovery_point().await.expect("a point");
    assert_eq!(after, before);
    world.restore().await.expect("the snapshot before is whole");

    let again = world.protect_through(Link::direct());
    again.caught_up().await;
    world.clock.sleep(SECOND).await;
    world.restore_all().await;
}
