//! The `planb` command: one file per verb, stdout for data, stderr for the rest.

mod cli;
mod client;
mod crash;
mod data;
mod demo;
#[cfg(feature = "assess")]
mod drills;
mod error;
#[cfg(feature = "assess")]
mod evidence;
mod explain;
#[cfg(feature = "assess")]
mod facts;
mod help_ko;
mod output;
#[cfg(feature = "assess")]
mod pdf;
mod progress;
mod verb;

use clap::{CommandFactory, FromArgMatches};
use planb_model::Lang;
use std::process::ExitCode;

/// glibc keeps a heap for each of many threads and gives little of them back: see
/// docs/adr/0006-allocator.md.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let lang = output::language();
    let command = match lang {
        Lang::En => cli::Cli::command(),
        Lang::Ko => help_ko::translate(cli::Cli::command()),
    };
    let parsed = command
        .try_get_matches()
        .and_then(|matches| cli::Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    start_logging(&cli);
    let lang = cli.lang.map_or(lang, Lang::from);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(WORKER_THREADS)
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("planb: cannot start: {error}");
            return error::Exit::Failed.into();
        }
    };
    let outcome = runtime.block_on(Box::pin(verb::run(cli, lang)));
    // Detached blocking work (a database that hangs) must not hold up the exit.
    runtime.shutdown_background();
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            output::print_error(&error, lang);
            error.exit().into()
        }
    }
}

/// Threads of the runtime: control work is light, and fewer threads are less memory.
const WORKER_THREADS: usize = 2;

/// `PLANB_LOG` names targets and levels: `info`, `planb_engine=debug,warn`.
fn start_logging(cli: &cli::Cli) {
    use tracing_subscriber::filter::Targets;
    use tracing_subscriber::prelude::*;
    let default = if cli.verbose { "info" } else { "error" };
    let wanted = std::env::var("PLANB_LOG").unwrap_or_else(|_| default.to_owned());
    let filter = wanted
        .parse::<Targets>()
        .unwrap_or_else(|_| Targets::new().with_default(tracing::Level::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .init();
}
