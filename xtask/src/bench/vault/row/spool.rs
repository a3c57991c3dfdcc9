//! The local queue: what it costs the source while the vault is away, and how
//! soon the vault has everything once it is back.

use super::super::figure::{Gate, Measured};
use super::super::planb::Stream;
use super::super::server::{DATABASE, Server};
use super::super::{Bench, data, peers};
use super::{Line, alone, load};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub const LINES: &[Line] = &[
    (
        "no stream",
        "write throughput while the vault is away and the log waits on the local disk",
        "tx/s",
        Gate::Ratio(0.95, 0.98),
    ),
    (
        "memory",
        "peak RSS of stream in that time",
        "MiB",
        Gate::AtMost(256.0, 128.0),
    ),
    (
        "planb stream",
        "vault back to all of that log in the vault",
        "s",
        // Not promised: a third of the 30 s that were written, and a tenth.
        Gate::AtMost(10.0, 3.0),
    ),
];

/// Time between two looks at what waits.
const LOOK: Duration = Duration::from_millis(20);
/// After this the queue is stuck.
const DRAIN_SECS_MAX: u64 = 600;

/// A vault that can be taken away: its directory gets another name, which PlanB
/// takes for a mount that went away, and tries again.
struct Outage {
    vault: PathBuf,
    away: PathBuf,
    spool: PathBuf,
}

pub fn measure(bench: &Bench, source: &Server) -> Result<Vec<Measured>> {
    let marks = "CREATE TABLE IF NOT EXISTS spool_marks (mark VARCHAR(40) PRIMARY KEY)";
    source.sql(DATABASE, marks)?;
    let (pair, [peak, drained]) =
        load::in_pairs(bench, source, |turn| spooling(bench, source, turn))?;
    Ok(vec![pair, alone(peak), alone(drained)])
}

/// Transactions per second while log waits; the stream's peak memory in that
/// time, in MiB, and the seconds until the vault has all of it.
fn spooling(bench: &Bench, source: &Server, turn: usize) -> Result<(f64, [f64; 2])> {
    let at = |name: &str| bench.folder.join(format!("spool-{name}-{turn}"));
    let outage = Outage {
        vault: at("vault"),
        away: at("away"),
        spool: at("queue"),
    };
    let spool = outage.spool.display().to_string();
    let mut stream = bench
        .planb
        .stream(source, &outage.vault, &["--spool", &spool])?;
    std::thread::sleep(load::AFTER_SNAPSHOT);
    stream.forget_peak()?;
    std::fs::rename(&outage.vault, &outage.away)?;
    let rate = load::rate(bench, source)?;
    let mark = format!("spooled<{turn:08}>");
    source.sql(
        DATABASE,
        &format!("REPLACE INTO spool_marks VALUES ('{mark}')"),
    )?;
    let waiting = outage.waiting()?;
    if waiting.is_empty() {
        bail!("nothing waited on the disk while the vault was away");
    }
    std::fs::rename(&outage.away, &outage.vault)?;
    let drained = outage.drained(&mut stream, &mark)?;
    eprintln!("{} objects waited", waiting.len());
    let peak = stream.stop()?;
    peers::prepare(&format!("rm -rf {} {spool}", outage.vault.display()))?;
    Ok((rate, [peak, drained]))
}

impl Outage {
    /// The objects on the local disk.
    fn waiting(&self) -> Result<Vec<PathBuf>> {
        match self.spool.exists() {
            true => crate::sh::files_below(&self.spool, ".seg"),
            false => Ok(vec![]),
        }
    }

    /// Seconds until the vault has the last transaction.
    fn drained(&self, stream: &mut Stream, mark: &str) -> Result<f64> {
        let began = Instant::now();
        loop {
            stream.must_run()?;
            if self.waiting()?.is_empty() && has(&self.vault, mark)? {
                return Ok(began.elapsed().as_secs_f64());
            }
            if began.elapsed().as_secs() > DRAIN_SECS_MAX {
                bail!("{} objects still wait", self.waiting()?.len());
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// Whether one of the vault's newest segments holds `mark`.
fn has(vault: &Path, mark: &str) -> Result<bool> {
    let segments = data::segments(vault)?;
    let newest = segments.len().saturating_sub(4);
    let names: Vec<_> = segments[newest..]
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let count = peers::prepare(&format!(
        "zstd -dcq {} | grep -acF '{mark}' || true",
        names.join(" ")
    ))?;
    let count: u64 = count.parse().context("grep told no number")?;
    Ok(count > 0)
}
