//! Under write load: how late the log is, and what streaming costs the source.

use super::super::figure::{Gate, Measured};
use super::super::planb::Stream;
use super::super::server::{DATABASE, Server};
use super::super::{Bench, data, peers};
use super::{Line, alone};
use crate::bench::median;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub const DURABLE: &[Line] = &[(
    "log stream",
    "commit to durable in the vault, p99 under write load",
    "s",
    Gate::AtMost(2.0, 1.0),
)];

pub const THROUGHPUT: &[Line] = &[
    (
        "no stream",
        "write throughput while streaming",
        "tx/s",
        Gate::Ratio(0.95, 0.98),
    ),
    (
        "memory",
        "peak RSS of stream",
        "MiB",
        Gate::AtMost(256.0, 128.0),
    ),
];

/// Time between two marks.
const MARK_PAUSE: Duration = Duration::from_millis(50);
/// Time between two looks at the vault's folder; how exact a lateness is.
const LOOK: Duration = Duration::from_millis(5);
/// Pairs of loads for each run asked for.
const PAIRS_PER_RUN: usize = 2;
/// The snapshot that a stream begins with is written out before the load begins.
pub const AFTER_SNAPSHOT: Duration = Duration::from_secs(5);
/// After the load, time for the last marks to arrive.
const SETTLE: Duration = Duration::from_secs(10);

/// What writes at full speed for the seconds that are wanted.
pub fn sysbench(bench: &Bench, source: &Server) -> String {
    let (port, rows, secs) = (
        source.port,
        bench.options.table_rows,
        bench.options.load_secs,
    );
    format!(
        "sysbench oltp_write_only --db-driver=mysql --mysql-host=127.0.0.1 --mysql-port={port} \
         --mysql-user=root --mysql-db={DATABASE} --tables=4 --table-size={rows} --threads=4 \
         --time={secs} run"
    )
}

/// A client commits numbered marks; each is late by the time until the first
/// segment that holds it is in the vault's folder.
pub fn durable(bench: &Bench, source: &Server) -> Result<Vec<Measured>> {
    let make = "CREATE TABLE IF NOT EXISTS marks (n INT PRIMARY KEY, mark VARCHAR(40))";
    source.sql(DATABASE, make)?;
    source.sql(DATABASE, "TRUNCATE marks")?;
    let vault = bench.folder.join("durable-vault");
    let stream = bench.planb.stream(source, &vault, &[])?;
    let done = AtomicBool::new(false);
    let (committed, seen) = std::thread::scope(|scope| {
        let seen = scope.spawn(|| watch(&vault, &done));
        let marks = scope.spawn(|| marks(source, &done));
        let load = peers::prepare(&sysbench(bench, source));
        std::thread::sleep(SETTLE);
        done.store(true, Ordering::SeqCst);
        let panicked = |_| anyhow::anyhow!("a thread panicked");
        let (marks, seen) = (
            marks.join().map_err(panicked)?,
            seen.join().map_err(panicked)?,
        );
        load.and(Ok((marks?, seen?)))
    })?;
    stream.stop()?;
    let mut late = lateness(&committed, &seen)?;
    late.sort_by(f64::total_cmp);
    let at = (late.len() * 99).div_ceil(100).saturating_sub(1);
    let p99 = late.get(at).context("no mark arrived")?;
    eprintln!("{} marks, p50 {:.2} s", late.len(), late[late.len() / 2]);
    Ok(vec![alone(*p99)])
}

/// Commits marks until `done`; when each was acknowledged.
fn marks(source: &Server, done: &AtomicBool) -> Result<BTreeMap<u32, Instant>> {
    let line = format!(
        "exec mariadb {} -BN --unbuffered {DATABASE}",
        source.client()
    );
    let mut child = peers::pipeline(&line)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().context("no stdin")?;
    let mut output = BufReader::new(child.stdout.take().context("no stdout")?);
    let mut committed = BTreeMap::new();
    for n in 0.. {
        if done.load(Ordering::SeqCst) {
            break;
        }
        writeln!(
            input,
            "INSERT INTO marks VALUES ({n}, 'mark<{n:08}>'); SELECT {n};"
        )?;
        input.flush()?;
        let mut answer = String::new();
        output.read_line(&mut answer)?;
        if answer.trim() != n.to_string() {
            bail!("mark {n} was answered by {answer:?}");
        }
        committed.insert(n, Instant::now());
        std::thread::sleep(MARK_PAUSE);
    }
    drop(input);
    child.wait()?;
    Ok(committed)
}

/// When each segment was first in the folder.
fn watch(vault: &Path, done: &AtomicBool) -> Result<BTreeMap<PathBuf, Instant>> {
    let mut seen = BTreeMap::new();
    while !done.load(Ordering::SeqCst) {
        for file in data::segments(vault)? {
            seen.entry(file).or_insert_with(Instant::now);
        }
        std::thread::sleep(LOOK);
    }
    Ok(seen)
}

fn lateness(
    committed: &BTreeMap<u32, Instant>,
    seen: &BTreeMap<PathBuf, Instant>,
) -> Result<Vec<f64>> {
    let mut late = BTreeMap::new();
    for (file, at) in seen {
        let found = peers::prepare(&format!(
            "zstd -dcq {} | grep -aoE 'mark<[0-9]{{8}}>' || true",
            file.display()
        ))?;
        for mark in found.lines() {
            let number: u32 = mark.trim_matches(|c: char| !c.is_ascii_digit()).parse()?;
            let Some(commit) = committed.get(&number) else {
                continue; // Committed, and not acknowledged when the load ended.
            };
            late.entry(number)
                .or_insert_with(|| at.saturating_duration_since(*commit).as_secs_f64());
        }
    }
    // The last ones may be on their way; nothing else may be missing.
    let missing = committed.keys().filter(|n| !late.contains_key(n)).count();
    let on_their_way = 2 * (1.0 / MARK_PAUSE.as_secs_f64()) as usize;
    if missing > on_their_way {
        bail!(
            "{missing} of {} marks are not in the vault",
            committed.len()
        );
    }
    Ok(late.into_values().collect())
}

/// Transactions per second without and with a stream.
pub fn throughput(bench: &Bench, source: &Server) -> Result<Vec<Measured>> {
    let (pair, [peak]) = in_pairs(bench, source, |turn| streaming(bench, source, turn))?;
    Ok(vec![pair, alone(peak)])
}

/// Transactions per second without a stream, and with what `with` does in the
/// turn of that number; and the medians of what else it measures. Which comes
/// first changes each time: who comes second finds a fuller disk cache and a
/// fuller redo log. One run of `sysbench` differs from the next by 10 %, so
/// there are more of them.
pub fn in_pairs<const N: usize>(
    bench: &Bench,
    source: &Server,
    mut with: impl FnMut(usize) -> Result<(f64, [f64; N])>,
) -> Result<(Measured, [f64; N])> {
    let (mut peers, mut ours) = (Vec::new(), Vec::new());
    let mut more: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    for turn in 1..=bench.options.runs * PAIRS_PER_RUN {
        eprintln!("pair {turn} of {}", bench.options.runs * PAIRS_PER_RUN);
        let (peer, (planb, others)) = if turn % 2 == 1 {
            (rate(bench, source)?, with(turn)?)
        } else {
            let measured = with(turn)?;
            (rate(bench, source)?, measured)
        };
        eprintln!("{peer:.0} tx/s without, {planb:.0} with; {others:.2?}");
        peers.push(peer);
        ours.push(planb);
        for (values, value) in more.iter_mut().zip(others) {
            values.push(value);
        }
    }
    let pair = Measured {
        peer: median(peers),
        planb: median(ours),
    };
    Ok((pair, more.map(median)))
}

/// Transactions per second while the log is streamed, and the stream's peak
/// memory in MiB.
fn streaming(bench: &Bench, source: &Server, turn: usize) -> Result<(f64, [f64; 1])> {
    let vault = bench.folder.join(format!("throughput-vault-{turn}"));
    let stream: Stream = bench.planb.stream(source, &vault, &[])?;
    std::thread::sleep(AFTER_SNAPSHOT);
    let rate = rate(bench, source)?;
    let peak = stream.stop()?;
    peers::prepare(&format!("rm -rf {}", vault.display()))?;
    Ok((rate, [peak]))
}

/// Transactions per second of one load.
pub fn rate(bench: &Bench, source: &Server) -> Result<f64> {
    let said = peers::prepare(&sysbench(bench, source))?;
    let line = said.lines().find(|line| line.contains("transactions:"));
    let rate = line.and_then(|line| {
        line.split('(')
            .nth(1)?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    });
    rate.context("sysbench told no rate")
}
