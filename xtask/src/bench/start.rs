//! How long the command takes to start.

use super::{Table, median, release_binary};
use anyhow::{Result, bail};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Enough for a steady median of something that takes milliseconds.
const RUNS: usize = 20;

/// Times `planb --version` and `planb --help` from start to end.
pub fn measure() -> Result<Table> {
    let binary = release_binary()?;
    let mut markdown = String::from("| command | median, ms | highest, ms |\n|---|---:|---:|\n");
    for argument in ["--version", "--help"] {
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let began = Instant::now();
            let status = Command::new(&binary)
                .arg(argument)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .status()?;
            times.push(began.elapsed().as_secs_f64() * 1000.0);
            if !status.success() {
                bail!("`planb {argument}` failed ({status})");
            }
        }
        let highest = times.iter().copied().fold(0.0, f64::max);
        markdown.push_str(&format!(
            "| `planb {argument}` | {:.1} | {highest:.1} |\n",
            median(times)
        ));
    }
    Ok(Table {
        name: "start".to_owned(),
        markdown: format!("Process start to process end, {RUNS} runs.\n\n{markdown}"),
    })
}
