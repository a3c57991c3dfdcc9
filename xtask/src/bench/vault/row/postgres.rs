//! PostgreSQL: a snapshot against pg_dump.

use super::super::figure::{Gate, Measured};
use super::super::measure::run;
use super::super::server::{DATABASE, Server};
use super::super::{Bench, data, peers};
use super::Line;
use anyhow::Result;

pub const LINES: &[Line] = &[(
    "pg_dump \\| gzip",
    "snapshot, wall",
    "s",
    Gate::Times(5.0, 7.0),
)];

pub fn measure(bench: &Bench) -> Result<Vec<Measured>> {
    let folder = bench.folder.join("postgres");
    let source = Server::postgres(&folder)?;
    data::fill_postgres(&source, bench.options.table_rows)?;
    let [dumped, backed_up] = bench.medians(|turn| {
        let client = source.client();
        let gz = bench.folder.join("pg.sql.gz");
        let line = format!("pg_dump {client} {DATABASE} | gzip > {}", gz.display());
        let dumped = run(&mut peers::pipeline(&line), source.pid()?)?.0;
        let vault = bench.folder.join(format!("pg-vault-{turn}"));
        let backup = bench.planb.backup(&source, &vault, &[])?;
        peers::prepare(&format!("rm -rf {} {}", gz.display(), vault.display()))?;
        Ok([dumped.wall_secs, backup.wall_secs])
    })?;
    Ok(vec![Measured {
        peer: dumped,
        planb: backed_up,
    }])
}
