//! MariaDB, a real server.

use crate::bench::{Bench, SEGMENT_BYTES_MAX};
use crate::by_hand::{self, block, unpack};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};
use planb_connector_mysql::{MysqlConfig, MysqlDatabase};
use planb_connector_system::SystemClock;
use planb_launch::mariadb::{MariaDb, MariaDbOptions};
use planb_model::recovery::{Engine, Reached, TableDigest};
use planb_ports::Database;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;
use tokio::task::JoinHandle;

struct Site {
    server: MariaDb,
    _dir: TempDir,
}

impl Site {
    async fn start(id: u32) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let options = MariaDbOptions::new(dir.path(), id);
        let server = MariaDb::start(options).await.expect("starts");
        Self { server, _dir: dir }
    }

    fn database(&self) -> MysqlDatabase {
        let port = self.server.port();
        let mut config = MysqlConfig::new(Engine::Mariadb, "127.0.0.1", port, MariaDb::USER);
        config.databases = vec!["shop".into()];
        MysqlDatabase::connect_lazy(config, Arc::new(SystemClock::new()))
    }

    async fn connect(&self) -> Conn {
        let opts = OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(self.server.port())
            .user(Some(MariaDb::USER))
            .prefer_socket(false);
        Conn::new(opts).await.expect("connects")
    }
}

async fn run(conn: &mut Conn, sql: &str) {
    let done = conn.query_drop(sql).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// A service with enough rows for a snapshot to take a while. The second table
/// has no key: a row applied twice would be there twice.
async fn service(site: &Site) -> Conn {
    let mut conn = site.connect().await;
    for sql in [
        "CREATE DATABASE shop",
        "USE shop",
        "CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, what TEXT, n INT)",
        "CREATE TABLE notes (what TEXT)",
        "INSERT INTO orders (what, n) SELECT REPEAT(MD5(seq), 10), 0 FROM seq_1_to_20000",
        "CREATE USER app@'%' IDENTIFIED BY 'old'",
        "CREATE ROLE reader",
        "GRANT SELECT ON shop.orders TO reader",
        "GRANT INSERT ON shop.* TO app@'%'",
        "GRANT reader TO app@'%'",
        "SET DEFAULT ROLE reader FOR app@'%'",
    ] {
        run(&mut conn, sql).await;
    }
    conn
}

/// Writes as fast as it can until it is told to stop, over several binlogs;
/// returns how many rows it added to each table.
fn write(mut conn: Conn, stop: Arc<AtomicBool>) -> JoinHandle<u64> {
    tokio::spawn(async move {
        let mut rows = 0;
        while !stop.load(Ordering::Relaxed) {
            rows += 1;
            for sql in [
                "BEGIN",
                "INSERT INTO orders (what, n) VALUES (UUID(), 1)",
                "INSERT INTO notes VALUES (UUID())",
                "COMMIT",
                "UPDATE orders SET n = n + 1 WHERE id = 1 + FLOOR(RAND() * 20000)",
            ] {
                run(&mut conn, sql).await;
            }
            if rows % 200 == 0 {
                run(&mut conn, "FLUSH BINARY LOGS").await;
            }
        }
        rows
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn later_snapshots_under_a_continuous_writer() {
    let (site, home) = (Site::start(1).await, Site::start(2).await);
    let writer = service(&site).await;
    let source = Arc::new(site.database());
    let (mut bench, stop) = (Bench::new(), Arc::new(AtomicBool::new(false)));
    bench.users = true;
    let writer = write(writer, Arc::clone(&stop));
    let protection = bench
        .protect(Arc::clone(&source) as Arc<dyn Database>)
        .await;
    protection.snapshots().await;
    stop.store(true, Ordering::Relaxed);
    let written = writer.await.expect("the writer ended well") + 2;
    let mut conn = site.connect().await;
    // One transaction in several segments.
    run(&mut conn, "UPDATE shop.orders SET what = REVERSE(what)").await;
    run(&mut conn, "INSERT INTO shop.notes VALUES ('before')").await;
    let gtid = conn.query_first("SELECT @@gtid_binlog_pos").await;
    let gtid: String = gtid.expect("asked").expect("a GTID");
    run(&mut conn, "INSERT INTO shop.notes VALUES ('after')").await;
    protection.finish(SEGMENT_BYTES_MAX).await;

    let wanted = source.digests().await.expect("digests");
    let rows: Vec<u64> = wanted.iter().map(|table| table.rows).collect();
    assert_eq!(rows, [written, 20_000 + written - 2]);
    let report = bench.restore(&home.database()).await;
    assert_eq!(home.database().digests().await.expect("digests"), wanted);

    // The snapshot before leads to the same end, by more log.
    bench.lose_newest_manifest();
    let other = Site::start(3).await;
    let before = bench.restore(&other.database()).await;
    assert_eq!(other.database().digests().await.expect("digests"), wanted);
    assert!(report.segments_applied < before.segments_applied);

    // Back to a transaction, by its name.
    let report = bench.restore_to(&other.database(), gtid).await;
    assert_eq!(report.reached, Reached::Asked);
    let mut conn = other.connect().await;
    let seen = "SELECT what FROM shop.notes WHERE what IN ('before', 'after')";
    let seen: Vec<String> = conn.query(seen).await.expect("asked");
    assert_eq!(seen, ["before"]);
    by_hand(&bench, &wanted).await;
}

/// With `age`, `zstd` and MariaDB's own programs alone.
async fn by_hand(bench: &Bench, wanted: &[TableDigest]) {
    let (home, folder) = (Site::start(4).await, tempfile::tempdir());
    let folder = folder.expect("a temporary directory");
    let connect = format!(
        "{{ mariadb --no-defaults --protocol=tcp --host=127.0.0.1 --port={} --user={}",
        home.server.port(),
        MariaDb::USER
    );
    let load = block("## 2. MySQL and MariaDB").replace("{ mariadb", &connect);
    let users = block("Users, when the snapshot has them");
    let log = block("Then the log, for both:");
    let script = unpack(bench, folder.path()) + &load + &users + &log;
    by_hand::run(folder.path(), &script);
    let digests = home.database().digests().await.expect("digests");
    assert_eq!(digests, wanted);
    // The old password, and what it may do: by itself, and in its role.
    let opts = OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(home.server.port())
        .user(Some("app"))
        .pass(Some("old"))
        .prefer_socket(false);
    let mut app = Conn::new(opts).await.expect("the old password");
    run(&mut app, "INSERT INTO shop.notes VALUES ('by app')").await;
    let rows = app
        .query_first("SELECT COUNT(*) > 0 FROM shop.orders")
        .await;
    assert_eq!(rows.expect("its role reads"), Some(1));
    assert!(app.query_drop("SELECT * FROM shop.notes").await.is_err());
    let again = tempfile::tempdir().expect("a temporary directory");
    by_hand::trust(bench, again.path());
}
