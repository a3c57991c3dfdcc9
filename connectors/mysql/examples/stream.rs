//! Measures what reading the log costs this process:
//!
//! ```text
//! cargo run --release -p planb-connector-mysql --example stream -- HOST:PORT DATABASE live SECS
//! cargo run --release -p planb-connector-mysql --example stream -- HOST:PORT DATABASE catch-up
//! ```
//!
//! `live` reads for so long while somebody writes; `catch-up` waits for a line
//! on stdin, then reads what was written since it began.

#![allow(clippy::print_stdout, reason = "a program that prints figures")]

use async_trait::async_trait;
use planb_connector_mysql::{MysqlConfig, MysqlDatabase};
use planb_model::recovery::Engine;
use planb_ports::contract::sink::MemorySink;
use planb_ports::progress::NoProgress;
use planb_ports::{Clock, Database, SnapshotOptions};
use std::sync::Arc;
use std::time::{Duration, Instant};

type Any = Box<dyn std::error::Error + Send + Sync>;

/// As `planb stream` flushes.
const FLUSH_BYTES: u64 = 1 << 20;
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

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

/// Processor time of this process so far, in ms.
fn processor_ms() -> Result<u64, Any> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default();
    // Fields 14 and 15, in ticks of 10 ms; two stand before the parenthesis.
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.map(str::parse::<u64>).sum::<Result<_, _>>()?;
    Ok(ticks * 10)
}

#[tokio::main]
async fn main() -> Result<(), Any> {
    let args: Vec<String> = std::env::args().collect();
    let [_, server, name, how, rest @ ..] = args.as_slice() else {
        return Err("usage: stream HOST:PORT DATABASE live SECS|catch-up".into());
    };
    let (host, port) = server.split_once(':').ok_or("HOST:PORT")?;
    let mut config = MysqlConfig::new(Engine::Mariadb, host, port.parse()?, "root");
    config.databases = vec![name.clone()];
    let database = MysqlDatabase::connect_lazy(config, Arc::new(MachineClock));
    let sink = MemorySink::default();
    let facts = database
        .snapshot(&sink, &SnapshotOptions::default(), &NoProgress)
        .await?;
    drop(sink);
    let live = match (how.as_str(), rest.first()) {
        ("live", Some(secs)) => Some(Duration::from_secs(secs.parse()?)),
        _ => {
            println!("write now, then send a line");
            std::io::stdin().read_line(&mut String::new())?;
            None
        }
    };
    let (began, before) = (Instant::now(), processor_ms()?);
    let mut log = database.open_log(&facts.position).await?;
    let (mut bytes, mut transactions, mut batches) = (0, 0, 0);
    loop {
        if live.is_some_and(|time| began.elapsed() >= time) {
            break;
        }
        match log
            .next(FLUSH_BYTES, FLUSH_INTERVAL, FLUSH_INTERVAL)
            .await?
        {
            Some(batch) => {
                bytes += batch.bytes.len();
                transactions += batch.transactions;
                batches += 1;
            }
            None if live.is_none() && log.is_drained().await? => break,
            None => {}
        }
    }
    let spent = processor_ms()? - before;
    let megabytes = bytes as f64 / 1e6;
    println!(
        "{how}: {transactions} transactions, {megabytes:.1} MB, {batches} batches in {:?}; \
         processor {spent} ms, {:.0} ms per 100 MB",
        began.elapsed(),
        spent as f64 * 100.0 / megabytes
    );
    Ok(())
}
