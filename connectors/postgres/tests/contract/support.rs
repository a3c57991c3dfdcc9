//! Servers, copies, snapshots in memory, and short ways to ask.

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use jiff::Timestamp;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User};
use planb_connector_postgres::{PostgresConfig, PostgresDatabase, PostgresTarget};
use planb_launch::port::free_port;
use planb_launch::postgres::{Postgres, PostgresOptions};
use planb_model::recovery::{
    AppliedMark, Engine, LogPosition, ObjectHash, PartManifest, PartSpec, SegmentBody,
    SegmentHeader, SegmentSeq, SnapshotManifest, VAULT_FORMAT,
};
use planb_model::{Epoch, Secret, ServiceName};
use planb_ports::contract::sink::MemorySink;
use planb_ports::progress::NoProgress;
use planb_ports::{
    Clock, Database, ErrorKind, LogBatch, LogSource, PortResult, SegmentEnd, SnapshotFacts,
    SnapshotMethod, SnapshotOptions, Until,
};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub const DEADLINE: Duration = Duration::from_secs(60);

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

/// A server in a directory of its own.
pub struct Site {
    pub server: Postgres,
    _dir: tempfile::TempDir,
}

impl Site {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub async fn start_with(settings: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut options = PostgresOptions::new(dir.path());
        options.settings = settings.iter().map(|&s| s.to_owned()).collect();
        let server = Postgres::start(options).await.expect("starts");
        Self { server, _dir: dir }
    }

    pub fn config(&self) -> PostgresConfig {
        PostgresConfig::new("127.0.0.1", self.server.port(), Postgres::USER)
    }

    pub fn database(&self) -> PostgresDatabase {
        connect(self.config())
    }

    pub fn database_as(&self, user: &str, password: &str) -> PostgresDatabase {
        let mut config = self.config();
        config.user = user.into();
        config.password = Some(Secret::new(password));
        connect(config)
    }

    /// Runs statements and returns what they print.
    pub fn run(&self, database: &str, sql: &str) -> String {
        psql(
            &self.server.bin_dir().join("psql"),
            self.server.port(),
            database,
            sql,
        )
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub fn try_run(&self, database: &str, sql: &str) -> Result<String, String> {
        psql(
            &self.server.bin_dir().join("psql"),
            self.server.port(),
            database,
            sql,
        )
    }
}

/// A streaming replica of a server.
pub struct Replica {
    pub site: Site,
}

impl Replica {
    pub async fn of(source: &Site) -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        hand_over(dir.path());
        let mut copy = as_server(&source.server.bin_dir().join("pg_basebackup"));
        copy.args(["--host=127.0.0.1", "--username=postgres", "--no-password"])
            .args(["--checkpoint=fast", "--write-recovery-conf", "--pgdata"])
            .arg(dir.path().join("data"))
            .arg(format!("--port={}", source.server.port()));
        run(copy);
        let options = PostgresOptions::new(dir.path());
        let server = Postgres::start(options).await.expect("starts");
        let site = Site { server, _dir: dir };
        Self { site }
    }

    /// Waits until it has all the source has.
    pub fn catch_up(&self, source: &Site) {
        let end = source.run("postgres", "SELECT pg_current_wal_lsn()");
        let sql = format!("SELECT pg_last_wal_replay_lsn() >= '{end}'");
        let until = Instant::now() + DEADLINE;
        while self.site.run("postgres", &sql) != "t" {
            assert!(Instant::now() < until, "the replica does not catch up");
        }
    }

    /// As an operator would.
    pub fn promote(&self) {
        let server = &self.site.server;
        let mut promote = as_server(&server.bin_dir().join("pg_ctl"));
        promote.args(["promote", "--wait", "--silent", "--pgdata"]);
        promote.arg(server.data_dir());
        run(promote);
    }
}

/// A program that runs as the server's user, when we are root.
pub fn as_server(program: &Path) -> Command {
    let mut command = Command::new(program);
    if nix::unistd::Uid::effective().is_root() {
        let user = User::from_name("postgres").expect("asked").expect("there");
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command.current_dir("/").stdin(Stdio::null());
    command
}

fn run(mut command: Command) {
    let output = command.stdout(Stdio::null()).output().expect("runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

/// A place for a restored copy, whose server is stopped when dropped.
pub struct Home {
    pub dir: tempfile::TempDir,
    pub port: u16,
    psql: PathBuf,
}

impl Home {
    pub fn new(site: &Site) -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        hand_over(dir.path());
        Self {
            dir,
            port: free_port().expect("a port"),
            psql: site.server.bin_dir().join("psql"),
        }
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn make_data_dir(&self) {
        std::fs::create_dir(self.data_dir()).expect("made");
        hand_over(&self.data_dir());
    }

    pub fn config(&self) -> PostgresConfig {
        let mut config = PostgresConfig::new("127.0.0.1", self.port, Postgres::USER);
        config.target = Some(PostgresTarget {
            data_dir: self.data_dir(),
        });
        config
    }

    pub fn database(&self) -> PostgresDatabase {
        connect(self.config())
    }

    pub fn run(&self, database: &str, sql: &str) -> String {
        self.try_run(database, sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub fn try_run(&self, database: &str, sql: &str) -> Result<String, String> {
        psql(&self.psql, self.port, database, sql)
    }

    fn pid(&self) -> Option<Pid> {
        let text = std::fs::read_to_string(self.data_dir().join("postmaster.pid")).ok()?;
        Some(Pid::from_raw(text.lines().next()?.trim().parse().ok()?))
    }

    /// Kills the server, as if its machine was lost.
    pub fn kill(&self) {
        let Some(pid) = self.pid() else { return };
        // It may be gone already.
        kill(pid, Signal::SIGQUIT).ok();
        let until = Instant::now() + DEADLINE;
        while kill(pid, None).is_ok() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Gives a folder to the server's user, when we are root.
pub fn hand_over(path: &Path) {
    if nix::unistd::Uid::effective().is_root() {
        let user = User::from_name("postgres").expect("asked").expect("there");
        let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
        std::os::unix::fs::chown(path, Some(uid), Some(gid)).expect("handed over");
    }
}

pub fn connect(config: PostgresConfig) -> PostgresDatabase {
    PostgresDatabase::connect_lazy(config, Arc::new(TestClock(0)))
}

fn psql(program: &PathBuf, port: u16, database: &str, sql: &str) -> Result<String, String> {
    let output = Command::new(program)
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
        .args([
            "--set=ON_ERROR_STOP=1",
            "--host=127.0.0.1",
            "--username=postgres",
        ])
        .arg(format!("--port={port}"))
        .arg(format!("--dbname={database}"))
        .arg("--command")
        .arg(sql)
        .env("PGCLIENTENCODING", "UTF8")
        .stdin(Stdio::null())
        .output()
        .expect("psql runs");
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

pub fn service() -> ServiceName {
    ServiceName::new("orders").expect("name")
}

/// A snapshot in memory.
pub struct Snapshot {
    pub parts: Vec<(PartSpec, Bytes)>,
    pub facts: SnapshotFacts,
}

pub async fn snapshot(database: &dyn Database) -> Snapshot {
    snapshot_by(database, SnapshotMethod::Auto).await
}

pub async fn snapshot_by(database: &dyn Database, method: SnapshotMethod) -> Snapshot {
    let sink = MemorySink::default();
    let options = SnapshotOptions {
        method,
        ..SnapshotOptions::default()
    };
    let facts = database.snapshot(&sink, &options, &NoProgress).await;
    let facts = facts.unwrap_or_else(|error| panic!("snapshot: {}", error.chain()));
    let parts = sink.parts();
    Snapshot { parts, facts }
}

pub fn manifest(snapshot: &Snapshot) -> SnapshotManifest {
    SnapshotManifest {
        format: VAULT_FORMAT,
        id: "s1".into(),
        service: service(),
        epoch: Epoch(1),
        engine: Engine::Postgresql,
        server_version: snapshot.facts.server_version.clone(),
        taken_at: Timestamp::now(),
        consistent_at: snapshot.facts.consistent_at,
        position: snapshot.facts.position.clone(),
        next_segment: SegmentSeq::FIRST,
        parts: snapshot
            .parts
            .iter()
            .map(|(spec, bytes)| PartManifest {
                spec: spec.clone(),
                key: spec.name.clone(),
                stored_bytes: bytes.len() as u64,
                raw_bytes: bytes.len() as u64,
                hash: ObjectHash::of(bytes),
            })
            .collect(),
        tables: snapshot.facts.tables.clone(),
        databases: Vec::new(),
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
        .chunks(60_000)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    let stream = futures::stream::iter(pieces).boxed();
    database.load_part(spec, stream).await
}

/// Loads a snapshot as the vault does, and compares it with its digests.
pub async fn restore(database: &dyn Database, snapshot: &Snapshot) {
    let begun = database.begin_restore(&manifest(snapshot)).await;
    begun.unwrap_or_else(|error| panic!("begin: {}", error.chain()));
    for (spec, bytes) in &snapshot.parts {
        let loaded = load(database, spec, bytes).await;
        loaded.unwrap_or_else(|error| panic!("{}: {}", spec.name, error.chain()));
    }
    let digests = database.digests().await;
    let digests = digests.unwrap_or_else(|error| panic!("digests: {}", error.chain()));
    assert_eq!(digests, snapshot.facts.tables);
    let ended = database
        .end_restore(&mark(&snapshot.facts.position, 1))
        .await;
    ended.unwrap_or_else(|error| panic!("end: {}", error.chain()));
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

pub async fn apply_until(
    database: &dyn Database,
    batch: &LogBatch,
    seq: u64,
    until: Option<&Until>,
) -> PortResult<SegmentEnd> {
    let mark = mark(&batch.end, seq + 1);
    let header = header(batch, seq);
    database
        .apply_segment(&header, batch.bytes.clone(), &mark, until)
        .await
}

pub async fn apply(database: &dyn Database, batch: &LogBatch, seq: u64) {
    let end = apply_until(database, batch, seq, None).await;
    let end = end.unwrap_or_else(|error| panic!("apply {seq}: {}", error.chain()));
    assert_eq!(end, SegmentEnd::All);
}

/// Everything up to the end of the log.
pub async fn drain(log: &mut dyn LogSource) -> Vec<LogBatch> {
    let until = Instant::now() + DEADLINE;
    let mut batches: Vec<LogBatch> = Vec::new();
    loop {
        let next = log
            .next(
                1 << 20,
                Duration::from_millis(20),
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

/// Everything up to where the stream ends or the log does.
pub async fn until_ended(log: &mut dyn LogSource) -> Vec<LogBatch> {
    let until = Instant::now() + DEADLINE;
    let (flush, idle) = (Duration::from_millis(20), Duration::from_millis(50));
    let mut batches: Vec<LogBatch> = Vec::new();
    loop {
        match log.next(1 << 20, flush, idle).await {
            Ok(Some(batch)) => batches.push(batch),
            Ok(None) if log.is_drained().await.expect("asked") => return batches,
            Ok(None) => assert!(Instant::now() < until, "the log does not drain"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
                return batches;
            }
        }
    }
}

/// Opens the log as soon as the server has noticed that nobody reads it.
pub async fn open_soon(database: &dyn Database, from: &LogPosition) -> Box<dyn LogSource> {
    let until = Instant::now() + DEADLINE;
    loop {
        match database.open_log(from).await {
            Ok(log) => return log,
            Err(error) => {
                let soon = error.kind() == ErrorKind::Unavailable && Instant::now() < until;
                assert!(soon, "{}", error.chain());
            }
        }
    }
}
