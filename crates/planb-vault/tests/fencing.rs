//! Who may write: claims, closed chains, and two writers at once.

mod world;

use planb_model::{Epoch, SiteName};
use planb_ports::{Clock, ErrorKind, Repository};
use planb_testkit::{Fault, Link};
use world::{ONE, SECOND, TWO, World};

fn site(name: &str) -> SiteName {
    SiteName::new(name).expect("name")
}

#[tokio::test(start_paused = true)]
async fn an_epoch_belongs_to_its_first_claimant() {
    let world = World::new();
    let repository = world.repository();
    assert_eq!(repository.newest_epoch().await.expect("read"), None);
    let claim = |epoch, who: &'static str, at: &'static str| {
        let repository = world.repository();
        async move { repository.claim_epoch(epoch, who, &site(at)).await }
    };
    claim(TWO, "a", "seoul").await.expect("claimed");
    claim(TWO, "a", "seoul").await.expect("the same again");
    let error = claim(TWO, "b", "seoul").await.expect_err("taken");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let error = claim(TWO, "a", "busan").await.expect_err("taken");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let error = claim(ONE, "a", "seoul").await.expect_err("older");
    assert_eq!(error.kind(), ErrorKind::Fenced { current: TWO });
    assert_eq!(repository.newest_epoch().await.expect("read"), Some(TWO));
    let error = repository
        .close_log(Epoch(3))
        .await
        .expect_err("not claimed");
    assert_eq!(error.code(), "PB-REPO-NOT-CLAIMED");
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_answer_is_lost_is_found_again() {
    for fault in [
        Fault::TimeoutAfter,
        Fault::TimeoutBefore,
        Fault::Unavailable,
    ] {
        for nth in [1, 2] {
            let world = World::new();
            let link = Link::direct();
            link.script("create", nth, fault.clone());
            let repository = world.repository_through(link);
            let claimed = repository.claim_epoch(ONE, "a", &site("seoul")).await;
            claimed.expect("claimed");
            assert_eq!(repository.newest_epoch().await.expect("read"), Some(ONE));
        }
    }
}

/// Takes over while the old side is cut off from everything but the vault.
/// Returns whether the old writer was stopped by the vault.
async fn take_over(world: &World) -> bool {
    let protection = world.protect().await;
    world.put_rows("acknowledged", 3).await;
    protection.caught_up().await;
    world.claim(TWO).await;
    let new_side = world.repository();
    new_side.close_log(TWO).await.expect("closed");
    new_side.close_log(TWO).await.expect("closed already");
    let report = world.restore().await.expect("restores");
    assert!(report.chain_closed);
    let rows = world.target.rows();

    world
        .source
        .put("too-late", "must not get in")
        .expect("nobody told the old side");
    world.clock.sleep(10 * SECOND).await;
    world.restore().await.expect("restores");
    let unchanged = world.target.rows() == rows;
    if !protection.is_finished() {
        return false;
    }
    let error = protection.ended().await.expect_err("fenced");
    assert_eq!(error.kind(), ErrorKind::Fenced { current: TWO });
    assert!(unchanged, "log got into a closed chain");
    true
}

#[tokio::test(start_paused = true)]
async fn the_old_writer_is_fenced_by_the_vault() {
    assert!(take_over(&World::new()).await);
}

/// The test above would notice if creates replaced what is there.
#[tokio::test(start_paused = true)]
async fn without_conditional_create_the_old_writer_goes_on() {
    let world = World::new();
    world.storage.remove_create_check();
    assert!(!take_over(&world).await);
}

#[tokio::test(start_paused = true)]
async fn a_fenced_writer_stays_fenced_when_it_is_started_again() {
    let world = World::new();
    assert!(take_over(&world).await);
    let error = world.protect_through(Link::direct()).ended().await;
    assert_eq!(
        error.expect_err("fenced").kind(),
        ErrorKind::Fenced { current: TWO }
    );
    let error = world.repository().drain(&world.source, ONE).await;
    assert_eq!(
        error.expect_err("fenced").kind(),
        ErrorKind::Fenced { current: TWO }
    );
}

#[tokio::test(start_paused = true)]
async fn closing_wins_against_a_busy_writer() {
    let world = World::new();
    let protection = world.protect().await;
    protection.caught_up().await;
    world.claim(TWO).await;
    let link = Link::direct();
    // Between finding the end and closing it, the writer gets ahead.
    for nth in 1..=4 {
        link.script("create", nth, Fault::Delay(3 * SECOND));
    }
    let closer = world.repository_through(link);
    let writes = async {
        for i in 0..20 {
            if world.source.put(&format!("busy-{i}"), "x").is_err() {
                break;
            }
            world.clock.sleep(SECOND).await;
        }
    };
    let (closed, ()) = tokio::join!(closer.close_log(TWO), writes);
    closed.expect("closed");
    let error = protection.ended().await.expect_err("fenced");
    assert!(error.is_fenced());
    assert!(world.restore().await.expect("restores").chain_closed);
}

#[tokio::test(start_paused = true)]
async fn of_two_writers_of_one_epoch_one_loses() {
    let world = World::new();
    let one = world.protect().await;
    one.caught_up().await;
    let two = world.protect_through(Link::direct());
    let deadline = world.clock.monotonic() + 600 * SECOND;
    while !one.is_finished() && !two.is_finished() {
        assert!(world.clock.monotonic() < deadline, "both go on");
        world.put_rows("row", 1).await;
    }
    let (loser, winner) = if one.is_finished() {
        (one, two)
    } else {
        (two, one)
    };
    let error = loser.ended().await.expect_err("lost");
    assert_eq!(error.kind(), ErrorKind::Conflict, "{}", error.chain());
    assert_eq!(error.code(), "PB-REPO-OTHER-WRITER");
    world.put_rows("after", 2).await;
    winner.caught_up().await;
    world.restore_all().await;
}

#[tokio::test(start_paused = true)]
async fn of_two_claims_at_once_the_older_one_notices() {
    let world = World::new();
    let link = Link::direct();
    // It has looked for newer claims, found none, and is slow to make its own.
    link.script("create", 2, Fault::Delay(5 * SECOND));
    let slow = world.repository_through(link);
    let quick = async {
        world.clock.sleep(SECOND).await;
        world.claim(TWO).await;
    };
    let seoul = site("seoul");
    let (older, ()) = tokio::join!(slow.claim_epoch(ONE, "a", &seoul), quick);
    let error = older.expect_err("too late");
    assert_eq!(error.kind(), ErrorKind::Fenced { current: TWO });
}
