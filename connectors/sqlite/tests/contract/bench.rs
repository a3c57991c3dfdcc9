//! What the tests stand on: a site with a database, a service's connection to
//! it, and a little vault in memory.

use bytes::Bytes;
use futures::StreamExt;
use planb_connector_sqlite::SqliteDatabase;
use planb_connector_system::SystemClock;
use planb_model::recovery::{
    AppliedMark, Engine, LogPosition, ObjectHash, PartSpec, SegmentBody, SegmentHeader, SegmentSeq,
    SnapshotManifest, TableDigest,
};
use planb_model::{Epoch, ServiceName};
use planb_ports::contract::sink::MemorySink;
use planb_ports::progress::NoProgress;
use planb_ports::{Database, LogBatch, LogSource, PortResult, SegmentEnd, SnapshotOptions};
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Longest wait for something that must happen.
pub const DEADLINE: Duration = Duration::from_secs(60);
/// What is shipped at once, where a test does not care.
const BATCH_BYTES: u64 = 1 << 20;

pub struct Site {
    pub folder: TempDir,
    pub database: SqliteDatabase,
}

impl Site {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir(folder.path().join("disk")).expect("made");
        let database = open(folder.path().join("disk/orders.db"));
        Self { folder, database }
    }

    pub fn disk(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    pub fn path(&self) -> PathBuf {
        self.disk().join("orders.db")
    }

    /// A connection as a service would have: SQLite's defaults, WAL mode.
    pub fn service(&self) -> Connection {
        let connection = Connection::open(self.path()).expect("opens");
        connection
            .busy_timeout(Duration::from_secs(10))
            .expect("set");
        connection
            .execute_batch("PRAGMA journal_mode = WAL")
            .expect("wal");
        connection
    }

    /// The same with a table of orders.
    pub fn with_orders() -> (Self, Connection) {
        let site = Self::new();
        let service = site.service();
        service
            .execute_batch(
                "CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT, n REAL);
                 INSERT INTO orders (what, n) VALUES ('김치', 1.5), (NULL, 2)",
            )
            .expect("made");
        (site, service)
    }

    /// PlanB forgets everything it had open, as after a restart.
    pub fn restart_planb(&mut self) {
        self.database = open(self.path());
    }
}

fn open(path: PathBuf) -> SqliteDatabase {
    SqliteDatabase::new(path, Arc::new(SystemClock::new()))
}

pub fn service() -> ServiceName {
    ServiceName::new("orders").expect("a name")
}

pub fn order(connection: &Connection, what: &str) {
    connection
        .execute("INSERT INTO orders (what, n) VALUES (?1, 0.5)", [what])
        .expect("written");
}

pub fn orders(connection: &Connection) -> u64 {
    let rows: i64 = connection
        .query_row("SELECT count(*) FROM orders", [], |row| row.get(0))
        .expect("counted");
    u64::try_from(rows).expect("not negative")
}

pub async fn digests(site: &Site) -> Vec<TableDigest> {
    site.database.digests().await.expect("digests")
}

/// A snapshot and the segments after it.
#[derive(Clone)]
pub struct Vault {
    pub manifest: SnapshotManifest,
    pub pages: Bytes,
    pub segments: Vec<(SegmentHeader, Bytes)>,
}

impl Vault {
    /// Takes a snapshot of `site`.
    pub async fn snapshot(site: &Site) -> Self {
        let (sink, options) = (MemorySink::default(), SnapshotOptions::default());
        let taken = site.database.snapshot(&sink, &options, &NoProgress).await;
        let (facts, parts) = (taken.expect("snapshot"), sink.parts());
        assert_eq!(parts.len(), 1);
        let manifest = SnapshotManifest {
            format: 1,
            id: "s1".to_owned(),
            service: service(),
            epoch: Epoch(1),
            engine: Engine::Sqlite,
            server_version: facts.server_version,
            taken_at: jiff::Timestamp::UNIX_EPOCH,
            consistent_at: None,
            position: facts.position,
            next_segment: SegmentSeq::FIRST,
            parts: Vec::new(),
            tables: facts.tables,
            databases: Vec::new(),
            encrypted: false,
        };
        Self {
            manifest,
            pages: parts[0].1.clone(),
            segments: Vec::new(),
        }
    }

    /// Where the log goes on.
    pub fn end(&self) -> LogPosition {
        match self.segments.last().map(|(header, _)| &header.body) {
            Some(SegmentBody::Log { end, .. }) => end.clone(),
            _ => self.manifest.position.clone(),
        }
    }

    pub async fn open_log(&self, site: &Site) -> PortResult<Box<dyn LogSource>> {
        site.database.open_log(&self.end()).await
    }

    pub fn add(&mut self, batch: LogBatch) {
        assert_eq!(batch.start, self.end(), "the chain has a gap");
        let seq = self.mark(self.segments.len()).next_segment;
        let header = SegmentHeader {
            format: 1,
            service: service(),
            epoch: Epoch(1),
            seq,
            previous: ObjectHash::genesis(),
            written_at: batch.read_at,
            body: SegmentBody::Log {
                start: batch.start,
                end: batch.end,
                transactions: batch.transactions,
                raw_bytes: batch.bytes.len() as u64,
            },
        };
        self.segments.push((header, batch.bytes));
    }

    /// Ships everything that is committed; returns how many transactions.
    pub async fn ship(&mut self, log: &mut dyn LogSource) -> u64 {
        let mut transactions = 0;
        loop {
            let batch = log.next(BATCH_BYTES, Duration::ZERO, Duration::ZERO).await;
            match batch.expect("shipped") {
                Some(batch) => {
                    transactions += batch.transactions;
                    self.add(batch);
                    log.shipped(&self.end()).await.expect("noted");
                }
                None if log.is_drained().await.expect("known") => return transactions,
                None => {}
            }
        }
    }

    /// Loads the snapshot into `target` and compares its tables.
    pub async fn load(&self, target: &Site) {
        let database = &target.database;
        database
            .begin_restore(&self.manifest)
            .await
            .expect("cleared");
        assert_eq!(database.applied().await.expect("known"), None);
        self.load_pages(target).await;
        assert_eq!(digests(target).await, self.manifest.tables);
        database.end_restore(&self.mark(0)).await.expect("ended");
        assert_eq!(digests(target).await, self.manifest.tables);
    }

    pub async fn load_pages(&self, target: &Site) {
        let spec = PartSpec {
            name: "pages".to_owned(),
            kind: "pages".to_owned(),
            table: None,
        };
        let chunks: Vec<PortResult<Bytes>> = self
            .pages
            .chunks(10_000)
            .map(|c| Ok(Bytes::copy_from_slice(c)))
            .collect();
        let stream = futures::stream::iter(chunks).boxed();
        target
            .database
            .load_part(&spec, stream)
            .await
            .expect("loaded");
    }

    /// The mark after `applied` segments.
    pub fn mark(&self, applied: usize) -> AppliedMark {
        let position = match applied.checked_sub(1).map(|i| &self.segments[i].0.body) {
            Some(SegmentBody::Log { end, .. }) => end.clone(),
            _ => self.manifest.position.clone(),
        };
        AppliedMark {
            snapshot: self.manifest.id.clone(),
            epoch: Epoch(1),
            next_segment: SegmentSeq(self.manifest.next_segment.0 + applied as u64),
            position,
        }
    }

    pub async fn apply(&self, target: &Site, index: usize) -> PortResult<SegmentEnd> {
        let (header, bytes) = &self.segments[index];
        let mark = self.mark(index + 1);
        target
            .database
            .apply_segment(header, bytes.clone(), &mark, None)
            .await
    }

    /// A new site with everything restored.
    pub async fn restore(&self) -> Site {
        let target = Site::new();
        self.load(&target).await;
        for index in 0..self.segments.len() {
            self.apply(&target, index).await.expect("applied");
        }
        let mark = target.database.applied().await.expect("known");
        assert_eq!(mark, Some(self.mark(self.segments.len())));
        target
    }
}
