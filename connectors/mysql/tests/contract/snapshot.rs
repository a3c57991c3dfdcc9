//! Snapshots by several connections: what is read, and from when.

use crate::support::{Parts, Site, numbers, per_engine, restore, service, snapshot, snapshot_into};
use mysql_async::prelude::Queryable;
use planb_model::recovery::PartSpec;
use planb_ports::contract::sink::MemorySink;
use planb_ports::{
    Database, ErrorKind, PartSink, PortResult, Progress, SnapshotOptions, SnapshotSink,
};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// More than one chunk each: the smallest chunk has 8 MB.
const KEYS: &[&str] = &[
    "CREATE DATABASE shop",
    "SET SESSION sql_mode='NO_AUTO_VALUE_ON_ZERO'",
    // A crowd far from the rest, and the ends of the type.
    "CREATE TABLE shop.skewed (id BIGINT PRIMARY KEY, v VARCHAR(300), KEY (v))",
    concat!(
        "INSERT INTO shop.skewed SELECT seq + 9000000000, REPEAT(LEFT(SHA2(seq, 256), 32), 9) FROM ",
        numbers!(90000)
    ),
    "INSERT INTO shop.skewed VALUES (-9223372036854775808, 'low'), (9223372036854775807, 'high'), (0, '')",
    "CREATE TABLE shop.composed (a INT, b VARCHAR(20) COLLATE utf8mb4_general_ci, c DATETIME(3), \
     v VARCHAR(300), PRIMARY KEY (a, b, c))",
    concat!(
        "INSERT INTO shop.composed SELECT seq % 3, CONCAT('한''\\\\ ', seq % 30011), \
     '2026-01-01' + INTERVAL seq SECOND, REPEAT(LEFT(SHA2(seq, 256), 32), 9) FROM ",
        numbers!(90000)
    ),
    "CREATE TABLE shop.named (k VARBINARY(40) PRIMARY KEY, v VARCHAR(300))",
    concat!(
        "INSERT INTO shop.named SELECT UNHEX(LEFT(SHA2(seq, 256), 32)), REPEAT(LEFT(SHA2(seq, 256), 32), 9) FROM ",
        numbers!(90000)
    ),
    "CREATE TABLE shop.keyless (v VARCHAR(300))",
    concat!(
        "INSERT INTO shop.keyless SELECT REPEAT(LEFT(SHA2(seq, 256), 32), 9) FROM ",
        numbers!(40000)
    ),
    "CREATE TABLE shop.floating (f DOUBLE PRIMARY KEY, v VARCHAR(300))",
    concat!(
        "INSERT INTO shop.floating SELECT seq / 7, REPEAT(LEFT(SHA2(seq, 256), 32), 9) FROM ",
        numbers!(40000)
    ),
    "ANALYZE TABLE shop.skewed, shop.composed, shop.named, shop.keyless, shop.floating",
];

fn parts_of(parts: &Parts) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for (spec, _) in parts {
        if let Some(table) = &spec.table {
            *count.entry(table.clone()).or_default() += 1;
        }
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_cut_by_their_keys_and_every_row_comes_once() {
    let (source, target) = (Site::start(1).await, Site::start(2).await);
    source.run(KEYS).await;
    let (parts, facts) = snapshot(&source.database()).await;
    let count = parts_of(&parts);
    for table in ["skewed", "composed", "named"] {
        assert!(count[&format!("shop.{table}")] > 1, "{count:?}");
    }
    for table in ["keyless", "floating"] {
        assert_eq!(count[&format!("shop.{table}")], 1, "{count:?}");
    }
    restore(&target.database(), &parts, &facts).await;
    // By the servers themselves: nothing is missing, nothing is twice.
    for table in ["skewed", "composed", "named", "keyless", "floating"] {
        let sql = format!("SELECT COUNT(*) FROM shop.{table}");
        assert_eq!(source.one(&sql).await, target.one(&sql).await, "{table}");
        let sql = format!(
            "SELECT SUM(CRC32(CONCAT_WS('/', {}))) FROM shop.{table}",
            match table {
                "skewed" => "id, v",
                "composed" => "a, b, c, v",
                "named" => "HEX(k), v",
                "floating" => "f, v",
                _ => "v",
            }
        );
        assert_eq!(source.one(&sql).await, target.one(&sql).await, "{table}");
    }
    assert_eq!(
        target.database().digests().await.expect("digests"),
        facts.tables
    );
}

/// Two tables whose numbers a writer keeps in balance.
const BALANCED: &[&str] = &[
    "CREATE DATABASE shop",
    "CREATE TABLE shop.a (id INT PRIMARY KEY, n BIGINT, v VARCHAR(300))",
    "CREATE TABLE shop.b LIKE shop.a",
    concat!(
        "INSERT INTO shop.a SELECT seq, 0, REPEAT(LEFT(SHA2(seq, 256), 32), 9) FROM ",
        numbers!(60000)
    ),
    "INSERT INTO shop.b SELECT * FROM shop.a",
    "ANALYZE TABLE shop.a, shop.b",
];

#[tokio::test(flavor = "multi_thread")]
async fn connections_see_one_point_under_a_writer() {
    let (source, target) = (Site::start(1).await, Site::start(2).await);
    source.run(BALANCED).await;
    let stop = AtomicBool::new(false);
    let writing = write(&source, &stop);
    let reading = async {
        let mut taken = Vec::new();
        for _ in 0..3 {
            let sink = MemorySink::default();
            let options = SnapshotOptions {
                connections: 4,
                ..SnapshotOptions::default()
            };
            let database = source.database();
            let progress = Stages::default();
            let facts = database.snapshot(&sink, &options, &progress).await;
            let facts = facts.unwrap_or_else(|error| panic!("{}", error.chain()));
            assert!(!progress.alone(), "{:?}", progress.0);
            taken.push((sink.parts(), facts));
        }
        stop.store(true, Ordering::Relaxed);
        taken
    };
    let (written, taken) = tokio::join!(writing, reading);
    assert!(written > 0);
    let mut before = Vec::new();
    for (parts, facts) in &taken {
        restore(&target.database(), parts, facts).await;
        let sum = "SELECT (SELECT SUM(n) FROM shop.a) + (SELECT SUM(n) FROM shop.b)";
        assert_eq!(target.one(sum).await.as_deref(), Some("0"));
        // The position is the one of these rows: what was committed before the
        // writer began is the same for all.
        let gtid = facts.position.gtid.as_deref().expect("a position");
        let committed = gtid.rsplit('-').next().and_then(|n| n.parse::<u64>().ok());
        let rows = target.one("SELECT SUM(n) FROM shop.a").await.expect("sum");
        before.push(committed.expect("number") - rows.parse::<u64>().expect("number"));
        assert!(facts.consistent_at.is_some());
    }
    assert!(before.windows(2).all(|w| w[0] == w[1]), "{before:?}");
}

/// Moves one from table to table until it is stopped; returns how often.
async fn write(source: &Site, stop: &AtomicBool) -> u64 {
    let mut conn = source.connect().await;
    let mut n = 0u64;
    while !stop.load(Ordering::Relaxed) {
        n += 1;
        let id = 1 + n * 7919 % 60000;
        for sql in [
            "BEGIN".to_owned(),
            format!("UPDATE shop.a SET n = n + 1 WHERE id = {id}"),
            format!("UPDATE shop.b SET n = n - 1 WHERE id = {id}"),
            "COMMIT".to_owned(),
        ] {
            conn.query_drop(sql).await.expect("writes");
        }
    }
    n
}

/// Remembers the stages.
#[derive(Default)]
pub struct Stages(Mutex<Vec<String>>);

impl Progress for Stages {
    fn bytes(&self, _done: u64, _total: Option<u64>) {}
    fn stage(&self, text: &str) {
        self.0.lock().expect("lock").push(text.to_owned());
    }
}

impl Stages {
    /// Whether one connection was said to read everything.
    pub fn alone(&self) -> bool {
        let stages = self.0.lock().expect("lock");
        stages
            .iter()
            .any(|stage| stage.starts_with("one connection:"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_privilege_one_connection_reads_and_says_so() {
    let source = Site::start(1).await;
    source.run(KEYS).await;
    source
        .run(&[
            "CREATE DATABASE IF NOT EXISTS planb",
            "CREATE USER weak@'127.0.0.1' IDENTIFIED BY 'x'",
            "GRANT ALL ON shop.* TO weak@'127.0.0.1'",
            "GRANT ALL ON planb.* TO weak@'127.0.0.1'",
            per_engine(
                "GRANT BINLOG MONITOR, PROCESS ON *.* TO weak@'127.0.0.1'",
                "GRANT REPLICATION CLIENT, PROCESS ON *.* TO weak@'127.0.0.1'",
            ),
        ])
        .await;
    let weak = source.database_as("weak", "x");
    let progress = Stages::default();
    let sink = MemorySink::default();
    let options = SnapshotOptions::default();
    let facts = weak.snapshot(&sink, &options, &progress).await;
    let facts = facts.unwrap_or_else(|error| panic!("{}", error.chain()));
    assert!(progress.alone(), "{:?}", progress.0);
    assert_eq!(
        source.database().digests().await.expect("digests"),
        facts.tables
    );

    // Definitions cannot be held back then; a change is noticed.
    let dropping = Meanwhile {
        inner: MemorySink::default(),
        site: &source,
        sql: "ALTER TABLE shop.keyless ADD w INT",
        done: AtomicBool::new(false),
    };
    let taken = weak.snapshot(&dropping, &options, &Stages::default()).await;
    let error = taken.expect_err("a definition changed");
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Unavailable, "PB-MYSQL-DDL-IN-SNAPSHOT"),
        "{}",
        error.chain()
    );
}

/// Runs a statement when the first rows come.
struct Meanwhile<'a> {
    inner: MemorySink,
    site: &'a Site,
    sql: &'static str,
    done: AtomicBool,
}

#[async_trait::async_trait]
impl SnapshotSink for Meanwhile<'_> {
    async fn begin(&self, spec: PartSpec) -> PortResult<Box<dyn PartSink>> {
        if spec.kind == "rows" && !self.done.swap(true, Ordering::Relaxed) {
            self.site.run(&[self.sql]).await;
        }
        self.inner.begin(spec).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_database_and_an_empty_table_are_snapshots_too() {
    let (source, target) = (Site::start(1).await, Site::start(2).await);
    source.run(&["CREATE DATABASE shop"]).await;
    let (parts, facts) = snapshot(&source.database()).await;
    assert_eq!(facts.tables, []);
    restore(&target.database(), &parts, &facts).await;
    assert_eq!(target.database().digests().await.expect("digests"), []);
    source
        .run(&["CREATE TABLE shop.`빈 \"표\"` (id INT PRIMARY KEY, KEY `k\n)` (id))"])
        .await;
    let (parts, facts) = snapshot(&source.database()).await;
    restore(&target.database(), &parts, &facts).await;
    let create = "SELECT GROUP_CONCAT(INDEX_NAME ORDER BY 1) FROM information_schema.STATISTICS \
                  WHERE TABLE_SCHEMA='shop'";
    assert_eq!(source.one(create).await, target.one(create).await);
    assert_eq!(facts.tables.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_more_than_a_hundred_megabytes_is_carried_over() {
    let large = |options: &mut crate::support::Options| {
        let log = per_engine("--innodb-log-file-size=1G", "--innodb-redo-log-capacity=2G");
        let more = ["--max-allowed-packet=512M", log];
        options.extra_args.extend(more.map(str::to_owned));
    };
    let source = Site::start_with(1, large).await;
    let target = Site::start_with(2, large).await;
    source
        .run(&[
            "CREATE DATABASE shop",
            "CREATE TABLE shop.files (id INT PRIMARY KEY, name TEXT, body LONGBLOB)",
            "INSERT INTO shop.files SELECT 2, 'large', REPEAT(x'000a5c09ff61', 18000000)",
            "INSERT INTO shop.files VALUES (1, 'small', 'x'), (3, NULL, '')",
        ])
        .await;
    let (parts, facts) = snapshot(&source.database()).await;
    let bytes: usize = parts.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(bytes > 108_000_000, "{bytes}");
    restore(&target.database(), &parts, &facts).await;
    let sum = "SELECT GROUP_CONCAT(CONCAT_WS('/', id, name, LENGTH(body), SHA2(body, 256)) ORDER BY id) \
               FROM shop.files";
    assert_eq!(source.one(sum).await, target.one(sum).await);
    assert_eq!(
        target.database().digests().await.expect("digests"),
        facts.tables
    );
}

#[tokio::test]
async fn a_manifest_with_older_digests_is_compared_by_them() {
    let (source, target) = (Site::start(1).await, Site::start(2).await);
    source
        .run(&[
            "CREATE DATABASE shop",
            "CREATE TABLE shop.t (a INT, b TEXT)",
        ])
        .await;
    source
        .run(&["INSERT INTO shop.t VALUES (1, 'x\\ty'), (2, NULL)"])
        .await;
    let sink = MemorySink::default();
    let mut facts = snapshot_into(&source.database(), &sink)
        .await
        .expect("taken");
    let mut old = planb_model::recovery::RowHasher::default();
    old.add(b"2\t\\N");
    old.add(b"1\tx\\ty");
    facts.tables = vec![old.finish("shop.t")];
    let database = target.database();
    let manifest = crate::support::manifest(&sink.parts(), &facts);
    database.begin_restore(&manifest).await.expect("begins");
    for (spec, bytes) in &sink.parts() {
        crate::support::load(&database, spec, bytes)
            .await
            .expect("loads");
    }
    assert_eq!(database.digests().await.expect("digests"), facts.tables);
    let mark = crate::support::mark(&facts.position, 1);
    database.end_restore(&mark).await.expect("ends");
    // Afterwards both sites are compared by the newer ones.
    let both = (source.database().digests().await, database.digests().await);
    assert_eq!(both.0.expect("digests"), both.1.expect("digests"));
    assert_eq!(service().as_str(), "orders");
}
