//! Retention: what goes, in which order, and that nothing that stays is harmed.

mod world;

use planb_model::SiteName;
use planb_model::recovery::{Decision, NewRecord, PruneReport, RecordKind, RetentionPolicy};
use planb_ports::progress::NoProgress;
use planb_ports::repository::ProtectEvent;
use planb_ports::{Clock, ErrorKind, Repository, RestoreOptions, RestoreTo, SnapshotOptions};
use planb_testkit::{Fault, Incarnation, Link};
use std::time::Duration;
use world::ordered::OrderedDatabase;
use world::{Protection, World};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Keeps two snapshots, and log and points of `days`.
fn keep(days: u32) -> RetentionPolicy {
    RetentionPolicy {
        keep_last: 2,
        keep_for: DAY * days,
        ..RetentionPolicy::default()
    }
}

/// A vault with some log and a snapshot for every day.
async fn days(count: usize) -> World {
    let world = World::new();
    for day in 0..count {
        let protection = world.protect().await;
        world.put_rows(&format!("day-{day}"), 2).await;
        protection.caught_up().await;
        protection.stop().await;
        backup(&world).await;
        world.clock.sleep(DAY).await;
    }
    world
}

fn ordered(world: &World) -> (OrderedDatabase, OrderedDatabase) {
    let of = |database| OrderedDatabase::of(database, &world.clock);
    (of(&world.source), of(&world.target))
}

async fn backup(world: &World) -> String {
    let (site, options) = (
        SiteName::new("seoul").expect("name"),
        SnapshotOptions::default(),
    );
    let source = ordered(world).0;
    let repository = world.repository();
    let taken = repository
        .backup(&source, "test", &site, &options, &NoProgress)
        .await;
    taken.expect("a backup").manifest.id
}

async fn restore(world: &World, to: RestoreTo) -> planb_ports::PortResult<()> {
    let options = RestoreOptions {
        to,
        ..RestoreOptions::default()
    };
    world.target.revive_empty();
    let repository = world.repository();
    let target = ordered(world).1;
    let restored = repository.restore(&target, &options, &NoProgress).await;
    restored.map(drop)
}

/// Every snapshot that is listed can be restored, and so can the newest state.
async fn all_whole(world: &World, context: &str) {
    let points = world.repository().points().await.expect("points");
    assert!(!points.is_empty(), "{context}");
    for point in &points {
        assert_eq!(point.damage, None, "{context}");
        let restored = restore(world, RestoreTo::Snapshot(point.id.clone())).await;
        assert!(restored.is_ok(), "{context}: {restored:?}");
    }
    restore(world, RestoreTo::Latest).await.expect(context);
    assert_eq!(world.target.rows(), world.source.rows(), "{context}");
    world.repository().recovery_point().await.expect(context);
}

fn kept(report: &PruneReport) -> usize {
    let stays = |d: &Decision| matches!(d, Decision::Keep { .. });
    report
        .snapshots
        .iter()
        .filter(|s| stays(&s.decision))
        .count()
}

#[tokio::test(start_paused = true)]
async fn what_no_rule_wants_goes_and_the_rest_is_whole() {
    let world = days(8).await;
    let before = world.storage.keys();
    let (policy, repository) = (keep(3), world.repository());
    let dry = repository.prune(&policy, true).await.expect("decides");
    assert_eq!(world.storage.keys(), before, "a dry run deletes nothing");
    let report = repository.prune(&policy, false).await.expect("prunes");
    assert_eq!(report.deleted, dry.deleted);
    let gone = before.iter().filter(|k| !world.storage.keys().contains(k));
    assert_eq!(gone.count(), report.deleted.len());
    // Three days, and the snapshot the first of their points starts from.
    assert_eq!(kept(&report), 3, "{:?}", report.snapshots);
    all_whole(&world, "pruned").await;
    // Exact points of the time that is kept are still there.
    let then = world.clock.now() - DAY * 5 / 2;
    restore(&world, RestoreTo::Time(then))
        .await
        .expect("a moment");
    let again = repository.prune(&policy, false).await.expect("prunes");
    assert_eq!(again.deleted, Vec::<String>::new());
    // Log goes on where it was.
    let protection = world.protect_through(Link::direct());
    world.put_rows("after", 2).await;
    protection.caught_up().await;
    protection.stop().await;
    all_whole(&world, "and gone on").await;
}

#[tokio::test(start_paused = true)]
async fn a_kill_at_every_call_leaves_every_snapshot_whole() {
    let mut lives = 0;
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        for nth in 1.. {
            let world = days(4).await;
            let life = Incarnation::new();
            let link = Link::direct();
            link.script("*", nth, fault.clone());
            let repository = world.repository_of(link, &life);
            let dead = async {
                while !life.is_dead() {
                    world.clock.sleep(Duration::from_millis(1)).await;
                }
            };
            let policy = keep(1);
            let survived = tokio::select! {
                () = dead => false,
                report = repository.prune(&policy, false) => report.is_ok(),
            };
            all_whole(&world, &format!("{fault:?} at {nth}")).await;
            let report = world.repository().prune(&policy, false).await;
            assert_eq!(kept(&report.expect("prunes")), 2);
            all_whole(&world, "and again").await;
            if survived {
                break;
            }
            lives += 1;
        }
    }
    assert!(lives > 40, "only {lives} places to die at");
}

#[tokio::test(start_paused = true)]
async fn trouble_with_the_vault_harms_nothing() {
    for fault in [
        Fault::Unavailable,
        Fault::TimeoutBefore,
        Fault::TimeoutAfter,
    ] {
        for nth in [1, 2, 3, 7, 12] {
            let world = days(4).await;
            let link = Link::direct();
            link.script("delete", nth, fault.clone());
            let repository = world.repository_through(link);
            let report = repository.prune(&keep(1), false).await.expect("retried");
            assert_eq!(kept(&report), 2);
            all_whole(&world, &format!("{fault:?} {nth}")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_store_locks_stays_and_makes_no_hole() {
    for nth in 1..14 {
        let world = days(4).await;
        let link = Link::direct();
        link.script("delete", nth, Fault::Fail(ErrorKind::PermissionDenied));
        let repository = world.repository_through(link);
        let report = repository.prune(&keep(1), false).await.expect("goes on");
        assert_eq!(report.locked.len(), 1, "{nth}");
        assert!(world.storage.keys().contains(&report.locked[0].key));
        all_whole(&world, &format!("locked {nth}")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_verified_snapshot_stays_with_its_log() {
    let world = days(1).await;
    let verified = world.repository().points().await.expect("points")[0]
        .id
        .clone();
    let record = |passed| NewRecord {
        kind: RecordKind::Verification,
        snapshot: verified.clone(),
        passed: Some(passed),
        body: serde_json::json!({ "tables": 1 }),
    };
    let repository = world.repository();
    repository.put_record(record(true)).await.expect("written");
    for day in 0..5 {
        let protection = world.protect().await;
        world.put_rows(&format!("later-{day}"), 2).await;
        protection.caught_up().await;
        protection.stop().await;
        backup(&world).await;
        world.clock.sleep(DAY).await;
    }
    let policy = RetentionPolicy {
        keep_last: 1,
        keep_for: Duration::ZERO,
        ..RetentionPolicy::default()
    };
    let report = repository.prune(&policy, false).await.expect("prunes");
    assert_eq!(kept(&report), 2);
    let points = repository.points().await.expect("points");
    assert_eq!(points[1].id, verified);
    assert!(points[1].verified.is_some_and(|v| v.passed));
    assert!(points[1].log.is_some());
    all_whole(&world, "two are left").await;

    // It failed since: it is worth no more than others.
    backup(&world).await;
    repository.put_record(record(false)).await.expect("written");
    let report = repository.prune(&policy, false).await.expect("prunes");
    assert_eq!(kept(&report), 1);
    all_whole(&world, "one is left").await;
}

#[tokio::test(start_paused = true)]
async fn a_named_snapshot_goes_alone_and_never_one_that_is_needed() {
    let world = days(6).await;
    let repository = world.repository();
    let points = repository.points().await.expect("points");
    let ids: Vec<String> = points.into_iter().map(|p| p.id).collect();
    let verdict = NewRecord {
        kind: RecordKind::Verification,
        snapshot: ids[1].clone(),
        passed: Some(true),
        body: serde_json::json!({ "tables": 1 }),
    };
    repository.put_record(verdict).await.expect("written");
    let (before, policy) = (world.storage.keys(), keep(3));
    // The newest, the last verified, what the exact points start from, and none.
    let refused = [
        (ids[0].as_str(), "PB-REPO-NEEDED"),
        (&ids[1], "PB-REPO-NEEDED"),
        (&ids[2], "PB-REPO-NEEDED"),
        ("20260131t235959123z-0a1b2c3d", "PB-REPO-NO-SNAPSHOT"),
    ];
    for (id, code) in refused {
        let named = [ids[4].clone(), id.to_owned()];
        let refused = repository.prune_named(&named, &policy, false).await;
        assert_eq!(refused.expect_err(id).code(), code, "{id}");
        assert_eq!(world.storage.keys(), before, "{id}: all or nothing");
    }
    let dropped = repository.prune_named(&ids[4..5], &policy, false).await;
    let dropped = dropped.expect("dropped");
    assert!(dropped.deleted.iter().all(|k| k.contains(&ids[4])));
    assert!(!dropped.deleted.is_empty() && kept(&dropped) == 0);
    all_whole(&world, "one is gone").await;
    let points = repository.points().await.expect("points");
    let left: Vec<String> = points.into_iter().map(|p| p.id).collect();
    assert_eq!(left, [&ids[..4], &ids[5..]].concat());
}

#[tokio::test(start_paused = true)]
async fn what_a_crash_left_goes_after_a_grace() {
    let world = days(1).await;
    let link = Link::direct();
    link.script("upload-finish", 2, Fault::CrashBefore);
    let life = Incarnation::new();
    let repository = world.repository_of(link, &life);
    let site = SiteName::new("seoul").expect("name");
    let (options, source) = (SnapshotOptions::default(), ordered(&world).0);
    tokio::select! {
        done = repository.backup(&source, "test", &site, &options, &NoProgress) => drop(done),
        () = async { while !life.is_dead() { world.clock.sleep(Duration::from_millis(1)).await } } => {}
    }
    let left = world.keys("orders/snapshot/").len();
    let fresh = world
        .repository()
        .prune(&keep(30), false)
        .await
        .expect("prunes");
    assert_eq!(fresh.deleted.len(), 0, "it may still be on its way");
    world.clock.sleep(3 * DAY).await;
    let later = world
        .repository()
        .prune(&keep(30), false)
        .await
        .expect("prunes");
    assert_eq!((later.orphans, later.deleted.len()), (1, 1));
    assert_eq!(world.keys("orders/snapshot/").len(), left - 1);
    all_whole(&world, "the rest").await;
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_meets_a_prune_fails_cleanly_or_wins() {
    let mut failed = 0;
    let calls = [
        ("list", 1),
        ("list", 2),
        ("read", 1),
        ("read", 2),
        ("read", 3),
    ];
    for (method, nth) in calls {
        let world = days(4).await;
        let oldest = world.repository().points().await.expect("points").pop();
        let oldest = oldest.expect("the oldest").id;
        // The restore waits at this call until the prune is through.
        let link = Link::direct();
        link.script(method, nth, Fault::Delay(DAY / 100));
        let options = RestoreOptions {
            to: RestoreTo::Snapshot(oldest.clone()),
            ..RestoreOptions::default()
        };
        let slow = world.repository_through(link);
        let target = ordered(&world).1;
        let restoring = slow.restore(&target, &options, &NoProgress);
        let pruning = async {
            world.clock.sleep(Duration::from_secs(1)).await;
            world
                .repository()
                .prune(&keep(1), false)
                .await
                .expect("prunes")
        };
        let (restored, _) = tokio::join!(restoring, pruning);
        match restored {
            Ok(report) => assert_eq!(report.mark.snapshot, oldest),
            Err(e) => {
                assert!(
                    ["PB-REPO-MISSING", "PB-REPO-NO-SNAPSHOT"].contains(&e.code()),
                    "{e:?}"
                );
                failed += 1;
            }
        }
        all_whole(&world, "afterwards").await;
    }
    assert!(failed > 0, "they never met");
}

#[tokio::test(start_paused = true)]
async fn protection_prunes_by_itself() {
    let mut world = days(4).await;
    world.options.retention = Some(keep(1));
    let protection: Protection = world.protect_through(Link::direct());
    let pruned = |e: &ProtectEvent| matches!(e, ProtectEvent::Pruned { snapshots, bytes } if *snapshots > 0 && *bytes > 0);
    world.clock.sleep(Duration::from_secs(3_700)).await;
    assert_eq!(protection.count(pruned), 1);
    protection.stop().await;
    all_whole(&world, "by itself").await;
}

#[tokio::test(start_paused = true)]
async fn a_late_listing_makes_no_snapshot_look_damaged() {
    let world = days(2).await;
    let newest = backup(&world).await;
    // The newest part alone is too new for every listing.
    let manifest = world.repository().manifest(&newest).await;
    let part = manifest.expect("there").parts.pop().expect("a part").key;
    let key = format!("orders/{part}");
    world.clock.sleep(Duration::from_secs(1)).await;
    let object = world.storage.peek(&key).expect("there");
    world.storage.plant(&key, object);
    let link = Link::direct();
    for nth in 1..=30 {
        link.script("list", nth, Fault::Torn);
    }
    let repository = world.repository_through(link);
    let policy = RetentionPolicy {
        keep_last: 1,
        keep_for: Duration::ZERO,
        ..RetentionPolicy::default()
    };
    let report = repository.prune(&policy, false).await;
    report.expect("prunes");
    let points = world.repository().points().await.expect("points");
    assert!(points.iter().any(|p| p.id == newest), "the newest is gone");
    all_whole(&world, "late listings").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_locked_is_kept_until_its_lock_ends_and_that_is_said() {
    let world = days(4).await;
    let until = world.clock.now() + DAY * 9;
    let (manifest, segment) = (
        world.keys("orders/manifest/").remove(0),
        world.log_keys(world::ONE).remove(1),
    );
    for key in [&manifest, &segment] {
        world.storage.lock_until(key, until);
    }
    let prune = || async {
        world
            .repository()
            .prune(&keep(1), false)
            .await
            .expect("no failure")
    };
    let report = prune().await;
    let locked: Vec<_> = report.locked.iter().map(|o| (&o.key, o.until)).collect();
    assert_eq!(locked, [(&manifest, Some(until)), (&segment, Some(until))]);
    // Its parts stay with the manifest, later log with the segment.
    all_whole(&world, "locked").await;
    let left = world.storage.keys().len();
    for key in [&manifest, &segment] {
        world.storage.unlock(key);
    }
    let report = prune().await;
    assert!(report.locked.is_empty() && report.deleted.contains(&segment));
    assert_eq!(world.storage.keys().len(), left - report.deleted.len());
    all_whole(&world, "unlocked").await;
}
