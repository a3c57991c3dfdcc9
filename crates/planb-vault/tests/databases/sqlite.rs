//! SQLite.

use crate::bench::Bench;
use crate::by_hand::{block, run, unpack};
use planb_connector_sqlite::SqliteDatabase;
use planb_connector_system::SystemClock;
use planb_model::recovery::TableDigest;
use planb_ports::Database;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The segment behind a snapshot repeats the WAL and has one frame more, or goes on
/// as far as a batch. Beside a writer at full speed a WAL becomes longer than the
/// usual 4 MiB; beyond 64 MiB no snapshot is taken (PB-SQLITE-LOG-LONG).
const SEGMENT_BYTES_MAX: u64 = 65 << 20;

fn database(folder: &Path) -> SqliteDatabase {
    SqliteDatabase::new(folder.join("orders.db"), Arc::new(SystemClock::new()))
}

/// A service with enough rows for a snapshot to take a while.
fn service(folder: &Path) -> Connection {
    let connection = Connection::open(folder.join("orders.db")).expect("opens");
    connection
        .busy_timeout(Duration::from_secs(30))
        .expect("set");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             CREATE TABLE orders (id INTEGER PRIMARY KEY, what TEXT, n INTEGER);
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
             INSERT INTO orders (what, n) SELECT hex(randomblob(300)), 0 FROM n",
        )
        .expect("made");
    connection
}

/// Writes as fast as it can until it is told to stop; returns how many rows it
/// added.
fn write(service: Connection, stop: Arc<AtomicBool>) -> JoinHandle<u64> {
    std::thread::spawn(move || {
        let mut rows = 0;
        while !stop.load(Ordering::Relaxed) {
            let sql = "INSERT INTO orders (what, n) VALUES (hex(randomblob(100)), 1)";
            service.execute(sql, []).expect("never refused");
            rows += 1;
            // An old page, so that the snapshots differ by more than their ends.
            let sql = "UPDATE orders SET n = n + 1 WHERE id = 1 + abs(random()) % 20000";
            service.execute(sql, []).expect("never refused");
        }
        rows
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn later_snapshots_under_a_continuous_writer() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let writer = service(folder.path());
    let source = Arc::new(database(folder.path()));
    let (bench, stop) = (Bench::new(), Arc::new(AtomicBool::new(false)));
    let writer = write(writer, Arc::clone(&stop));
    let protection = bench
        .protect(Arc::clone(&source) as Arc<dyn Database>)
        .await;
    protection.snapshots().await;
    stop.store(true, Ordering::Relaxed);
    let written = writer.join().expect("the writer ended well");
    protection.finish(SEGMENT_BYTES_MAX).await;

    let wanted = source.digests().await.expect("digests");
    assert_eq!(wanted[0].rows, 20_000 + written);
    by_hand(&bench, &wanted).await;
    let mut applied = Vec::new();
    while bench.manifests() > 0 {
        let home = tempfile::tempdir().expect("a temporary directory");
        let target = database(home.path());
        let report = bench.restore(&target).await;
        assert_eq!(target.digests().await.expect("digests"), wanted);
        assert_eq!(target.integrity().await.expect("checked"), []);
        applied.push(report.segments_applied);
        bench.lose_newest_manifest();
    }
    assert!(applied.len() > 2 && applied.is_sorted(), "{applied:?}");
    assert!(applied[0] < applied[applied.len() - 1], "{applied:?}");
}

/// With `age`, `zstd` and `sqlite3` alone.
async fn by_hand(bench: &Bench, wanted: &[TableDigest]) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let script = unpack(bench, home.path()) + &block("## 2. SQLite");
    run(home.path(), &script);
    std::fs::rename(
        home.path().join("restored.db"),
        home.path().join("orders.db"),
    )
    .expect("renamed");
    let restored = database(home.path());
    assert_eq!(restored.digests().await.expect("digests"), wanted);
    assert_eq!(restored.integrity().await.expect("checked"), []);
}
