//! Applying the log to a restored copy.

use crate::support::{
    IS_MARIADB, Site, apply, binlog_tool, client_tool, drain, header, mark, numbers, per_engine,
    restore, service, snapshot,
};
use mysql_async::prelude::Queryable;
use planb_model::{Canary, Epoch};
use planb_ports::{Database, ErrorKind, SegmentEnd, Until};
use std::cmp::Ordering;

/// Source and target at the same point, and the source's log.
async fn pair(setup: &[&str]) -> (Site, Site, Box<dyn planb_ports::LogSource>) {
    let (mut source, mut target) = (Site::start(1).await, Site::start(2).await);
    source.databases = vec!["shop".into(), "한글".into()];
    target.databases.clone_from(&source.databases);
    source
        .run(&[
            "CREATE DATABASE shop",
            "CREATE DATABASE `한글`",
            "CREATE DATABASE other",
        ])
        .await;
    source.run(setup).await;
    let (parts, facts) = snapshot(&source.database()).await;
    let log = source
        .database()
        .open_log(&facts.position)
        .await
        .expect("opens");
    restore(&target.database(), &parts, &facts).await;
    (source, target, log)
}

const SETUP: &[&str] = &[
    "CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, v LONGTEXT, e ENUM('a','b'), f FLOAT, \
     j JSON, g POINT, b BIT(12), ts TIMESTAMP(6) DEFAULT '2020-01-01')",
    "CREATE TABLE shop.nopk (a INT, b VARCHAR(10) CHARACTER SET euckr)",
    "CREATE TABLE shop.parent (id INT PRIMARY KEY)",
    "CREATE TABLE shop.child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE)",
    "CREATE TABLE shop.audit (id INT AUTO_INCREMENT PRIMARY KEY, what TEXT)",
    "CREATE TRIGGER shop.tr AFTER INSERT ON shop.t FOR EACH ROW INSERT INTO shop.audit (what) VALUES (NEW.v)",
    "CREATE TABLE other.t (id INT PRIMARY KEY)",
];

const CHANGES: &[&str] = &[
    "SET NAMES utf8mb4",
    "INSERT INTO shop.t (v,e,f,j,g,b) VALUES ('하나','a',0.1,'{}',POINT(1,2),b'101'),('둘','b',-1e10,'[1]',NULL,0)",
    "UPDATE shop.t SET v = REPEAT('긴 값', 1000), ts = '2026-01-01 00:00:00.123456' WHERE id = 1",
    "INSERT INTO shop.nopk VALUES (1,'가'),(1,'가'),(2,NULL)",
    "DELETE FROM shop.nopk WHERE a = 1 LIMIT 1",
    "INSERT INTO shop.parent VALUES (1),(2)",
    "INSERT INTO shop.child VALUES (1,1),(2,2)",
    "DELETE FROM shop.parent WHERE id = 1",
    "INSERT INTO other.t VALUES (1)",
    "BEGIN",
    "INSERT INTO other.t VALUES (2)",
    "INSERT INTO shop.parent VALUES (3)",
    "UPDATE shop.parent, other.t SET shop.parent.id = 30, other.t.id = 20 WHERE shop.parent.id = 3 AND other.t.id = 2",
    "COMMIT",
    concat!(
        "INSERT INTO shop.t (v) SELECT REPEAT('z', 2000) FROM ",
        numbers!(3000)
    ),
];

const DEFINITIONS: &[&str] = &[
    "USE other",
    "CREATE TABLE `한글`.`표` (`열` INT PRIMARY KEY, t VARCHAR(10) DEFAULT '한글')",
    "INSERT INTO `한글`.`표` (`열`) VALUES (1)",
    "ALTER TABLE shop.nopk ADD COLUMN c DATETIME DEFAULT CURRENT_TIMESTAMP, ADD COLUMN d INT AS (a+1) STORED",
    "INSERT INTO shop.nopk (a) VALUES (9)",
    "CREATE TABLE only_here (id INT)",
    "USE shop",
    "SET sql_mode='ANSI_QUOTES', time_zone='+09:00'",
    "CREATE TABLE \"quoted\" (\"id\" INT PRIMARY KEY, at TIMESTAMP DEFAULT '2026-01-01 09:00:00')",
    "INSERT INTO \"quoted\" (\"id\") VALUES (1)",
    "CREATE TABLE copied AS SELECT * FROM t WHERE id < 3",
    "CREATE OR REPLACE VIEW v AS SELECT id FROM t",
    "CREATE PROCEDURE p() BEGIN SELECT 1; END",
    "TRUNCATE nopk",
    "INSERT INTO nopk (a) VALUES (5)",
    "RENAME TABLE parent TO folks",
    "CREATE TABLE gone (id INT)",
    "DROP TABLE gone",
    "CREATE INDEX i ON t (e)",
    "CREATE USER app IDENTIFIED BY 'x'",
    "SET foreign_key_checks=0",
    "CREATE TABLE early (id INT, FOREIGN KEY (id) REFERENCES later (id))",
    "SET foreign_key_checks=1",
    per_engine("CREATE SEQUENCE numbers", "SELECT 1"),
    per_engine("DO NEXTVAL(numbers)", "SELECT 1"),
];

async fn change(site: &Site, statements: &[&str]) {
    let mut conn = site.connect().await;
    conn.query_drop("USE shop").await.expect("use");
    for sql in statements {
        conn.query_drop(*sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

async fn equal(source: &Site, target: &Site) {
    let wanted = source.database().digests().await.expect("digests");
    assert_eq!(target.database().digests().await.expect("digests"), wanted);
}

#[tokio::test]
async fn row_changes_arrive_exactly_and_nothing_of_others_does() {
    let (source, target, mut log) = pair(SETUP).await;
    change(&source, CHANGES).await;
    let canary = Canary {
        epoch: Epoch(1),
        sequence: 5,
        written_at: jiff::Timestamp::from_millisecond(1_700_000_000_000).expect("time"),
    };
    source
        .database()
        .write_canary(&service(), &canary)
        .await
        .expect("canary");
    let database = target.database();
    assert_eq!(database.read_canary(&service()).await.expect("read"), None);
    let batches = drain(log.as_mut()).await;
    assert!(batches.len() > 1);
    for (batch, seq) in batches.iter().zip(1..) {
        apply(&database, batch, seq)
            .await
            .unwrap_or_else(|error| panic!("{}", error.chain()));
    }
    equal(&source, &target).await;
    assert_eq!(
        database.read_canary(&service()).await.expect("read"),
        Some(canary)
    );
    let end = &batches.last().expect("batch").end;
    let wanted = mark(end, batches.len() as u64 + 1);
    assert_eq!(database.applied().await.expect("read"), Some(wanted));
    let fences = "SELECT COUNT(*) FROM planb.fence";
    assert_eq!(target.one(fences).await.as_deref(), Some("0"));
    let others = "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'other'";
    assert_eq!(target.one(others).await.as_deref(), Some("0"));
}

#[tokio::test]
async fn definitions_arrive_with_their_session() {
    let (source, target, mut log) = pair(SETUP).await;
    change(&source, CHANGES).await;
    change(&source, DEFINITIONS).await;
    let database = target.database();
    for (batch, seq) in drain(log.as_mut()).await.iter().zip(1..) {
        apply(&database, batch, seq)
            .await
            .unwrap_or_else(|error| panic!("{}", error.chain()));
    }
    equal(&source, &target).await;
    for table in [
        "shop.quoted",
        "shop.copied",
        "shop.early",
        "`한글`.`표`",
        "shop.nopk",
    ] {
        let mut shown = Vec::new();
        for site in [&source, &target] {
            let mut conn = site.connect().await;
            let row: Option<(String, String)> = conn
                .query_first(format!("SHOW CREATE TABLE {table}"))
                .await
                .expect(table);
            shown.push(row);
        }
        assert_eq!(shown[0], shown[1]);
    }
    let users = "SELECT COUNT(*) FROM mysql.user WHERE User = 'app'";
    assert_eq!(target.one(users).await.as_deref(), Some("0"));
    if IS_MARIADB {
        let sequence = "SELECT next_not_cached_value FROM shop.numbers";
        assert_eq!(target.one(sequence).await, source.one(sequence).await);
    }
}

#[tokio::test]
async fn a_segment_is_applied_once_and_in_its_place() {
    let (source, target, mut log) = pair(SETUP).await;
    change(&source, &["INSERT INTO nopk (a) VALUES (1)"]).await;
    let batches = drain(log.as_mut()).await;
    let database = target.database();
    apply(&database, &batches[0], 1).await.expect("applied");
    let error = apply(&database, &batches[0], 1).await.expect_err("again");
    assert_eq!(error.code(), "PB-MYSQL-NOT-CONTINUOUS");
    equal(&source, &target).await;

    // After a promotion the copy goes its own way.
    change(&source, &["INSERT INTO nopk (a) VALUES (2)"]).await;
    let next = drain(log.as_mut()).await;
    database
        .promote(&service(), Epoch(2))
        .await
        .expect("promoted");
    assert_eq!(database.applied().await.expect("read"), None);
    let error = apply(&database, &next[0], 2).await.expect_err("promoted");
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_segment_that_fails_is_all_or_nothing_or_says_so() {
    let (source, target, mut log) = pair(SETUP).await;
    let database = target.database();
    let before = database.applied().await.expect("read");
    change(
        &source,
        &[
            "INSERT INTO nopk (a) VALUES (1)",
            "INSERT INTO parent VALUES (1)",
        ],
    )
    .await;
    target.run(&["INSERT INTO shop.parent VALUES (1)"]).await;
    let batches = drain(log.as_mut()).await;
    assert_eq!(batches.len(), 1);
    let error = apply(&database, &batches[0], 1)
        .await
        .expect_err("a duplicate");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
    assert_eq!(database.applied().await.expect("read"), before);
    let rows = "SELECT COUNT(*) FROM shop.nopk";
    assert_eq!(target.one(rows).await.as_deref(), Some("0"));

    // A damaged segment is refused before anything happens.
    let mut bytes = batches[0].bytes.to_vec();
    let at = bytes.len() - 40;
    bytes[at] ^= 1;
    let end = mark(&batches[0].end, 2);
    let error = database
        .apply_segment(&header(&batches[0], 1), bytes.into(), &end, None)
        .await
        .expect_err("damaged");
    assert_eq!(error.code(), "PB-MYSQL-CORRUPT");
    assert_eq!(database.applied().await.expect("read"), before);

    // With a definition in it nothing can be taken back: the mark is gone.
    target.run(&["DELETE FROM shop.parent"]).await;
    apply(&database, &batches[0], 1).await.expect("applied");
    change(
        &source,
        &[
            "INSERT INTO parent VALUES (7)",
            "CREATE TABLE shop.x (id INT)",
        ],
    )
    .await;
    target.run(&["CREATE TABLE shop.x (id INT)"]).await;
    let batches = drain(log.as_mut()).await;
    apply(&database, &batches[0], 2).await.expect_err("exists");
    assert_eq!(database.applied().await.expect("read"), None);
}

#[tokio::test]
async fn what_the_target_has_of_a_segment_is_skipped() {
    let (source, target, mut log) = pair(SETUP).await;
    let (database, from) = (target.database(), source.database());
    let start = database.applied().await.expect("read").expect("a mark");
    let canary = Canary {
        epoch: Epoch(1),
        sequence: 7,
        written_at: jiff::Timestamp::from_millisecond(1_700_000_000_000).expect("time"),
    };
    change(&source, &["INSERT INTO nopk (a) VALUES (1)"]).await;
    let written = from.write_canary(&service(), &canary).await;
    written.expect("canary");
    change(&source, &["ALTER TABLE nopk ADD COLUMN once INT"]).await;
    let short = drain(log.as_mut()).await;
    assert_eq!(short.len(), 1);

    // A snapshot that was taken in the middle of what is shipped in one piece.
    let (parts, facts) = snapshot(&from).await;
    assert_eq!(facts.position.at, short[0].end.at);
    change(
        &source,
        &[
            "INSERT INTO nopk (a, once) VALUES (2, 2)",
            "DELETE FROM nopk WHERE a = 1",
        ],
    )
    .await;
    let mut again = from.open_log(&start.position).await.expect("opens");
    let long = drain(again.as_mut()).await;
    assert_eq!(long.len(), 1);
    let order = |a, b| from.log_order(a, b);
    assert_eq!(order(&long[0].start, &facts.position), Some(Ordering::Less));
    assert_eq!(order(&facts.position, &long[0].end), Some(Ordering::Less));

    restore(&database, &parts, &facts).await;
    apply(&database, &long[0], 1)
        .await
        .unwrap_or_else(|error| panic!("{}", error.chain()));
    equal(&source, &target).await;
    assert_eq!(
        database.read_canary(&service()).await.expect("read"),
        Some(canary)
    );
    let error = apply(&database, &long[0], 1).await.expect_err("again");
    assert_eq!(error.code(), "PB-MYSQL-NOT-CONTINUOUS");
}

#[tokio::test]
async fn by_hand_the_ordinary_tool_skips_what_the_snapshot_has() {
    let (source, target, mut log) = pair(SETUP).await;
    change(&source, &["INSERT INTO nopk (a) VALUES (1)"]).await;
    let (parts, facts) = snapshot(&source.database()).await;
    change(
        &source,
        &[
            "INSERT INTO nopk (a) VALUES (2)",
            "FLUSH BINARY LOGS",
            "INSERT INTO nopk (a) VALUES (3)",
        ],
    )
    .await;
    let batches = drain(log.as_mut()).await;
    assert_eq!(batches.len(), 2);
    restore(&target.database(), &parts, &facts).await;
    // As docs/how-to/restore-by-hand.md says: `position.gtid` of the manifest.
    let gtid = facts.position.gtid.expect("a GTID");
    for batch in &batches {
        let file = target.dir.path().join("segment");
        std::fs::write(&file, &batch.bytes).expect("written");
        let skip = per_engine("--start-position", "--exclude-gtids");
        let script = format!(
            "{} --no-defaults {skip}='{gtid}' '{}' | {} --no-defaults -u root -h 127.0.0.1 -P {}",
            binlog_tool().display(),
            file.display(),
            client_tool().display(),
            target.server.port()
        );
        let output = std::process::Command::new("sh")
            .args(["-e", "-c", &script])
            .output();
        let output = output.expect("runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{said}");
    }
    equal(&source, &target).await;
}

#[tokio::test]
async fn a_restore_stops_between_two_transactions() {
    let (source, target, mut log) = pair(SETUP).await;
    let parts = snapshot(&source.database()).await;
    let mut places = Vec::new();
    for a in 1..=4 {
        change(&source, &[&format!("INSERT INTO nopk (a) VALUES ({a})")]).await;
        let executed = per_engine("SELECT @@gtid_binlog_pos", "SELECT @@gtid_executed");
        let state = source.one(executed).await.expect("GTIDs");
        // MySQL's last one is the end of its only interval.
        let gtid = match state.split_once(':') {
            None => state.clone(),
            Some((uuid, interval)) => {
                let last = interval.rsplit('-').next().expect("a number");
                format!("{uuid}:{last}")
            }
        };
        let show = per_engine("SHOW MASTER STATUS", "SHOW BINARY LOG STATUS");
        let mut conn = source.connect().await;
        let status: Option<mysql_async::Row> = conn.query_first(show).await.expect("status");
        let status = status.expect("a row");
        let (file, offset): (String, u64) =
            (status.get(0).expect("file"), status.get(1).expect("offset"));
        places.push((state, [gtid, format!("{file}:{offset}")]));
    }
    let batches = drain(log.as_mut()).await;
    assert_eq!(batches.len(), 1);
    let (database, batch) = (target.database(), &batches[0]);
    let until = async |position: &str| {
        let until = Until::Position(position.to_owned());
        let end = mark(&batch.end, 2);
        let bytes = batch.bytes.clone();
        let header = header(batch, 1);
        database
            .apply_segment(&header, bytes, &end, Some(&until))
            .await
    };
    let rows = "SELECT GROUP_CONCAT(a ORDER BY a) FROM shop.nopk";
    for ((state, names), expected) in places.iter().zip(["1", "1,2", "1,2,3"]) {
        for name in names {
            restore(&database, &parts.0, &parts.1).await;
            let end = until(name)
                .await
                .unwrap_or_else(|e| panic!("{}", e.chain()));
            let SegmentEnd::Stopped(at) = end else {
                panic!("{name}: {end:?}");
            };
            assert_eq!((at.gtid.as_deref(), &at.at), (Some(&**state), &names[1]));
            assert_eq!(target.one(rows).await.as_deref(), Some(expected));
            // The segment is the next one still, from that place on.
            let stands = database.applied().await.expect("read");
            assert_eq!(stands, Some(mark(&at, 1)));
        }
    }
    let first = &places[0].1[0];
    let error = until(first).await.expect_err("passed");
    assert_eq!(error.code(), "PB-MYSQL-POINT-PASSED");
    let uuid = first.split_once(':').map_or("", |(uuid, _)| uuid);
    let later = format!("{uuid}:99999");
    let error = until(per_engine("0-1-99999", later.as_str()))
        .await
        .map(|_| ());
    error.expect("it may come later in the log");
    equal(&source, &target).await;
    assert_eq!(
        database.applied().await.expect("read"),
        Some(mark(&batch.end, 2))
    );
}
