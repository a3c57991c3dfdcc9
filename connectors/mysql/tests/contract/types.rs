//! Every type, charset and object survives a snapshot and a restore.

use crate::support::{
    IS_MARIADB, Site, binlog_tool, client_tool, drain, per_engine, restore, service, snapshot,
};
use jiff::Timestamp;
use mysql_async::prelude::Queryable;
use planb_model::{Canary, Epoch};
use planb_ports::Database;
use std::path::Path;
use std::process::Command;

const TYPES: &[&str] = &[
    "CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
    "SET NAMES utf8mb4, sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', time_zone='+00:00'",
    "USE shop",
    "CREATE TABLE numbers (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, t TINYINT, s SMALLINT, \
     m MEDIUMINT UNSIGNED, i INT(6) ZEROFILL, b BIGINT, f FLOAT, f2 FLOAT(10,3), d DOUBLE, \
     d2 DOUBLE(20,4), n DECIMAL(65,30), b1 BIT(1), b64 BIT(64), bo BOOLEAN) AUTO_INCREMENT=1000",
    "INSERT INTO numbers VALUES (0,-128,-32768,16777215,42,-9223372036854775808,0.1,1234567.125,\
     0.1,1234567890123.1234,12345678901234567890123456789012345.123456789012345678901234567890,\
     b'1',b'1111111100000000111111110000000011111111000000001010101000001001',TRUE)",
    "INSERT INTO numbers VALUES (18446744073709551614,127,32767,0,0,9223372036854775807,\
     3.402823466e38,-0.001,1.7976931348623157e308,-1.5,-0.000000000000000000000000000001,b'0',\
     b'0',FALSE)",
    "INSERT INTO numbers (id,f,d) VALUES (7,1.17549435e-38,5e-324),(8,16777217,0.30000000000000004),\
     (9,1e10,-0.0),(10,NULL,NULL)",
    "CREATE TABLE moments (id INT PRIMARY KEY, d DATE, t TIME(6), dt DATETIME(6), \
     ts TIMESTAMP(6) NULL, y YEAR, d0 DATE NOT NULL, ts0 TIMESTAMP NOT NULL DEFAULT '2001-01-01')",
    "INSERT INTO moments VALUES (1,'2026-02-28','-838:59:59.000001','9999-12-31 23:59:59.999999',\
     '2038-01-19 03:14:07.999999',2155,'0000-00-00','0000-00-00 00:00:00'),\
     (2,'0000-00-00','00:00:00.5','0000-00-00 00:00:00','1970-01-01 00:00:01',0,'2026-02-31',\
     '2026-03-29 02:30:00'),(3,NULL,NULL,NULL,NULL,NULL,'1000-01-01','2026-10-25 02:30:00')",
    "CREATE TABLE texts (id INT PRIMARY KEY, l VARCHAR(50) CHARACTER SET latin1, \
     e VARCHAR(50) CHARACTER SET euckr, s VARCHAR(50) CHARACTER SET sjis, g VARCHAR(50) CHARACTER SET gbk, \
     u VARCHAR(50) CHARACTER SET utf16, u32 CHAR(10) CHARACTER SET utf32, uc TEXT CHARACTER SET ucs2, \
     m LONGTEXT, c CHAR(10), sp VARCHAR(10))",
    "INSERT INTO texts VALUES (1,'é\\t\\n\\\\',CONVERT('한글' USING euckr),'ソ表','誠','한𝄞','𝄞',\
     '\\\\N','😀\\0\\r','pad','end   '),(2,'\\\\N','','','','','','','','',''),\
     (3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL)",
    "CREATE TABLE bytes (b BINARY(8), v VARBINARY(300), tb TINYBLOB, lb LONGBLOB)",
    "INSERT INTO bytes VALUES (x'00ff',x'fffe0009000a5c0d',x'',REPEAT(x'005c0a09ff',1000)),\
     (NULL,NULL,NULL,NULL),('\\\\N','\\\\N','\\\\N','\\\\N'),(x'00ff',x'fffe0009000a5c0d',x'',NULL)",
    per_engine(
        "CREATE TABLE special (id UUID PRIMARY KEY, i4 INET4, i6 INET6)",
        "CREATE TABLE special (id CHAR(36) PRIMARY KEY, i4 VARCHAR(15), i6 VARCHAR(45))",
    ),
    "ALTER TABLE special ADD (j JSON, g GEOMETRY, p POINT, \
     e ENUM('1','b','','한글','3') , s SET('a','b.','한','4','5','6','7','8','9','10','11','12','13',\
     '14','15','16','17','18','19','20','21','22','23','24','25','26','27','28','29','30','31','32',\
     '33','34','35','36','37','38','39','40','41','42','43','44','45','46','47','48','49','50','51',\
     '52','53','54','55','56','57','58','59','60','61','62','63','z') COLLATE utf8mb4_bin)",
    "INSERT INTO special VALUES ('123e4567-e89b-12d3-a456-426655440000','10.0.0.255','::ffff:1.2.3.4',\
     '{\"키\": [1, 2.50, null, \"\\\\n\"]}',ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))',4326),\
     POINT(1.1,-2.2),'3','a,한,z'),(UUID(),NULL,NULL,NULL,NULL,NULL,NULL,NULL),\
     (UUID(),'0.0.0.0','::','[]',ST_GeomFromText('GEOMETRYCOLLECTION EMPTY'),POINT(0,0),'',''),\
     (UUID(),'255.255.255.255','ffff::','1',NULL,NULL,1,4611686018427387905)",
    "INSERT IGNORE INTO special (id,e) VALUES (UUID(),'no such member')",
    "CREATE TABLE made (a INT, v INT AS (a*2) VIRTUAL, b VARCHAR(10) INVISIBLE DEFAULT 'x', \
     st INT AS (a+1) STORED, z INT NOT NULL, UNIQUE KEY (st), CHECK (a < 100))",
    "INSERT INTO made (a,b,z) VALUES (1,'y',5),(2,NULL,6)",
    "CREATE TABLE `이름 \"with\" ``quotes`` and.dots` (`한 글` INT PRIMARY KEY, `select``` TEXT)",
    "INSERT INTO `이름 \"with\" ``quotes`` and.dots` VALUES (1,'값')",
    "CREATE TABLE empty_one (id INT)",
    "CREATE TABLE one_text (v VARCHAR(10))",
    "INSERT INTO one_text VALUES (''),(''),(NULL),('a')",
    "CREATE TABLE keyed (id INT AUTO_INCREMENT PRIMARY KEY, a VARCHAR(20) CHARACTER SET euckr, \
     t TEXT, t2 TEXT, g GEOMETRY NOT NULL, b INT, st INT AS (b + 1) STORED, vi INT AS (b * 2) VIRTUAL, \
     UNIQUE KEY `u,\n KEY` (a) COMMENT 'it''s, \\n KEY', KEY (vi), KEY (st, a(3) DESC), \
     FULLTEXT KEY (t), FULLTEXT KEY (t2), SPATIAL KEY (g), CHECK (b > 0))",
    per_engine(
        "ALTER TABLE keyed ADD UNIQUE KEY long_one (t2)",
        "ALTER TABLE keyed ADD UNIQUE KEY long_one (t2(60))",
    ),
    "INSERT INTO keyed (a,t,t2,g) VALUES ('한','some words','다른 말',POINT(1,2)),(NULL,NULL,NULL,POINT(3,4))",
    "CREATE TABLE numbered (a INT PRIMARY KEY, n INT NOT NULL AUTO_INCREMENT, KEY (n), KEY (a, n))",
    "INSERT INTO numbered (a) VALUES (5),(6)",
    "CREATE TABLE zchild (id INT PRIMARY KEY, p INT)",
    "CREATE TABLE achild (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES zparent (id) \
     ON DELETE CASCADE, zc INT, FOREIGN KEY (zc) REFERENCES zchild (id)) ",
];

const TYPES_AFTER: &[&str] = &[
    "INSERT INTO shop.zparent VALUES (1),(2)",
    "INSERT INTO shop.achild VALUES (1,1,NULL),(2,2,NULL)",
    "CREATE TABLE shop.parted (id INT, y INT) PARTITION BY RANGE (y) \
     (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)",
    "INSERT INTO shop.parted VALUES (1,5),(2,50)",
    per_engine(
        "CREATE TABLE shop.aria (id INT PRIMARY KEY, t TEXT) ENGINE=Aria",
        "CREATE TABLE shop.aria (id INT PRIMARY KEY, t TEXT) ENGINE=MyISAM",
    ),
    "INSERT INTO shop.aria VALUES (1,'x')",
    per_engine(
        "CREATE SEQUENCE shop.numbering START WITH 100 INCREMENT BY 10 CACHE 5",
        // What MySQL alone has: indexes of expressions, a key nobody sees, defaults that are
        // computed, generated columns nobody sees, places on the globe.
        "CREATE TABLE shop.newer (a INT, b JSON, c VARCHAR(20) DEFAULT (CONCAT('x', 1 + 1)), \
         h INT AS (a * 2) STORED INVISIBLE, p POINT NOT NULL SRID 4326, KEY ((a + 1) DESC), \
         KEY ((CAST(b->'$.n' AS UNSIGNED ARRAY))), KEY (c) INVISIBLE, SPATIAL KEY (p), \
         CHECK (a > 0) NOT ENFORCED) COLLATE utf8mb4_0900_as_cs",
    ),
    per_engine(
        "DO NEXTVAL(shop.numbering)",
        "INSERT INTO shop.newer (a, b, p) VALUES (1, '{\"n\": [1, 2]}', ST_SRID(POINT(127, 37), 4326)), \
         (-1, NULL, ST_SRID(POINT(0, 0), 4326))",
    ),
    per_engine("DO 1", "SET sql_generate_invisible_primary_key=ON"),
    per_engine("DO 1", "CREATE TABLE shop.hidden_key (v INT)"),
    per_engine("DO 1", "INSERT INTO shop.hidden_key VALUES (7), (8)"),
    per_engine("DO 1", "SET sql_generate_invisible_primary_key=OFF"),
];

const OBJECTS: &[&str] = &[
    "SET NAMES utf8mb4, sql_mode='', collation_connection='utf8mb4_bin'",
    "USE shop",
    // z before a: views must not depend on their order.
    "CREATE VIEW z_first AS SELECT id, d FROM numbers WHERE id > 5",
    "CREATE DEFINER=`nobody`@`nowhere` SQL SECURITY INVOKER VIEW a_second AS \
     SELECT z_first.id, '한글' AS k, doubled(2) AS d FROM z_first",
    "SET sql_mode='ANSI_QUOTES,PIPES_AS_CONCAT'",
    "CREATE PROCEDURE \"add one\"(IN \"값\" INT) COMMENT 'adds; one' BEGIN \
     INSERT INTO made (a,z) VALUES (\"값\", 1); SELECT 'a' || '한;글'; END",
    "CREATE TRIGGER tr1 BEFORE INSERT ON made FOR EACH ROW SET NEW.z = NEW.z + 1",
    "SET NAMES euckr, sql_mode=''",
    "CREATE TRIGGER tr2 BEFORE INSERT ON made FOR EACH ROW FOLLOWS tr1 SET NEW.z = NEW.z * 10",
    "SET NAMES utf8mb4, time_zone='+09:00'",
    "CREATE EVENT tick ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DISABLE \
     COMMENT 'no' DO DELETE FROM made WHERE a > 1000",
];

async fn fill(site: &Site) {
    let mut conn = site.connect().await;
    let parent = "CREATE TABLE shop.zparent (id INT PRIMARY KEY)";
    let (last, types) = TYPES.split_last().expect("statements");
    let function = "CREATE FUNCTION shop.doubled(a INT) RETURNS INT DETERMINISTIC RETURN a * 2";
    let all = types
        .iter()
        .chain([&parent, last])
        .chain(TYPES_AFTER)
        .chain([&function])
        .chain(OBJECTS);
    for sql in all {
        conn.query_drop(*sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

/// What the server says of every object, byte for byte.
async fn definitions(site: &Site) -> Vec<(String, Vec<u8>)> {
    let mut conn = site.connect().await;
    conn.query_drop("SET NAMES utf8mb4").await.expect("names");
    let list = "SELECT CONCAT(IF(TABLE_TYPE='VIEW','VIEW',IF(TABLE_TYPE='SEQUENCE','SEQUENCE','TABLE')),\
        ' shop.`', REPLACE(TABLE_NAME,'`','``'), '`') FROM information_schema.TABLES WHERE TABLE_SCHEMA='shop' \
        UNION ALL SELECT CONCAT(ROUTINE_TYPE,' shop.`',ROUTINE_NAME,'`') FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA='shop' \
        UNION ALL SELECT CONCAT('TRIGGER shop.`',TRIGGER_NAME,'`') FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA='shop' \
        UNION ALL SELECT CONCAT('EVENT shop.`',EVENT_NAME,'`') FROM information_schema.EVENTS WHERE EVENT_SCHEMA='shop' \
        UNION ALL SELECT 'DATABASE shop' ORDER BY 1";
    let names: Vec<String> = conn.query(list).await.expect("list");
    conn.query_drop("SET character_set_results=binary")
        .await
        .expect("raw");
    let mut all = Vec::new();
    for name in names {
        let row: mysql_async::Row = conn
            .query_first(format!("SHOW CREATE {name}"))
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .expect("row");
        let mut text = Vec::new();
        for (column, value) in row.columns_ref().to_vec().iter().zip(row.unwrap()) {
            // When a trigger was made is not part of what it does.
            if column.name_str() != "Created"
                && let mysql_async::Value::Bytes(bytes) = value
            {
                text.extend_from_slice(&bytes);
                text.push(b'|');
            }
        }
        all.push((name, text));
    }
    all
}

#[tokio::test]
async fn every_type_and_object_survives() {
    let (source, target) = (Site::start(1).await, Site::start(2).await);
    fill(&source).await;
    let (parts, facts) = snapshot(&source.database()).await;
    restore(&target.database(), &parts, &facts).await;

    let digests = target.database().digests().await.expect("digests");
    assert_eq!(digests, facts.tables);
    assert_eq!(
        source.database().digests().await.expect("digests"),
        facts.tables
    );
    assert!(facts.tables.len() >= 15, "{:?}", facts.tables);
    for ((name, before), (_, after)) in definitions(&source)
        .await
        .into_iter()
        .zip(definitions(&target).await)
    {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if IS_MARIADB {
            assert_eq!(text(&before), text(&after), "{name}");
            assert_eq!(before, after, "{name}");
        } else {
            // MySQL remembers whether a character set was written beside a collation.
            let plain =
                |bytes: &[u8]| text(bytes).replace("CHARACTER SET utf8mb4 COLLATE", "COLLATE");
            assert_eq!(plain(&before), plain(&after), "{name}");
        }
    }
    for sql in [
        // Not by PlanB's own reading: the servers' own checksums and bits.
        "SELECT GROUP_CONCAT(CONCAT_WS('/', id, f, f*1e0, f=CAST('0.1' AS FLOAT), d, HEX(b64)) ORDER BY id) FROM shop.numbers",
        "SELECT GROUP_CONCAT(CONCAT_WS('/', HEX(l),HEX(e),HEX(s),HEX(g),HEX(u),HEX(u32),HEX(uc),HEX(m),HEX(sp)) ORDER BY id) FROM shop.texts",
        "SELECT GROUP_CONCAT(CONCAT_WS('/', i6, HEX(g), e+0, HEX(e), s+0) ORDER BY id) FROM shop.special",
        "SELECT GROUP_CONCAT(CONCAT_WS('/', a, v, b, st, z) ORDER BY a) FROM shop.made",
        "SELECT GROUP_CONCAT(CONCAT_WS('/', id, k, d) ORDER BY id) FROM shop.a_second",
        "SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA='shop' AND TABLE_NAME='numbers'",
    ] {
        assert_eq!(source.one(sql).await, target.one(sql).await, "{sql}");
    }
    if IS_MARIADB {
        let next = "SELECT NEXTVAL(shop.numbering) > 100";
        assert_eq!(target.one(next).await.as_deref(), Some("1"));
    }
    assert!(
        target
            .database()
            .integrity()
            .await
            .expect("checked")
            .is_empty()
    );
}

#[tokio::test]
async fn a_restore_by_hand_with_the_ordinary_tools_gives_the_same_rows() {
    let (source, target) = (Site::start(1).await, Site::start(2).await);
    fill(&source).await;
    source
        .database()
        .write_canary(&service(), &canary(1))
        .await
        .expect("written");
    let (parts, facts) = snapshot(&source.database()).await;
    let dir = tempfile::tempdir().expect("temporary directory");
    let by_hand = ByHand {
        dir: dir.path(),
        port: target.server.port(),
    };
    let mut notes = Vec::new();
    for (spec, bytes) in &parts {
        match &spec.table {
            None => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                let found = text.lines().filter_map(|l| l.strip_prefix("-- rows: "));
                notes.extend(found.map(str::to_owned));
                by_hand.run(bytes);
            }
            Some(table) => {
                // The note in the schema part says how a table's files are loaded.
                // Both are in the order of the tables.
                let number: usize = spec.name[5..10].parse().expect("number");
                let note = &notes[number - 1];
                assert!(table.starts_with("shop.") || note.contains(table.as_str()));
                by_hand.load(note, bytes);
            }
        }
    }
    assert_eq!(
        target.database().digests().await.expect("digests"),
        facts.tables
    );

    // A canary that changes, and a row: the tool applies both.
    source
        .database()
        .write_canary(&service(), &canary(2))
        .await
        .expect("written");
    source
        .run(&["INSERT INTO shop.numbers (id, d) VALUES (500, 0.1)"])
        .await;
    let database = source.database();
    let mut log = database.open_log(&facts.position).await.expect("opens");
    for batch in drain(log.as_mut()).await {
        by_hand.apply(&batch.bytes);
    }
    let digests = target.database().digests().await.expect("digests");
    assert_ne!(digests, facts.tables);
    assert_eq!(digests, source.database().digests().await.expect("digests"));
    let mark = target.one("SELECT mark FROM planb.canary").await;
    assert_eq!(mark, Some(canary(2).encode()));
}

fn canary(sequence: u64) -> Canary {
    Canary {
        epoch: Epoch(1),
        sequence,
        written_at: Timestamp::UNIX_EPOCH,
    }
}

/// The ordinary programs against one server.
struct ByHand<'a> {
    dir: &'a Path,
    port: u16,
}

impl ByHand<'_> {
    /// Runs a script.
    fn run(&self, script: &[u8]) {
        let file = self.dir.join("script.sql");
        std::fs::write(&file, script).expect("write");
        let output = Command::new(client_tool())
            .args(["--no-defaults", "-h127.0.0.1", "-uroot", "--local-infile=1"])
            .args(["--binary-mode", "--default-character-set=utf8mb4"])
            .arg(format!("-P{}", self.port))
            .stdin(std::fs::File::open(&file).expect("file"))
            .output()
            .expect("client runs");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaint}");
    }

    /// Loads rows as the note says.
    fn load(&self, note: &str, rows: &[u8]) {
        let file = self.dir.join("rows");
        std::fs::write(&file, rows).expect("write");
        let load = note.replace("'FILE'", &format!("'{}'", file.display()));
        let sql = format!(
            "SET sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', time_zone='+00:00', \
             foreign_key_checks=0;\n{load};\n"
        );
        self.run(sql.as_bytes());
    }

    /// Applies a segment.
    fn apply(&self, segment: &[u8]) {
        let file = self.dir.join("segment");
        std::fs::write(&file, segment).expect("write");
        let output = Command::new(binlog_tool())
            .arg("--no-defaults")
            .arg(&file)
            .output()
            .expect("runs");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaint}");
        self.run(&output.stdout);
    }
}
