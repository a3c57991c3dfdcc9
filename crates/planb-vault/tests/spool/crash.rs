//! A spool outlives the process that wrote it.

use crate::stage::{Stage, is_discarded};
use crate::world::{ONE, Protection, World};
use planb_model::Secret;
use planb_ports::ErrorKind;
use planb_testkit::{Fault, Incarnation, Link};

/// The process is killed, and the source is gone for good.
async fn lose_all_but_the_spool(stage: &Stage, protection: Protection) {
    protection.abandon();
    stage.world.source.kill();
    stage.to_vault.set_up(true);
}

/// Restores what the vault has and counts the rows of that name.
async fn restored(world: &World, name: &str) -> usize {
    world.restore().await.expect("restores");
    let rows = world.target.rows();
    rows.keys().filter(|key| key.starts_with(name)).count()
}

#[tokio::test(start_paused = true)]
async fn a_spool_is_shipped_by_the_next_life_when_the_source_is_lost() {
    let stage = Stage::new();
    let protection = stage.spooled(30).await;
    lose_all_but_the_spool(&stage, protection).await;
    assert_eq!(restored(&stage.world, "spooled").await, 0);

    let again = stage.protect_as(&Incarnation::new());
    again
        .until("it is shipped", || stage.files().is_empty())
        .await;
    assert_eq!(restored(&stage.world, "spooled").await, 30);
    assert_eq!(again.count(is_discarded), 0);
}

#[tokio::test(start_paused = true)]
async fn a_spool_can_be_shipped_by_itself() {
    let stage = Stage::new();
    let protection = stage.spooled(30).await;
    lose_all_but_the_spool(&stage, protection).await;
    let repository = stage.repository(&Incarnation::new());
    repository.ship_spooled().await.expect("shipped");
    assert_eq!(restored(&stage.world, "spooled").await, 30);
    assert!(stage.files().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_torn_spool_is_used_up_to_the_tear() {
    let stage = Stage::new();
    let protection = stage.spooled(40).await;
    let files = stage.files();
    assert!(files.len() >= 4, "{files:?}");
    let torn = &files[files.len() - 2];
    let half = usize::try_from(torn.bytes / 2).expect("small");
    stage.disk.tear(&stage.path(torn), half);
    lose_all_but_the_spool(&stage, protection).await;

    let again = stage.protect_as(&Incarnation::new());
    again
        .until("it is shipped", || stage.files().is_empty())
        .await;
    assert_eq!(again.count(is_discarded), 1);
    let rows = restored(&stage.world, "spooled").await;
    assert!(rows > 0 && rows < 40, "{rows} rows");
    let log = stage.world.log_keys(ONE);
    assert_eq!(
        crate::world::seq_of(log.last().expect("log")).0,
        log.len() as u64
    );
}

#[tokio::test(start_paused = true)]
async fn a_spool_of_another_vault_is_left_alone() {
    let stage = Stage::new();
    let protection = stage.spooled(20).await;
    lose_all_but_the_spool(&stage, protection).await;
    let files = stage.files();

    // Same service, same epoch, same directory; another vault and source.
    let mut other = Stage::new();
    other.disk = stage.disk.clone();
    other.pass(5).await;
    let protection = other.protect().await;
    other.world.put_rows("other", 3).await;
    protection.caught_up().await;
    protection.stop().await;
    assert_eq!(stage.files(), files);
    assert_eq!(restored(&other.world, "spooled").await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_spool_that_does_not_follow_the_vault_is_dropped_and_told() {
    let stage = Stage::new();
    let protection = stage.spooled(20).await;
    protection.abandon();
    stage.to_vault.set_up(true);
    // Meanwhile the log went on without the spool.
    let elsewhere = stage.world.protect_through(Link::direct());
    elsewhere.caught_up().await;
    elsewhere.stop().await;
    let (first, rest) = (&stage.files()[0], stage.files().len() > 1);
    assert!(rest, "only {first:?}");

    let again = stage.protect_as(&Incarnation::new());
    again.caught_up().await;
    assert_eq!(again.count(is_discarded), 1);
    assert!(stage.files().is_empty());
    stage.world.restore_all().await;
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_stutters_is_read_again() {
    let stage = Stage::new();
    let protection = stage.spooled(30).await;
    stage.world.source.kill();
    let reads = stage.to_disk.calls("disk-read");
    for nth in 1..=3 {
        let fault = Fault::Fail(ErrorKind::Unavailable);
        stage.to_disk.script("disk-read", reads + nth, fault);
    }
    stage.to_vault.set_up(true);
    protection
        .until("it is shipped", || stage.files().is_empty())
        .await;
    assert_eq!(protection.count(is_discarded), 0);
    assert_eq!(restored(&stage.world, "spooled").await, 30);
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_as_secret_as_the_vault() {
    use age::secrecy::ExposeSecret;
    let identity = age::x25519::Identity::generate();
    let mut stage = Stage::new();
    stage.world.options.recipients = vec![identity.to_public().to_string()];
    stage.world.options.identity = Some(Secret::new(identity.to_string().expose_secret()));
    let protection = stage.protect().await;
    stage.to_vault.set_up(false);
    stage.world.put_rows("spooled", 20).await;
    let files = stage.files();
    assert!(!files.is_empty());
    for file in &files {
        let bytes = stage.disk.peek(&stage.path(file)).expect("there");
        assert!(bytes.starts_with(b"age-encryption.org/v1\n"));
    }
    lose_all_but_the_spool(&stage, protection).await;
    let again = stage.protect_as(&Incarnation::new());
    again
        .until("it is shipped", || stage.files().is_empty())
        .await;
    assert!(restored(&stage.world, "spooled").await > 10);
}
