//! Bytes that leave the machine: a dump every five minutes against the log.

use super::super::figure::{Gate, Measured};
use super::super::server::{DATABASE, Server};
use super::super::{Bench, data, peers};
use super::snapshot::dump;
use super::{DUMP, Line};
use anyhow::Result;

pub const LINES: &[Line] = &[(
    DUMP,
    "shipped per 5 min at 200 tx/s",
    "MB",
    Gate::Times(20.0, 27.0),
)];

const RATE: u64 = 200;
const PERIOD_SECS: f64 = 300.0;

/// Counted once: bytes do not vary as times do.
pub fn measure(bench: &Bench, source: &Server) -> Result<Vec<Measured>> {
    let gz = bench.folder.join("shipped.sql.gz");
    peers::prepare(&dump(source, &gz.display().to_string()))?;
    let dumped = std::fs::metadata(&gz)?.len() as f64;
    let vault = bench.folder.join("shipped-vault");
    let stream = bench.planb.stream(source, &vault)?;
    let before = data::bytes_below(&vault)?;
    let (port, rows) = (source.port, bench.options.table_rows);
    let secs = bench.options.shipped_secs;
    peers::prepare(&format!(
        "sysbench oltp_write_only --db-driver=mysql --mysql-host=127.0.0.1 --mysql-port={port} \
         --mysql-user=root --mysql-db={DATABASE} --tables=4 --table-size={rows} --threads=4 \
         --rate={RATE} --time={secs} run"
    ))?;
    stream.stop()?;
    let shipped = (data::bytes_below(&vault)? - before) as f64 * PERIOD_SECS / secs as f64;
    Ok(vec![Measured {
        peer: dumped / 1e6,
        planb: shipped / 1e6,
    }])
}
