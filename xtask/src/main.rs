//! Project tasks: `cargo xtask <task>`.
//!
//! What CI and every developer run. Only the standard library's processes and
//! files below; progress goes to stderr, results to stdout.

mod bench;
mod deny;
mod docs;
mod fuzz;
mod layers;
mod services;
mod sh;
mod suite;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Project tasks", version)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Check that crates depend only on lower layers, and a few rules about files
    CheckLayers {
        /// Check another workspace than this one
        #[arg(long, value_name = "CARGO_TOML")]
        manifest_path: Option<std::path::PathBuf>,
    },
    /// Install the programs tests and the full demo need
    Services {
        /// Only tell what is missing
        #[arg(long)]
        check: bool,
    },
    /// Run every check and every test
    Test(suite::Args),
    /// Check licences, sources and banned crates with cargo-deny
    Deny,
    /// Measure, and write the figures into docs/benchmarks.md
    Bench(bench::Args),
    /// Try random bytes on what reads bytes of others (libFuzzer)
    Fuzz(fuzz::Args),
    /// Make generated documentation again
    Docs(docs::Args),
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::CheckLayers { manifest_path } => match manifest_path {
            Some(path) => layers::check_workspace(&path),
            None => layers::check_this_project(),
        },
        Task::Services { check } => services::ensure(check),
        Task::Test(args) => suite::run(&args),
        Task::Deny => deny::run(deny::Missing::Install).map(|_| ()),
        Task::Bench(args) => bench::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Docs(args) => docs::run(&args),
    }
}
