//! Replay of many row changes on few keys, against mariadb-binlog.

use super::super::figure::{Gate, Measured};
use super::super::measure::run;
use super::super::server::{DATABASE, Server};
use super::super::{Bench, data, peers};
use super::Line;
use anyhow::{Context, Result};

pub const LINES: &[Line] = &[(
    "mariadb-binlog \\| mariadb",
    "replay of row changes on hot keys, wall",
    "s",
    Gate::Times(3.0, 10.0),
)];

/// Rows the changes fall on.
const HOT_KEYS: u64 = 1_000;

const FAST_COMMITS: &str = "SET GLOBAL sync_binlog=0, innodb_flush_log_at_trx_commit=0";

pub fn measure(bench: &Bench) -> Result<Vec<Measured>> {
    let folder = bench.folder.join("replay");
    std::fs::create_dir_all(&folder)?;
    let server = Server::mariadb(&folder.join("source"), 4)?;
    let (port, changes) = (server.port, bench.options.changes);
    let sysbench = format!(
        "sysbench oltp_update_non_index --db-driver=mysql --mysql-host=127.0.0.1 \
         --mysql-port={port} --mysql-user=root --mysql-db={DATABASE} --tables=1 \
         --table-size={HOT_KEYS} --rand-type=uniform --threads=8 --time=0 --events={changes}"
    );
    peers::prepare(&format!("{sysbench} prepare"))?;
    let base = folder.join("base.sql").display().to_string();
    let client = server.client();
    let dump = format!("mariadb-dump {client} --single-transaction {DATABASE} > {base}");
    peers::prepare(&dump)?;
    let begin = server.sql("", "SHOW MASTER STATUS")?;
    let mut begin = begin.split_whitespace();
    let file = begin.next().context("no binlog")?.to_owned();
    let position = begin.next().context("no position")?.to_owned();
    let vault = folder.join("vault");
    let stream = bench.planb.stream(&server, &vault, &[])?;
    // Durability of every commit would only make the writing of the log slow.
    server.sql("", FAST_COMMITS)?;
    peers::prepare(&format!("{sysbench} run"))?;
    stream.stop()?;
    let expected = data::checksums(&server)?;
    let target = Server::mariadb(&folder.join("target"), 5)?;
    // The same for both sides: with durable commits the peer, which commits each
    // transaction by itself, would only measure the disk.
    target.sql("", FAST_COMMITS)?;
    let binlogs = format!(
        "$(ls {}/data/binlog.[0-9]* | sort)",
        server.folder.display()
    );
    let [replayed, applied] = bench.medians(|_| {
        target.empty()?;
        let to = target.client();
        peers::prepare(&format!("mariadb {to} {DATABASE} < {base}"))?;
        let line = format!(
            "files=\"{binlogs}\"; from=$(for f in $files; do [[ $f < {}/data/{file} ]] || echo $f; done); \
             mariadb-binlog --no-defaults --start-position={position} --database={DATABASE} $from \
             | mariadb {to}",
            server.folder.display()
        );
        let replayed = run(&mut peers::pipeline(&line), target.pid()?)?.0;
        data::must_equal("mariadb-binlog", &expected, &target)?;
        target.empty()?;
        // With the thousand rows before the log, which the peer has loaded already.
        let applied = bench.planb.restore(&target, &vault, &["--replace"])?;
        data::must_equal("PlanB", &expected, &target)?;
        Ok([replayed.wall_secs, applied.wall_secs])
    })?;
    Ok(vec![Measured {
        peer: replayed,
        planb: applied,
    }])
}
