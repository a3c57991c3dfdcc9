//! Simulated ransomware on a real MariaDB server while its log is streamed: the
//! clean point lies inside the log, after the last honest batch and before the
//! first row of ciphertext. Heavy honest work is followed to its end.

use crate::desk::{Desk, errors, terminate};
use mysql_async::prelude::Queryable;
use planb_launch::mariadb::{MariaDb, MariaDbOptions};

/// Enough that a batch is a stretch of log with measures of its own.
const ROWS: u32 = 400;
const HONEST_BATCHES: u32 = 9;
/// One in twenty-five of the rows that honest work changes.
const DRIP_ROWS: u32 = 16;
const DRIP_STEPS: u32 = 10;

struct Site {
    desk: Desk,
    server: MariaDb,
    conn: mysql_async::Conn,
}

async fn connect(server: &MariaDb) -> mysql_async::Conn {
    let options = mysql_async::OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(server.port())
        .user(Some(MariaDb::USER))
        .prefer_socket(false);
    mysql_async::Conn::new(options).await.expect("a connection")
}

fn url(server: &MariaDb) -> String {
    format!("mariadb://root@127.0.0.1:{}/shop", server.port())
}

impl Site {
    async fn start() -> Self {
        let desk = Desk::new();
        let server = MariaDb::start(MariaDbOptions::new(desk.path("source"), 1)).await;
        let server = server.expect("a MariaDB server");
        let conn = connect(&server).await;
        let mut site = Self { desk, server, conn };
        site.run("CREATE DATABASE shop CHARACTER SET utf8mb4").await;
        site.run("CREATE TABLE shop.users (id INT PRIMARY KEY, name VARCHAR(40))")
            .await;
        site.run(
            "CREATE TABLE shop.orders (id INT PRIMARY KEY, note VARBINARY(200), data JSON,
                 user INT REFERENCES shop.users (id))",
        )
        .await;
        site.run(&format!(
            "INSERT INTO shop.users SELECT seq, CONCAT('customer ', seq) FROM shop.seq_1_to_{ROWS}"
        ))
        .await;
        site.run(&format!(
            "INSERT INTO shop.orders SELECT seq, CONCAT('order ', seq, ' of a customer in Seoul, paid by card'),
                 JSON_OBJECT('n', seq), seq FROM shop.seq_1_to_{ROWS}"
        ))
        .await;
        site
    }

    async fn run(&mut self, sql: &str) {
        self.conn.query_drop(sql).await.expect("a statement");
    }

    /// Streams; each of `work` is in the vault before the next begins.
    async fn stream(&mut self, work: &[String]) {
        let database = url(&self.server);
        let stream = self
            .desk
            .start(&["stream", "--database", &database, "--json"], "stream.log");
        let mut last = self.shipped(0).await;
        for sql in work {
            self.run(sql).await;
            last = self.shipped(last + 1).await;
        }
        let ended = terminate(stream);
        assert_eq!(ended, Some(0), "{}", self.desk.said("stream.log"));
    }

    /// Waits until the log is in the vault up to segment `at_least`; the last one.
    async fn shipped(&self, at_least: u64) -> u64 {
        self.desk.wait("log is in the vault", "stream.log", || {
            let said = self.desk.said("stream.log");
            if !said.contains("\"snapshot\"") {
                return None;
            }
            let points = self.desk.json(&["points"]);
            let last = points[0]["snapshot"]["log"]["last"].as_u64()?;
            (last >= at_least).then_some(last)
        })
    }

    /// Drills, and restores the clean point into a new server; what was said.
    async fn clean(&self) -> (mysql_async::Conn, MariaDb, String) {
        let drills = self.desk.json(&["verify"]);
        assert_eq!(drills[0]["findings"]["passed"], true, "{drills}");
        let target = MariaDb::start(MariaDbOptions::new(self.desk.path("target"), 2)).await;
        let target = target.expect("a MariaDB server");
        let output = self
            .desk
            .run(&["restore", "--to", &url(&target), "--clean", "--json"]);
        let said = errors(&output);
        assert!(output.status.success(), "{said}");
        assert!(said.contains("not certainty"), "{said}");
        // The drill has said the same, and so does the list of points.
        let suspicions = drills[0]["suspicions"].as_array().expect("suspicions");
        let clean = suspicions.is_empty();
        assert_eq!(drills[0]["findings"]["clean"], clean, "{drills}");
        let points = self.desk.json(&["points"]);
        assert_eq!(points[0]["logStopped"].is_null(), clean, "{points}");
        let listed = self.desk.run(&["points", "--lang", "ko"]);
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert_eq!(listed.contains("로그 변조 의심"), !clean, "{listed}");
        (connect(&target).await, target, said)
    }
}

fn honest(batch: u32) -> String {
    format!(
        "UPDATE shop.orders SET note = CONCAT('order ', id, ' shipped to Busan by train {batch}')"
    )
}

async fn number(conn: &mut mysql_async::Conn, sql: &str) -> u32 {
    let found = conn.query_first(sql).await.expect("a number");
    found.expect("a row")
}

/// Honest batches, then `attack`; restored must be the last honest state.
async fn attacked(attack: &[String], reason: &str) {
    let mut site = Site::start().await;
    let mut work: Vec<String> = (0..HONEST_BATCHES).map(honest).collect();
    work.extend_from_slice(attack);
    site.stream(&work).await;
    let (mut conn, _target, said) = site.clean().await;
    assert!(said.contains(reason), "{said}");
    let points = site.desk.json(&["points"]);
    let why = points[0]["logStopped"]["rejected"].to_string();
    assert!(why.contains(reason), "{points}");
    let last = HONEST_BATCHES - 1;
    let whole = format!("SELECT COUNT(*) FROM shop.orders WHERE note LIKE '%train {last}'");
    assert_eq!(number(&mut conn, &whole).await, ROWS, "{said}");
    let users = number(&mut conn, "SELECT COUNT(*) FROM shop.users").await;
    assert_eq!(users, ROWS, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_rewritten_as_ciphertext_are_cut_off_inside_the_log() {
    let part =
        |n: u32| format!("UPDATE shop.orders SET note = RANDOM_BYTES(150) WHERE id % 2 = {n}");
    attacked(&[part(0), part(1)], "entropy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_table_is_cut_off_inside_the_log() {
    attacked(
        &[
            "ALTER TABLE shop.orders DROP FOREIGN KEY orders_ibfk_1".into(),
            "DROP TABLE shop.users".into(),
            honest(HONEST_BATCHES + 1),
        ],
        "shop.users",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_batch_is_followed_to_the_end_of_the_log() {
    let mut site = Site::start().await;
    let mut work: Vec<String> = (0..HONEST_BATCHES).map(honest).collect();
    work.push(format!(
        "INSERT INTO shop.orders SELECT seq, CONCAT('order ', seq, ' settled at the end of the month'),
             JSON_OBJECT('n', seq), seq % {ROWS} + 1 FROM shop.seq_1001_to_9000"
    ));
    work.push("UPDATE shop.orders SET note = CONCAT(note, ' and closed')".into());
    site.stream(&work).await;
    let (mut conn, _target, said) = site.clean().await;
    let closed = "SELECT COUNT(*) FROM shop.orders WHERE note LIKE '%closed'";
    assert_eq!(number(&mut conn, closed).await, ROWS + 8_000, "{said}");
}

/// Rows rewritten by the way, so few at a time that no stretch of log is out of
/// its band: honest work goes on around them.
fn drip(step: u32) -> String {
    let (done, next) = (step * DRIP_ROWS, (step + 1) * DRIP_ROWS);
    format!(
        "UPDATE shop.orders SET note = IF(id <= {next}, RANDOM_BYTES(150),
             CONCAT('order ', id, ' shipped to Busan by train {}')) WHERE id > {done}",
        HONEST_BATCHES + step
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_drip_is_cut_off_where_it_began() {
    let mut site = Site::start().await;
    let mut work: Vec<String> = (0..HONEST_BATCHES).map(honest).collect();
    work.extend((0..DRIP_STEPS).map(drip));
    site.stream(&work).await;
    let (mut conn, target, said) = site.clean().await;
    assert!(said.contains("creeps up since"), "{said}");
    let spoilt = "SELECT COUNT(*) FROM shop.orders WHERE note NOT LIKE 'order %'";
    assert_eq!(number(&mut conn, spoilt).await, 0, "{said}");
    // At most one honest batch too early, never too late.
    let late = format!(
        "SELECT COUNT(*) FROM shop.orders WHERE note LIKE '%train {}' OR note LIKE '%train {}'",
        HONEST_BATCHES - 1,
        HONEST_BATCHES - 2
    );
    assert_eq!(number(&mut conn, &late).await, ROWS, "{said}");
    let to = url(&target);
    let korean = [
        "restore",
        "--to",
        &to,
        "--clean",
        "--dry-run",
        "--replace",
        "--lang",
        "ko",
    ];
    let said = errors(&site.desk.run(&korean));
    assert!(said.contains("서서히 증가"), "{said}");
}
