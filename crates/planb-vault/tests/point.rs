//! Restores to a moment, to a place, and to one snapshot.

mod world;

use jiff::Timestamp;
use planb_model::recovery::{Reached, RestorePlan};
use planb_ports::progress::NoProgress;
use planb_ports::repository::{ProtectEvent, RestoreReport};
use planb_ports::{Clock, Database, PortResult, Repository, RestoreOptions, RestoreTo};
use planb_testkit::Link;
use std::sync::Arc;
use std::time::Duration;
use world::ordered::OrderedDatabase;
use world::{ONE, Protection, SECOND, TWO, World};

/// A world whose databases can order their positions.
struct Ordered {
    world: World,
    source: OrderedDatabase,
    target: OrderedDatabase,
}

impl Ordered {
    fn new() -> Self {
        let mut world = World::new();
        world.options.snapshot_interval = 20 * SECOND;
        Self {
            source: OrderedDatabase::of(&world.source, &world.clock),
            target: OrderedDatabase::of(&world.target, &world.clock),
            world,
        }
    }

    async fn protect(&self) -> Protection {
        self.world.claim(ONE).await;
        let source = Arc::new(self.source.clone());
        let repository = self.world.repository();
        let protection = Protection::start(repository, source, &self.world.clock);
        let done = |e: &ProtectEvent| matches!(e, ProtectEvent::SnapshotDone { .. });
        protection
            .until("a snapshot", || protection.count(done) > 0)
            .await;
        protection
    }

    async fn restore(&self, to: RestoreTo) -> PortResult<RestoreReport> {
        let options = RestoreOptions {
            to,
            ..RestoreOptions::default()
        };
        let repository = self.world.repository();
        repository
            .restore(&self.target, &options, &NoProgress)
            .await
    }

    async fn plan(&self, to: RestoreTo) -> PortResult<RestorePlan> {
        let options = RestoreOptions {
            to,
            ..RestoreOptions::default()
        };
        let repository = self.world.repository();
        repository
            .plan_restore(&self.target, &options, &NoProgress)
            .await
    }

    async fn code(&self, to: RestoreTo) -> &'static str {
        let planned = self.plan(to.clone()).await.expect_err("no plan").code();
        let error = self.restore(to).await.expect_err("no restore");
        assert_eq!(error.code(), planned);
        planned
    }
}

fn site(name: &str) -> planb_model::SiteName {
    planb_model::SiteName::new(name).expect("name")
}

fn keys(world: &planb_testkit::FakeDatabase) -> Vec<String> {
    world.rows().into_keys().collect()
}

#[tokio::test(start_paused = true)]
async fn a_moment_is_reached_and_nothing_after_it() {
    let it = Ordered::new();
    let protection = it.protect().await;
    it.world.put_rows("before", 50).await;
    protection.caught_up().await;
    let (then, rows) = (it.world.clock.now(), it.world.source.rows());
    it.world.clock.sleep(3 * SECOND).await;
    it.world.put_rows("after", 50).await;
    protection.caught_up().await;
    protection.stop().await;
    assert!(it.world.keys("orders/manifest/").len() >= 3);

    let plan = it.plan(RestoreTo::Time(then)).await.expect("a plan");
    let report = it.restore(RestoreTo::Time(then)).await.expect("restores");
    assert_eq!(it.world.target.rows(), rows);
    assert_eq!(report.reached, Reached::Asked);
    assert_eq!(report.reached_at, Some(then));
    assert_eq!(plan.snapshot, report.mark.snapshot);
    assert!(plan.reaches && plan.load.is_some());
    assert!(plan.segments >= report.segments_applied);
    assert!(report.segments_applied < 40, "from the snapshot before it");

    // The target stands beyond an earlier moment: only a snapshot leads there.
    let early = then - Duration::from_secs(25);
    let report = it.restore(RestoreTo::Time(early)).await.expect("restores");
    assert!(report.loaded_snapshot);
    assert!(it.world.target.rows().len() < rows.len());
    // And from there log is enough.
    let plan = it.plan(RestoreTo::Time(then)).await.expect("a plan");
    assert_eq!(plan.load, None);
    let report = it.restore(RestoreTo::Time(then)).await.expect("restores");
    assert!(!report.loaded_snapshot);
    assert_eq!(it.world.target.rows(), rows);

    let report = it.restore(RestoreTo::Latest).await.expect("restores");
    assert!(!report.loaded_snapshot);
    assert_eq!(it.world.target.rows(), it.world.source.rows());
    // The future is not known.
    let future = it.world.clock.now() + Duration::from_secs(60);
    let report = it.restore(RestoreTo::Time(future)).await.expect("restores");
    assert_eq!(report.reached, Reached::LogEnds);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_does_not_serve_a_moment_it_may_lie_after() {
    let mut it = Ordered::new();
    it.source.lead_time = 8 * SECOND;
    let protection = it.protect().await;
    let started = |e: &ProtectEvent| matches!(e, ProtectEvent::SnapshotStarted { .. });
    protection
        .until("a later one", || protection.count(started) == 2)
        .await;
    // The snapshot has begun, and its consistent point is still to come.
    let then = it.world.clock.now() + SECOND;
    let rows = it.world.source.rows();
    it.world.clock.sleep(3 * SECOND).await;
    it.world.put_rows("inside", 1).await;
    it.world.clock.sleep(20 * SECOND).await;
    protection.caught_up().await;
    protection.stop().await;
    let report = it.restore(RestoreTo::Time(then)).await.expect("restores");
    assert_eq!(it.world.target.rows(), rows);
    let newest = it.restore(RestoreTo::Latest).await.expect("restores");
    assert_eq!(newest.mark.snapshot, report.mark.snapshot, "only log");
    let points = it.world.repository().points().await.expect("points");
    assert_ne!(points[0].id, report.mark.snapshot);
}

#[tokio::test(start_paused = true)]
async fn a_place_inside_a_segment_is_reached_exactly() {
    let it = Ordered::new();
    let protection = it.protect().await;
    for n in 0..40 {
        it.source.inner.put(&format!("k{n:02}"), "v").expect("put");
    }
    protection.caught_up().await;
    protection.stop().await;
    let numbers = |at: &str| at.parse::<usize>().expect("a number");
    let end = it.restore(RestoreTo::Latest).await.expect("restores");
    let last = numbers(&end.mark.position.at);
    for asked in [last - 30, last - 20, last - 25, last] {
        let to = RestoreTo::Position(asked.to_string());
        let report = it.restore(to).await.expect("restores");
        assert_eq!(report.reached, Reached::Asked);
        assert_eq!(numbers(&report.mark.position.at), asked);
        let mark = it.target.applied().await.expect("asked").expect("a mark");
        assert_eq!(mark, report.mark);
    }
    assert_eq!(it.world.target.rows(), it.world.source.rows());
}

#[tokio::test(start_paused = true)]
async fn points_that_cannot_be_reached_are_refused_before_anything_is_touched() {
    let it = Ordered::new();
    let protection = it.protect().await;
    it.world.put_rows("a", 3).await;
    protection.caught_up().await;
    protection.stop().await;
    it.restore(RestoreTo::Latest).await.expect("restores");
    let rows = it.world.target.rows();
    let past = Timestamp::UNIX_EPOCH;
    let at = |text: &str| RestoreTo::Position(text.into());
    assert_eq!(it.code(RestoreTo::Time(past)).await, "PB-REPO-TOO-OLD");
    assert_eq!(it.code(at("0")).await, "PB-REPO-TOO-OLD");
    assert_eq!(it.code(at("9999")).await, "PB-REPO-NOT-SHIPPED");
    assert_eq!(it.code(at("over the rainbow")).await, "PB-REPO-POINT");
    let unknown = RestoreTo::Snapshot("20990101t000000000z-00000000".into());
    assert_eq!(it.code(unknown).await, "PB-REPO-NO-SNAPSHOT");
    assert_eq!(it.world.target.rows(), rows);
}

#[tokio::test(start_paused = true)]
async fn one_snapshot_is_restored_without_log() {
    let it = Ordered::new();
    let protection = it.protect().await;
    it.world.put_rows("a", 20).await;
    protection.caught_up().await;
    protection.stop().await;
    let points = it.world.repository().points().await.expect("points");
    let oldest = points.last().expect("one");
    let log = oldest.log.as_ref().expect("log");
    assert!(log.to.at > log.from.at && !log.ended && oldest.damage.is_none());
    let to = RestoreTo::Snapshot(oldest.id.clone());
    let plan = it.plan(to.clone()).await.expect("a plan");
    assert_eq!((plan.segments, plan.log_bytes), (0, 0));
    let report = it.restore(to).await.expect("restores");
    assert_eq!(report.segments_applied, 0);
    assert_eq!(keys(&it.world.target), ["first"]);
}

#[tokio::test(start_paused = true)]
async fn an_older_epoch_is_restored_when_it_is_asked_for() {
    let it = Ordered::new();
    let protection = it.protect().await;
    it.world.put_rows("one", 3).await;
    protection.caught_up().await;
    let (then, rows) = (it.world.clock.now(), it.world.source.rows());
    it.world.clock.sleep(SECOND).await;
    it.world.put_rows("lost", 3).await;
    protection.caught_up().await;
    protection.stop().await;
    let old_end = it.restore(RestoreTo::Latest).await.expect("restores");

    it.world.claim(TWO).await;
    it.world.repository().close_log(TWO).await.expect("closed");
    let service = planb_model::ServiceName::new("orders").expect("name");
    it.world
        .target
        .promote(&service, TWO)
        .await
        .expect("promoted");
    let second = OrderedDatabase::of(&it.world.target, &it.world.clock);
    let backup = it
        .world
        .repository()
        .backup(
            &second,
            "test",
            &site("busan"),
            &Default::default(),
            &NoProgress,
        )
        .await
        .expect("a snapshot of epoch 2");

    // Back into a third database, as an operator would.
    let third = planb_testkit::FakeDatabase::new("daegu", it.world.clock.clone());
    let it = Ordered {
        target: OrderedDatabase::of(&third, &it.world.clock),
        ..it
    };
    let report = it.restore(RestoreTo::Time(then)).await.expect("restores");
    assert_eq!((report.mark.epoch, third.rows()), (ONE, rows));
    let place = RestoreTo::Position(old_end.mark.position.at.clone());
    let report = it.restore(place).await.expect("restores");
    assert_eq!(report.mark.epoch, ONE);
    let report = it.restore(RestoreTo::Latest).await.expect("restores");
    assert_eq!(report.mark.snapshot, backup.manifest.id);

    // A newest epoch that cannot be read does not give way to an older one.
    let manifests = it.world.keys("orders/manifest/");
    it.world.storage.corrupt(manifests.last().expect("epoch 2"));
    let now = RestoreTo::Time(it.world.clock.now());
    assert_eq!(it.code(now).await, "PB-REPO-CORRUPT");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_only_takes_whole_segments_says_so() {
    let mut it = Ordered::new();
    let protection = it.protect().await;
    it.world.put_rows("before", 8).await;
    protection.caught_up().await;
    let (then, rows) = (it.world.clock.now(), it.world.source.rows());
    it.world.put_rows("after", 8).await;
    protection.caught_up().await;
    protection.stop().await;
    it.target.whole_only = true;
    let report = it.restore(RestoreTo::Time(then)).await.expect("restores");
    assert_eq!(report.reached, Reached::WholeSegments);
    assert!(report.reached_at <= Some(then));
    assert_eq!(it.world.target.rows(), rows);
    let report = it.restore(RestoreTo::Latest).await.expect("restores");
    assert_eq!(report.reached, Reached::Asked);
    assert_eq!(it.world.target.rows(), it.world.source.rows());
}

#[tokio::test(start_paused = true)]
async fn a_backup_beside_a_stream_stands_in_its_log() {
    let mut it = Ordered::new();
    it.world.options.snapshot_interval = Duration::from_secs(86_400);
    let protection = it.protect().await;
    it.world.put_rows("a", 5).await;
    let mut slow = it.source.clone();
    (slow.lead_time, slow.copy_time) = (4 * SECOND, 4 * SECOND);
    let repository = it.world.repository_through(Link::direct());
    let (site, options) = (site("seoul"), Default::default());
    let taken = repository.backup(&slow, "test", &site, &options, &NoProgress);
    let (backup, ()) = tokio::join!(taken, it.world.put_rows("b", 20));
    let backup = backup.expect("a backup");
    protection.caught_up().await;
    protection.stop().await;
    let report = it.restore(RestoreTo::Latest).await.expect("restores");
    assert_eq!(report.mark.snapshot, backup.manifest.id);
    assert_eq!(it.world.target.rows(), it.world.source.rows());
    assert!(report.rows_compared > 5, "taken in the middle");
}
