//! A group of log over several connections: the same rows, and all of them or none.

#[path = "lanes/paused.rs"]
mod paused;

use super::fold::{as_segments, random_changes, status, workload};
use super::replica::{caught_up, follow, server};
use crate::support::{
    IS_MARIADB, Parts, Site, TestClock, canary, drain, restore, service, snapshot,
};
use paused::{Paused, wait};
use planb_connector_mysql::{MysqlConfig, MysqlDatabase};
use planb_model::Epoch;
use planb_model::recovery::TableDigest;
use planb_ports::{Database, LogSegment, LogSource, SegmentEnd, SnapshotFacts};
use std::sync::Arc;
use workload::{Dice, OWN_TABLES, TABLES};

/// A database whose log goes over four connections, however little it is.
fn wide(config: MysqlConfig) -> MysqlDatabase {
    let config = MysqlConfig {
        apply_lanes: 4,
        apply_lane_bytes: 1,
        ..config
    };
    MysqlDatabase::connect_lazy(config, Arc::new(TestClock(0)))
}

fn narrow(config: MysqlConfig) -> MysqlDatabase {
    let config = MysqlConfig {
        apply_lanes: 1,
        ..config
    };
    MysqlDatabase::connect_lazy(config, Arc::new(TestClock(0)))
}

/// A source, a target, and what the target is restored from.
struct Pair {
    source: Site,
    target: Site,
    parts: Parts,
    facts: SnapshotFacts,
    log: Box<dyn LogSource>,
    next: u64,
}

impl Pair {
    async fn start(setup: &[&[&str]]) -> Self {
        let (source, target) = (Site::start(1).await, Site::start(2).await);
        for some in setup {
            source.run(some).await;
        }
        let (parts, facts) = snapshot(&source.database()).await;
        let log = source.database().open_log(&facts.position).await;
        restore(&target.database(), &parts, &facts).await;
        Self {
            source,
            target,
            parts,
            facts,
            log: log.expect("opens"),
            next: 1,
        }
    }

    async fn segments(&mut self) -> Vec<LogSegment> {
        let segments = as_segments(&drain(self.log.as_mut()).await, self.next);
        self.next += segments.len() as u64;
        segments
    }

    async fn wanted(&self) -> Vec<TableDigest> {
        self.source.database().digests().await.expect("digests")
    }

    async fn found(&self) -> Vec<TableDigest> {
        self.target.database().digests().await.expect("digests")
    }

    /// The token of the group that was applied by lanes last.
    async fn token(&self) -> Option<String> {
        let tables = "SELECT COUNT(*) FROM information_schema.TABLES \
                      WHERE TABLE_SCHEMA = 'planb' AND TABLE_NAME = 'lanes'";
        match self.target.one(tables).await.as_deref() {
            Some("1") => self.target.one("SELECT token FROM planb.lanes").await,
            _ => None,
        }
    }
}

async fn all(database: &MysqlDatabase, segments: &[LogSegment]) {
    let done = database.apply_segments(segments, None).await;
    let done = done.unwrap_or_else(|error| panic!("{}", error.chain()));
    assert_eq!(done, (segments.len(), SegmentEnd::All));
}

async fn promote(database: &MysqlDatabase) {
    let promoted = database.promote(&service(), Epoch(2)).await;
    promoted.unwrap_or_else(|error| panic!("{}", error.chain()));
}

const SHOP: &[&str] = &[
    "CREATE DATABASE shop",
    "CREATE TABLE shop.a (id INT PRIMARY KEY, v INT, KEY (v))",
    "CREATE TABLE shop.b (id BIGINT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(100))",
    "CREATE TABLE shop.c (id INT PRIMARY KEY, v INT)",
    "CREATE TABLE shop.d (id INT, v INT)",
    "INSERT INTO shop.a WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 3000) \
     SELECT n, 0 FROM s",
    "INSERT INTO shop.b SELECT id, 'old' FROM shop.a",
    "INSERT INTO shop.c SELECT id, v FROM shop.a WHERE id <= 700",
    "INSERT INTO shop.d SELECT id, v FROM shop.a WHERE id <= 300",
];

const CHANGES: &[&str] = &[
    "UPDATE shop.a SET v = v + 1",
    "UPDATE shop.b SET v = CONCAT(v, id)",
    "DELETE FROM shop.b WHERE id % 7 = 0",
    "INSERT INTO shop.b (v) SELECT 'new' FROM shop.c",
    "UPDATE shop.c SET id = id + 1000 WHERE id > 300",
    "UPDATE shop.d SET v = id WHERE id < 20",
    "UPDATE shop.a, shop.c SET shop.a.v = 7, shop.c.v = 7 WHERE shop.a.id = shop.c.id",
];

#[tokio::test]
async fn independent_tables_and_ranges_of_keys_go_over_several_connections() {
    let mut pair = Pair::start(&[SHOP]).await;
    for some in [
        &["UPDATE shop.a SET v = v + 1"][..],
        &[
            "UPDATE shop.b SET v = 1",
            "UPDATE shop.c SET v = 2",
            "DELETE FROM shop.d",
        ],
    ] {
        pair.source.run(some).await;
        let segments = pair.segments().await;
        let paused = Paused::at_decision(&pair.target, wide(pair.target.config()), &segments).await;
        assert_eq!(paused.others.len(), 3, "{some:?}");
        paused.go_on().await.expect("applied");
        assert_eq!(pair.found().await, pair.wanted().await);
    }
    // Nothing is left that would have to be done over.
    let stored = "SELECT COUNT(*) FROM planb.lane_redo";
    assert_eq!(pair.target.one(stored).await.as_deref(), Some("0"));
}

#[tokio::test]
async fn little_log_and_what_cannot_be_divided_go_over_one_connection() {
    let tied: &[&str] = &[
        "CREATE TABLE shop.p (id INT PRIMARY KEY, v INT)",
        "CREATE TABLE shop.k (id INT PRIMARY KEY, p INT, \
         FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE)",
        "INSERT INTO shop.p SELECT * FROM shop.a",
        "INSERT INTO shop.k SELECT id, id FROM shop.p",
        "CREATE TABLE shop.u (id INT PRIMARY KEY, u INT UNIQUE)",
        "INSERT INTO shop.u SELECT id, id FROM shop.a",
        "CREATE TABLE shop.w (a INT, b INT, PRIMARY KEY (a, b), UNIQUE KEY (a))",
        "INSERT INTO shop.w SELECT id, id FROM shop.a",
        "CREATE TABLE shop.t (k VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY, v INT)",
        "INSERT INTO shop.t SELECT CONCAT('a', id), id FROM shop.a",
    ];
    let mut pair = Pair::start(&[SHOP, tied]).await;
    let ordinary = pair.target.database();
    pair.source
        .run(&["UPDATE shop.a SET v = 1 WHERE id < 90"])
        .await;
    all(&ordinary, &pair.segments().await).await;
    let database = wide(pair.target.config());
    for changes in [
        // InnoDB deletes of shop.k by itself.
        &[
            "DELETE FROM shop.p WHERE id > 9",
            "INSERT INTO shop.p VALUES (99, 1)",
        ][..],
        // A row takes the number of another one.
        &["UPDATE shop.u SET u = -u", "UPDATE shop.u SET u = 3001 + u"],
        &["UPDATE shop.w SET a = -a", "UPDATE shop.w SET a = 3001 + a"],
        &["UPDATE shop.d SET v = v + 1"],
        // The same key for the server, in other bytes.
        &[
            "DELETE FROM shop.t",
            "INSERT INTO shop.t SELECT CONCAT('A', id), 1 FROM shop.a",
        ],
    ] {
        pair.source.run(changes).await;
        all(&database, &pair.segments().await).await;
        assert_eq!(pair.found().await, pair.wanted().await, "{changes:?}");
        assert_eq!(pair.token().await, None, "{changes:?}");
        // Nor was it tried: two lanes would have waited for each other.
        let taken_back = status(&pair.target, "Com_rollback").await;
        assert_eq!(taken_back, 0, "{changes:?}");
    }
    pair.source.run(CHANGES).await;
    all(&database, &pair.segments().await).await;
    assert!(pair.token().await.is_some(), "these may be divided");
    assert_eq!(pair.found().await, pair.wanted().await);
}

#[tokio::test]
async fn random_changes_by_lanes_are_the_same_rows() {
    let mut pair = Pair::start(&[TABLES, OWN_TABLES]).await;
    let one = Site::start(3).await;
    restore(&one.database(), &pair.parts, &pair.facts).await;
    let (lanes, one) = (wide(pair.target.config()), narrow(one.config()));
    let mut token = None;
    for seed in 21..=25u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random_changes(&pair.source, &mut dice, 500, true).await;
        let segments = pair.segments().await;
        all(&lanes, &segments).await;
        all(&one, &segments).await;
        let wanted = one.digests().await.expect("digests");
        assert_eq!(pair.found().await, wanted, "seed {seed}");
        assert_eq!(pair.wanted().await, wanted, "seed {seed}");
        let kept = lanes.integrity().await.expect("asked");
        assert!(kept.is_empty(), "seed {seed}: {kept:?}");
        // MySQL refuses some of what MariaDB takes; it is applied unfolded then.
        if IS_MARIADB {
            let last = pair.token().await;
            assert!(last.is_some() && last != token, "seed {seed}: not by lanes");
            token = last;
        }
    }
}

/// How a group that is in by half is completed.
#[derive(Debug, Clone, Copy)]
enum Then {
    Resume,
    Promote,
    RestartAndPromote,
}

#[tokio::test]
async fn whatever_ends_after_the_decision_all_of_the_group_will_be_in() {
    let mut pair = Pair::start(&[SHOP]).await;
    pair.source.run(CHANGES).await;
    pair.source
        .database()
        .write_canary(&service(), &canary(4))
        .await
        .expect("canary");
    let segments = pair.segments().await;
    let (before, wanted) = (pair.found().await, pair.wanted().await);
    for (lost, then) in [
        (0, Then::Resume),
        (1, Then::Resume),
        (2, Then::Promote),
        (3, Then::RestartAndPromote),
        (3, Then::Resume),
    ] {
        restore(&pair.target.database(), &pair.parts, &pair.facts).await;
        let database = wide(pair.target.config());
        let paused = Paused::at_decision(&pair.target, database, &segments).await;
        paused.end_lanes(&pair.target, lost).await;
        let done = paused.go_on().await;
        assert_eq!(done.is_ok(), lost == 0, "{lost} {then:?}");
        if lost > 0 {
            let half = pair.found().await;
            assert!(half != before && half != wanted, "{lost} {then:?}");
        }
        let database = wide(pair.target.config());
        match then {
            Then::Resume => {
                let mark = database.applied().await.expect("read");
                assert_eq!(mark.as_ref(), segments.last().map(|s| &s.mark));
            }
            Then::Promote => promote(&database).await,
            Then::RestartAndPromote => {
                pair.target.server.kill();
                pair.target.server.restart().await.expect("starts");
                promote(&database).await;
            }
        }
        assert_eq!(pair.found().await, wanted, "{lost} {then:?}");
        let read = database.read_canary(&service()).await.expect("read");
        assert_eq!(read, Some(canary(4)));
    }
    // What follows goes on from there.
    pair.source.run(CHANGES).await;
    all(&wide(pair.target.config()), &pair.segments().await).await;
    assert_eq!(pair.found().await, pair.wanted().await);
}

#[tokio::test]
async fn whatever_ends_before_the_decision_nothing_of_the_group_is_in() {
    let mut pair = Pair::start(&[SHOP]).await;
    let before = pair.found().await;
    pair.source.run(CHANGES).await;
    let segments = pair.segments().await;
    let mark = pair.target.database().applied().await.expect("read");

    // PlanB ends.
    let database = wide(pair.target.config());
    let paused = Paused::at_decision(&pair.target, database, &segments).await;
    paused.end_planb().await;
    let none = "SELECT COUNT(*) = 0 FROM information_schema.INNODB_TRX";
    wait(&pair.target, none).await;
    assert_eq!(pair.found().await, before);
    let database = wide(pair.target.config());
    assert_eq!(database.applied().await.expect("read"), mark);
    assert_eq!(pair.found().await, before);

    // The server ends.
    let paused = Paused::at_decision(&pair.target, database, &segments).await;
    pair.target.server.kill();
    paused.go_on().await.expect_err("there is no server");
    pair.target.server.restart().await.expect("starts");
    let database = wide(pair.target.config());
    assert_eq!(database.applied().await.expect("read"), mark);
    assert_eq!(pair.found().await, before);

    // It is applied all the same.
    all(&database, &segments).await;
    assert_eq!(pair.found().await, pair.wanted().await);
}

#[tokio::test]
async fn a_promotion_waits_for_the_lanes_and_others_are_kept_out() {
    let mut pair = Pair::start(&[SHOP]).await;
    pair.source.run(CHANGES).await;
    let segments = pair.segments().await;
    let config = pair.target.config();
    let paused = Paused::at_decision(&pair.target, wide(config.clone()), &segments).await;
    let another = wide(config.clone()).apply_segments(&segments, None).await;
    assert_eq!(another.expect_err("kept out").code(), "PB-MYSQL-BUSY");
    let promotion = tokio::spawn(async move { promote(&wide(config)).await });
    let waits = "SELECT COUNT(*) > 0 FROM information_schema.PROCESSLIST \
                 WHERE INFO LIKE 'SELECT % FROM planb.applied%FOR UPDATE'";
    wait(&pair.target, waits).await;
    paused.go_on().await.expect("applied");
    promotion.await.expect("promoted");
    assert_eq!(pair.found().await, pair.wanted().await);
    let database = wide(pair.target.config());
    assert_eq!(database.applied().await.expect("read"), None);
    let late = database.apply_segments(&segments, None).await;
    assert_eq!(late.expect_err("late").code(), "PB-MYSQL-NOT-CONTINUOUS");
}

#[tokio::test]
async fn another_service_of_the_server_leaves_the_lanes_alone() {
    let mut pair = Pair::start(&[SHOP]).await;
    let before = pair.found().await;
    pair.source.run(CHANGES).await;
    let segments = pair.segments().await;
    let paused = Paused::at_decision(&pair.target, wide(pair.target.config()), &segments).await;
    paused.end_lanes(&pair.target, 2).await;
    paused.go_on().await.expect_err("half");
    let half = pair.found().await;
    let mut config = pair.target.config();
    config.databases = vec!["crm".into()];
    let other = wide(config);
    assert_eq!(other.applied().await.expect("read"), None);
    promote(&other).await;
    assert_eq!(pair.found().await, half);
    assert_ne!(half, before);
    // What is needed to complete it is still there.
    promote(&wide(pair.target.config())).await;
    assert_eq!(pair.found().await, pair.wanted().await);
}

#[tokio::test]
async fn a_lane_that_cannot_be_done_over_is_told() {
    let mut pair = Pair::start(&[SHOP]).await;
    pair.source.run(CHANGES).await;
    let segments = pair.segments().await;
    let paused = Paused::at_decision(&pair.target, wide(pair.target.config()), &segments).await;
    paused.end_lanes(&pair.target, 1).await;
    paused.go_on().await.expect_err("half");
    pair.target.run(&["DELETE FROM planb.lane_redo"]).await;
    let database = wide(pair.target.config());
    let code = |error: planb_ports::PortError| error.code();
    let half = "PB-MYSQL-HALF-APPLIED";
    assert_eq!(database.applied().await.map_err(code), Err(half));
    let promoted = database.promote(&service(), Epoch(2)).await;
    assert_eq!(promoted.map_err(code), Err(half));
    let applied = database.apply_segments(&segments, None).await;
    assert_eq!(applied.map_err(code), Err(half));
    // A restore begins anew.
    restore(&database, &pair.parts, &pair.facts).await;
    all(&database, &segments).await;
    assert_eq!(pair.found().await, pair.wanted().await);
}

#[tokio::test]
async fn an_account_with_few_connections_applies_over_one() {
    let mut pair = Pair::start(&[SHOP]).await;
    pair.target
        .run(&[
            "CREATE USER few@'%' IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS 3",
            "GRANT ALL ON *.* TO few@'%'",
        ])
        .await;
    pair.source.run(CHANGES).await;
    let mut config = pair.target.config();
    config.user = "few".into();
    config.password = Some(planb_model::Secret::new("x"));
    all(&wide(config), &pair.segments().await).await;
    assert_eq!(pair.token().await, None);
    assert_eq!(pair.found().await, pair.wanted().await);
}

/// The target may be the source of another service, or get replicas.
#[tokio::test]
async fn what_lanes_write_into_the_targets_binlog_can_be_applied_in_turn() {
    let mut pair = Pair::start(&[SHOP]).await;
    let third = Site::start(3).await;
    let (parts, facts) = snapshot(&pair.target.database()).await;
    let mut log = pair
        .target
        .database()
        .open_log(&facts.position)
        .await
        .expect("opens");
    restore(&third.database(), &parts, &facts).await;
    pair.source.run(CHANGES).await;
    all(&wide(pair.target.config()), &pair.segments().await).await;
    assert!(pair.token().await.is_some());
    let batches = drain(log.as_mut()).await;
    all(&third.database(), &as_segments(&batches, 1)).await;
    let found = third.database().digests().await.expect("digests");
    assert_eq!(found, pair.wanted().await);
    let written: usize = batches.iter().map(|batch| batch.bytes.len()).sum();
    // As a table map names it.
    let name = b"planb\0\x09lane_redo\0";
    let has = |bytes: &[u8]| bytes.windows(name.len()).any(|window| window == name);
    let stored = batches.iter().any(|batch| has(&batch.bytes));
    assert!(!stored, "stored rows are in the {written} bytes of binlog");
}

#[tokio::test]
async fn a_replica_of_the_target_follows_the_lanes() {
    let mut pair = Pair::start(&[SHOP]).await;
    let replica = server(5).await;
    pair.target = server(4).await;
    follow(&pair.target, &replica).await;
    pair.target.run(&["CREATE DATABASE crm"]).await;
    // It is connected, so the restore is logged for it.
    caught_up(&pair.target, &replica).await;
    restore(&pair.target.database(), &pair.parts, &pair.facts).await;
    pair.source.run(CHANGES).await;
    let segments = pair.segments().await;
    let paused = Paused::at_decision(&pair.target, wide(pair.target.config()), &segments).await;
    paused.end_lanes(&pair.target, 1).await;
    paused.go_on().await.expect_err("half");
    pair.source.run(CHANGES).await;
    all(&wide(pair.target.config()), &pair.segments().await).await;
    promote(&wide(pair.target.config())).await;
    caught_up(&pair.target, &replica).await;
    let found = replica.database().digests().await.expect("digests");
    assert_eq!(found, pair.wanted().await);
}
