//! A service with a source, a target, and a vault in memory, for the tests of
//! the repository. Time is virtual.

#![allow(dead_code, reason = "every test file uses another part of it")]

pub mod ordered;
pub mod signed;

use planb_model::recovery::SegmentSeq;
use planb_model::{Canary, Epoch, ServiceName, SiteName};
use planb_ports::progress::NoProgress;
use planb_ports::repository::{ProtectControl, ProtectEvent, RestoreReport};
use planb_ports::{Clock, Database, PortResult, Repository, RestoreOptions};
use planb_testkit::{FakeDatabase, Incarnation, Link, MemoryStorage, SeededRandom, SimClock};
use planb_vault::{VaultOptions, VaultRepository};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

pub const ONE: Epoch = Epoch(1);
pub const TWO: Epoch = Epoch(2);
pub const SECOND: Duration = Duration::from_secs(1);
/// Longer than any test needs in virtual time.
const PATIENCE: Duration = Duration::from_secs(3_600);
const LOOK: Duration = Duration::from_millis(10);

pub struct World {
    pub clock: SimClock,
    pub storage: MemoryStorage,
    pub source: FakeDatabase,
    pub target: FakeDatabase,
    pub options: VaultOptions,
}

impl World {
    /// A source with one row, and an empty vault.
    pub fn new() -> Self {
        let clock = SimClock::at_new_year();
        let source = FakeDatabase::new("seoul", clock.clone());
        source.put("first", "row").expect("writable");
        Self {
            source,
            target: FakeDatabase::new("busan", clock.clone()),
            storage: MemoryStorage::new(),
            clock,
            options: VaultOptions::default(),
        }
    }

    /// A repository of a new process, without faults.
    pub fn repository(&self) -> VaultRepository {
        self.repository_through(Link::direct())
    }

    /// A repository whose storage is behind `link`.
    pub fn repository_through(&self, link: Link) -> VaultRepository {
        self.repository_of(link, &Incarnation::new())
    }

    /// A repository of one life of a process.
    pub fn repository_of(&self, link: Link, life: &Incarnation) -> VaultRepository {
        self.make(link, life).expect("good options")
    }

    /// A repository, unless its options make no sense.
    pub fn try_repository(&self, link: Link) -> PortResult<VaultRepository> {
        self.make(link, &Incarnation::new())
    }

    fn make(&self, link: Link, life: &Incarnation) -> PortResult<VaultRepository> {
        VaultRepository::new(
            Arc::new(self.storage.through(link.of(life))),
            ServiceName::new("orders").expect("name"),
            self.options.clone(),
            Arc::new(self.clock.of(life)),
            Arc::new(SeededRandom::new(7)),
        )
    }

    pub async fn claim(&self, epoch: Epoch) {
        let site = SiteName::new(if epoch == ONE { "seoul" } else { "busan" }).expect("name");
        let claimed = self.repository().claim_epoch(epoch, "test", &site).await;
        claimed.expect("claimed");
    }

    /// Claims epoch 1 and protects the source under it.
    pub async fn protect(&self) -> Protection {
        self.claim(ONE).await;
        self.protect_through(Link::direct())
    }

    pub fn protect_through(&self, link: Link) -> Protection {
        let source = Arc::new(self.source.clone());
        Protection::start(self.repository_through(link), source, &self.clock)
    }

    /// Restores into the target by a new process.
    pub async fn restore(&self) -> PortResult<RestoreReport> {
        self.repository()
            .restore(&self.target, &RestoreOptions::default(), &NoProgress)
            .await
    }

    /// Restores, and compares every row.
    pub async fn restore_all(&self) -> RestoreReport {
        let report = self.restore().await.expect("restores");
        assert_eq!(self.target.rows(), self.source.rows());
        report
    }

    /// Protects the source while rows come, and stops when they are in the vault.
    pub async fn ship_rows(&self, name: &str, count: usize) {
        let protection = self.protect().await;
        self.put_rows(name, count).await;
        protection.caught_up().await;
        protection.stop().await;
    }

    /// Puts rows, a little time apart so that they come in several segments.
    pub async fn put_rows(&self, name: &str, count: usize) {
        for i in 0..count {
            let put = self.source.put(&format!("{name}-{i}"), "value");
            put.expect("writable");
            self.clock.sleep(Duration::from_millis(700)).await;
        }
    }

    /// Keys of log objects, in order.
    pub fn log_keys(&self, epoch: Epoch) -> Vec<String> {
        self.keys(&format!("orders/log/{:010}/", epoch.0))
    }

    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let mut keys = self.storage.keys();
        keys.retain(|key| key.starts_with(prefix));
        keys
    }
}

/// A running `protect`.
pub struct Protection {
    pub control: Arc<Control>,
    task: JoinHandle<PortResult<()>>,
    clock: SimClock,
}

#[derive(Default)]
pub struct Control {
    stop: AtomicBool,
    events: Mutex<Vec<ProtectEvent>>,
}

impl ProtectControl for Control {
    fn should_stop(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn event(&self, event: ProtectEvent) {
        self.events.lock().expect("not poisoned").push(event);
    }
}

impl Protection {
    pub fn start(repository: VaultRepository, source: Arc<dyn Database>, clock: &SimClock) -> Self {
        let control = Arc::new(Control::default());
        let steer = Arc::clone(&control);
        let task = tokio::spawn(async move { repository.protect(source, ONE, steer).await });
        Self {
            control,
            task,
            clock: clock.clone(),
        }
    }

    pub fn events(&self) -> Vec<ProtectEvent> {
        self.control.events.lock().expect("not poisoned").clone()
    }

    pub fn count(&self, which: impl Fn(&ProtectEvent) -> bool) -> usize {
        self.events().iter().filter(|e| which(e)).count()
    }

    pub fn newest_canary(&self) -> Option<Canary> {
        let mut seen = self.events().into_iter().filter_map(|e| match e {
            ProtectEvent::CanarySeen { canary } => Some(canary),
            _ => None,
        });
        seen.next_back()
    }

    /// Waits until a canary written from now on was read back: everything
    /// committed before is in the vault then.
    pub async fn caught_up(&self) {
        let now = self.clock.now();
        let seen = || self.newest_canary().is_some_and(|c| c.written_at > now);
        self.until("a new canary", seen).await;
    }

    pub async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let deadline = self.clock.monotonic() + PATIENCE;
        while !condition() {
            assert!(!self.task.is_finished(), "protection ended before {what}");
            assert!(self.clock.monotonic() < deadline, "never saw {what}");
            self.clock.sleep(LOOK).await;
        }
    }

    /// Waits until it ends by itself.
    pub async fn ended(self) -> PortResult<()> {
        self.task.await.expect("no panic")
    }

    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    pub async fn stop(self) {
        self.control.stop.store(true, Ordering::SeqCst);
        self.ended().await.expect("stops well");
    }

    /// The process is gone, whatever it was doing.
    pub fn abandon(self) {
        self.task.abort();
    }
}

/// The last segment's place.
pub fn seq_of(key: &str) -> SegmentSeq {
    let name = key.rsplit('/').next().expect("a name");
    SegmentSeq(name[..10].parse().expect("a number"))
}
