//! `bench vault`: the data path against the tools a customer has, on one
//! machine, in one run, with outputs whose checksums are equal.
//!
//! Peer and PlanB take turns, so that a busy minute hits both. A row whose verb
//! is missing or fails says so; nothing is estimated.

mod data;
mod figure;
mod measure;
mod peers;
mod planb;
mod row;
pub mod server;

use super::{Table, release_binary};
use anyhow::{Result, bail};
use clap::Args;
use std::path::PathBuf;

/// What is measured, and on how much.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Only this row; may be given again for another one
    #[arg(long, value_name = "ROW", value_parser = row::NAMES)]
    only: Vec<String>,
    /// How often each side is measured; the median counts
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Rows in each of the four sysbench tables
    #[arg(long, default_value_t = 500_000)]
    table_rows: u64,
    /// Row changes of the replay
    #[arg(long, default_value_t = 300_000)]
    changes: u64,
    /// Seconds of writing for rows that measure under load
    #[arg(long, default_value_t = 30)]
    load_secs: u64,
    /// Seconds the shipped bytes are counted for; scaled to five minutes
    #[arg(long, default_value_t = 300)]
    shipped_secs: u64,
    /// Measure this program instead of building the release
    #[arg(long, value_name = "PLANB")]
    binary: Option<PathBuf>,
}

/// What every row works with.
pub struct Bench {
    options: Options,
    planb: planb::PlanB,
    /// A folder of this run alone.
    folder: PathBuf,
}

/// Takes each group's table as soon as it is measured, so that a later group
/// cannot lose it.
pub type Publish<'a> = &'a mut dyn FnMut(Table) -> Result<()>;

/// Measures the rows that `options` wants.
pub fn measure(options: &Options, publish: Publish<'_>) -> Result<()> {
    if options.runs == 0 {
        bail!("nothing is measured in 0 runs");
    }
    peers::ensure()?;
    let folder = crate::sh::root().join("target/bench-vault");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => release_binary()?,
    };
    let bench = Bench {
        options: options.clone(),
        planb: planb::PlanB::new(binary),
        folder,
    };
    let measured = row::measure(&bench, &mut |group, figures| {
        publish(Table {
            name: format!("vault-{group}"),
            markdown: format!("{}\n{}", explain(options), figure::table(&figures)),
        })
    });
    std::fs::remove_dir_all(&bench.folder)?;
    measured
}

fn explain(options: &Options) -> String {
    format!(
        "sysbench 4 × {} rows with a secondary index, and a table of mixed types; \
         median of {} runs, peer and PlanB in turn; vault on the same disk.\n",
        options.table_rows, options.runs
    )
}

impl Bench {
    /// Whether the row is asked for.
    fn wants(&self, row: &str) -> bool {
        self.options.only.is_empty() || self.options.only.iter().any(|only| only == row)
    }

    /// Measures `runs` times and takes the median of each of the numbers.
    fn medians<const N: usize>(
        &self,
        mut once: impl FnMut(usize) -> Result<[f64; N]>,
    ) -> Result<[f64; N]> {
        let mut all: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
        for run in 1..=self.options.runs {
            eprintln!("run {run} of {}", self.options.runs);
            for (values, value) in all.iter_mut().zip(once(run)?) {
                values.push(value);
            }
        }
        Ok(all.map(super::median))
    }
}
