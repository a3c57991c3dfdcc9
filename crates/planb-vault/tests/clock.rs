//! The wall clock jumps by hours while log is shipped: order comes from the
//! chain, never from times, so nothing is lost, mixed up or deleted by it.

mod world;

use jiff::{SignedDuration, Timestamp};
use planb_model::SiteName;
use planb_model::recovery::{NewRecord, RecordKind, RetentionPolicy};
use planb_ports::progress::NoProgress;
use planb_ports::{Clock, Repository, RestoreOptions, RestoreTo, SnapshotOptions};
use std::time::Duration;
use world::ordered::OrderedDatabase;
use world::{Protection, World};

const HOUR_MS: i64 = 3_600_000;
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A world, and its rows in the order they were written in.
struct History {
    world: World,
    written: Vec<String>,
}

impl History {
    fn new() -> Self {
        Self {
            world: World::new(),
            written: vec!["first".into()],
        }
    }

    async fn put(&mut self, name: &str) {
        self.world.put_rows(name, 4).await;
        self.written.extend((0..4).map(|n| format!("{name}-{n}")));
    }

    async fn backup(&self) -> String {
        let source = OrderedDatabase::of(&self.world.source, &self.world.clock);
        let site = SiteName::new("seoul").expect("name");
        let options = SnapshotOptions::default();
        let repository = self.world.repository();
        let taken = repository
            .backup(&source, "test", &site, &options, &NoProgress)
            .await;
        taken.expect("a backup").manifest.id
    }

    /// How many rows a restore brings: they must be the first ones of the
    /// history. `None` when it says that there is no such point.
    async fn rows_at(&self, to: RestoreTo) -> Option<usize> {
        let options = RestoreOptions {
            to,
            ..RestoreOptions::default()
        };
        self.world.target.revive_empty();
        let target = OrderedDatabase::of(&self.world.target, &self.world.clock);
        let repository = self.world.repository();
        let restored = repository.restore(&target, &options, &NoProgress).await;
        restored.ok()?;
        let mut found: Vec<String> = self.world.target.rows().into_keys().collect();
        let mut first = self.written[..found.len()].to_vec();
        found.sort();
        first.sort();
        assert_eq!(found, first, "not what was there at any time");
        Some(found.len())
    }
}

/// Waits for a canary that was written after this call.
async fn next_canary(protection: &Protection) -> Timestamp {
    let number = || protection.newest_canary().map(|c| c.sequence);
    let before = number();
    // The next one may be on its way already.
    let later = || number() > before.map(|n| n + 1);
    protection.until("two more canaries", later).await;
    protection.newest_canary().expect("a canary").written_at
}

#[tokio::test(start_paused = true)]
async fn log_points_and_the_recovery_point_go_on_in_order() {
    for hours in [-3, 5, -30] {
        let mut it = History::new();
        let began = it.world.clock.now();
        let protection = it.world.protect().await;
        it.put("before").await;
        next_canary(&protection).await;
        it.world.clock.jump(hours * HOUR_MS);
        it.put("after").await;
        // The recovery point is told by the clock of now, not by the latest one.
        let told = next_canary(&protection).await;
        let age = it.world.clock.now().duration_since(told);
        let near = SignedDuration::ZERO..SignedDuration::from_secs(5);
        assert!(near.contains(&age), "{hours} h: {age:?}");
        protection.stop().await;

        let second = it.backup().await;
        let points = it.world.repository().points().await.expect("points");
        assert_eq!(points[0].id, second, "{hours} h: the newest comes first");
        let protection = it.world.protect().await;
        it.put("last").await;
        next_canary(&protection).await;
        protection.stop().await;
        let all = it.rows_at(RestoreTo::Latest).await;
        assert_eq!(all, Some(it.written.len()), "{hours} h");

        let ended = it.world.clock.now();
        let (mut at, end) = (began.min(ended), began.max(ended));
        let (mut reached, mut step) = (0, 0);
        while at <= end {
            reached += usize::from(it.rows_at(RestoreTo::Time(at)).await.is_some());
            // Finely where something happened, coarsely in between.
            let near = |t: Timestamp| at.duration_since(t).abs() < SignedDuration::from_secs(40);
            step = if near(began) || near(ended) { 1 } else { 600 };
            at += SignedDuration::from_secs(step);
        }
        assert!(step > 0 && reached > 0, "{hours} h: no moment was reached");
    }
}

#[tokio::test(start_paused = true)]
async fn retention_deletes_nothing_too_early_by_a_clock_that_jumps_back() {
    let mut it = History::new();
    for day in 0..6 {
        let protection = it.world.protect().await;
        it.put(&format!("day-{day}")).await;
        next_canary(&protection).await;
        protection.stop().await;
        it.backup().await;
        it.world.clock.sleep(DAY).await;
    }
    let policy = RetentionPolicy {
        keep_last: 1,
        keep_for: DAY * 3,
        ..RetentionPolicy::default()
    };
    // A moment that is kept by any of the clocks below.
    let then = it.world.clock.now() - DAY * 5 / 2;
    let rows = it.rows_at(RestoreTo::Time(then)).await;
    assert!(rows.is_some());
    let right = it.world.repository().prune(&policy, true).await;
    let right = right.expect("decides").deleted;
    it.world.clock.jump(-36 * HOUR_MS);
    let report = it.world.repository().prune(&policy, false).await;
    let deleted = report.expect("prunes").deleted;
    assert!(deleted.len() < right.len() && deleted.iter().all(|key| right.contains(key)));
    assert_eq!(it.rows_at(RestoreTo::Time(then)).await, rows);

    // Forwards by hours: what goes is hours too old at most, and the rest is whole.
    it.world.clock.jump((36 + 6) * HOUR_MS);
    let report = it.world.repository().prune(&policy, false).await;
    assert!(!report.expect("prunes").deleted.is_empty());
    assert_eq!(it.rows_at(RestoreTo::Time(then)).await, rows);
    it.world.clock.jump(-6 * HOUR_MS);
    let all = it.rows_at(RestoreTo::Latest).await;
    assert_eq!(all, Some(it.written.len()));
}

/// Without log in between only their names tell which snapshot is the newest.
#[tokio::test(start_paused = true)]
async fn the_last_snapshot_is_the_newest_whatever_the_clock_says() {
    let mut it = History::new();
    it.world.claim(world::ONE).await;
    for (turn, hours) in [0, 24 * 400, -24 * 405, 0, 24 * 2, -24 * 30]
        .into_iter()
        .enumerate()
    {
        it.world.clock.jump(hours * HOUR_MS);
        it.put(&format!("turn-{turn}")).await;
        let taken = it.backup().await;
        let points = it.world.repository().points().await.expect("points");
        assert_eq!(points[0].id, taken, "after a jump of {hours} h");
        assert_eq!(points.len(), turn + 1);
        let all = it.rows_at(RestoreTo::Latest).await;
        assert_eq!(all, Some(it.written.len()), "after a jump of {hours} h");
    }
}

/// Six days with a snapshot each, one of them by a clock that is off by `hours`.
async fn six_days(wrong: usize, hours: i64) -> (History, Vec<String>) {
    let (mut it, mut snapshots) = (History::new(), Vec::new());
    for day in 0..6 {
        let protection = it.world.protect().await;
        it.put(&format!("day-{day}")).await;
        next_canary(&protection).await;
        protection.stop().await;
        let off = if day == wrong { hours * HOUR_MS } else { 0 };
        it.world.clock.jump(off);
        snapshots.push(it.backup().await);
        it.world.clock.jump(-off);
        it.world.clock.sleep(DAY).await;
    }
    (it, snapshots)
}

fn three_days() -> RetentionPolicy {
    RetentionPolicy {
        keep_last: 1,
        keep_for: DAY * 3,
        ..RetentionPolicy::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_a_time_to_come_holds_nothing_back_and_can_be_dropped() {
    let (mut it, snapshots) = six_days(1, 24 * 400).await;
    let then = it.world.clock.now() - DAY * 5 / 2;
    let rows = it.rows_at(RestoreTo::Time(then)).await;
    assert!(rows.is_some());
    let policy = three_days();
    let repository = it.world.repository();
    let report = repository.prune(&policy, false).await.expect("prunes");
    assert!(report.deleted.iter().any(|key| key.contains("/log/")));
    let left = || async {
        let points = it.world.repository().points().await.expect("points");
        points.into_iter().rev().map(|p| p.id).collect::<Vec<_>>()
    };
    let expected = [&snapshots[1..2], &snapshots[3..]].concat();
    assert_eq!(left().await, expected);

    let named = [snapshots[1].clone()];
    let keys = it.world.storage.keys();
    let dry = repository.prune_named(&named, &policy, true).await;
    assert_eq!(it.world.storage.keys(), keys, "a dry run deletes nothing");
    let dropped = repository.prune_named(&named, &policy, false).await;
    let dropped = dropped.expect("dropped");
    assert_eq!(dropped.deleted, dry.expect("decides").deleted);
    assert!(dropped.deleted.iter().all(|key| !key.contains("/log/")));
    assert_eq!(left().await, snapshots[3..]);
    assert_eq!(it.rows_at(RestoreTo::Time(then)).await, rows);
    it.put("after").await;
    it.backup().await;
    let all = it.rows_at(RestoreTo::Latest).await;
    assert_eq!(all, Some(it.written.len()));
}

/// It looks older than what is kept for; the exact points of that time do not
/// start from it all the same.
#[tokio::test(start_paused = true)]
async fn a_snapshot_by_a_clock_that_was_behind_takes_no_points_away() {
    let (it, snapshots) = six_days(4, -24 * 30).await;
    let then = it.world.clock.now() - DAY * 5 / 2;
    let rows = it.rows_at(RestoreTo::Time(then)).await;
    assert!(rows.is_some());
    let report = it.world.repository().prune(&three_days(), false).await;
    assert!(!report.expect("prunes").deleted.is_empty());
    assert_eq!(it.rows_at(RestoreTo::Time(then)).await, rows);
    let points = it.world.repository().points().await.expect("points");
    assert!(points.iter().any(|p| p.id == snapshots[4]));
}

/// A verdict of a time to come must not stand against what was found since.
#[tokio::test(start_paused = true)]
async fn the_last_verdict_counts_whatever_the_clock_says() {
    let mut it = History::new();
    it.world.claim(world::ONE).await;
    it.put("some").await;
    let snapshot = it.backup().await;
    let repository = it.world.repository();
    let found = |passed: bool, turn: usize| NewRecord {
        kind: RecordKind::Verification,
        snapshot: snapshot.clone(),
        passed: Some(passed),
        body: serde_json::json!({ "turn": turn }),
    };
    let jumps = [0, 24 * 400, -24 * 405, 0, 24 * 2, -24 * 30];
    for (turn, hours) in jumps.into_iter().enumerate() {
        it.world.clock.jump(hours * HOUR_MS);
        let passed = turn % 2 == 0;
        let written = repository.put_record(found(passed, turn)).await;
        assert_eq!(written.expect("a record").written_at, it.world.clock.now());
        let points = repository.points().await.expect("points");
        let told = points[0].verified.map(|verdict| verdict.passed);
        assert_eq!(told, Some(passed), "after a jump of {hours} h");
        let records = repository.records(RecordKind::Verification).await;
        let in_order: Vec<_> = records.expect("records").into_iter().collect();
        let turns: Vec<_> = in_order.iter().map(|r| r.body["turn"].clone()).collect();
        assert_eq!(turns, (0..=turn).collect::<Vec<_>>());
        it.world.clock.sleep(Duration::from_millis(1)).await;
    }
}
