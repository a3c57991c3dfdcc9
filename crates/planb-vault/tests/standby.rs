//! A standby looks for new log several times a second, and takes over within
//! seconds: what it costs must not grow with the length of the log.

mod world;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use planb_model::{ServiceName, SiteName};
use planb_ports::progress::NoProgress;
use planb_ports::storage::{ObjectInfo, ObjectUpload};
use planb_ports::{Clock, PortResult, Repository, RestoreOptions, SnapshotOptions, VaultStorage};
use planb_testkit::{Link, MemoryStorage, SeededRandom};
use planb_vault::VaultRepository;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use world::{ONE, Protection, SECOND, TWO, World};

/// Segments before the standby looks again.
const LONG: usize = 60;
/// Objects of the log that a look, or a promotion, may be told by listings.
const LISTED_MAX: usize = 16;

/// What was asked of a storage.
#[derive(Default)]
struct Asked {
    /// Objects of the log that listings told.
    listed: AtomicUsize,
    lists: AtomicUsize,
    reads: AtomicUsize,
}

/// A storage that counts.
#[derive(Clone)]
struct Counting {
    storage: MemoryStorage,
    asked: Arc<Asked>,
}

#[async_trait]
impl VaultStorage for Counting {
    async fn create(&self, key: &str, bytes: Bytes) -> PortResult<()> {
        self.storage.create(key, bytes).await
    }
    async fn upload(&self, key: &str) -> PortResult<Box<dyn ObjectUpload>> {
        self.storage.upload(key).await
    }
    async fn read(&self, key: &str) -> PortResult<Bytes> {
        self.asked.reads.fetch_add(1, Relaxed);
        self.storage.read(key).await
    }
    async fn read_stream(&self, key: &str) -> PortResult<BoxStream<'static, PortResult<Bytes>>> {
        self.storage.read_stream(key).await
    }
    async fn list(&self, prefix: &str, after: Option<&str>) -> PortResult<Vec<ObjectInfo>> {
        let listed = self.storage.list(prefix, after).await?;
        let log = listed.iter().filter(|o| o.key.contains("/log/")).count();
        self.asked.lists.fetch_add(1, Relaxed);
        self.asked.listed.fetch_add(log, Relaxed);
        Ok(listed)
    }
    async fn delete(&self, key: &str) -> PortResult<()> {
        self.storage.delete(key).await
    }
}

/// A repository of its own, and what it asks of the storage.
fn counting(world: &World) -> (VaultRepository, Arc<Asked>) {
    counting_of(world, "orders")
}

fn counting_of(world: &World, service: &str) -> (VaultRepository, Arc<Asked>) {
    let asked = Arc::new(Asked::default());
    let storage = Counting {
        storage: world.storage.through(Link::direct()),
        asked: Arc::clone(&asked),
    };
    let repository = VaultRepository::new(
        Arc::new(storage),
        ServiceName::new(service).expect("name"),
        world.options.clone(),
        Arc::new(world.clock.clone()),
        Arc::new(SeededRandom::new(7)),
    );
    (repository.expect("good options"), asked)
}

#[tokio::test(start_paused = true)]
async fn looking_for_log_and_taking_over_list_what_is_new() {
    let world = World::new();
    let protection = world.protect().await;
    world.put_rows("before", LONG).await;
    protection.caught_up().await;
    let (repository, asked) = counting(&world);
    let listed = &asked.listed;
    let options = RestoreOptions::default();
    let follow = async || {
        let restored = repository.restore(&world.target, &options, &NoProgress);
        restored.await.expect("follows");
        listed.swap(0, Relaxed)
    };
    let first = follow().await;
    assert!(first > LONG / 2, "{first}: it is a long log");
    world.put_rows("new", 2).await;
    protection.caught_up().await;
    protection.stop().await;
    let again = follow().await;
    assert!(again <= LISTED_MAX, "{again} objects for what is new");
    assert_eq!(world.target.rows(), world.source.rows());

    let site = SiteName::new("busan").expect("name");
    let claimed = repository.claim_epoch(TWO, "test", &site).await;
    claimed.expect("claimed");
    repository.close_log(TWO).await.expect("closed");
    let restored = repository.restore(&world.target, &options, &NoProgress);
    assert!(restored.await.expect("follows").chain_closed);
    let promoted = listed.load(Relaxed);
    assert!(promoted <= LISTED_MAX, "{promoted} objects for a promotion");
}

#[tokio::test(start_paused = true)]
async fn an_end_that_was_seen_and_is_lost_is_told() {
    let world = World::new();
    world.ship_rows("row", 5).await;
    let repository = world.repository();
    let options = RestoreOptions::default();
    let restore = || repository.restore(&world.target, &options, &NoProgress);
    restore().await.expect("follows");
    for key in world.log_keys(world::ONE).iter().rev().take(2) {
        world.storage.lose(key).expect("there");
    }
    let error = restore().await.expect_err("log is lost");
    assert_eq!(error.code(), "PB-REPO-TARGET-AHEAD");
}

/// Listings in an hour that is idle: two whole looks a minute, of a few each.
const LISTS_PER_HOUR_MAX: usize = 1_200;
/// Reads in an hour that is idle, with a look a second: one each, and those of
/// whole looks.
const READS_PER_HOUR_MAX: usize = 5_000;

#[tokio::test(start_paused = true)]
async fn an_idle_standby_asks_for_one_name_and_takes_what_comes_without_listing() {
    let world = World::new();
    world.ship_rows("before", 5).await;
    let (repository, asked) = counting(&world);
    let follow = async || {
        let followed = repository.follow(&world.target, &NoProgress).await;
        followed.expect("follows").segments_applied
    };
    assert!(follow().await > 0);
    asked.lists.store(0, Relaxed);
    asked.reads.store(0, Relaxed);
    for _ in 0..3_600 {
        world.clock.sleep(SECOND).await;
        assert_eq!(follow().await, 0);
    }
    let (lists, reads) = (asked.lists.swap(0, Relaxed), asked.reads.load(Relaxed));
    println!("an idle hour: {lists} listings, {reads} reads");
    assert!(lists <= LISTS_PER_HOUR_MAX, "{lists} listings");
    assert!(reads <= READS_PER_HOUR_MAX, "{reads} reads");
    assert!(reads >= 3_600, "{reads}: every look asks");

    // The last look was no whole one: what comes now is found by its name.
    follow().await;
    asked.lists.store(0, Relaxed);
    world.ship_rows("new", 2).await;
    assert!(follow().await > 0);
    assert_eq!(world.target.rows(), world.source.rows());
    assert_eq!(asked.lists.load(Relaxed), 0, "listings for new log");
    // So is the end of the chain.
    world.claim(TWO).await;
    world.repository().close_log(TWO).await.expect("closed");
    let followed = repository.follow(&world.target, &NoProgress).await;
    assert!(followed.expect("follows").chain_closed);
}

#[tokio::test(start_paused = true)]
async fn a_standby_that_was_changed_by_others_is_looked_at_anew() {
    let world = World::new();
    world.ship_rows("row", 5).await;
    let (repository, _) = counting(&world);
    let follow = async || repository.follow(&world.target, &NoProgress).await;
    assert!(follow().await.expect("follows").loaded_snapshot);
    world.target.revive_empty();
    assert!(follow().await.expect("follows").loaded_snapshot);
    assert_eq!(world.target.rows(), world.source.rows());
}

#[tokio::test(start_paused = true)]
async fn log_that_is_cut_off_is_noticed_by_a_whole_look() {
    let world = World::new();
    world.ship_rows("row", 5).await;
    let (repository, _) = counting(&world);
    let follow = async || repository.follow(&world.target, &NoProgress).await;
    follow().await.expect("follows");
    for key in world.log_keys(world::ONE).iter().rev().take(2) {
        world.storage.lose(key).expect("there");
    }
    follow().await.expect("its name tells nothing");
    world.clock.sleep(31 * SECOND).await;
    let error = follow().await.expect_err("log is lost");
    assert_eq!(error.code(), "PB-REPO-TARGET-AHEAD");
}

/// The first segments of two services of one source stand at the same place, behind
/// nothing, and begin where both snapshots stand.
#[tokio::test(start_paused = true)]
async fn a_segment_of_another_service_is_refused_under_the_next_name() {
    let world = World::new();
    let site = SiteName::new("seoul").expect("name");
    let backup = world.repository();
    let options = SnapshotOptions::default();
    let taken = backup.backup(&world.source, "test", &site, &options, &NoProgress);
    taken.await.expect("a snapshot without log");
    let (repository, _) = counting(&world);
    let follow = async || repository.follow(&world.target, &NoProgress).await;
    assert!(follow().await.expect("follows").loaded_snapshot);

    let (others, _) = counting_of(&world, "others");
    others
        .claim_epoch(ONE, "test", &site)
        .await
        .expect("claimed");
    let source = Arc::new(world.source.clone());
    let protection = Protection::start(others, source, &world.clock);
    world.put_rows("theirs", 2).await;
    protection.caught_up().await;
    protection.stop().await;
    let key = world.keys("others/log/").remove(0);
    let segment = world.storage.peek(&key).expect("there");
    let ours = key.replacen("others", "orders", 1);
    world.storage.plant(&ours, segment);
    let error = follow().await.expect_err("refused");
    assert_eq!(error.code(), "PB-REPO-CORRUPT");
    assert!(!world.target.has("theirs-0"));
}
