//! Folded changes lead to the very rows that the log leads to.

use crate::support::{
    IS_MARIADB, Site, drain, header, mark, per_engine, restore, service, snapshot,
};
use mysql_async::prelude::Queryable;
use planb_model::recovery::{SegmentBody, SegmentHeader};
use planb_model::{Canary, Epoch};
use planb_ports::{Database, LogBatch, LogSegment, LogSource, SegmentEnd};

const TABLES: &[&str] = &[
    "CREATE DATABASE shop",
    "USE shop",
    "SET NAMES utf8mb4",
    "CREATE TABLE counted (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, v INT, w VARCHAR(300))",
    "CREATE TABLE texts (k VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY, v INT)",
    "CREATE TABLE padded (k CHAR(8) CHARACTER SET latin1 COLLATE latin1_swedish_ci PRIMARY KEY, v INT)",
    "CREATE TABLE places (id INT PRIMARY KEY, u INT NULL, w VARCHAR(10) COLLATE utf8mb4_unicode_ci, \
     v INT, UNIQUE KEY (u), UNIQUE KEY (w))",
    "CREATE TABLE pairs (a INT, v INT, b VARCHAR(5) CHARACTER SET euckr, PRIMARY KEY (b, a))",
    "CREATE TABLE loose (a INT, b VARCHAR(10))",
    "CREATE TABLE prefixed (t TEXT NOT NULL, v INT, PRIMARY KEY (t(3)))",
    "CREATE TABLE exact (n DECIMAL(20,6), d DATETIME(6), f DOUBLE, e ENUM('a','b','c'), \
     v INT, PRIMARY KEY (n, d, f, e))",
    "CREATE TABLE raw (b VARBINARY(10) PRIMARY KEY, v LONGBLOB)",
    "CREATE TABLE made (id INT PRIMARY KEY, a INT, st INT AS (a * 2) STORED, vi INT AS (a + 1) VIRTUAL, \
     UNIQUE KEY (st), UNIQUE KEY (vi))",
    "CREATE TABLE all_types (id INT PRIMARY KEY, t TINYINT, s SMALLINT, m MEDIUMINT, b BIGINT, f FLOAT, \
     d DOUBLE, n DECIMAL(30,10), b1 BIT(1), b12 BIT(12), da DATE, ti TIME(3), dt DATETIME(6), \
     ts TIMESTAMP(2) NULL, y YEAR, c CHAR(200), vc VARCHAR(70) CHARACTER SET sjis, bi BINARY(5), vb VARBINARY(400), \
     tt TINYTEXT, mt MEDIUMTEXT CHARACTER SET utf16, lb LONGBLOB, e ENUM('x','y',''), se SET('a','b','c'), \
     j JSON, g GEOMETRY, wide VARCHAR(2000) COLLATE utf8mb4_bin)",
    "CREATE TABLE parent (id INT PRIMARY KEY, v INT)",
    "CREATE TABLE child (id INT PRIMARY KEY, p INT, v INT, FOREIGN KEY (p) REFERENCES parent (id))",
    "CREATE TABLE owner (id INT PRIMARY KEY, v INT)",
    "CREATE TABLE owned (id INT PRIMARY KEY, p INT, v INT, \
     FOREIGN KEY (p) REFERENCES owner (id) ON DELETE CASCADE ON UPDATE CASCADE)",
    "CREATE TABLE log (id INT AUTO_INCREMENT PRIMARY KEY, what INT)",
    "CREATE TRIGGER noted AFTER UPDATE ON counted FOR EACH ROW INSERT INTO log (what) VALUES (NEW.v)",
];

/// What only one of the engines has.
const OWN_TABLES: &[&str] = &[
    per_engine(
        "CREATE TABLE shop.own (id UUID PRIMARY KEY, i4 INET4, i6 INET6, z VARCHAR(500) COMPRESSED, \
         zb BLOB COMPRESSED)",
        "CREATE TABLE shop.own (id CHAR(36) PRIMARY KEY, i4 VARCHAR(15), i6 VARCHAR(45), \
         z VARCHAR(500), zb BLOB)",
    ),
    per_engine(
        "CREATE TABLE shop.hashed (id INT PRIMARY KEY, t TEXT, UNIQUE KEY (t))",
        "CREATE TABLE shop.hashed (id INT PRIMARY KEY, t TEXT, UNIQUE KEY (t(200)))",
    ),
    per_engine("CREATE SEQUENCE shop.numbers", "DO 1"),
];

/// Numbers that look random and are the same for the same seed (xorshift64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len() as u64) as usize]
    }

    fn or_null(&mut self, value: String) -> String {
        if self.roll(4) == 0 {
            "NULL".into()
        } else {
            value
        }
    }

    /// A text whose variants some collations take for the same.
    fn text(&mut self) -> &'static str {
        const TEXTS: &[&str] = &[
            "'a'", "'A'", "'á'", "'a '", "'b'", "'B'", "'ß'", "'ss'", "'c'", "''", "'가'", "'나'",
        ];
        TEXTS[self.roll(TEXTS.len() as u64) as usize]
    }

    /// A statement. IGNORE, because many break a unique key.
    #[expect(clippy::too_many_lines, reason = "one line for each kind of statement")]
    fn statement(&mut self, kinds: u64) -> String {
        let (id, other, v) = (self.roll(12), self.roll(12), self.roll(1000));
        let (text, new_text) = (self.text(), self.text());
        match self.roll(kinds) {
            0 | 1 => format!(
                "INSERT INTO counted (v, w) VALUES ({v}, REPEAT('x', {v} % 300)), ({v}, NULL)"
            ),
            2 | 3 => {
                format!("UPDATE counted SET v = v + 1, w = CONCAT('n', {v}) WHERE id % 12 = {id}")
            }
            4 => format!(
                "DELETE FROM counted WHERE id % 5 = {} ORDER BY id DESC LIMIT 2",
                id % 5
            ),
            5 => format!("INSERT IGNORE INTO texts VALUES ({text}, {v})"),
            6 => format!("UPDATE IGNORE texts SET k = {new_text}, v = {v} WHERE k = {text}"),
            7 => format!("DELETE FROM texts WHERE k = {text}"),
            8 => format!("REPLACE INTO texts VALUES ({text}, {v})"),
            9 => format!("INSERT IGNORE INTO padded VALUES (TRIM('x' FROM {text}), {v})"),
            10 => format!("UPDATE IGNORE padded SET k = {new_text}, v = {v} WHERE k = {text}"),
            11 => format!(
                "INSERT IGNORE INTO places VALUES ({id}, {}, {}, {v})",
                self.or_null(other.to_string()),
                self.or_null(text.to_owned())
            ),
            12 => format!("UPDATE IGNORE places SET u = u + 1, w = {new_text} WHERE id = {id}"),
            13 => format!("UPDATE IGNORE places SET id = id + 20, v = {v} WHERE id = {id}"),
            14 => format!("UPDATE IGNORE places SET id = id - 20 WHERE id = {id} + 20"),
            15 => format!("REPLACE INTO places VALUES ({id}, {other}, {text}, {v})"),
            16 => format!("DELETE FROM places WHERE id = {id}"),
            17 => format!(
                "INSERT INTO pairs VALUES ({id} % 3, {v}, CONVERT({text} USING euckr)) ON DUPLICATE KEY UPDATE v = v + 1, a = a + 1"
            ),
            18 => format!(
                "INSERT INTO loose VALUES ({id} % 3, {}), (1, 'same'), (1, 'same')",
                self.or_null(text.to_owned())
            ),
            19 => format!("UPDATE loose SET a = {other} % 3 WHERE a = {id} % 3 LIMIT 3"),
            20 => format!("DELETE FROM loose WHERE a = {id} % 3 LIMIT 2"),
            21 => format!(
                "INSERT INTO prefixed VALUES (CONCAT({text}, 'bcdefg', {v}), {v}) ON DUPLICATE KEY UPDATE t = CONCAT({new_text}, 'bcdefg', {v})"
            ),
            22 => format!(
                "INSERT INTO exact VALUES ({id}.5 - 3, '2026-01-01 00:00:00.{other:06}', {id} / 7, 'b', {v}) ON DUPLICATE KEY UPDATE v = {v}, f = f * -1"
            ),
            23 => format!(
                "INSERT INTO raw VALUES (UNHEX('{id:02x}'), REPEAT(x'00ff', {v})) ON DUPLICATE KEY UPDATE v = UNHEX('{v:06x}'), b = CONCAT(x'00', b)"
            ),
            24 => format!(
                "INSERT IGNORE INTO made (id, a) VALUES ({id}, {other}) ON DUPLICATE KEY UPDATE a = a + 1"
            ),
            25 => format!("DELETE FROM made WHERE id = {id}"),
            26 => self.all_types(id),
            27 => format!("DELETE FROM all_types WHERE id = {id}"),
            28 => format!("INSERT INTO parent VALUES ({id}, {v}) ON DUPLICATE KEY UPDATE v = {v}"),
            29 => format!("INSERT IGNORE INTO child VALUES ({other}, {id}, {v})"),
            30 => format!(
                "DELETE IGNORE FROM {} WHERE id = {id}",
                self.pick(&["parent", "child", "child"])
            ),
            31 => format!(
                "INSERT IGNORE INTO {} VALUES ({id}, {other}{})",
                self.pick(&["owner", "owner"]),
                ""
            ),
            32 => match self.roll(4) {
                0 => format!("DELETE FROM owner WHERE id = {id}"),
                1 => format!("UPDATE IGNORE owner SET id = {other} WHERE id = {id}"),
                2 => format!("UPDATE IGNORE owned SET p = {other} WHERE id = {id}"),
                _ => format!("INSERT IGNORE INTO owned VALUES ({id}, {other}, {v})"),
            },
            33 => format!(
                "INSERT INTO own VALUES (CONCAT('00000000-0000-0000-0000-0000000000', '{:02}'), '10.0.0.{id}', '::{id}', REPEAT('z', {v} % 500), REPEAT('b', {v})) ON DUPLICATE KEY UPDATE z = NULL, zb = 'changed'",
                id
            ),
            34 => format!(
                "INSERT IGNORE INTO hashed VALUES ({id}, CONCAT({text}, REPEAT('h', 800))) ON DUPLICATE KEY UPDATE t = {new_text}"
            ),
            _ => per_engine("DO NEXTVAL(numbers)", "DO 1").into(),
        }
    }

    fn all_types(&mut self, id: u64) -> String {
        let v = self.roll(200);
        let columns = [
            ("t", format!("{v} - 100")),
            ("s", format!("{v} * 100")),
            ("m", format!("-{v}")),
            ("b", format!("{v} * 1000000000000")),
            ("f", format!("{v} / 3")),
            ("d", format!("{v} / 7")),
            ("n", format!("-{v}.123456789")),
            ("b1", format!("{v} % 2")),
            ("b12", format!("{v} * 20")),
            ("da", format!("'2026-01-{:02}'", v % 28 + 1)),
            ("ti", format!("'-{v}:00:01.5'")),
            ("dt", format!("'2026-02-03 04:05:06.{v:06}'")),
            ("ts", "'2026-02-03 04:05:06.12'".into()),
            ("y", "2026".into()),
            ("c", format!("REPEAT('c', {v})")),
            ("vc", "'ソ表'".into()),
            ("bi", format!("UNHEX('{v:04x}')")),
            ("vb", format!("REPEAT('v', {v} * 2)")),
            ("tt", format!("REPEAT('가', {v} % 80)")),
            ("mt", format!("REPEAT('나', {v})")),
            ("lb", format!("REPEAT(x'00', {v})")),
            ("e", "'y'".into()),
            ("se", "'a,c'".into()),
            ("j", format!("'{{\"k\": [{v}]}}'")),
            ("g", format!("POINT({v}, 1)")),
            ("wide", format!("REPEAT('w', {v} * 10)")),
        ];
        let sets: Vec<String> = columns
            .into_iter()
            .map(|(name, value)| format!("{name} = {}", self.or_null(value)))
            .collect();
        let sets = sets.join(", ");
        format!("INSERT INTO all_types SET id = {id}, {sets} ON DUPLICATE KEY UPDATE {sets}")
    }
}

fn as_segments(batches: &[LogBatch], first: u64) -> Vec<LogSegment> {
    let numbered = batches.iter().zip(first..);
    let segment = |(batch, seq): (&LogBatch, u64)| LogSegment {
        header: header(batch, seq),
        bytes: batch.bytes.clone(),
        mark: mark(&batch.end, seq + 1),
    };
    numbered.map(segment).collect()
}

async fn pair(tables: &[&[&str]]) -> (Site, Site, Box<dyn LogSource>) {
    let (source, target) = (Site::start(1).await, Site::start(2).await);
    for some in tables {
        source.run(some).await;
    }
    let (parts, facts) = snapshot(&source.database()).await;
    let log = source.database().open_log(&facts.position).await;
    restore(&target.database(), &parts, &facts).await;
    (source, target, log.expect("opens"))
}

/// Applies all there is and says how many segments that were. The target must
/// not have taken anything back: then it would have been applied unfolded.
async fn catch_up(target: &Site, log: &mut dyn LogSource, next: u64) -> u64 {
    let segments = as_segments(&drain(log).await, next);
    catch_up_with_segments(target, &segments).await;
    // MySQL refuses some of what MariaDB takes; it is applied unfolded then.
    if IS_MARIADB {
        assert_eq!(status(target, "Com_rollback").await, 0, "not folded");
    }
    segments.len() as u64
}

async fn catch_up_with_segments(target: &Site, segments: &[LogSegment]) {
    let done = target.database().apply_segments(segments, None).await;
    let done = done.unwrap_or_else(|error| panic!("{}", error.chain()));
    assert_eq!(done, (segments.len(), SegmentEnd::All));
}

async fn status(site: &Site, name: &str) -> u64 {
    let mut conn = site.connect().await;
    let sql = format!("SHOW GLOBAL STATUS LIKE '{name}'");
    let row: Option<(String, String)> = conn.query_first(sql).await.expect("status");
    row.expect("a value").1.parse().expect("a number")
}

async fn random_changes(source: &Site, dice: &mut Dice, count: u64, sequences: bool) {
    let mut conn = source.connect().await;
    let setup = "SET NAMES utf8mb4, sql_mode=''";
    conn.query_drop(setup).await.expect("set");
    conn.query_drop("USE shop").await.expect("use");
    for _ in 0..count {
        match dice.roll(30) {
            0 => conn.query_drop("BEGIN").await.expect("begin"),
            1 => conn.query_drop("COMMIT").await.expect("commit"),
            2 if dice.roll(3) == 0 => conn.query_drop("ROLLBACK").await.expect("rollback"),
            _ => {}
        }
        let sql = dice.statement(if sequences { 36 } else { 35 });
        if let Err(error) = conn.query_drop(&sql).await {
            // Some break a key all the same, or meet a foreign key.
            let mysql_async::Error::Server(server) = &error else {
                panic!("{sql}: {error}");
            };
            assert!(
                [1062, 1267, 1451, 1452, 3854].contains(&server.code),
                "{sql}: {error}"
            );
        }
    }
    conn.query_drop("COMMIT").await.expect("commit");
}

#[tokio::test]
async fn random_changes_folded_are_the_same_rows() {
    let (source, target, mut log) = pair(&[TABLES, OWN_TABLES]).await;
    let mut next = 1;
    for seed in 1..=8u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random_changes(&source, &mut dice, 600, true).await;
        next += catch_up(&target, log.as_mut(), next).await;
        let wanted = source.database().digests().await.expect("digests");
        let found = target.database().digests().await.expect("digests");
        assert_eq!(found, wanted, "seed {seed}");
        // The rows of a table may be right and its keys not.
        assert!(
            target
                .database()
                .integrity()
                .await
                .expect("asked")
                .is_empty()
        );
    }
}

#[tokio::test]
async fn many_changes_of_a_row_are_applied_once() {
    let setup: &[&str] = &[
        "CREATE DATABASE shop",
        "CREATE TABLE shop.hot (id INT PRIMARY KEY, v INT)",
        "INSERT INTO shop.hot VALUES (1, 0), (2, 0)",
    ];
    let (source, target, mut log) = pair(&[setup]).await;
    let mut conn = source.connect().await;
    for _ in 0..500 {
        let sql = "UPDATE shop.hot SET v = v + 1";
        conn.query_drop(sql).await.expect("updated");
    }
    let before = status(&target, "Handler_update").await;
    catch_up(&target, log.as_mut(), 1).await;
    // The two rows, and PlanB's mark.
    assert!(status(&target, "Handler_update").await - before <= 6);
    let rows = "SELECT GROUP_CONCAT(id, ':', v) FROM shop.hot";
    assert_eq!(target.one(rows).await.as_deref(), Some("1:500,2:500"));
}

/// Folds all there is at the source and applies that.
async fn catch_up_folded(source: &Site, target: &Site, log: &mut dyn LogSource, next: u64) -> u64 {
    let segments = as_segments(&drain(log).await, next);
    let (first, last) = (
        segments.first().expect("one"),
        segments.last().expect("one"),
    );
    let pairs: Vec<_> = segments
        .iter()
        .map(|segment| (segment.header.clone(), segment.bytes.clone()))
        .collect();
    let folded = source.database().fold(&pairs).await;
    let folded = folded.unwrap_or_else(|error| panic!("{}", error.chain()));
    let folded = folded.expect("no definitions, no actions of foreign keys");
    let taken = target
        .database()
        .apply_folded(
            &whole(&first.header, &last.header),
            folded.clone(),
            &last.mark,
        )
        .await
        .unwrap_or_else(|error| panic!("{}", error.chain()));
    if !IS_MARIADB && !taken {
        // MySQL refuses some of what MariaDB takes. Nothing of it is left, and
        // the log itself is applied.
        catch_up_with_segments(target, &segments).await;
        return segments.len() as u64;
    }
    assert!(taken, "refused");
    let logged: usize = segments.iter().map(|s| s.bytes.len()).sum();
    assert!(folded.len() * 2 < logged, "{} of {logged}", folded.len());
    segments.len() as u64
}

/// The header of what lies between two segments.
fn whole(first: &SegmentHeader, last: &SegmentHeader) -> SegmentHeader {
    let (SegmentBody::Log { start, .. }, SegmentBody::Log { end, .. }) = (&first.body, &last.body)
    else {
        panic!("not log");
    };
    let mut whole = first.clone();
    whole.body = SegmentBody::Log {
        start: start.clone(),
        end: end.clone(),
        transactions: 0,
        raw_bytes: 0,
    };
    whole
}

const TIED: &str = "ALTER TABLE shop.owned DROP FOREIGN KEY owned_ibfk_1, \
                    ADD FOREIGN KEY (p) REFERENCES shop.owner (id)";

#[tokio::test]
async fn random_changes_folded_at_the_source_are_the_same_rows() {
    let untied: &[&str] = &[TIED];
    let (source, target, mut log) = pair(&[TABLES, &OWN_TABLES[..2], untied]).await;
    let mut next = 1;
    for seed in 11..=16u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random_changes(&source, &mut dice, 600, false).await;
        let canary = Canary {
            epoch: Epoch(1),
            sequence: seed,
            written_at: jiff::Timestamp::UNIX_EPOCH,
        };
        let written = source.database().write_canary(&service(), &canary).await;
        written.expect("written");
        next += catch_up_folded(&source, &target, log.as_mut(), next).await;
        let wanted = source.database().digests().await.expect("digests");
        let found = target.database().digests().await.expect("digests");
        assert_eq!(found, wanted, "seed {seed}");
        assert!(
            target
                .database()
                .integrity()
                .await
                .expect("asked")
                .is_empty()
        );
        let read = target
            .database()
            .read_canary(&service())
            .await
            .expect("read");
        assert_eq!(read, Some(canary));
    }
}

#[tokio::test]
async fn what_cannot_be_folded_is_said_and_what_cannot_be_taken_leaves_nothing() {
    let (source, target, mut log) = pair(&[TABLES]).await;
    let fold = async |batches: &[LogBatch]| {
        let pairs: Vec<_> = batches
            .iter()
            .map(|batch| (header(batch, 1), batch.bytes.clone()))
            .collect();
        source.database().fold(&pairs).await.expect("asked")
    };
    source.run(&["INSERT INTO shop.owner VALUES (1, 1)"]).await;
    let tied = drain(log.as_mut()).await;
    assert_eq!(fold(&tied).await, None, "InnoDB may change rows of owned");
    catch_up_with(&target, &tied).await;
    source.run(&["INSERT INTO shop.parent VALUES (1, 1)"]).await;
    let plain = drain(log.as_mut()).await;
    let folded = fold(&plain).await.expect("folded");
    source.run(&["ALTER TABLE shop.parent ADD x INT"]).await;
    let defined = drain(log.as_mut()).await;
    assert_eq!(fold(&defined).await, None, "a definition");
    assert_eq!(fold(&[]).await, None);

    // A target that has the row: nothing of it stays, and the mark neither moves.
    let database = target.database();
    let before = database.applied().await.expect("read");
    let end = mark(&plain[0].end, 3);
    let header = header(&plain[0], 2);
    target.run(&["INSERT INTO shop.parent VALUES (1, 7)"]).await;
    let taken = database.apply_folded(&header, folded.clone(), &end).await;
    assert!(!taken.expect("asked"));
    assert_eq!(database.applied().await.expect("read"), before);
    // One whose tables are tied otherwise than the source's.
    target
        .run(&[
            "DELETE FROM shop.parent",
            "CREATE TABLE shop.more (id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES shop.parent (id) ON DELETE CASCADE)",
        ])
        .await;
    let taken = database.apply_folded(&header, folded.clone(), &end).await;
    assert!(!taken.expect("asked"));
    target.run(&["DROP TABLE shop.more"]).await;
    let taken = database.apply_folded(&header, folded.clone(), &end).await;
    assert!(taken.expect("asked"));
    assert_eq!(database.applied().await.expect("read"), Some(end.clone()));
    let again = database.apply_folded(&header, folded, &end).await;
    assert_eq!(again.expect_err("again").code(), "PB-MYSQL-NOT-CONTINUOUS");
}

async fn catch_up_with(target: &Site, batches: &[LogBatch]) {
    let segments = as_segments(batches, 1);
    let done = target.database().apply_segments(&segments, None).await;
    assert_eq!(done.expect("applied"), (segments.len(), SegmentEnd::All));
}

#[tokio::test]
async fn the_number_of_a_row_that_came_and_went_is_not_given_again() {
    let setup: &[&str] = &[
        "CREATE DATABASE shop",
        "CREATE TABLE shop.orders (id INT AUTO_INCREMENT PRIMARY KEY, u INT UNIQUE)",
        "INSERT INTO shop.orders (u) VALUES (1), (2)",
    ];
    let (source, target, mut log) = pair(&[setup]).await;
    source
        .run(&[
            "INSERT INTO shop.orders (u) VALUES (3), (4), (5)",
            "DELETE FROM shop.orders WHERE id > 3",
            "UPDATE shop.orders SET u = 5 WHERE id = 1",
        ])
        .await;
    catch_up(&target, log.as_mut(), 1).await;
    let insert = "INSERT INTO shop.orders (u) VALUES (9)";
    for site in [&source, &target] {
        site.run(&[insert]).await;
        let id = "SELECT id FROM shop.orders WHERE u = 9";
        assert_eq!(site.one(id).await.as_deref(), Some("6"));
    }
}

#[tokio::test]
async fn a_server_that_overlooks_missing_rows_gets_the_log_as_it_is() {
    let setup: &[&str] = &[
        "CREATE DATABASE shop",
        "CREATE TABLE shop.hot (id INT PRIMARY KEY, v INT)",
        "INSERT INTO shop.hot VALUES (1, 0)",
    ];
    let (source, target, mut log) = pair(&[setup]).await;
    target
        .run(&[per_engine(
            "SET GLOBAL slave_exec_mode='IDEMPOTENT'",
            "SET GLOBAL replica_exec_mode='IDEMPOTENT'",
        )])
        .await;
    for _ in 0..20 {
        source.run(&["UPDATE shop.hot SET v = v + 1"]).await;
    }
    let before = status(&target, "Handler_update").await;
    catch_up(&target, log.as_mut(), 1).await;
    assert!(status(&target, "Handler_update").await - before >= 20);
    assert_eq!(
        target.one("SELECT v FROM shop.hot").await.as_deref(),
        Some("20")
    );
}
