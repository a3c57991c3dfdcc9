//! Measures a snapshot of one server, with parts as files of one zstd frame at
//! level 1:
//!
//! ```text
//! cargo run --release -p planb-connector-postgres --example measure_postgres -- \
//!     physical|logical HOST:PORT USER DATABASE FOLDER [CONNECTIONS]
//! ```
//!
//! Prints wall time, processor time and peak memory of this process. For
//! figures of the whole product use `cargo xtask bench`.

#![allow(clippy::print_stdout, reason = "a program that prints figures")]

use async_trait::async_trait;
use bytes::Bytes;
use planb_connector_postgres::{Method, PostgresConfig, PostgresDatabase};
use planb_model::recovery::PartSpec;
use planb_ports::progress::NoProgress;
use planb_ports::{
    Clock, Database, PartSink, PortError, PortResult, SnapshotOptions, SnapshotSink,
};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Any = Box<dyn std::error::Error + Send + Sync>;

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

#[tokio::main]
async fn main() -> Result<(), Any> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [method, address, user, database, folder, rest @ ..] = arguments.as_slice() else {
        return Err("physical|logical HOST:PORT USER DATABASE FOLDER [CONNECTIONS]".into());
    };
    let (host, port) = address.rsplit_once(':').ok_or("HOST:PORT")?;
    let mut config = PostgresConfig::new(host, port.parse()?, user);
    config.databases = vec![database.clone()];
    config.method = match method.as_str() {
        "physical" => Method::Physical,
        "logical" => Method::Logical,
        other => return Err(format!("{other} is no method").into()),
    };
    let connections = rest.first().map_or(Ok(0), |text| text.parse())?;
    let options = SnapshotOptions {
        connections,
        ..SnapshotOptions::default()
    };
    let path = PathBuf::from(folder);
    std::fs::create_dir_all(&path)?;
    let database = PostgresDatabase::connect_lazy(config, Arc::new(MachineClock));
    let started = Instant::now();
    let facts = database
        .snapshot(&Folder { path }, &options, &NoProgress)
        .await?;
    let wall = started.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    println!("{wall:.2} s, {}, to {}", peak.unwrap_or(""), facts.position);
    Ok(())
}
