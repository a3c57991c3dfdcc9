//! Tables of every kind, and random changes of them.

use crate::support::per_engine;

pub const TABLES: &[&str] = &[
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
pub const OWN_TABLES: &[&str] = &[
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
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    pub fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len() as u64) as usize]
    }

    pub fn or_null(&mut self, value: String) -> String {
        if self.roll(4) == 0 {
            "NULL".into()
        } else {
            value
        }
    }

    /// A text whose variants some collations take for the same.
    pub fn text(&mut self) -> &'static str {
        const TEXTS: &[&str] = &[
            "'a'", "'A'", "'á'", "'a '", "'b'", "'B'", "'ß'", "'ss'", "'c'", "''", "'가'", "'나'",
        ];
        TEXTS[self.roll(TEXTS.len() as u64) as usize]
    }

    /// A statement. IGNORE, because many break a unique key.
    #[expect(clippy::too_many_lines, reason = "one line for each kind of statement")]
    pub fn statement(&mut self, kinds: u64) -> String {
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

    pub fn all_types(&mut self, id: u64) -> String {
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
