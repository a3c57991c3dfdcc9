//! The rows of the table, in groups that share their preparation.

mod follow;
mod load;
mod physical;
mod postgres;
mod replay;
mod restore;
mod shipped;
mod snapshot;
mod spool;

use super::Bench;
use super::figure::{Figure, Gate, Measured};
use super::server::Server;
use anyhow::Result;

/// Groups, as `--only` names them.
pub const NAMES: [&str; 10] = [
    "snapshot",
    "restore",
    "physical",
    "postgres",
    "replay",
    "shipped",
    "durable",
    "throughput",
    "spool",
    "follow",
];

/// What a line says before anything is measured.
type Line = (&'static str, &'static str, &'static str, Gate);

const DUMP: &str = "mariadb-dump \\| gzip";

/// Takes the figures of a group.
type Publish<'a> = &'a mut dyn FnMut(&str, Vec<Figure>) -> Result<()>;

/// Runs every wanted group; one that fails says so and stops nobody.
pub fn measure(bench: &Bench, publish: Publish<'_>) -> Result<()> {
    let source = std::cell::OnceCell::new();
    let source = || filled(bench, &source);
    type Run<'a> = &'a dyn Fn() -> Result<Vec<Measured>>;
    // From `replay` on they change the data.
    let groups: [(&str, &[Line], Run<'_>); NAMES.len()] = [
        ("snapshot", snapshot::LINES, &|| {
            snapshot::measure(bench, source()?)
        }),
        ("restore", restore::LINES, &|| {
            restore::measure(bench, source()?)
        }),
        ("physical", physical::LINES, &|| {
            physical::measure(bench, source()?)
        }),
        ("postgres", postgres::LINES, &|| postgres::measure(bench)),
        ("replay", replay::LINES, &|| replay::measure(bench)),
        ("shipped", shipped::LINES, &|| {
            shipped::measure(bench, source()?)
        }),
        ("durable", load::DURABLE, &|| {
            load::durable(bench, source()?)
        }),
        ("throughput", load::THROUGHPUT, &|| {
            load::throughput(bench, source()?)
        }),
        ("spool", spool::LINES, &|| spool::measure(bench, source()?)),
        ("follow", follow::LINES, &|| {
            follow::measure(bench, source()?)
        }),
    ];
    for (name, lines, run) in groups {
        if bench.wants(name) {
            eprintln!("\n== {name}");
            publish(name, figures(lines, run()))?;
        }
    }
    Ok(())
}

/// One figure a line; all of them without a number when the group failed.
fn figures(lines: &[Line], measured: Result<Vec<Measured>>) -> Vec<Figure> {
    if let Err(error) = &measured {
        eprintln!("not measured: {error:#}");
    }
    let number = |index: usize| match &measured {
        Ok(all) => all.get(index).copied().ok_or_else(|| "no number".into()),
        Err(error) => Err(format!("{error:#}").replace('\n', " ")),
    };
    lines
        .iter()
        .enumerate()
        .map(|(index, (against, metric, unit, gate))| Figure {
            against,
            metric,
            unit,
            gate: *gate,
            measured: number(index),
        })
        .collect()
}

/// The one filled server all groups share; made when the first one needs it.
fn filled<'a>(bench: &Bench, cell: &'a std::cell::OnceCell<Server>) -> Result<&'a Server> {
    if cell.get().is_none() {
        let server = Server::mariadb(&bench.folder.join("source"), 1)?;
        super::data::fill(&server, bench.options.table_rows)?;
        // Nobody else sets it.
        drop(cell.set(server));
    }
    cell.get().ok_or_else(|| anyhow::anyhow!("no server"))
}

/// A number without a peer.
fn alone(planb: f64) -> Measured {
    Measured {
        peer: f64::NAN,
        planb,
    }
}
