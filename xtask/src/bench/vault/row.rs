//! The rows of the table, in groups that share their preparation.

mod load;
mod physical;
mod postgres;
mod replay;
mod restore;
mod shipped;
mod snapshot;

use super::Bench;
use super::figure::{Figure, Gate, Measured};
use super::server::Server;
use anyhow::Result;

/// Groups, as `--only` names them.
pub const NAMES: [&str; 8] = [
    "snapshot",
    "restore",
    "physical",
    "shipped",
    "replay",
    "postgres",
    "durable",
    "throughput",
];

/// What a line says before anything is measured.
type Line = (&'static str, &'static str, &'static str, Gate);

const DUMP: &str = "mariadb-dump \\| gzip";

/// Runs every wanted group; one that fails says so and stops nobody.
pub fn measure(bench: &Bench) -> Vec<Figure> {
    let mut figures = Vec::new();
    let mut add = |name: &str, lines: &[Line], run: &dyn Fn() -> Result<Vec<Measured>>| {
        if !bench.wants(name) {
            return;
        }
        eprintln!("\n== {name}");
        let measured = run();
        if let Err(error) = &measured {
            eprintln!("not measured: {error:#}");
        }
        for (index, (against, metric, unit, gate)) in lines.iter().enumerate() {
            figures.push(Figure {
                against,
                metric,
                unit,
                gate: *gate,
                measured: match &measured {
                    Ok(all) => all.get(index).copied().ok_or_else(|| "no number".into()),
                    Err(error) => Err(format!("{error:#}").replace('\n', " ")),
                },
            });
        }
    };
    let source = std::cell::OnceCell::new();
    let source = || filled(bench, &source);
    add("snapshot", snapshot::LINES, &|| {
        snapshot::measure(bench, source()?)
    });
    add("restore", restore::LINES, &|| {
        restore::measure(bench, source()?)
    });
    add("physical", physical::LINES, &|| {
        physical::measure(bench, source()?)
    });
    add("postgres", postgres::LINES, &|| postgres::measure(bench));
    // These change the data.
    add("replay", replay::LINES, &|| replay::measure(bench));
    add("shipped", shipped::LINES, &|| {
        shipped::measure(bench, source()?)
    });
    add("durable", load::DURABLE, &|| {
        load::durable(bench, source()?)
    });
    add("throughput", load::THROUGHPUT, &|| {
        load::throughput(bench, source()?)
    });
    figures
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
