//! Damaged, missing and swapped objects: always noticed, always named.

mod world;

use planb_ports::progress::NoProgress;
use planb_ports::repository::ProtectEvent;
use planb_ports::{Database, ErrorKind, PortError, Progress, Repository, RestoreOptions};
use planb_testkit::{Fault, Link};
use std::sync::{Arc, Mutex};
use world::ordered::OrderedDatabase;
use world::{ONE, Protection, SECOND, TWO, World};

/// A vault with one snapshot and a closed log.
async fn finished() -> World {
    let world = World::new();
    let protection = world.protect().await;
    world.put_rows("a", 5).await;
    protection.caught_up().await;
    protection.stop().await;
    world.claim(TWO).await;
    world.repository().close_log(TWO).await.expect("closed");
    let report = world.restore_all().await;
    assert!(report.chain_closed);
    world.target.revive_empty();
    world
}

fn needed(world: &World) -> Vec<String> {
    ["orders/log/", "orders/manifest/", "orders/snapshot/"]
        .iter()
        .flat_map(|prefix| world.keys(prefix))
        .collect()
}

async fn both_fail(world: &World) -> [PortError; 2] {
    world.target.revive_empty();
    let restored = world.restore().await.expect_err("must not restore");
    [
        restored,
        world
            .repository()
            .recovery_point()
            .await
            .expect_err("must not count"),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_damaged_object_is_named() {
    let world = finished().await;
    for key in needed(&world) {
        let whole = world.storage.peek(&key).expect("there");
        assert!(world.storage.corrupt(&key));
        // A part's content is read by restores only.
        let part = key.contains("/snapshot/");
        let error = world.restore().await.expect_err(&key);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{key}: {}", error.chain());
        assert!(error.chain().contains(&key), "{key}: {}", error.chain());
        if !part {
            let error = world.repository().recovery_point().await.expect_err(&key);
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{key}");
        }
        world.storage.plant(&key, whole.slice(..whole.len() - 1));
        world.target.revive_empty();
        for error in both_fail(&world).await {
            assert_eq!(
                error.kind(),
                ErrorKind::Corrupt,
                "cut {key}: {}",
                error.chain()
            );
        }
        world.storage.plant(&key, whole);
        world.target.revive_empty();
    }
    world.restore_all().await;
}

#[tokio::test(start_paused = true)]
async fn every_missing_object_is_named() {
    let world = finished().await;
    let last = world.log_keys(ONE).pop().expect("the closing object");
    for key in needed(&world) {
        let whole = world.storage.lose(&key).expect("there");
        if key == last {
            world.target.revive_empty();
            let report = world.restore().await.expect("an open chain");
            assert!(!report.chain_closed, "what closed the chain is gone");
        } else if key.contains("/manifest/") {
            for error in both_fail(&world).await {
                assert_eq!(error.kind(), ErrorKind::NotFound, "{key}");
            }
        } else {
            let place = key.rsplit_once('-').expect("a hash").0;
            let name = if key.contains("/log/") { place } else { &key };
            for error in both_fail(&world).await {
                assert_eq!(error.code(), "PB-REPO-MISSING", "{key}: {}", error.chain());
                assert!(error.to_string().contains(name), "{key}: {error}");
            }
        }
        world.storage.plant(&key, whole);
    }
    world.target.revive_empty();
    world.restore_all().await;
}

#[tokio::test(start_paused = true)]
async fn objects_that_changed_places_are_noticed() {
    let world = finished().await;
    let log = world.log_keys(ONE);
    let parts = world.keys("orders/snapshot/");
    for (a, b) in [
        (&log[0], &log[1]),
        (&log[1], &log[2]),
        (&parts[0], &parts[1]),
    ] {
        let (at_a, at_b) = (world.storage.peek(a), world.storage.peek(b));
        let (at_a, at_b) = (at_a.expect("there"), at_b.expect("there"));
        world.storage.plant(a, at_b.clone());
        world.storage.plant(b, at_a.clone());
        world.target.revive_empty();
        let error = world.restore().await.expect_err("swapped");
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
        world.storage.plant(a, at_a);
        world.storage.plant(b, at_b);
    }
    // A second object at a taken place, as a fork would be.
    let fork = format!(
        "{}0000000000000000",
        log[1].rsplit_once('-').expect("a hash").0.to_owned() + "-"
    );
    world
        .storage
        .plant(&fork, world.storage.peek(&log[1]).expect("there"));
    for error in both_fail(&world).await {
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_snapshot_gives_way_to_an_older_one_and_says_so() {
    #[derive(Default)]
    struct Stages(Mutex<Vec<String>>);
    impl Progress for Stages {
        fn bytes(&self, _: u64, _: Option<u64>) {}
        fn stage(&self, text: &str) {
            self.0.lock().expect("not poisoned").push(text.to_owned());
        }
    }
    let mut world = World::new();
    world.options.snapshot_interval = 10 * SECOND;
    world.claim(ONE).await;
    let source = OrderedDatabase {
        copy_time: SECOND,
        ..OrderedDatabase::of(&world.source, &world.clock)
    };
    let protection = Protection::start(world.repository(), Arc::new(source.clone()), &world.clock);
    world.put_rows("a", 30).await;
    protection.caught_up().await;
    protection.stop().await;
    let manifests = world.keys("orders/manifest/");
    assert!(manifests.len() >= 2);
    let newest = world.keys("orders/snapshot/").pop().expect("a part");
    assert!(world.storage.corrupt(&newest));
    let target = OrderedDatabase {
        inner: world.target.clone(),
        ..source
    };
    let stages = Stages::default();
    let restored = world
        .repository()
        .restore(&target, &RestoreOptions::default(), &stages)
        .await;
    let report = restored.expect("the older one is whole");
    assert!(!newest.contains(&report.mark.snapshot));
    assert_eq!(world.target.rows(), world.source.rows());
    let said = stages.0.into_inner().expect("not poisoned");
    assert!(
        said.iter()
            .any(|s| s.contains("cannot be used") && s.contains(&newest)),
        "{said:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_segment_damaged_on_its_way_leads_to_a_new_snapshot() {
    let world = World::new();
    world.claim(ONE).await;
    let link = Link::direct();
    let protection = world.protect_through(link.clone());
    protection.caught_up().await;
    // The writer reads back late enough for the damage to be there first.
    for nth in 1..=10 {
        link.script("read", link.calls("read") + nth, Fault::Delay(5 * SECOND));
    }
    let seen = world.log_keys(ONE).len();
    world.source.put("x", "y").expect("writable");
    let shipped = || world.log_keys(ONE).len() > seen;
    protection.until("the next segment", shipped).await;
    assert!(world.storage.corrupt(&world.log_keys(ONE)[seen]));
    let snapshots = |e: &ProtectEvent| matches!(e, ProtectEvent::SnapshotDone { .. });
    let healed = || protection.count(snapshots) == 2;
    protection.until("a new snapshot", healed).await;
    protection.caught_up().await;
    let told = |e: &ProtectEvent| matches!(e, ProtectEvent::Retrying { code, .. } if *code == "PB-REPO-CORRUPT");
    assert_eq!(protection.count(told), 1);
    // The new snapshot does not need the damaged log.
    world.restore_all().await;
    world.repository().recovery_point().await.expect("a point");
}

#[tokio::test(start_paused = true)]
async fn a_damaged_snapshot_behind_a_gap_is_not_passed_over() {
    let world = World::new();
    let protection = world.protect().await;
    world.put_rows("a", 3).await;
    protection.caught_up().await;
    protection.stop().await;
    world.put_rows("only-in-the-snapshot", 1).await;
    world.source.purge_log();
    let again = world.protect_through(Link::direct());
    again.caught_up().await;
    again.stop().await;
    let newest = world.keys("orders/manifest/").pop().expect("a manifest");
    assert!(world.storage.corrupt(&newest));
    // The older snapshot is whole, and its log ends where the gap begins.
    let error = world.restore().await.expect_err("it would lose rows");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
    assert!(error.chain().contains(&newest), "{}", error.chain());
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_reads_badly_is_asked_again_twice_and_no_more() {
    let world = finished().await;
    for bad in 0..6 {
        world.target.revive_empty();
        let link = Link::direct();
        // Of the first part: a load reads it, then a look whether it is whole.
        for load in 0..bad {
            link.script("read-chunk", 2 * load + 1, Fault::Torn);
        }
        let repository = world.repository_through(link.clone());
        let options = RestoreOptions::default();
        let restored = repository.restore(&world.target, &options, &NoProgress);
        let restored = restored.await;
        if bad <= 2 {
            restored.unwrap_or_else(|e| panic!("{bad} bad reads: {}", e.chain()));
            assert_eq!(world.target.rows(), world.source.rows());
            continue;
        }
        let error = restored.expect_err("it is not to be trusted");
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
        // Three loads, and two looks in between.
        assert_eq!(link.calls("read-chunk"), 5, "{bad} bad reads");
        let mark = world.target.applied().await.expect("known");
        assert_eq!(mark, None, "no half copy counts");
    }
}
