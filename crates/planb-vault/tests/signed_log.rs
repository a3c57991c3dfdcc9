//! The log of a signed vault: each segment by itself, up to the very last one.

mod world;

use ed25519_dalek::Signer;
use planb_ports::repository::ProtectEvent;
use planb_ports::{Clock, Repository};
use planb_vault::VaultOptions;
use std::time::Duration;
use world::signed::{code, restore_to, signed, signer, stranger};
use world::{ONE, TWO, World, seq_of};

/// A signed vault, behind whose log somebody with these options went on; and a
/// moment in the signed log, behind its rows.
async fn with_tail_by(options: VaultOptions) -> (World, jiff::Timestamp) {
    let world = signed();
    let protection = world.protect().await;
    world.put_rows("a", 4).await;
    world.clock.sleep(Duration::from_secs(1)).await;
    let moment = world.clock.now();
    world.clock.sleep(Duration::from_secs(1)).await;
    world.put_rows("b", 1).await;
    protection.caught_up().await;
    protection.stop().await;
    let common = world.log_keys(ONE).len();
    let stranger = stranger(&world, options);
    world.clock.sleep(Duration::from_secs(5)).await;
    stranger.ship_rows("false", 4).await;
    for key in stranger.log_keys(ONE).split_off(common) {
        let object = stranger.storage.peek(&key).expect("there");
        world.storage.plant(&key, object);
    }
    (world, moment)
}

#[tokio::test(start_paused = true)]
async fn a_tail_that_nobody_signed_is_refused_before_anything_is_changed() {
    let (mut world, moment) = with_tail_by(VaultOptions::default()).await;
    assert_eq!(code(&world).await, "PB-REPO-UNSIGNED-LOG");
    assert!(world.target.rows().is_empty(), "nothing was touched");
    let point = world.repository().recovery_point().await;
    assert_eq!(point.expect_err("no point").code(), "PB-REPO-UNSIGNED-LOG");
    // Up to the end of what is signed it can be restored, and no further.
    assert_eq!(restore_to(&world, moment).await, Ok(()));
    assert!(world.target.has("a-3") && !world.target.has("false-0"));
    world.target.revive_empty();
    let later = restore_to(&world, world.clock.now()).await;
    assert_eq!(later, Err("PB-REPO-UNSIGNED-LOG"));
    assert!(!world.target.has("false-0"));
    // Whoever pins no key takes what is there.
    world.target.revive_empty();
    world.options.trusted_signers.clear();
    world.restore().await.expect("restores");
    assert!(world.target.has("false-0"));
}

#[tokio::test(start_paused = true)]
async fn a_tail_signed_by_somebody_else_is_refused() {
    let (_, private, _) = signer(8);
    let stranger = VaultOptions {
        signing_key: Some(private),
        ..VaultOptions::default()
    };
    let (mut world, moment) = with_tail_by(stranger).await;
    assert_eq!(code(&world).await, "PB-REPO-SIGNATURE");
    assert!(world.target.rows().is_empty(), "nothing was touched");
    assert_eq!(restore_to(&world, moment).await, Ok(()));
    // After a change of keys both are pinned.
    world.target.revive_empty();
    world.options.trusted_signers.push(signer(8).2);
    world.restore().await.expect("restores");
    assert!(world.target.has("false-0"));
}

#[tokio::test(start_paused = true)]
async fn a_segment_at_another_place_is_refused_although_it_is_signed() {
    let world = signed();
    world.ship_rows("a", 4).await;
    let keys = world.log_keys(ONE);
    let [.., one, two] = &keys[..] else {
        panic!("too little log: {keys:?}");
    };
    let objects = [one, two].map(|key| world.storage.lose(key).expect("there"));
    let [first, second] = objects;
    world.storage.plant(one, second);
    world.storage.plant(two, first);
    let refused = code(&world).await;
    assert!(
        ["PB-REPO-CORRUPT", "PB-REPO-FORGED-LOG"].contains(&refused),
        "{refused}"
    );
    assert!(world.target.rows().is_empty(), "nothing was touched");
}

/// What no signature can tell: that there was more. A checkpoint tells it for
/// everything before; the writer here died before the next one.
#[tokio::test(start_paused = true)]
async fn a_tail_behind_the_newest_checkpoint_can_be_cut_off_unseen() {
    let world = signed();
    world.ship_rows("a", 4).await;
    let checkpoints = world.keys("orders/checkpoint/").len();
    let protection = world.protect().await;
    world.put_rows("b", 4).await;
    protection.caught_up().await;
    protection.abandon();
    assert_eq!(
        world.keys("orders/checkpoint/").len(),
        checkpoints,
        "none since"
    );
    world.restore_all().await;
    world.target.revive_empty();
    world.storage.lose(world.log_keys(ONE).last().expect("log"));
    world.restore().await.expect("looks whole");
    // What a checkpoint has seen cannot go unseen.
    let signed = seq_of(
        &world
            .keys("orders/checkpoint/")
            .pop()
            .expect("one")
            .replace(".sig", ""),
    );
    for key in world.log_keys(ONE) {
        if seq_of(&key) >= signed {
            world.storage.lose(&key);
        }
    }
    world.target.revive_empty();
    assert_eq!(code(&world).await, "PB-REPO-MISSING");
}

#[tokio::test(start_paused = true)]
async fn a_writer_does_not_go_on_behind_log_that_nobody_signed() {
    let (world, _) = with_tail_by(VaultOptions::default()).await;
    let inside = world.clock.now();
    world.clock.sleep(Duration::from_secs(5)).await;
    let protection = world.protect().await;
    world.put_rows("b", 4).await;
    protection.caught_up().await;
    let snapshots = protection.count(|e| matches!(e, ProtectEvent::SnapshotStarted { .. }));
    assert_eq!(snapshots, 1, "{:?}", protection.events());
    protection.stop().await;
    world.restore_all().await;
    assert!(!world.target.has("false-0"));
    // The checkpoints written since do not make it true.
    world.target.revive_empty();
    assert_eq!(
        restore_to(&world, inside).await,
        Err("PB-REPO-UNSIGNED-LOG")
    );
    assert!(!world.target.has("false-0"));
}

/// A vault as it was before segments were signed: log without signatures, and a
/// signed checkpoint at its end.
async fn old_vault() -> (World, jiff::Timestamp) {
    let mut world = World::new();
    let protection = world.protect().await;
    world.put_rows("a", 4).await;
    let moment = world.clock.now();
    world.put_rows("b", 4).await;
    protection.caught_up().await;
    protection.stop().await;
    let (signer, private, public) = signer(7);
    for key in world.keys("orders/manifest/") {
        let manifest = world.storage.peek(&key).expect("there");
        let signature = signer.sign(&manifest).to_bytes().to_vec();
        world.storage.plant(&format!("{key}.sig"), signature);
    }
    world.options.signing_key = Some(private);
    world.options.trusted_signers = vec![public];
    (world, moment)
}

#[tokio::test(start_paused = true)]
async fn log_of_the_time_before_counts_where_a_checkpoint_vouches_for_it() {
    let (world, moment) = old_vault().await;
    assert_eq!(code(&world).await, "PB-REPO-UNSIGNED-LOG", "nobody vouches");
    world.claim(TWO).await;
    world
        .repository()
        .close_log(TWO)
        .await
        .expect("closed and signed");
    world.restore_all().await;
    world.target.revive_empty();
    assert_eq!(restore_to(&world, moment).await, Ok(()));
    assert!(world.target.has("a-0") && !world.target.has("b-3"));
}

#[tokio::test(start_paused = true)]
async fn log_of_the_time_before_is_followed_to_the_checkpoint_also_on_the_way_to_a_moment() {
    let (world, moment) = old_vault().await;
    world.claim(TWO).await;
    world
        .repository()
        .close_log(TWO)
        .await
        .expect("closed and signed");
    // The chain to what was signed is broken behind the moment.
    let keys = world.log_keys(ONE);
    let last = &keys[keys.len() - 2];
    let whole = world.storage.lose(last).expect("there");
    assert_eq!(restore_to(&world, moment).await, Err("PB-REPO-MISSING"));
    world.storage.plant(last, whole);
    assert_eq!(restore_to(&world, moment).await, Ok(()));
}
