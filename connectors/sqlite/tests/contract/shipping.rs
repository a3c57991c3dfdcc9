//! The log of a database that is being written.

use crate::bench::{DEADLINE, Site, Vault, digests, order, orders, service};
use planb_model::{Canary, Epoch};
use planb_ports::database::FenceState;
use planb_ports::{Database, ErrorKind};
use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Changes of every sort; each is one transaction or a few.
const CHANGES: &[&str] = &[
    "INSERT INTO orders (what) VALUES ('한 건')",
    "CREATE TABLE keyed (k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID",
    "INSERT INTO keyed VALUES ('a', x'00ff'), ('b', NULL), ('c', zeroblob(9000))",
    "CREATE TABLE counted (a INTEGER, b AS (a * 2) VIRTUAL, c TEXT AS (a || '!') STORED)",
    "INSERT INTO counted (a) VALUES (1), (2), (3)",
    "CREATE VIEW seen AS SELECT what FROM orders; CREATE INDEX by_what ON orders (what)",
    "CREATE TRIGGER note AFTER INSERT ON orders BEGIN UPDATE counted SET a = a + 1; END",
    "INSERT INTO orders (what) VALUES (1), (1.0), ('1'), (x'31')",
    "ALTER TABLE orders ADD COLUMN extra TEXT DEFAULT 'none'",
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
     INSERT INTO keyed SELECT 'k' || i, randomblob(300) FROM n",
    "DELETE FROM keyed WHERE k LIKE 'k%'",
    "VACUUM",
    "BEGIN; INSERT INTO orders (what) VALUES ('never'); ROLLBACK",
    "CREATE VIRTUAL TABLE texts USING fts5 (body)",
    "INSERT INTO texts VALUES ('부산에서 다시 시작')",
    "DROP TABLE counted; DROP TRIGGER note",
    "UPDATE orders SET what = what || '.' WHERE id % 2",
];

#[tokio::test]
async fn the_copy_equals_the_source_at_every_batch() {
    let (source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    let target = Site::new();
    vault.load(&target).await;
    let mut applied = 0;
    for change in CHANGES {
        writer.execute_batch(change).expect(change);
        vault.ship(log.as_mut()).await;
        while applied < vault.segments.len() {
            vault.apply(&target, applied).await.expect(change);
            applied += 1;
        }
        assert_eq!(digests(&target).await, digests(&source).await, "{change}");
    }
    assert_eq!(target.database.integrity().await.expect("checked"), []);
    assert!(applied >= CHANGES.len() - 1, "only {applied} segments");
}

/// A service that commits as fast as it can.
struct Busy {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    thread: std::thread::JoinHandle<()>,
}

impl Busy {
    fn start(writer: Connection) -> Self {
        let (stop, acknowledged) = (Arc::default(), Arc::default());
        let (halt, count) = (Arc::clone(&stop), Arc::clone(&acknowledged));
        let thread = std::thread::spawn(move || {
            let (halt, count): (Arc<AtomicBool>, Arc<AtomicU64>) = (halt, count);
            while !halt.load(Ordering::Relaxed) {
                let sql = "INSERT INTO orders (what, n) VALUES (hex(randomblob(700)), 1)";
                writer.execute(sql, []).expect("never refused");
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self {
            stop,
            acknowledged,
            thread,
        }
    }

    fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the writer ended well");
        self.acknowledged.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn checkpoints_under_load_lose_nothing() {
    let (source, writer) = Site::with_orders();
    let before = orders(&writer);
    let busy = Busy::start(writer);
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    let began = Instant::now();
    // Until the log has gone over into a new WAL several times, while commits go on.
    while !vault.end().at.starts_with("wal:4:") {
        assert!(began.elapsed() < DEADLINE, "still at {}", vault.end());
        let batch = log
            .next(64 * 1024, Duration::from_millis(5), Duration::from_secs(5))
            .await
            .expect("reads");
        vault.add(batch.expect("the writer never rests"));
        log.shipped(&vault.end()).await.expect("noted");
    }
    let acknowledged = busy.stop();
    vault.ship(log.as_mut()).await;
    let target = vault.restore().await;
    assert_eq!(digests(&target).await, digests(&source).await);
    let copy = rusqlite::Connection::open(target.path()).expect("opens");
    assert_eq!(orders(&copy), before + acknowledged);
}

#[tokio::test]
async fn the_writer_goes_on_while_nothing_is_read() {
    let (source, writer) = Site::with_orders();
    let vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    // The pin is held and nobody reads: the writer must need nothing from us.
    let busy = Busy::start(writer);
    let began = Instant::now();
    while busy.acknowledged() < 2_000 {
        assert!(
            began.elapsed() < DEADLINE,
            "{} commits",
            busy.acknowledged()
        );
        tokio::task::yield_now().await;
    }
    let acknowledged = busy.stop();
    let mut vault = vault;
    let shipped = vault.ship(log.as_mut()).await;
    assert!(shipped >= acknowledged, "{shipped} of {acknowledged}");
}

#[tokio::test]
async fn a_restarted_reader_goes_on_where_it_stopped() {
    let (mut source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    // Once right after the snapshot, once after a segment.
    for what in ["첫째", "둘째"] {
        source.restart_planb();
        order(&writer, what);
        let mut log = vault.open_log(&source).await.expect("the same WAL");
        assert!(vault.ship(log.as_mut()).await >= 1);
    }
    let target = vault.restore().await;
    assert_eq!(digests(&target).await, digests(&source).await);
}

#[tokio::test]
async fn a_wal_begun_anew_in_the_meantime_is_lost() {
    let (mut source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    vault.ship(log.as_mut()).await;
    drop(log);
    source.restart_planb();
    writer
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .expect("checkpointed");
    // Longer than the old one, so that only the salts and checksums tell.
    for _ in 0..50 {
        order(&writer, "shipped by nobody");
    }
    let error = vault.open_log(&source).await.err().expect("lost");
    assert_eq!(error.kind(), ErrorKind::LogLost);
}

#[tokio::test]
async fn a_disk_set_back_in_time_is_another_log() {
    let (mut source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let log_file = source.disk().join("orders.db-wal");
    let earlier = std::fs::read(&log_file).expect("a WAL");
    let mut log = vault.open_log(&source).await.expect("opens");
    order(&writer, "committed, shipped, then lost by the disk; ");
    vault.ship(log.as_mut()).await;
    drop(log);
    source.restart_planb();
    // The machine went down and the disk came back as it was: no process has it
    // open, and the same WAL goes on from there with other transactions.
    let away = source.folder.path().join("crashed");
    std::fs::rename(source.disk(), &away).expect("moved");
    std::fs::create_dir(source.disk()).expect("made");
    std::fs::copy(away.join("orders.db"), source.path()).expect("copied");
    std::fs::write(&log_file, earlier).expect("written");
    let again = source.service();
    // As long as what was shipped, so that only the last checksum tells.
    order(&again, "another history of the very same length");
    let error = vault.open_log(&source).await.err().expect("lost");
    assert_eq!(error.kind(), ErrorKind::LogLost);
    drop(writer);
}

#[tokio::test]
async fn a_checkpoint_of_the_service_takes_nothing_from_us() {
    let (source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    writer.busy_timeout(Duration::ZERO).expect("set");
    for round in 0..5 {
        order(&writer, "a");
        for mode in ["PASSIVE", "FULL", "RESTART", "TRUNCATE"] {
            writer
                .query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))
                .expect("answered");
        }
        order(&writer, "b");
        assert!(vault.ship(log.as_mut()).await >= 2, "round {round}");
    }
    let target = vault.restore().await;
    assert_eq!(digests(&target).await, digests(&source).await);
}

#[tokio::test]
async fn the_last_connection_of_the_service_leaves_the_log() {
    let (source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    order(&writer, "the last one");
    drop(writer);
    assert!(vault.ship(log.as_mut()).await >= 1);
    let target = vault.restore().await;
    assert_eq!(digests(&target).await, digests(&source).await);
}

#[tokio::test]
async fn a_moved_away_disk_is_unavailable_and_nothing_is_made_in_its_place() {
    let (source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    vault.ship(log.as_mut()).await;
    let away = source.folder.path().join("away");
    std::fs::rename(source.disk(), &away).expect("moved");
    order(&writer, "on the moved disk");
    let next = log
        .next(1, Duration::ZERO, Duration::ZERO)
        .await
        .map_err(|e| e.kind());
    assert_eq!(next, Err(ErrorKind::Unavailable));
    std::fs::create_dir(source.disk()).expect("an empty disk");
    let database = &source.database;
    let kinds = [
        log.is_drained().await.map(|_| ()).map_err(|e| e.kind()),
        database.ping().await.map_err(|e| e.kind()),
        database
            .fence(&service(), Epoch(2))
            .await
            .map_err(|e| e.kind()),
        database
            .promote(&service(), Epoch(2))
            .await
            .map_err(|e| e.kind()),
    ];
    assert_eq!(kinds, [Err(ErrorKind::Unavailable); 4]);
    // A disk without a database is a home to restore into; it has no fence.
    let state = database.fence_state(&service()).await;
    assert_eq!(state.expect("known"), FenceState::default());
    let made = std::fs::read_dir(source.disk()).expect("there").count();
    assert_eq!(made, 0, "something was made on the empty disk");

    std::fs::remove_dir(source.disk()).expect("removed");
    let state = database.fence_state(&service()).await;
    assert_eq!(state.map_err(|e| e.kind()), Err(ErrorKind::Unavailable));
    std::fs::rename(&away, source.disk()).expect("moved back");
    assert!(vault.ship(log.as_mut()).await >= 1, "it goes on");
    let target = vault.restore().await;
    assert_eq!(digests(&target).await, digests(&source).await);
}

#[tokio::test]
async fn another_file_at_the_path_is_another_log() {
    let (source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    vault.ship(log.as_mut()).await;
    std::fs::rename(source.disk(), source.folder.path().join("old")).expect("moved");
    std::fs::create_dir(source.disk()).expect("made");
    let other = source.service();
    other
        .execute_batch("CREATE TABLE other (a)")
        .expect("another database");
    let next = log.next(1, Duration::ZERO, Duration::ZERO).await;
    assert_eq!(next.map_err(|e| e.kind()), Err(ErrorKind::LogLost));
    drop(writer);
}

#[tokio::test]
async fn a_transaction_that_is_no_longer_than_a_piece_is_one_batch() {
    let (source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    vault.ship(log.as_mut()).await;
    let flush_bytes = 64 * 1024;
    writer
        .execute_batch(
            "BEGIN; INSERT INTO orders (what) VALUES ('x');
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
             INSERT INTO orders (what) SELECT hex(randomblob(1000)) FROM n; COMMIT",
        )
        .expect("committed");
    let batch = log
        .next(flush_bytes, DEADLINE, DEADLINE)
        .await
        .expect("reads")
        .expect("a batch at once");
    assert_eq!(batch.transactions, 1);
    assert!(batch.bytes.len() as u64 > 10 * flush_bytes);
    vault.add(batch);
    vault.ship(log.as_mut()).await;
    let target = vault.restore().await;
    assert_eq!(digests(&target).await, digests(&source).await);
}

#[tokio::test]
async fn much_log_comes_in_batches_no_larger_than_asked() {
    let (source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    // The first one begins the WAL again, from before the snapshot.
    order(&writer, "first");
    vault.ship(log.as_mut()).await;
    let flush_bytes = 64 * 1024;
    // More than a WAL that is begun anew, read at once.
    for _ in 0..1_200 {
        order(&writer, &"x".repeat(2_000));
    }
    let mut sizes = Vec::new();
    while let Some(batch) = log
        .next(flush_bytes, Duration::ZERO, Duration::ZERO)
        .await
        .expect("reads")
    {
        sizes.push(batch.bytes.len() as u64);
        let end = batch.end.clone();
        vault.add(batch);
        log.shipped(&end).await.expect("told");
    }
    let largest = sizes.iter().max().expect("batches");
    assert!(*largest <= flush_bytes, "{largest} of {}", sizes.len());
    assert!(*largest > flush_bytes / 2, "{largest} of {}", sizes.len());
    vault.ship(log.as_mut()).await;
    let target = vault.restore().await;
    assert_eq!(digests(&target).await, digests(&source).await);
}

#[tokio::test]
async fn a_canceled_call_loses_nothing() {
    let (source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    for _ in 0..20 {
        order(&writer, "x");
        let call = log.next(u64::MAX, DEADLINE, DEADLINE);
        let canceled = tokio::time::timeout(Duration::from_millis(3), call).await;
        assert!(canceled.is_err(), "nothing was due");
    }
    assert_eq!(vault.ship(log.as_mut()).await, 20);
}

#[tokio::test]
async fn without_commits_there_is_nothing_and_it_is_drained() {
    let (source, writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    vault.ship(log.as_mut()).await;
    let idle = log.next(1, Duration::ZERO, Duration::from_millis(20)).await;
    assert_eq!(idle.expect("reads"), None);
    assert!(log.is_drained().await.expect("known"));
    order(&writer, "x");
    assert!(!log.is_drained().await.expect("known"));
}

#[tokio::test]
async fn a_canary_is_found_in_the_raw_log_and_in_the_copy() {
    let (source, _writer) = Site::with_orders();
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    let canary = |sequence| Canary {
        epoch: Epoch(1),
        sequence,
        written_at: jiff::Timestamp::UNIX_EPOCH,
    };
    for sequence in [1, 2] {
        source
            .database
            .write_canary(&service(), &canary(sequence))
            .await
            .expect("written");
        vault.ship(log.as_mut()).await;
        let (_, bytes) = vault.segments.last().expect("shipped");
        assert_eq!(Canary::newest_in(bytes), Some(canary(sequence)));
    }
    let target = vault.restore().await;
    let read = target.database.read_canary(&service()).await;
    assert_eq!(read.expect("read"), Some(canary(2)));
}

#[tokio::test]
async fn another_journal_mode_is_refused_with_its_fix() {
    let (source, writer) = Site::with_orders();
    writer
        .execute_batch("PRAGMA journal_mode = DELETE")
        .expect("set");
    let findings = source
        .database
        .check(planb_ports::database::DatabaseRole::Source)
        .await;
    let bad = findings
        .iter()
        .find(|f| f.severity == planb_model::finding::Severity::Error)
        .expect("a finding");
    assert_eq!(bad.code, "PB-SQLITE-NOT-WAL");
    assert!(
        bad.fix
            .as_ref()
            .expect("a fix")
            .en
            .contains("journal_mode=WAL")
    );
    writer
        .execute_batch("PRAGMA journal_mode = WAL")
        .expect("set");
    let vault = Vault::snapshot(&source).await;
    assert!(vault.pages.starts_with(b"SQLite format 3\0"));
}

/// A transaction of about so many bytes of log.
fn write_bytes(writer: &Connection, bytes: i64) {
    let sql = "INSERT INTO orders (what) VALUES (zeroblob(?1))";
    writer.execute(sql, [bytes]).expect("written");
}

#[tokio::test]
async fn a_wal_stays_short_where_the_next_batch_is_taken_while_the_last_is_on_its_way() {
    let (source, writer) = Site::with_orders();
    writer
        .execute_batch("PRAGMA wal_autocheckpoint = 0")
        .expect("set");
    let mut vault = Vault::snapshot(&source).await;
    let mut log = vault.open_log(&source).await.expect("opens");
    let wal = source.disk().join("orders.db-wal");
    let mut longest = 0;
    // Where the newest batch ends; it is durable when the one behind it is asked for.
    let mut on_its_way = vault.end();
    for _ in 0..40 {
        write_bytes(&writer, 1 << 20);
        let durable = std::mem::replace(&mut on_its_way, vault.end());
        log.shipped(&durable).await.expect("noted");
        let batch = log.next(4 << 20, Duration::ZERO, Duration::ZERO).await;
        if let Some(batch) = batch.expect("reads") {
            vault.add(batch);
        }
        longest = longest.max(std::fs::metadata(&wal).expect("there").len());
    }
    assert!(longest < 16 << 20, "the WAL became {longest} bytes long");
    // A vault that is away holds up nothing.
    for _ in 0..12 {
        write_bytes(&writer, 1 << 20);
    }
    let before = vault.segments.len();
    let began = Instant::now();
    while vault.segments.len() < before + 2 {
        assert!(began.elapsed() < DEADLINE, "no batch");
        write_bytes(&writer, 1 << 10);
        let batch = log.next(1, Duration::ZERO, Duration::ZERO).await;
        if let Some(batch) = batch.expect("reads") {
            vault.add(batch);
        }
    }
    vault.ship(log.as_mut()).await;
    assert_eq!(
        digests(&vault.restore().await).await,
        digests(&source).await
    );
}
