//! Servers, snapshots in memory, and short ways to ask.

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use jiff::Timestamp;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};
use planb_connector_mysql::{MysqlConfig, MysqlDatabase};
use planb_launch::LaunchError;
use planb_launch::mariadb::{MariaDb, MariaDbOptions};
use planb_launch::mysql::{Mysql, MysqlOptions};
use planb_model::recovery::{
    AppliedMark, Engine, LogPosition, ObjectHash, PartManifest, PartSpec, SegmentBody,
    SegmentHeader, SegmentSeq, SnapshotManifest, VAULT_FORMAT,
};
use planb_model::{Canary, Epoch, Secret, ServiceName};
use planb_ports::contract::sink::MemorySink;
use planb_ports::progress::NoProgress;
use planb_ports::{
    Clock, Database, LogBatch, LogSource, PortResult, SegmentEnd, SnapshotFacts, SnapshotMethod,
    SnapshotOptions,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The machine's clock, shifted by some seconds.
pub struct TestClock(pub i64);

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::now() + jiff::SignedDuration::from_secs(self.0)
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Whether this program tests MariaDB: each file of the suite is in two programs.
pub const IS_MARIADB: bool = matches!(crate::ENGINE, Engine::Mariadb);

/// What differs between the two.
pub const fn per_engine<T: Copy>(mariadb: T, mysql: T) -> T {
    if IS_MARIADB { mariadb } else { mysql }
}

/// A table with the column `seq` and the numbers from 1.
macro_rules! numbers {
    ($to:literal) => {
        concat!(
            "(WITH RECURSIVE s(seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM s WHERE seq < ",
            $to,
            ") SELECT seq FROM s) numbers"
        )
    };
}
pub(crate) use numbers;

/// A server of the engine that is tested.
pub enum Server {
    Mariadb(MariaDb),
    Mysql(Mysql),
}

impl Server {
    pub fn port(&self) -> u16 {
        match self {
            Server::Mariadb(server) => server.port(),
            Server::Mysql(server) => server.port(),
        }
    }

    pub fn kill(&mut self) {
        match self {
            Server::Mariadb(server) => server.kill(),
            Server::Mysql(server) => server.kill(),
        }
    }

    pub async fn restart(&mut self) -> Result<(), LaunchError> {
        match self {
            Server::Mariadb(server) => server.restart().await,
            Server::Mysql(server) => server.restart().await,
        }
    }
}

/// How a server is started.
pub struct Options {
    pub binlog: bool,
    /// MySQL's `gtid_mode`.
    pub gtid: bool,
    pub extra_args: Vec<String>,
}

/// A server in a directory of its own.
pub struct Site {
    pub server: Server,
    pub dir: tempfile::TempDir,
    pub databases: Vec<String>,
}

impl Site {
    pub async fn start(id: u32) -> Self {
        Self::start_with(id, |_| {}).await
    }

    pub async fn start_with(id: u32, change: impl FnOnce(&mut Options)) -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut wanted = Options {
            binlog: true,
            gtid: true,
            extra_args: Vec::new(),
        };
        change(&mut wanted);
        let server = if IS_MARIADB {
            let mut options = MariaDbOptions::new(dir.path(), id);
            options.binlog = wanted.binlog;
            // Test data is made by recursion.
            options.extra_args = vec!["--max-recursive-iterations=1000000".into()];
            options.extra_args.extend(wanted.extra_args);
            Server::Mariadb(MariaDb::start(options).await.expect("starts"))
        } else {
            let mut options = MysqlOptions::new(dir.path(), id);
            (options.binlog, options.gtid) = (wanted.binlog, wanted.gtid);
            options.extra_args = [
                "--cte-max-recursion-depth=1000000",
                // Tests ask for sizes and counters that were just changed.
                "--information-schema-stats-expiry=0",
            ]
            .map(str::to_owned)
            .to_vec();
            options.extra_args.extend(wanted.extra_args);
            Server::Mysql(Mysql::start(options).await.expect("starts"))
        };
        Self {
            server,
            dir,
            databases: vec!["shop".into()],
        }
    }

    pub fn config(&self) -> MysqlConfig {
        let mut config = MysqlConfig::new(
            crate::ENGINE,
            "127.0.0.1",
            self.server.port(),
            MariaDb::USER,
        );
        config.databases = self.databases.clone();
        config
    }

    pub fn database(&self) -> MysqlDatabase {
        MysqlDatabase::connect_lazy(self.config(), Arc::new(TestClock(0)))
    }

    pub fn database_as(&self, user: &str, password: &str) -> MysqlDatabase {
        let mut config = self.config();
        config.user = user.into();
        config.password = Some(Secret::new(password));
        MysqlDatabase::connect_lazy(config, Arc::new(TestClock(0)))
    }

    pub async fn connect(&self) -> Conn {
        self.connect_as(MariaDb::USER, "").await.expect("connects")
    }

    pub async fn connect_as(&self, user: &str, password: &str) -> mysql_async::Result<Conn> {
        let opts = OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(self.server.port())
            .user(Some(user))
            .pass(Some(password))
            .prefer_socket(false);
        Conn::new(opts).await
    }

    /// Runs statements, one after the other.
    pub async fn run(&self, statements: &[&str]) {
        let mut conn = self.connect().await;
        for sql in statements {
            conn.query_drop(*sql)
                .await
                .unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
    }

    pub async fn one(&self, sql: &str) -> Option<String> {
        let value: Option<Option<Vec<u8>>> =
            self.connect().await.query_first(sql).await.expect("query");
        value
            .flatten()
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The engine's own program that reads binlogs.
pub fn binlog_tool() -> PathBuf {
    if IS_MARIADB {
        "mariadb-binlog".into()
    } else {
        planb_launch::mysql::tool("mysqlbinlog").expect("installed")
    }
}

/// The engine's own client.
pub fn client_tool() -> PathBuf {
    if IS_MARIADB {
        "mariadb".into()
    } else {
        planb_launch::mysql::tool("mysql").expect("installed")
    }
}

pub fn service() -> ServiceName {
    ServiceName::new("orders").expect("name")
}

/// A snapshot's parts in memory.
pub type Parts = Vec<(PartSpec, Bytes)>;

pub async fn snapshot(database: &dyn Database) -> (Parts, SnapshotFacts) {
    let sink = MemorySink::default();
    let taken = snapshot_into(database, &sink).await;
    let facts = taken.unwrap_or_else(|error| panic!("snapshot: {}", error.chain()));
    (sink.parts(), facts)
}

pub async fn snapshot_into(
    database: &dyn Database,
    sink: &MemorySink,
) -> PortResult<SnapshotFacts> {
    let options = SnapshotOptions::default();
    database.snapshot(sink, &options, &NoProgress).await
}

pub fn manifest(parts: &Parts, facts: &SnapshotFacts) -> SnapshotManifest {
    SnapshotManifest {
        format: VAULT_FORMAT,
        id: "s1".into(),
        service: service(),
        epoch: Epoch(1),
        engine: crate::ENGINE,
        server_version: facts.server_version.clone(),
        taken_at: Timestamp::now(),
        consistent_at: None,
        position: facts.position.clone(),
        next_segment: SegmentSeq::FIRST,
        parts: parts
            .iter()
            .map(|(spec, bytes)| PartManifest {
                spec: spec.clone(),
                key: spec.name.clone(),
                stored_bytes: bytes.len() as u64,
                raw_bytes: bytes.len() as u64,
                hash: ObjectHash::of(bytes),
            })
            .collect(),
        tables: facts.tables.clone(),
        databases: facts.databases.clone(),
        encrypted: false,
    }
}

pub fn mark(position: &LogPosition, next: u64) -> AppliedMark {
    AppliedMark {
        snapshot: "s1".into(),
        epoch: Epoch(1),
        next_segment: SegmentSeq(next),
        position: position.clone(),
    }
}

/// Hands a part over in small pieces.
pub async fn load(database: &dyn Database, spec: &PartSpec, bytes: &[u8]) -> PortResult<()> {
    let pieces: Vec<PortResult<Bytes>> = bytes
        .chunks(64 * 1024)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    database
        .load_part(spec, futures::stream::iter(pieces).boxed())
        .await
}

pub async fn restore(database: &dyn Database, parts: &Parts, facts: &SnapshotFacts) {
    database
        .begin_restore(&manifest(parts, facts))
        .await
        .unwrap_or_else(|error| panic!("begin: {}", error.chain()));
    for (spec, bytes) in parts {
        load(database, spec, bytes)
            .await
            .unwrap_or_else(|error| panic!("{}: {}", spec.name, error.chain()));
    }
    database
        .end_restore(&mark(&facts.position, 1))
        .await
        .expect("end");
}

pub fn header(batch: &LogBatch, seq: u64) -> SegmentHeader {
    SegmentHeader {
        format: VAULT_FORMAT,
        service: service(),
        epoch: Epoch(1),
        seq: SegmentSeq(seq),
        previous: ObjectHash::genesis(),
        written_at: Timestamp::now(),
        body: SegmentBody::Log {
            start: batch.start.clone(),
            end: batch.end.clone(),
            transactions: batch.transactions,
            raw_bytes: batch.bytes.len() as u64,
        },
    }
}

pub async fn apply(database: &dyn Database, batch: &LogBatch, seq: u64) -> PortResult<SegmentEnd> {
    database
        .apply_segment(
            &header(batch, seq),
            batch.bytes.clone(),
            &mark(&batch.end, seq + 1),
            None,
        )
        .await
}

pub const DEADLINE: Duration = Duration::from_secs(60);

/// Everything up to the end of the log.
pub async fn drain(log: &mut dyn LogSource) -> Vec<LogBatch> {
    let until = Instant::now() + DEADLINE;
    let mut batches: Vec<LogBatch> = Vec::new();
    loop {
        let next = log
            .next(
                1 << 20,
                // Above the rest the reader takes: what is there comes together.
                Duration::from_millis(150),
                Duration::from_millis(50),
            )
            .await
            .unwrap_or_else(|error| panic!("log: {}", error.chain()));
        match next {
            Some(batch) => {
                if let Some(last) = batches.last() {
                    assert_eq!(last.end, batch.start, "batches do not join");
                }
                batches.push(batch);
            }
            None if log.is_drained().await.expect("asked") => return batches,
            None => assert!(Instant::now() < until, "the log does not drain"),
        }
    }
}

/// A snapshot of the server's files.
pub async fn files(database: &dyn Database) -> PortResult<(Parts, SnapshotFacts)> {
    let sink = MemorySink::default();
    let options = SnapshotOptions {
        method: SnapshotMethod::Physical,
        ..SnapshotOptions::default()
    };
    let facts = database.snapshot(&sink, &options, &NoProgress).await?;
    Ok((sink.parts(), facts))
}

/// The canary of that number.
pub fn canary(sequence: u64) -> Canary {
    Canary {
        epoch: Epoch(1),
        sequence,
        written_at: jiff::Timestamp::UNIX_EPOCH,
    }
}

/// Applies everything up to the end of the log.
pub async fn replay(log: &mut dyn LogSource, to: &dyn Database) {
    for (batch, seq) in drain(log).await.iter().zip(1..) {
        apply(to, batch, seq)
            .await
            .unwrap_or_else(|e| panic!("{}", e.chain()));
    }
}
