//! Tests of the fake repository's promises.

use super::*;
use crate::{FakeDatabase, SimClock};
use planb_ports::progress::NoProgress;
use planb_ports::repository::ProtectEvent;
use planb_ports::{ErrorKind, PortError, RestoreOptions};
use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Default)]
struct Control {
    stop: AtomicBool,
    events: Mutex<Vec<ProtectEvent>>,
}

impl ProtectControl for Control {
    fn should_stop(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn event(&self, event: ProtectEvent) {
        lock(&self.events).push(event);
    }
}

struct World {
    clock: SimClock,
    seoul: FakeDatabase,
    busan: FakeDatabase,
    repository: FakeRepository,
    control: Arc<Control>,
    protection: tokio::task::JoinHandle<PortResult<()>>,
}

fn site(name: &str) -> SiteName {
    SiteName::new(name).expect("a name")
}

/// Seoul has a row and is protected under epoch 1.
fn world() -> World {
    world_behind(Link::direct())
}

/// The same, with the vault behind `link`.
fn world_behind(link: Link) -> World {
    let clock = SimClock::at_new_year();
    let service = ServiceName::new("orders").expect("a name");
    let repository = FakeRepository::new(service, RepositorySettings::default(), clock.clone());
    let seoul = FakeDatabase::new("seoul", clock.clone());
    seoul.put("before", "1").expect("writable");
    let control = Arc::new(Control::default());
    let repo = repository.through(link, clock.clone());
    let (source, steer) = (seoul.clone(), control.clone());
    let protection =
        tokio::spawn(async move { repo.protect(Arc::new(source), Epoch(1), steer).await });
    World {
        busan: FakeDatabase::new("busan", clock.clone()),
        clock,
        seoul,
        repository,
        control,
        protection,
    }
}

impl World {
    async fn restored(&self) -> RestoreReport {
        let restored = self
            .repository
            .restore(&self.busan, &RestoreOptions::default(), &NoProgress)
            .await;
        restored.expect("restores")
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn what_is_protected_can_be_restored_elsewhere() {
    let world = world();
    world.clock.sleep(SECOND).await;
    world.seoul.put("after", "1").expect("writable");
    world.clock.sleep(SECOND).await;
    let report = world.restored().await;
    assert!(report.loaded_snapshot && report.canary.is_some());
    assert!(!report.chain_closed);
    assert_eq!(world.busan.rows(), world.seoul.rows());

    world.seoul.put("later", "1").expect("writable");
    world.clock.sleep(SECOND).await;
    let report = world.restored().await;
    assert!(!report.loaded_snapshot, "from the applied mark");
    assert_eq!(world.busan.rows(), world.seoul.rows());
    assert!(world.repository.recoverable_keys().contains("later"));

    world.clock.sleep(Duration::from_secs(120)).await;
    world.seoul.put("last", "1").expect("writable");
    world.clock.sleep(SECOND).await;
    world.busan.revive_empty();
    assert!(world.restored().await.loaded_snapshot, "a later snapshot");
    assert_eq!(world.busan.rows(), world.seoul.rows());
    let events = lock(&world.control.events);
    let done = |e: &&ProtectEvent| matches!(e, ProtectEvent::SnapshotDone { .. });
    assert!(events.iter().filter(done).count() >= 2);
}

#[tokio::test(start_paused = true)]
async fn a_closed_chain_takes_nothing_more() {
    let world = world();
    world.clock.sleep(SECOND).await;
    let claim = async |epoch, who: &str| {
        let site = site("busan");
        let claimed = world.repository.claim_epoch(Epoch(epoch), who, &site);
        claimed.await.map_err(|e| e.kind())
    };
    assert_eq!(claim(2, "a").await, Ok(()));
    assert_eq!(claim(2, "a").await, Ok(()));
    assert_eq!(claim(2, "b").await, Err(ErrorKind::Conflict));
    let fenced = Err(ErrorKind::Fenced { current: Epoch(2) });
    assert_eq!(claim(1, "a").await, fenced);

    world.repository.close_log(Epoch(2)).await.expect("closes");
    world.seoul.put("split", "1").expect("not fenced itself");
    let ended = world.protection.await.expect("no panic");
    assert!(ended.is_err_and(|e: PortError| e.is_fenced()));
    assert!(!world.repository.recoverable_keys().contains("split"));
    let restored = world
        .repository
        .restore(&world.busan, &RestoreOptions::default(), &NoProgress)
        .await;
    assert!(restored.expect("restores").chain_closed);
    assert!(!world.busan.has("split"));
}

#[tokio::test(start_paused = true)]
async fn a_drain_ships_the_rest_of_a_fenced_source() {
    let world = world();
    world.clock.sleep(SECOND).await;
    world.control.stop.store(true, Ordering::SeqCst);
    world.protection.await.expect("no panic").expect("stops");
    world.seoul.put("rest", "1").expect("writable");
    assert!(!world.repository.recoverable_keys().contains("rest"));
    let drained = world.repository.drain(&world.seoul, Epoch(1)).await;
    let mark = drained.expect("drains");
    let restored = world
        .repository
        .restore(&world.busan, &RestoreOptions::default(), &NoProgress)
        .await;
    assert_eq!(restored.expect("restores").mark.position, mark.position);
    assert_eq!(world.busan.rows(), world.seoul.rows());
}

#[tokio::test(start_paused = true)]
async fn protection_outlives_losses_on_the_way() {
    let world = world();
    world.clock.sleep(SECOND).await;
    world.seoul.purge_log();
    world.seoul.kill();
    world.clock.sleep(5 * SECOND).await;
    world.seoul.revive();
    world.seoul.put("after", "1").expect("writable");
    world.seoul.purge_log();
    world.clock.sleep(5 * SECOND).await;
    assert!(world.repository.recoverable_keys().contains("after"));
    world.restored().await;
    assert_eq!(world.busan.rows(), world.seoul.rows());
    let retried = |e: &ProtectEvent| matches!(e, ProtectEvent::Retrying { .. });
    assert!(lock(&world.control.events).iter().any(retried));
}

#[tokio::test(start_paused = true)]
async fn log_waits_for_the_vault_and_is_shipped_in_order() {
    let link = Link::direct();
    let world = world_behind(link.clone());
    world.clock.sleep(2 * SECOND).await;
    link.set_up(false);
    world.seoul.put("waits", "1").expect("writable");
    world.clock.sleep(20 * SECOND).await;
    assert!(world.repository.spooled() > 0);
    assert!(!world.repository.recoverable_keys().contains("waits"));
    assert!(world.seoul.shipped_to() < Some(world.seoul.log_len()));
    link.set_up(true);
    world.clock.sleep(5 * SECOND).await;
    world.restored().await;
    assert!(world.busan.has("waits"));
    assert!(world.repository.is_spool_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failover_takes_what_waits_along() {
    for forgets in [false, true] {
        let link = Link::direct();
        let world = world_behind(link.clone());
        world.clock.sleep(2 * SECOND).await;
        link.set_up(false);
        world.seoul.put("waits", "1").expect("writable");
        world.clock.sleep(20 * SECOND).await;
        world.seoul.kill();
        if forgets {
            world.repository.forget_spool();
        }
        world.repository.close_log(Epoch(2)).await.expect("closes");
        world.restored().await;
        assert_eq!(world.busan.has("waits"), !forgets);
        assert_eq!(world.repository.left_behind().is_empty(), !forgets);
    }
}
