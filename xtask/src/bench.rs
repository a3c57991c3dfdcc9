//! `bench`: figures of docs/benchmarks.md, measured on this machine.
//!
//! Every benchmark prints a Markdown table with date and machine; `--write`
//! puts it between its markers in docs/benchmarks.md.

pub mod assess;
pub mod build;
pub mod demo;
pub mod idle;
pub mod machine;
pub mod size;
pub mod start;
pub mod vault;

use crate::sh;
use anyhow::Result;
use clap::{Args as ClapArgs, Subcommand};
use std::io::Write;
use std::path::PathBuf;

/// What is measured, and where it goes.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    which: Which,
    /// Also write the table into docs/benchmarks.md
    #[arg(long, global = true)]
    write: bool,
}

#[derive(Debug, Subcommand)]
enum Which {
    /// Failover and failback of the demo: median of five
    Demo(demo::Options),
    /// Time until `planb --version` has ended: median of twenty
    Start,
    /// Memory and processor time of `planb up` on one protected service
    Idle(idle::Options),
    /// A large inventory and a long simulation
    Assess,
    /// A clean release build
    Build,
    /// What the assessment adds to the binary
    Size,
    /// The data path against mariadb-dump, mydumper, mariadb-binlog and pg_dump
    Vault(vault::Options),
}

/// One measured table.
pub struct Table {
    /// Name of its markers in docs/benchmarks.md.
    pub name: String,
    /// Markdown, without date and machine.
    pub markdown: String,
}

/// Measures, prints, and writes when asked to.
pub fn run(args: &Args) -> Result<()> {
    let table = match &args.which {
        Which::Demo(options) => demo::measure(options)?,
        Which::Start => start::measure()?,
        Which::Idle(options) => idle::measure(options)?,
        Which::Assess => assess::measure()?,
        Which::Build => build::measure()?,
        Which::Size => size::measure()?,
        Which::Vault(options) => {
            return vault::measure(options, &mut |table| publish(&table, args.write));
        }
    };
    publish(&table, args.write)
}

/// Prints a table with date and machine, and puts it on the page if asked to.
fn publish(table: &Table, write: bool) -> Result<()> {
    let text = format!("{}\n{}", machine::line()?, table.markdown);
    writeln!(std::io::stdout(), "{text}")?;
    if write {
        let page = sh::root().join("docs/benchmarks.md");
        let new = sh::replace_between(&sh::read(&page)?, &table.name, &text)?;
        sh::write_changed(&page, &new)?;
    }
    Ok(())
}

/// The release binary; built when it is not there or not current.
pub fn release_binary() -> Result<PathBuf> {
    sh::show(sh::cargo().args(["build", "--release", "--locked", "--package", "planb"]))?;
    Ok(sh::root().join("target/release/planb"))
}

/// The middle one, or the mean of the two middle ones. NaN of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.len() % 2, values.get(middle)) {
        (_, None) => f64::NAN,
        (1, Some(value)) => *value,
        (_, Some(value)) => (values[middle - 1] + value) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(vec![]).is_nan());
    }
}
