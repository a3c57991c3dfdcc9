//! A snapshot against mariadb-dump and against mydumper.

use super::super::figure::{Gate, Measured};
use super::super::measure::run;
use super::super::server::{DATABASE, Server};
use super::super::{Bench, peers};
use super::{DUMP, Line, alone};
use anyhow::Result;

pub const LINES: &[Line] = &[
    (DUMP, "snapshot, wall", "s", Gate::Times(5.0, 8.0)),
    (
        DUMP,
        "snapshot, CPU of client and server",
        "s",
        Gate::Times(4.0, 6.0),
    ),
    ("mydumper", "snapshot, wall", "s", Gate::Times(4.0, 7.0)),
    (
        "memory",
        "peak RSS of backup",
        "MiB",
        Gate::AtMost(256.0, 128.0),
    ),
];

/// What a customer's cron line does.
pub fn dump(server: &Server, to: &str) -> String {
    let client = server.client();
    format!(
        "mariadb-dump {client} --single-transaction --routines --triggers --events {DATABASE} \
         | gzip > {to}"
    )
}

pub fn measure(bench: &Bench, source: &Server) -> Result<Vec<Measured>> {
    let folder = bench.folder.join("snapshot");
    std::fs::create_dir_all(&folder)?;
    let client = source
        .client()
        .replace("-P", "-P ")
        .replace("-h", "-h ")
        .replace("-u", "-u ");
    let client = client
        .trim_start_matches("--no-defaults --protocol=tcp ")
        .to_owned();
    let [dump_wall, dump_cpu, my_wall, wall, cpu, peak] = bench.medians(|turn| {
        let at = |name: &str| folder.join(format!("{name}-{turn}"));
        let dumped = peers::pipeline(&dump(source, &at("dump").display().to_string()));
        let dumped = run(&mut { dumped }, source.pid()?)?.0;
        let vault = at("vault");
        let backup = bench.planb.backup(source, &vault, &["--logical"])?;
        let mut mydumper = peers::pipeline(&format!(
            "mydumper {client} --database {DATABASE} --threads 2 --compress \
             --routines --triggers --events --outputdir {}",
            at("mydumper").display()
        ));
        let mydumper = run(&mut mydumper, source.pid()?)?.0;
        for name in ["dump", "vault", "mydumper"] {
            peers::prepare(&format!("rm -rf {}", at(name).display()))?;
        }
        Ok([
            dumped.wall_secs,
            dumped.cpu_secs,
            mydumper.wall_secs,
            backup.wall_secs,
            backup.cpu_secs,
            backup.peak_mib,
        ])
    })?;
    let measured = |peer, planb| Measured { peer, planb };
    Ok(vec![
        measured(dump_wall, wall),
        measured(dump_cpu, cpu),
        measured(my_wall, wall),
        alone(peak),
    ])
}
