//! What waits, where, and how it gets to the vault after all.

use crate::stage::{Stage, is_discarded, is_spooled};
use planb_ports::repository::ProtectEvent;
use planb_testkit::{Fault, Weather};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_quick_vault_puts_nothing_on_disk() {
    let stage = Stage::new();
    let protection = stage.protect().await;
    stage.world.put_rows("a", 20).await;
    stage.put_large("much", 100);
    protection.caught_up().await;
    assert_eq!(stage.to_disk.calls("disk-write"), 0);
    assert_eq!(protection.count(is_spooled), 0);
    stage.world.restore_all().await;
}

#[tokio::test(start_paused = true)]
async fn the_log_is_read_while_the_vault_is_away_and_all_of_it_arrives_in_order() {
    let stage = Stage::new();
    let protection = stage.protect().await;
    stage.to_vault.set_up(false);
    // More than may wait in memory.
    for i in 0..40 {
        stage.put_large(&format!("row-{i}"), 10);
        stage.pass(1).await;
    }
    let waiting = stage.spooled_bytes();
    assert!(waiting > 10 << 20, "only {waiting} bytes wait on disk");
    let ages: Vec<_> = protection
        .events()
        .into_iter()
        .filter_map(|e| match e {
            ProtectEvent::Spooled { age, .. } => Some(age),
            _ => None,
        })
        .collect();
    assert!(ages.is_sorted(), "{ages:?}");
    let oldest = ages.last().expect("told");
    assert!(*oldest > Duration::from_secs(30), "{oldest:?}");

    stage.to_vault.set_up(true);
    protection.caught_up().await;
    stage.world.restore_all().await;
    assert!(stage.files().is_empty());
    let nothing = ProtectEvent::Spooled {
        bytes: 0,
        age: Duration::ZERO,
    };
    assert!(protection.events().contains(&nothing));
    assert_eq!(protection.count(is_discarded), 0);
}

#[tokio::test(start_paused = true)]
async fn the_source_may_forget_only_what_the_vault_has() {
    let stage = Stage::new();
    let protection = stage.protect().await;
    stage.pass(2).await;
    stage.to_vault.set_up(false);
    stage.pass(2).await;
    let durable = stage.world.source.shipped_to().expect("told");
    stage.world.put_rows("spooled", 30).await;
    // The log is opened again behind what is durable, too.
    stage.world.source.kill();
    stage.pass(2).await;
    stage.world.source.revive();
    stage.world.put_rows("more", 10).await;
    assert!(!stage.files().is_empty());
    let told = stage.world.source.shipped_to().expect("told");
    assert!(told <= durable + 2, "{told} was not durable, {durable} was");

    stage.to_vault.set_up(true);
    protection.caught_up().await;
    protection.caught_up().await;
    assert!(stage.world.source.shipped_to() > Some(durable + 40));
    stage.world.restore_all().await;
}

#[tokio::test(start_paused = true)]
async fn no_segment_is_larger_than_asked_whether_the_vault_keeps_up_or_not() {
    const HUGE: u64 = 3 << 20;
    let stage = Stage::new();
    let protection = stage.protect().await;
    stage.put_large("in peace", 40);
    protection.caught_up().await;
    let in_peace = stage.bounded_segments().len();
    stage.to_vault.set_up(false);
    for i in 0..8 {
        stage.put_large(&format!("away-{i}"), 20);
        stage.pass(1).await;
    }
    let huge = "h".repeat(HUGE as usize);
    stage.world.source.put("huge", &huge).expect("writable");
    stage.put_large("after it", 20);
    stage.pass(6).await;
    stage.to_vault.set_up(true);
    protection.caught_up().await;
    let sizes = stage.bounded_segments();
    let (_, waited) = sizes.split_at(in_peace);
    let alone = waited.iter().filter(|(bytes, _)| *bytes > HUGE);
    assert!(alone.eq([&(waited.iter().map(|s| s.0).max().unwrap_or(0), 1)]));
    // They are filled as well: 11 MiB that waited are not many small ones.
    let full = waited
        .iter()
        .filter(|(bytes, _)| *bytes > 900 << 10)
        .count();
    assert!(full >= 8 && waited.len() < 30, "{waited:?}");
    stage.world.restore_all().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_merged_into_fewer_objects() {
    let stage = Stage::new();
    let protection = stage.protect().await;
    let before = stage.world.log_keys(crate::world::ONE).len();
    stage.to_vault.set_up(false);
    // About two minutes of a canary a second.
    stage.world.put_rows("slow", 170).await;
    stage.to_vault.set_up(true);
    protection.caught_up().await;
    let objects = stage.world.log_keys(crate::world::ONE).len() - before;
    assert!(objects < 40, "{objects} objects");
    stage.world.restore_all().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_vault_delays_nobody_and_loses_nothing() {
    let stage = Stage::new();
    let protection = stage.protect().await;
    stage.to_vault.set_weather(Weather {
        delay_ms_max: 8_000,
        ..Weather::CALM
    });
    for i in 0..30 {
        stage.put_large(&format!("row-{i}"), 20);
        stage.pass(1).await;
    }
    assert!(protection.count(is_spooled) > 0);
    stage.to_vault.set_weather(Weather::CALM);
    protection.caught_up().await;
    stage.world.restore_all().await;
    assert!(stage.files().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_is_read_from_the_source_again() {
    let stage = Stage::new();
    let protection = stage.spooled(30).await;
    let files = stage.files();
    let middle = &files[files.len() / 2];
    stage.disk.tear(&stage.path(middle), 10);
    stage.to_vault.set_up(true);
    protection.caught_up().await;
    assert_eq!(protection.count(is_discarded), 1);
    stage.world.restore_all().await;
    assert!(stage.files().is_empty());
}

/// The first put of a life may meet one of the life before; what was read
/// behind it was made for another chain.
#[tokio::test(start_paused = true)]
async fn a_put_of_an_earlier_life_is_adopted_and_what_waits_behind_it_is_read_again() {
    let stage = Stage::new();
    let protection = stage.protect().await;
    protection.stop().await;
    // This life's first log object gets there, and its answer does not.
    let life = planb_testkit::Incarnation::new();
    let creates = stage.to_vault.calls("create");
    stage
        .to_vault
        .script("create", creates + 2, Fault::CrashAfter);
    let dying = stage.protect_as(&life);
    stage.world.put_rows("a", 5).await;
    dying.until("the crash", || life.is_dead()).await;
    dying.abandon();
    let again = stage.protect_as(&planb_testkit::Incarnation::new());
    stage.world.put_rows("b", 5).await;
    again.caught_up().await;
    stage.world.restore_all().await;
}
