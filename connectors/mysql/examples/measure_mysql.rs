//! Measures a snapshot or a restore of one server, with parts as files of one
//! zstd frame at level 1:
//!
//! ```text
//! cargo run --release -p planb-connector-mysql --example measure_mysql -- \
//!     snapshot|restore|digests HOST:PORT DATABASE FOLDER [CONNECTIONS]
//! ```
//!
//! Prints wall time, processor time and peak memory of this process. For
//! figures of the whole product use `cargo xtask bench`.

#![allow(clippy::print_stdout, reason = "a program that prints figures")]

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use planb_connector_mysql::{MysqlConfig, MysqlDatabase};
use planb_model::recovery::{
    AppliedMark, Engine, ObjectHash, PartManifest, PartSpec, SegmentSeq, SnapshotManifest,
    TableDigest, VAULT_FORMAT,
};
use planb_model::{Epoch, ServiceName};
use planb_ports::progress::NoProgress;
use planb_ports::{
    Clock, Database, PartSink, PortError, PortResult, SnapshotFacts, SnapshotOptions, SnapshotSink,
};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

type Any = Box<dyn std::error::Error + Send + Sync>;

/// Raw bytes in one item of a part that is read.
const READ_BYTES: usize = 256 * 1024;

struct MachineClock;

#[async_trait]
impl Clock for MachineClock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

struct Folder {
    path: PathBuf,
    specs: Mutex<Vec<PartSpec>>,
}

struct File {
    encoder: Option<zstd::Encoder<'static, std::fs::File>>,
}

fn failed(error: impl Into<Any>) -> PortError {
    PortError::new(
        planb_ports::ErrorKind::Internal,
        "PB-TEST",
        "cannot write a part",
    )
    .source(error)
}

#[async_trait]
impl SnapshotSink for Folder {
    async fn begin(&self, spec: PartSpec) -> PortResult<Box<dyn PartSink>> {
        let file = std::fs::File::create(self.path.join(&spec.name)).map_err(failed)?;
        self.specs
            .lock()
            .map_err(|_| failed("poisoned"))?
            .push(spec);
        let encoder = zstd::Encoder::new(file, 1).map_err(failed)?;
        Ok(Box::new(File {
            encoder: Some(encoder),
        }))
    }
}

#[async_trait]
impl PartSink for File {
    async fn write(&mut self, bytes: Bytes) -> PortResult<()> {
        let mut encoder = self.encoder.take().ok_or_else(|| failed("broken"))?;
        let work = move || encoder.write_all(&bytes).map(|()| encoder);
        let encoder = tokio::task::spawn_blocking(work).await.map_err(failed)?;
        self.encoder = Some(encoder.map_err(failed)?);
        Ok(())
    }
    async fn end(mut self: Box<Self>) -> PortResult<()> {
        let encoder = self.encoder.take().ok_or_else(|| failed("broken"))?;
        encoder.finish().map_err(failed)?;
        Ok(())
    }
}

fn manifest(
    specs: &[PartSpec],
    facts: (String, Vec<TableDigest>),
    position: planb_model::recovery::LogPosition,
) -> Result<SnapshotManifest, Any> {
    let part = |spec: &PartSpec| PartManifest {
        spec: spec.clone(),
        key: spec.name.clone(),
        stored_bytes: 0,
        raw_bytes: 0,
        hash: ObjectHash::genesis(),
    };
    Ok(SnapshotManifest {
        format: VAULT_FORMAT,
        id: "measure".into(),
        service: ServiceName::new("measure")?,
        epoch: Epoch(1),
        engine: Engine::Mariadb,
        server_version: facts.0,
        taken_at: jiff::Timestamp::now(),
        consistent_at: None,
        position,
        next_segment: SegmentSeq::FIRST,
        parts: specs.iter().map(part).collect(),
        tables: facts.1,
        encrypted: false,
    })
}

async fn snapshot(database: &MysqlDatabase, path: &Path, connections: usize) -> Result<(), Any> {
    std::fs::create_dir_all(path)?;
    let folder = Folder {
        path: path.to_owned(),
        specs: Mutex::default(),
    };
    let options = SnapshotOptions {
        connections,
        ..SnapshotOptions::default()
    };
    let started = Instant::now();
    let facts: SnapshotFacts = database.snapshot(&folder, &options, &NoProgress).await?;
    report("snapshot", started)?;
    let specs = folder.specs.lock().map_err(|_| "poisoned")?.clone();
    let manifest = manifest(&specs, (facts.server_version, facts.tables), facts.position)?;
    std::fs::write(
        path.join("manifest.json"),
        serde_json::to_vec_pretty(&manifest)?,
    )?;
    Ok(())
}

async fn load(database: &MysqlDatabase, path: &Path, spec: &PartSpec) -> PortResult<()> {
    let file = std::fs::File::open(path.join(&spec.name)).map_err(failed)?;
    let mut decoder = zstd::Decoder::new(file).map_err(failed)?;
    let (sender, receiver) = tokio::sync::mpsc::channel(2);
    let reading = tokio::task::spawn_blocking(move || -> PortResult<()> {
        loop {
            let mut piece = Vec::with_capacity(READ_BYTES);
            let mut limited = decoder.by_ref().take(READ_BYTES as u64);
            if limited.read_to_end(&mut piece).map_err(failed)? == 0 {
                return Ok(());
            }
            if sender.blocking_send(Ok(Bytes::from(piece))).is_err() {
                return Ok(());
            }
        }
    });
    let pieces = stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    database.load_part(spec, pieces.boxed()).await?;
    reading.await.map_err(failed)?
}

async fn restore(database: &MysqlDatabase, path: &Path) -> Result<(), Any> {
    let manifest: SnapshotManifest =
        serde_json::from_slice(&std::fs::read(path.join("manifest.json"))?)?;
    let started = Instant::now();
    database.begin_restore(&manifest).await?;
    let specs: Vec<PartSpec> = manifest.parts.iter().map(|p| p.spec.clone()).collect();
    for parts in specs.chunk_by(|a, b| {
        let group = database.load_group(a);
        group.is_some() && group == database.load_group(b)
    }) {
        let begun = Instant::now();
        stream::iter(parts)
            .map(Ok)
            .try_for_each_concurrent(database.load_width(), |spec| load(database, path, spec))
            .await?;
        println!(
            "  {} parts of {}: {:?}",
            parts.len(),
            parts[0].kind,
            begun.elapsed()
        );
    }
    let begun = Instant::now();
    if database.digests().await? != manifest.tables {
        return Err("rows differ".into());
    }
    println!("  compared: {:?}", begun.elapsed());
    let mark = AppliedMark {
        snapshot: manifest.id.clone(),
        epoch: Epoch(1),
        next_segment: SegmentSeq::FIRST,
        position: manifest.position.clone(),
    };
    database.end_restore(&mark).await?;
    report("restore", started)
}

/// Wall time since `started`, and what `/proc` knows of this process.
fn report(what: &str, started: Instant) -> Result<(), Any> {
    let wall = started.elapsed();
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status
        .lines()
        .find(|l| l.starts_with("VmHWM"))
        .unwrap_or("");
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .collect();
    // Fields 14 and 15, in ticks of 10 ms; two stand before the parenthesis.
    let ticks = |i: usize| {
        fields
            .get(i)
            .and_then(|f| f.parse::<u64>().ok())
            .unwrap_or(0)
    };
    println!(
        "{what}: {wall:?}, processor {} ms, {peak}",
        (ticks(11) + ticks(12)) * 10
    );
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Any> {
    let args: Vec<String> = std::env::args().collect();
    let [_, verb, server, name, path, rest @ ..] = args.as_slice() else {
        return Err(
            "usage: measure_mysql snapshot|restore|digests HOST:PORT DATABASE FOLDER [CONNECTIONS]"
                .into(),
        );
    };
    let (host, port) = server.split_once(':').ok_or("HOST:PORT")?;
    let mut config = MysqlConfig::new(Engine::Mariadb, host, port.parse()?, "root");
    config.databases = vec![name.clone()];
    let database = MysqlDatabase::connect_lazy(config, Arc::new(MachineClock));
    let path = Path::new(path);
    let connections = rest.first().map_or(Ok(0), |n| n.parse())?;
    match verb.as_str() {
        "snapshot" => snapshot(&database, path, connections).await,
        "restore" => restore(&database, path).await,
        _ => {
            let started = Instant::now();
            for digest in database.digests().await? {
                println!("{} {} {}", digest.table, digest.rows, digest.hash);
            }
            report("digests", started)
        }
    }
}
