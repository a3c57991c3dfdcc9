//! What users and servers do that nobody wants: a clear error before anything
//! is changed, or the right rows; nothing is lost.

use crate::support::{
    IS_MARIADB, Site, apply, drain, load, manifest, numbers, per_engine, restore, snapshot,
};
use mysql_async::prelude::Queryable;
use planb_connector_mysql::MysqlDatabase;
use planb_model::finding::Severity;
use planb_model::recovery::{Engine, PartSpec};
use planb_ports::contract::sink::MemorySink;
use planb_ports::database::DatabaseRole;
use planb_ports::progress::NoProgress;
use planb_ports::{
    Database, ErrorKind, PartSink, PortError, PortResult, Retry, SnapshotOptions, SnapshotSink,
};
use std::sync::Arc;
use std::sync::Mutex;

async fn equal(a: &Site, b: &Site) {
    let wanted = a.database().digests().await.expect("digests");
    assert_eq!(b.database().digests().await.expect("digests"), wanted);
}

const FILES: &[&str] = &[
    "CREATE DATABASE shop",
    "CREATE TABLE shop.files (id INT PRIMARY KEY, name TEXT, `본문` LONGBLOB)",
    "INSERT INTO shop.files VALUES (1, 'small', 'x'), (2, 'large', REPEAT(x'000a5c09ff61', 500000))",
];
const SMALL_PACKET: &str = "--max-allowed-packet=1M";

#[tokio::test]
async fn values_beyond_max_allowed_packet_are_carried_over_or_named() {
    let source = Site::start(1).await;
    source.run(FILES).await;
    let target = Site::start_with(2, |options| options.extra_args.push(SMALL_PACKET.into())).await;
    // Neither the source nor the target takes a statement with such a value.
    source.run(&["SET GLOBAL max_allowed_packet=1048576"]).await;
    let database = source.database();
    let (parts, facts) = snapshot(&database).await;
    restore(&target.database(), &parts, &facts).await;
    equal(&source, &target).await;
    if IS_MARIADB {
        // It does not look behind such an event in its own log. That is not taken
        // for lost log: a new snapshot would meet it again, and again.
        let error = database.open_log(&facts.position).await.map(drop);
        let error = error.expect_err("no GTID");
        assert_eq!(told(&error), (ErrorKind::Invalid, "PB-MYSQL-PACKET"));
    }
    source
        .run(&["SET GLOBAL max_allowed_packet=67108864"])
        .await;
    let (parts, facts) = snapshot(&database).await;
    restore(&target.database(), &parts, &facts).await;

    // The log goes in by statements, so its rows have to fit. It is said before
    // the definition beside them is carried out, which cannot be taken back.
    let mut log = database.open_log(&facts.position).await.expect("opens");
    source
        .run(&[
            "INSERT INTO shop.files VALUES (3, 'small', 'y')",
            "ALTER TABLE shop.files ADD COLUMN more INT FIRST",
            "INSERT INTO shop.files VALUES (7, 4, 'larger', REPEAT('z', 900000))",
        ])
        .await;
    let batches = drain(log.as_mut()).await;
    assert_eq!(batches.len(), 1, "one segment has all of it");
    let copy = target.database();
    let before = copy.applied().await.expect("read");
    let error = apply(&copy, &batches[0], 1).await.expect_err("refused");
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Invalid, "PB-MYSQL-PACKET")
    );
    let said = error.chain();
    assert!(
        said.contains("900004 bytes") && said.contains("shop.files"),
        "{said}"
    );
    let hint = error.hint_text().expect("a hint");
    assert!(hint.en.contains("to 2097152 or more"), "{hint}");
    assert_eq!(copy.applied().await.expect("read"), before);
    let rows = target.one("SELECT COUNT(*) FROM shop.files").await;
    assert_eq!(rows.as_deref(), Some("2"), "nothing of it was applied");

    target.run(&["SET GLOBAL max_allowed_packet=2097152"]).await;
    apply(&copy, &batches[0], 1)
        .await
        .unwrap_or_else(|error| panic!("{}", error.chain()));
    equal(&source, &target).await;
}

#[tokio::test]
async fn the_column_of_a_value_that_does_not_fit_is_named() {
    let source = Site::start(1).await;
    source.run(FILES).await;
    let target = Site::start_with(2, |options| options.extra_args.push(SMALL_PACKET.into())).await;
    let database = source.database();
    let (parts, facts) = snapshot(&database).await;
    restore(&target.database(), &parts, &facts).await;
    let mut log = database.open_log(&facts.position).await.expect("opens");
    let update = "UPDATE shop.files SET `본문` = REPEAT('z', 600000) WHERE id = 2";
    source.run(&[update]).await;
    let batches = drain(log.as_mut()).await;
    let copy = target.database();
    let error = apply(&copy, &batches[0], 1).await.expect_err("refused");
    assert_eq!(error.code(), "PB-MYSQL-PACKET");
    // Of the row before it: both images are in the event.
    let said = error.chain();
    assert!(said.contains("3000004 bytes in shop.files.본문"), "{said}");
}

/// Hands parts on, and calls `meanwhile` when the first rows come.
struct Meanwhile<F> {
    inner: MemorySink,
    meanwhile: Mutex<Option<F>>,
}

impl<F> Meanwhile<F> {
    fn new(meanwhile: F) -> Self {
        Self {
            inner: MemorySink::default(),
            meanwhile: Mutex::new(Some(meanwhile)),
        }
    }
}

#[async_trait::async_trait]
impl<F, W> SnapshotSink for Meanwhile<F>
where
    F: FnOnce() -> W + Send,
    W: Future<Output = ()> + Send,
{
    async fn begin(&self, spec: PartSpec) -> PortResult<Box<dyn PartSink>> {
        if spec.kind == "rows" {
            let meanwhile = self.meanwhile.lock().expect("lock").take();
            if let Some(meanwhile) = meanwhile {
                meanwhile().await;
            }
        }
        self.inner.begin(spec).await
    }
}

async fn taken<F, W>(
    database: &dyn Database,
    sink: &Meanwhile<F>,
) -> PortResult<planb_ports::SnapshotFacts>
where
    F: FnOnce() -> W + Send,
    W: Future<Output = ()> + Send,
{
    let options = SnapshotOptions {
        connections: 2,
        ..SnapshotOptions::default()
    };
    database.snapshot(sink, &options, &NoProgress).await
}

/// The largest is read first, so the others are still to be read when it begins.
const TABLES: &[&str] = &[
    "CREATE DATABASE shop",
    "CREATE TABLE shop.altered (id INT PRIMARY KEY, v VARCHAR(300))",
    "CREATE TABLE shop.truncated LIKE shop.altered",
    "CREATE TABLE shop.renamed LIKE shop.altered",
    "CREATE TABLE shop.dropped LIKE shop.altered",
    "CREATE TABLE shop.large LIKE shop.altered",
    concat!(
        "INSERT INTO shop.large SELECT seq, REPEAT(LEFT(SHA2(seq, 256), 32), 9) FROM ",
        numbers!(20000)
    ),
    "INSERT INTO shop.altered SELECT * FROM shop.large WHERE id <= 500",
    "INSERT INTO shop.truncated SELECT * FROM shop.altered",
    "INSERT INTO shop.renamed SELECT * FROM shop.altered",
    "INSERT INTO shop.dropped SELECT * FROM shop.altered",
    "ANALYZE TABLE shop.altered, shop.truncated, shop.renamed, shop.dropped, shop.large",
];
const DEFINITIONS: [&str; 4] = [
    "DROP TABLE shop.dropped",
    "ALTER TABLE shop.altered ADD w INT DEFAULT 5",
    "TRUNCATE TABLE shop.truncated",
    "RENAME TABLE shop.renamed TO shop.other_name",
];

/// Restores what was read, applies what the log has behind it, and compares.
async fn comes_back(
    source: &Site,
    target: &Site,
    parts: &crate::support::Parts,
    facts: &planb_ports::SnapshotFacts,
) {
    restore(&target.database(), parts, facts).await;
    let database = source.database();
    let mut log = database.open_log(&facts.position).await.expect("opens");
    for (batch, seq) in drain(log.as_mut()).await.iter().zip(1..) {
        apply(&target.database(), batch, seq)
            .await
            .unwrap_or_else(|error| panic!("{}", error.chain()));
    }
    equal(source, target).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_dropped_and_changed_in_mid_dump_wait_until_it_is_done() {
    let (source, target) = (Site::start(1).await, Site::start(2).await);
    source.run(TABLES).await;
    let mut changes = Vec::new();
    for sql in DEFINITIONS {
        changes.push((sql, source.connect().await));
    }
    let mut watching = source.connect().await;
    let (done, finished) = tokio::sync::oneshot::channel();
    let sink = Meanwhile::new(async || {
        let run = |(sql, mut conn): (&'static str, mysql_async::Conn)| async move {
            conn.query_drop(sql).await.expect(sql);
        };
        let all = futures::future::join_all(changes.into_iter().map(run));
        let running = tokio::spawn(all);
        // Until all of them are at the server.
        let waiting = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND = 'Query' \
                       AND (INFO LIKE 'DROP%' OR INFO LIKE 'ALTER%' OR INFO LIKE 'TRUNC%' \
                       OR INFO LIKE 'RENAME%')";
        loop {
            let count: Option<usize> = watching.query_first(waiting).await.expect("asked");
            if count == Some(DEFINITIONS.len()) {
                break;
            }
            assert!(!running.is_finished(), "a definition did not wait");
        }
        assert!(done.send(running).is_ok());
    });
    let facts = taken(&source.database(), &sink).await;
    let facts = facts.unwrap_or_else(|error| panic!("{}", error.chain()));
    // They went on as soon as the snapshot had ended.
    finished.await.expect("begun").await.expect("done");
    assert_eq!(facts.tables.len(), 5, "all as they were before");
    assert!(facts.tables.iter().all(|t| t.rows >= 500), "{facts:?}");
    comes_back(&source, &target, &sink.inner.parts(), &facts).await;
    let gone = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'shop' \
                AND TABLE_NAME IN ('dropped', 'renamed')";
    assert_eq!(target.one(gone).await.as_deref(), Some("0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_definitions_cannot_wait_a_snapshot_is_right_or_taken_again() {
    let (source, target) = (Site::start(1).await, Site::start(2).await);
    source.run(TABLES).await;
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
    let mut again = 0;
    for sql in DEFINITIONS {
        let sink = Meanwhile::new(async || source.run(&[sql]).await);
        match taken(&weak, &sink).await {
            Ok(facts) => comes_back(&source, &target, &sink.inner.parts(), &facts).await,
            Err(error) => {
                let said = error.chain();
                assert_eq!(error.code(), "PB-MYSQL-DDL-IN-SNAPSHOT", "{sql}: {said}");
                assert_ne!(error.retry(), Retry::No, "{sql}");
                again += 1;
            }
        }
    }
    assert!(again >= 2, "a table that is gone cannot be read");
    let (parts, facts) = snapshot(&weak).await;
    comes_back(&source, &target, &parts, &facts).await;
}

fn other(site: &Site) -> MysqlDatabase {
    let mut config = site.config();
    config.engine = per_engine(Engine::Mysql, Engine::Mariadb);
    MysqlDatabase::connect_lazy(config, Arc::new(crate::support::TestClock(0)))
}

fn told(error: &PortError) -> (ErrorKind, &'static str) {
    (error.kind(), error.code())
}

#[tokio::test]
async fn a_server_of_the_other_engine_is_told_at_once_and_not_touched() {
    let site = Site::start(1).await;
    site.run(FILES).await;
    let wrong = other(&site);
    let unfit = (ErrorKind::Unsupported, "PB-MYSQL-VERSION");
    let error = wrong.ping().await.expect_err("another engine");
    assert_eq!(told(&error), unfit, "{}", error.chain());
    let said = error.chain();
    assert!(said.contains("MariaDB") == IS_MARIADB, "{said}");
    assert!(
        said.contains(per_engine("mysql was", "mariadb was")),
        "{said}"
    );
    let sink = MemorySink::default();
    let options = SnapshotOptions::default();
    let error = wrong.snapshot(&sink, &options, &NoProgress).await;
    assert_eq!(told(&error.expect_err("another engine")), unfit);
    let findings = wrong.check(DatabaseRole::Source).await;
    assert!(
        findings
            .iter()
            .any(|f| f.code == unfit.1 && f.severity == Severity::Error),
        "{findings:?}"
    );

    // A vault of the other engine, by a URL that names the server rightly.
    let (parts, facts) = snapshot(&site.database()).await;
    let error = wrong.open_log(&facts.position).await.map(drop);
    assert_eq!(told(&error.expect_err("another engine")), unfit);
    let mut of_other = manifest(&parts, &facts);
    of_other.engine = per_engine(Engine::Mysql, Engine::Mariadb);
    for (database, wanted) in [
        (
            site.database(),
            (ErrorKind::Unsupported, "PB-MYSQL-OTHER-ENGINE"),
        ),
        (wrong, unfit),
    ] {
        let error = database.begin_restore(&of_other).await;
        assert_eq!(told(&error.expect_err("refused")), wanted);
    }
    let rows = site.one("SELECT COUNT(*) FROM shop.files").await;
    assert_eq!(rows.as_deref(), Some("2"), "the target is as it was");
}

const TEXTS: &[&str] = &[
    "CREATE DATABASE shop",
    "CREATE TABLE shop.texts (id INT PRIMARY KEY, v VARBINARY(160), t VARBINARY(120))",
];

/// Every byte of them.
pub const TEXT_BYTES: &str =
    "SELECT GROUP_CONCAT(CONCAT_WS('/', id, HEX(v), HEX(t)) ORDER BY id) FROM shop.texts";

/// Bytes that are no UTF-8 in columns that say they are: as an old client, or a
/// change of a column's type, left them. Servers of today refuse to write them,
/// so here they come by row events, which nobody looks into.
pub async fn broken_texts() -> Site {
    let (source, broken) = (Site::start(1).await, Site::start(2).await);
    source.run(TEXTS).await;
    let database = source.database();
    let (parts, facts) = snapshot(&database).await;
    restore(&broken.database(), &parts, &facts).await;
    let mut log = database.open_log(&facts.position).await.expect("opens");
    source
        .run(&[
            "INSERT INTO shop.texts VALUES (1, x'ff80c0', x'eda080f8'), (2, 'a\\tb', '\\\\N'), \
             (3, x'ea5c0a', x'f09f98'), (4, NULL, '')",
        ])
        .await;
    broken
        .run(&[
            "ALTER TABLE shop.texts MODIFY v VARCHAR(40) CHARACTER SET utf8mb4, \
             MODIFY t VARCHAR(40) CHARACTER SET utf8mb3",
        ])
        .await;
    let copy = broken.database();
    for (batch, seq) in drain(log.as_mut()).await.iter().zip(1..) {
        apply(&copy, batch, seq)
            .await
            .unwrap_or_else(|error| panic!("{}", error.chain()));
    }
    let wanted = source.one(TEXT_BYTES).await;
    assert_eq!(broken.one(TEXT_BYTES).await, wanted, "they are there");
    broken
}

#[tokio::test]
async fn text_that_is_no_utf8_is_kept_by_the_log_and_told_by_a_restore_of_rows() {
    let (broken, target) = (broken_texts().await, Site::start(3).await);
    let copy = broken.database();
    let (parts, facts) = snapshot(&copy).await;
    let database = target.database();
    let begun = database.begin_restore(&manifest(&parts, &facts)).await;
    begun.expect("begins");
    let mut refused = Vec::new();
    for (spec, bytes) in &parts {
        if let Err(error) = load(&database, spec, bytes).await {
            refused.push(error);
        }
    }
    // No server takes such bytes by rows: it says so, and which they are.
    let codes: Vec<_> = refused.iter().map(PortError::code).collect();
    assert_eq!(codes, ["PB-MYSQL-TEXT"], "{refused:?}");
    let said = refused[0].chain();
    assert!(said.contains("shop.texts"), "{said}");
    assert_eq!(database.applied().await.expect("read"), None, "no mark");
    assert_eq!(copy.digests().await.expect("digests"), facts.tables);
}
