//! The bounds: a full spool, a full disk, a disk that fails.

use crate::stage::{DISK_BYTES, Stage, is_full};
use planb_ports::ErrorKind;
use planb_ports::repository::ProtectEvent;
use planb_testkit::Fault;

const MIB: u64 = 1 << 20;

/// Writes about 40 MiB while the vault is away.
async fn write_much(stage: &Stage) {
    stage.to_vault.set_up(false);
    for i in 0..40 {
        stage.put_large(&format!("row-{i}"), 32);
        stage.pass(1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_spool_stops_reading_and_the_source_keeps_the_rest() {
    let mut stage = Stage::new();
    stage.options.bytes_max = 10 * MIB;
    let protection = stage.protect().await;
    write_much(&stage).await;
    let waiting = stage.spooled_bytes();
    assert!((5 * MIB..=10 * MIB).contains(&waiting), "{waiting}");
    assert_eq!(protection.count(is_full), 1, "the alarm is told once");
    // Neither disk nor memory grows any more.
    let reads = stage.world.source.log_len();
    stage.put_large("later", 200);
    stage.pass(20).await;
    assert_eq!(stage.spooled_bytes(), waiting);
    assert!(stage.world.source.log_len() > reads + 199);
    let told = most_told(&protection.events());
    assert!(told <= 10 * MIB + 13 * MIB, "{told} bytes wait in all");

    stage.to_vault.set_up(true);
    protection.caught_up().await;
    stage.world.restore_all().await;
    assert!(stage.files().is_empty());
}

fn most_told(events: &[ProtectEvent]) -> u64 {
    let bytes = |event: &ProtectEvent| match event {
        ProtectEvent::Spooled { bytes, .. } | ProtectEvent::SpoolFull { bytes } => Some(*bytes),
        _ => None,
    };
    events.iter().filter_map(bytes).max().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_told_and_nothing_is_lost() {
    let stage = Stage::new();
    let protection = stage.protect().await;
    for nth in 3..60 {
        stage
            .to_disk
            .script("disk-write", nth, Fault::Fail(ErrorKind::NoSpace));
    }
    write_much(&stage).await;
    assert_eq!(protection.count(is_full), 1);
    let told = |e: &ProtectEvent| matches!(e, ProtectEvent::Retrying { error, .. } if error.contains("disk-write"));
    assert_eq!(protection.count(told), 1, "once per trouble");
    stage.to_vault.set_up(true);
    protection.caught_up().await;
    stage.world.restore_all().await;
}

#[tokio::test(start_paused = true)]
async fn a_spool_leaves_its_file_system_room() {
    let mut stage = Stage::new();
    stage.options.keep_free_bytes = DISK_BYTES - 6 * MIB;
    let protection = stage.protect().await;
    write_much(&stage).await;
    let waiting = stage.spooled_bytes();
    assert!(waiting > 0 && waiting <= 6 * MIB, "{waiting}");
    let told = |e: &ProtectEvent| {
        matches!(
            e,
            ProtectEvent::Retrying {
                code: "PB-REPO-SPOOL-SPACE",
                ..
            }
        )
    };
    assert!(protection.count(told) >= 1);
    stage.to_vault.set_up(true);
    protection.caught_up().await;
    stage.world.restore_all().await;
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_cannot_be_read_does_not_stop_protection() {
    let stage = Stage::new();
    stage
        .to_disk
        .script("disk-list", 1, Fault::Fail(ErrorKind::PermissionDenied));
    stage
        .to_disk
        .script("disk-list", 2, Fault::Fail(ErrorKind::PermissionDenied));
    let protection = stage.protect().await;
    stage.to_vault.set_up(false);
    stage.world.put_rows("a", 20).await;
    assert!(stage.files().is_empty());
    stage.to_vault.set_up(true);
    protection.caught_up().await;
    stage.world.restore_all().await;
}
