//! Restores that are broken off: temporary trouble is got over without a word
//! from outside, and after a kill the next restore goes on or begins anew. Never
//! half.

mod world;

use planb_ports::progress::NoProgress;
use planb_ports::{Clock, Database, ErrorKind, PortResult, Repository, RestoreOptions};
use planb_testkit::{FakeDatabase, Fault, Incarnation, Link};
use std::time::Duration;
use world::World;

/// Bytes that take several chunks to read.
const LONG: usize = 5_000;
/// Rows of the snapshot.
const ROWS: usize = 6;

/// A vault with a snapshot and log behind it.
async fn vault() -> World {
    let world = World::new();
    for row in 0..ROWS {
        let value: String = (0..LONG).map(|i| noise(row, i)).collect();
        world.source.put(&format!("row-{row}"), &value).expect("ok");
    }
    let protection = world.protect().await;
    world.put_rows("logged", 3).await;
    protection.caught_up().await;
    protection.stop().await;
    world
}

/// Text that does not compress well.
fn noise(row: usize, at: usize) -> char {
    let mixed = (row * 7_919 + at).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    char::from(b'a' + ((mixed >> 40) % 26) as u8)
}

fn fresh(world: &World, link: Link) -> FakeDatabase {
    FakeDatabase::new("fresh", world.clock.clone()).through(link)
}

async fn restore(world: &World, storage: Link, target: &FakeDatabase) -> PortResult<()> {
    let (repository, options) = (world.repository_through(storage), RestoreOptions::default());
    let restored = repository.restore(target, &options, &NoProgress).await;
    restored.map(drop)
}

#[tokio::test]
async fn temporary_trouble_with_any_read_is_got_over() {
    let world = vault().await;
    for fault in [
        Fault::Unavailable,
        Fault::TimeoutBefore,
        Fault::TimeoutAfter,
    ] {
        for method in ["read", "read-chunk", "list"] {
            for nth in 1.. {
                let link = Link::direct();
                link.set_weather(planb_testkit::Weather {
                    timeout_ms: 0,
                    ..planb_testkit::Weather::CALM
                });
                link.script(method, nth, fault.clone());
                if nth == 1 {
                    // Twice in a row.
                    link.script(method, nth + 1, fault.clone());
                }
                let target = fresh(&world, Link::direct());
                let restored = restore(&world, link.clone(), &target).await;
                restored.unwrap_or_else(|e| panic!("{method} {nth}: {}", e.chain()));
                assert_eq!(target.rows(), world.source.rows(), "{method} {nth}");
                if link.calls(method) < nth {
                    assert!(nth > 3, "{method} was called {nth} times");
                    break;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lasting_trouble_ends_a_restore_at_a_bound() {
    let world = vault().await;
    let link = Link::direct();
    for nth in 1..1_000 {
        link.script("read", nth, Fault::Unavailable);
    }
    let target = fresh(&world, Link::direct());
    let error = restore(&world, link.clone(), &target).await;
    assert_eq!(error.expect_err("down").kind(), ErrorKind::Unavailable);
    assert_eq!(link.calls("read"), 7, "one and six more");
    assert_eq!(target.applied().await.expect("asked"), None);
}

/// Runs a restore that dies at a call; returns whether it died.
async fn die(world: &World, storage: Link, target: &FakeDatabase, life: &Incarnation) -> bool {
    let repository = world.repository_of(storage, life);
    let options = RestoreOptions::default();
    let restored = repository.restore(target, &options, &NoProgress);
    let dead = async {
        while !life.is_dead() {
            world.clock.sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        () = dead => true,
        restored = restored => {
            restored.expect("nothing is wrong");
            false
        }
    }
}

/// Kills at every call to the storage or to the database, on both sides.
async fn kill_everywhere(at_storage: bool) {
    let world = vault().await;
    let (mut kills, mut resumed) = (0, 0);
    for crash in [Fault::CrashBefore, Fault::CrashAfter] {
        for nth in 1.. {
            let (storage, database) = (Link::direct(), Link::direct());
            let faulty = if at_storage { &storage } else { &database };
            faulty.script("*", nth, crash.clone());
            let life = Incarnation::new();
            let target = fresh(&world, database.of(&life));
            if !die(&world, storage.of(&life), &target, &life).await {
                break;
            }
            kills += 1;
            // A new process, and the same database.
            let target = target.through(Link::direct());
            let mark = target.applied().await.expect("asked");
            if mark.is_some() {
                resumed += 1;
                let missing = (0..ROWS).find(|row| !target.has(&format!("row-{row}")));
                assert_eq!(
                    missing, None,
                    "{crash:?} {nth}: half a snapshot with a mark"
                );
            }
            let again = restore(&world, Link::direct(), &target).await;
            again.unwrap_or_else(|e| panic!("{crash:?} {nth}: {}", e.chain()));
            assert_eq!(target.rows(), world.source.rows(), "{crash:?} {nth}");
        }
    }
    assert!(kills > 10, "only {kills} places to die at");
    assert!(
        resumed > 0 && resumed < kills,
        "{resumed} of {kills} went on"
    );
    eprintln!("restores killed: {kills}; of these {resumed} went on, the others began anew");
}

#[tokio::test]
async fn a_restore_killed_at_any_call_to_the_storage_goes_on_or_begins_anew() {
    kill_everywhere(true).await;
}

#[tokio::test]
async fn a_restore_killed_at_any_call_to_the_database_goes_on_or_begins_anew() {
    kill_everywhere(false).await;
}
