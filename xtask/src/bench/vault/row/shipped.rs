//! Bytes that leave the machine: a dump every five minutes against the log.

use super::super::figure::{Gate, Measured};
use super::super::server::{DATABASE, Server};
use super::super::{Bench, data, peers};
use super::snapshot::dump;
use super::{DUMP, Line};
use anyhow::Result;

pub const LINES: &[Line] = &[
    (
        DUMP,
        "shipped per 5 min at 200 tx/s, a number changed in one row",
        "MB",
        Gate::Times(20.0, 27.0),
    ),
    (
        DUMP,
        "shipped per 5 min at 200 tx/s, random text changed in one row",
        "MB",
        Gate::Times(20.0, 27.0),
    ),
    (
        DUMP,
        "shipped per 5 min at 200 tx/s, four rows changed in each",
        "MB",
        Gate::Times(20.0, 27.0),
    ),
];

/// sysbench's transactions: an update of a number; one of random text, of which no
/// compression makes less than its entropy; two updates, a deletion and an insertion.
const SCRIPTS: [&str; LINES.len()] = [
    "oltp_update_index",
    "oltp_update_non_index",
    "oltp_write_only",
];
const RATE: u64 = 200;
const PERIOD_SECS: f64 = 300.0;

/// Counted once: bytes do not vary as times do.
pub fn measure(bench: &Bench, source: &Server) -> Result<Vec<Measured>> {
    let gz = bench.folder.join("shipped.sql.gz");
    peers::prepare(&dump(source, &gz.display().to_string()))?;
    let dumped = std::fs::metadata(&gz)?.len() as f64;
    let shipped = |script| {
        Ok(Measured {
            peer: dumped / 1e6,
            planb: streamed(bench, source, script)? / 1e6,
        })
    };
    SCRIPTS.into_iter().map(shipped).collect()
}

/// Bytes a stream puts into its vault in the period, folded log included.
fn streamed(bench: &Bench, source: &Server, script: &str) -> Result<f64> {
    let vault = bench.folder.join(format!("shipped-vault-{script}"));
    let stream = bench.planb.stream(source, &vault, &[])?;
    let before = data::bytes_below(&vault)?;
    let (port, rows) = (source.port, bench.options.table_rows);
    let secs = bench.options.shipped_secs;
    peers::prepare(&format!(
        "sysbench {script} --db-driver=mysql --mysql-host=127.0.0.1 --mysql-port={port} \
         --mysql-user=root --mysql-db={DATABASE} --tables=4 --table-size={rows} --threads=4 \
         --rate={RATE} --time={secs} run"
    ))?;
    stream.stop()?;
    let bytes = data::bytes_below(&vault)? - before;
    let by_folder = "find . -type f -printf '%s %P\n' | awk '{split($2,p,\"/\"); \
                     k=p[1]\"/\"p[2]\"/\"p[3]; s[k]+=$1} END {for (k in s) print s[k], k}'";
    let parts = peers::prepare(&format!("cd {}; {by_folder}", vault.display()))?;
    eprintln!("{script}: {bytes} bytes; by folder:\n{parts}");
    Ok(bytes as f64 * PERIOD_SECS / secs as f64)
}
