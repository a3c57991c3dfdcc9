//! Storms, kills and full disks by seed: whatever happened, every row arrives,
//! in order, and the spool stays inside its bound.

use crate::stage::Stage;
use crate::world::{ONE, Protection};
use planb_ports::{ErrorKind, Random};
use planb_testkit::{Fault, Incarnation, SeededRandom, Weather};

const SEEDS: u64 = 20;
const STEPS: u64 = 25;
const BYTES_MAX: u64 = 3 << 20;

#[tokio::test(start_paused = true)]
async fn under_every_seed_nothing_is_lost_and_the_bound_holds() {
    let mut spooled = 0;
    for seed in 1..=SEEDS {
        spooled += u64::from(run(seed).await);
    }
    assert!(spooled > SEEDS / 2, "only {spooled} runs had a spool");
}

/// Whether anything was spooled.
async fn run(seed: u64) -> bool {
    let random = SeededRandom::new(seed);
    let mut stage = Stage::new();
    stage.options.bytes_max = BYTES_MAX;
    stage.world.claim(ONE).await;
    let mut life = Incarnation::new();
    let mut protection = stage.protect_as(&life);
    protection.caught_up().await;
    let mut spooled = false;
    for step in 0..STEPS {
        stage.put_large(&format!("{seed}-{step}"), (random.next_u64() % 12) as usize);
        one(&stage, &random, &mut life, &mut protection).await;
        stage.pass(random.next_u64() % 8).await;
        let bytes = stage.spooled_bytes();
        assert!(bytes <= BYTES_MAX, "seed {seed}: {bytes} bytes");
        spooled |= bytes > 0;
        assert!(!protection.is_finished(), "seed {seed}: it ended");
    }
    stage.to_vault.set_up(true);
    stage.to_vault.set_weather(Weather::CALM);
    stage.world.source.revive();
    protection.caught_up().await;
    protection.stop().await;
    stage.world.restore_all().await;
    assert!(stage.files().is_empty(), "seed {seed}");
    stage.bounded_segments();
    spooled
}

/// One thing happens, or none.
async fn one(
    stage: &Stage,
    random: &SeededRandom,
    life: &mut Incarnation,
    protection: &mut Protection,
) {
    match random.next_u64() % 8 {
        0 => stage.to_vault.set_up(false),
        1 => stage.to_vault.set_up(true),
        2 => stage.to_vault.set_weather(Weather {
            delay_ms_max: 4_000,
            lose_request: 0.2,
            lose_answer: 0.2,
            ..Weather::CALM
        }),
        3 => stage.to_vault.set_weather(Weather::CALM),
        4 => {
            let nth = stage.to_disk.calls("disk-write") + 1 + random.next_u64() % 3;
            let fault = Fault::Fail(ErrorKind::NoSpace);
            stage.to_disk.script("disk-write", nth, fault);
        }
        5 => {
            life.crash();
            *life = Incarnation::new();
            let next = stage.protect_as(life);
            std::mem::replace(protection, next).abandon();
        }
        6 => tear_one(stage, random),
        _ => {}
    }
}

fn tear_one(stage: &Stage, random: &SeededRandom) {
    let files = stage.files();
    if files.is_empty() {
        return;
    }
    let file = &files[(random.next_u64() % files.len() as u64) as usize];
    let bytes = random.next_u64() % file.bytes.max(1);
    stage.disk.tear(&stage.path(file), bytes as usize);
}
