//! A physical restore against piping a dump back.

use super::super::figure::{Gate, Measured};
use super::super::measure::run;
use super::super::server::{DATABASE, Server};
use super::super::{Bench, data, peers};
use super::snapshot::dump;
use super::{DUMP, Line};
use anyhow::Result;

pub const LINES: &[Line] = &[(DUMP, "physical restore, wall", "s", Gate::Times(5.0, 7.0))];

pub fn measure(bench: &Bench, source: &Server) -> Result<Vec<Measured>> {
    let folder = bench.folder.join("physical");
    std::fs::create_dir_all(&folder)?;
    let expected = data::checksums(source)?;
    let gz = folder.join("dump.sql.gz").display().to_string();
    peers::prepare(&dump(source, &gz))?;
    let vault = folder.join("vault");
    bench.planb.backup(source, &vault, &["--physical"])?;
    let target = Server::mariadb_commanded(&folder.join("target"), 3)?;
    let [piped, restored] = bench.medians(|_| {
        target.empty()?;
        let client = target.client();
        let line = format!("gunzip < {gz} | mariadb {client} {DATABASE}");
        let piped = run(&mut peers::pipeline(&line), target.pid()?)?.0;
        data::must_equal("the dump", &expected, &target)?;
        target.empty()?;
        let restored = bench.planb.restore(&target, &vault, &["--replace"])?;
        data::must_equal("PlanB", &expected, &target)?;
        Ok([piped.wall_secs, restored.wall_secs])
    })?;
    Ok(vec![Measured {
        peer: piped,
        planb: restored,
    }])
}
