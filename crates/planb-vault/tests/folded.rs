//! Folded log shortens restores, and no restore needs it.

mod world;

use ed25519_dalek::SigningKey;
use planb_model::Secret;
use planb_model::recovery::RetentionPolicy;
use planb_ports::progress::NoProgress;
use planb_ports::repository::RestoreReport;
use planb_ports::{Clock, Database, Repository, RestoreOptions, RestoreTo};
use planb_testkit::{FakeDatabase, Fault, Link};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use world::ordered::OrderedDatabase;
use world::{ONE, Protection, World};

const FOLDED: &str = "orders/folded/0000000001/";

/// A world whose source changed one row again and again, for a while.
async fn folded(world: &World, minutes: u64) -> Protection {
    folded_with(world, minutes, "").await
}

async fn folded_with(world: &World, minutes: u64, value: &str) -> Protection {
    let mut source = OrderedDatabase::of(&world.source, &world.clock);
    source.folds = true;
    world.claim(ONE).await;
    let protection = Protection::start(world.repository(), Arc::new(source), &world.clock);
    protection.caught_up().await;
    for second in 0..minutes * 60 {
        world
            .source
            .put("hot", &format!("{value}{second}"))
            .expect("writable");
        world.clock.sleep(Duration::from_secs(1)).await;
    }
    protection.caught_up().await;
    protection
}

/// Restores, and says how many folded objects were taken.
async fn restore(world: &World, target: &OrderedDatabase, to: RestoreTo) -> (RestoreReport, usize) {
    let before = target.folded.load(Relaxed);
    let options = RestoreOptions {
        to,
        ..RestoreOptions::default()
    };
    let report = world
        .repository()
        .restore(target, &options, &NoProgress)
        .await;
    let report = report.unwrap_or_else(|error| panic!("{}", error.chain()));
    (report, target.folded.load(Relaxed) - before)
}

fn target(world: &World) -> OrderedDatabase {
    let mut target = OrderedDatabase::of(&world.target, &world.clock);
    target.folds = true;
    target
}

#[tokio::test(start_paused = true)]
async fn a_restore_takes_the_longest_folded_log_and_the_rest_as_it_is() {
    let world = World::new();
    let protection = folded(&world, 12).await;
    let count = |level: &str| world.keys(&format!("{FOLDED}{level}/")).len();
    assert!(count("30s") >= 20 && count("5m") >= 2, "{}", count("30s"));
    let target = target(&world);
    let (report, taken) = restore(&world, &target, RestoreTo::Latest).await;
    assert_eq!(world.target.rows(), world.source.rows());
    // Two of five minutes and what came since; most segments are in them.
    assert!((2..=8).contains(&taken), "{taken}");
    let segments = world.log_keys(ONE).len() as u64;
    assert!(report.segments_applied > 300 && segments >= report.segments_applied);
    assert_eq!(report.canary, protection.newest_canary());

    // From there on only what is new.
    world.put_rows("more", 3).await;
    protection.caught_up().await;
    let (_, taken) = restore(&world, &target, RestoreTo::Latest).await;
    assert_eq!((world.target.rows(), taken), (world.source.rows(), 0));
    protection.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_large_transaction_is_not_folded_and_what_is_around_it_is() {
    let world = World::new();
    let protection = folded(&world, 1).await;
    let large = "x".repeat(33 << 20);
    world.source.put("large", &large).expect("writable");
    protection.caught_up().await;
    let there = world.log_keys(ONE).len() as u64;
    for value in 0..90 {
        let put = world.source.put("hot", &format!("later {value}"));
        put.expect("writable");
        world.clock.sleep(Duration::from_secs(1)).await;
    }
    protection.caught_up().await;
    let folded = folded_from(&world);
    assert!(folded.iter().any(|(from, _)| *from < there));
    assert!(folded.iter().any(|(from, _)| *from > there));
    let (_, taken) = restore(&world, &target(&world), RestoreTo::Latest).await;
    assert!(taken >= 2, "{taken}");
    assert_eq!(world.target.rows(), world.source.rows());
    protection.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restore_to_a_point_does_not_pass_it_by_folded_log() {
    let world = World::new();
    let protection = folded(&world, 2).await;
    let rows = world.source.rows();
    let moment = world.clock.now();
    for value in 0..90 {
        let put = world.source.put("hot", &format!("later {value}"));
        put.expect("writable");
        world.clock.sleep(Duration::from_secs(1)).await;
    }
    protection.caught_up().await;
    let target = target(&world);
    let (_, taken) = restore(&world, &target, RestoreTo::Time(moment)).await;
    assert!(taken >= 1);
    assert_eq!(world.target.rows(), rows);
    protection.stop().await;
}

#[tokio::test(start_paused = true)]
async fn damaged_missing_and_refused_folded_log_is_done_without() {
    let world = World::new();
    let protection = folded(&world, 2).await;
    protection.stop().await;
    let keys = world.keys(FOLDED);
    assert!(keys.len() >= 3);
    for key in &keys {
        assert!(world.storage.corrupt(key));
    }
    let target = target(&world);
    let (_, taken) = restore(&world, &target, RestoreTo::Latest).await;
    assert_eq!((world.target.rows(), taken), (world.source.rows(), 0));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_takes_no_folded_log_gets_the_segments() {
    let world = World::new();
    let protection = folded(&world, 2).await;
    let mut target = target(&world);
    target.takes_folded = false;
    let (report, taken) = restore(&world, &target, RestoreTo::Latest).await;
    assert_eq!((world.target.rows(), taken), (world.source.rows(), 0));
    let mark = target.applied().await.expect("asked");
    assert_eq!(mark, Some(report.mark));
    protection.stop().await;
}

#[tokio::test(start_paused = true)]
async fn folded_log_of_another_chain_is_not_taken() {
    let (world, other) = (World::new(), World::new());
    folded(&world, 2).await.stop().await;
    folded_with(&other, 2, "other ").await.stop().await;
    for key in world.keys(FOLDED) {
        world.storage.lose(&key).expect("there");
    }
    for key in other.keys(FOLDED) {
        let object = other.storage.peek(&key).expect("there");
        world.storage.plant(&key, object);
    }
    let target = target(&world);
    let (_, taken) = restore(&world, &target, RestoreTo::Latest).await;
    assert_eq!((world.target.rows(), taken), (world.source.rows(), 0));
}

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// One snapshot and the log behind it.
const NEWEST: RetentionPolicy = RetentionPolicy {
    keep_last: 1,
    keep_for: Duration::ZERO,
    daily: 0,
    weekly: 0,
    monthly: 0,
    yearly: 0,
    immutable_for: Duration::ZERO,
};

/// A vault whose folded log belongs to a snapshot that no rule keeps, and some
/// behind the newest one.
async fn two_snapshots(mut world: World) -> World {
    world.options.snapshot_interval = Duration::from_secs(200);
    folded(&world, 6).await.stop().await;
    assert!(world.keys("orders/manifest/").len() >= 2);
    // Old enough for what a broken off prune leaves.
    world.clock.sleep(DAY * 3).await;
    world
}

/// Folded objects and their signatures, by where they begin.
fn folded_from(world: &World) -> Vec<(u64, String)> {
    let number = |key: &String| key.rsplit('/').next().expect("a name")[..10].parse();
    let keys = world.keys(FOLDED).into_iter();
    keys.map(|key| (number(&key).expect("a number"), key))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn folded_log_goes_with_the_log_it_was_made_of() {
    goes_with_the_log(World::new()).await;
}

#[tokio::test(start_paused = true)]
async fn signatures_and_checkpoints_go_with_the_log_they_are_of() {
    let world = goes_with_the_log(signed_world()).await;
    // One after five minutes, one at the end; both behind what went.
    assert_eq!(world.keys("orders/checkpoint/").len(), 4);
    assert!(world.keys(FOLDED).iter().any(|key| key.ends_with(".sig")));
}

async fn goes_with_the_log(world: World) -> World {
    let world = two_snapshots(world).await;
    // As if one was written early.
    let early = "orders/checkpoint/0000000001/0000000003-0123456789abcdef.json";
    for suffix in ["", ".sig"] {
        world.storage.plant(&format!("{early}{suffix}"), "{}");
    }
    let (before, all) = (folded_from(&world), world.storage.keys().len());
    let dry = world.repository().prune(&NEWEST, true).await.expect("dry");
    assert_eq!(world.storage.keys().len(), all);
    let report = world.repository().prune(&NEWEST, false).await;
    let report = report.expect("prunes");
    assert_eq!(dry.deleted, report.deleted, "a dry run names them");
    let first = report.log.first().expect("log goes").before.0;
    let stays: Vec<_> = before.iter().filter(|(from, _)| *from >= first).collect();
    assert!(!stays.is_empty() && stays.len() < before.len(), "{first}");
    assert_eq!(folded_from(&world).iter().collect::<Vec<_>>(), stays);
    assert_eq!(report.folded as usize, before.len() - stays.len());
    assert_eq!(world.storage.keys().len(), all - report.deleted.len());
    // Nothing is left that another prune would take, and folded log still serves.
    let again = world
        .repository()
        .prune(&NEWEST, false)
        .await
        .expect("twice");
    assert_eq!(again.deleted, Vec::<String>::new());
    let target = target(&world);
    let (_, taken) = restore(&world, &target, RestoreTo::Latest).await;
    assert!(taken > 0);
    assert_eq!(world.target.rows(), world.source.rows());
    assert!(!world.storage.keys().contains(&early.to_owned()));
    world
}

#[tokio::test(start_paused = true)]
async fn a_prune_broken_off_at_any_delete_leaves_no_folded_log_behind() {
    let template = two_snapshots(World::new()).await;
    let whole = template.storage.fork();
    let count = template
        .repository()
        .prune(&NEWEST, false)
        .await
        .expect("prunes");
    let left = template.storage.keys();
    for nth in 1..=count.deleted.len() as u64 {
        let world = World {
            storage: whole.fork(),
            target: FakeDatabase::new("fresh", template.clock.clone()),
            clock: template.clock.clone(),
            source: template.source.clone(),
            options: template.options.clone(),
        };
        let link = Link::direct();
        link.script("delete", nth, Fault::Fail(planb_ports::ErrorKind::Corrupt));
        let broken = world.repository_through(link).prune(&NEWEST, false).await;
        broken.expect_err("broken off");
        restore(&world, &target(&world), RestoreTo::Latest).await;
        assert_eq!(world.target.rows(), world.source.rows(), "at {nth}");
        world
            .repository()
            .prune(&NEWEST, false)
            .await
            .expect("again");
        assert_eq!(world.storage.keys(), left, "at {nth}");
    }
}

/// A world that signs, and checks what it reads.
fn signed_world() -> World {
    let mut world = World::new();
    let key = SigningKey::from_bytes(&[9; 32]);
    let base64 = |bytes: &[u8]| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(bytes)
    };
    world.options.signing_key = Some(Secret::new(base64(key.as_bytes())));
    world.options.trusted_signers = vec![base64(key.verifying_key().as_bytes())];
    world
}

#[tokio::test(start_paused = true)]
async fn only_signed_folded_log_is_applied_and_the_log_itself_instead() {
    let world = signed_world();
    folded(&world, 2).await.stop().await;
    let whole = world.storage.fork();
    let objects = |keys: Vec<String>| -> Vec<String> {
        keys.into_iter().filter(|k| !k.ends_with(".sig")).collect()
    };
    let keys = objects(world.keys(FOLDED));
    assert!(keys.len() >= 3);
    let signed = world.keys(FOLDED).len() - keys.len();
    assert_eq!(signed, keys.len(), "every one has a signature");
    let (_, taken) = restore(&world, &target(&world), RestoreTo::Latest).await;
    assert!(taken > 0, "signed folded log is taken");

    // Folded by a stranger from a log of the same shape.
    let stranger = World::new();
    folded_with(&stranger, 2, "other ").await.stop().await;
    type Damage<'a> = &'a dyn Fn(&World, &str);
    let damages: [(&str, Damage<'_>); 4] = [
        ("unsigned", &|world, key| {
            world.storage.lose(&format!("{key}.sig")).expect("there");
        }),
        ("forged", &|world, key| {
            let other = stranger.keys(FOLDED).remove(0);
            world
                .storage
                .plant(key, stranger.storage.peek(&other).expect("there"));
        }),
        ("swapped", &|world, key| {
            let other = if key == keys[0] { &keys[1] } else { &keys[0] };
            world.storage.plant(key, whole.peek(other).expect("there"));
        }),
        ("swapped with its signature", &|world, key| {
            let other = if key == keys[0] { &keys[1] } else { &keys[0] };
            for suffix in ["", ".sig"] {
                let object = whole.peek(&format!("{other}{suffix}")).expect("there");
                world.storage.plant(&format!("{key}{suffix}"), object);
            }
        }),
    ];
    for (what, damage) in damages {
        let damaged = World {
            storage: whole.fork(),
            target: FakeDatabase::new("fresh", world.clock.clone()),
            clock: world.clock.clone(),
            source: world.source.clone(),
            options: world.options.clone(),
        };
        for key in &keys {
            damage(&damaged, key);
        }
        let target = target(&damaged);
        let told = Told::default();
        let repository = damaged.repository();
        let options = RestoreOptions::default();
        let restored = repository.restore(&target, &options, &told).await;
        restored.unwrap_or_else(|e| panic!("{what}: {}", e.chain()));
        assert_eq!(target.folded.load(Relaxed), 0, "{what}");
        assert_eq!(damaged.target.rows(), world.source.rows(), "{what}");
        let said = told.0.lock().expect("not poisoned").join("\n");
        assert!(said.contains("folded log is not used"), "{what}: {said}");
    }
}

/// What a restore told.
#[derive(Default)]
struct Told(std::sync::Mutex<Vec<String>>);

impl planb_ports::Progress for Told {
    fn stage(&self, text: &str) {
        self.0.lock().expect("not poisoned").push(text.to_owned());
    }
    fn bytes(&self, _done: u64, _total: Option<u64>) {}
}
