//! A standby looks for new log several times a second, and takes over within
//! seconds: what it costs must not grow with the length of the log.

mod world;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use planb_model::{ServiceName, SiteName};
use planb_ports::progress::NoProgress;
use planb_ports::storage::{ObjectInfo, ObjectUpload};
use planb_ports::{PortResult, Repository, RestoreOptions, VaultStorage};
use planb_testkit::{Link, MemoryStorage, SeededRandom};
use planb_vault::VaultRepository;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use world::{TWO, World};

/// Segments before the standby looks again.
const LONG: usize = 60;
/// Objects of the log that a look, or a promotion, may be told by listings.
const LISTED_MAX: usize = 16;

/// A storage that counts what its listings tell of the log.
#[derive(Clone)]
struct Counting {
    storage: MemoryStorage,
    listed: Arc<AtomicUsize>,
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
        self.storage.read(key).await
    }
    async fn read_stream(&self, key: &str) -> PortResult<BoxStream<'static, PortResult<Bytes>>> {
        self.storage.read_stream(key).await
    }
    async fn list(&self, prefix: &str, after: Option<&str>) -> PortResult<Vec<ObjectInfo>> {
        let listed = self.storage.list(prefix, after).await?;
        let log = listed.iter().filter(|o| o.key.contains("/log/")).count();
        self.listed.fetch_add(log, Relaxed);
        Ok(listed)
    }
    async fn delete(&self, key: &str) -> PortResult<()> {
        self.storage.delete(key).await
    }
}

#[tokio::test(start_paused = true)]
async fn looking_for_log_and_taking_over_list_what_is_new() {
    let world = World::new();
    let protection = world.protect().await;
    world.put_rows("before", LONG).await;
    protection.caught_up().await;
    let listed = Arc::new(AtomicUsize::new(0));
    let counting = Counting {
        storage: world.storage.through(Link::direct()),
        listed: Arc::clone(&listed),
    };
    let repository = VaultRepository::new(
        Arc::new(counting),
        ServiceName::new("orders").expect("name"),
        world.options.clone(),
        Arc::new(world.clock.clone()),
        Arc::new(SeededRandom::new(7)),
    );
    let repository = repository.expect("good options");
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
    let protection = world.protect().await;
    world.put_rows("row", 5).await;
    protection.caught_up().await;
    protection.stop().await;
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
