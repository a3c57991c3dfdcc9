//! How long a clean release build takes.

use super::Table;
use crate::sh;
use anyhow::{Context, Result};
use std::time::Instant;

/// Builds into a folder of its own, so that nothing is reused and nothing else
/// is thrown away. Sources of dependencies are fetched before the clock starts.
pub fn measure() -> Result<Table> {
    let target = sh::root().join("target/bench-build");
    if target.exists() {
        std::fs::remove_dir_all(&target)
            .with_context(|| format!("cannot empty {}", target.display()))?;
    }
    sh::show(sh::cargo().args(["fetch", "--locked"]))?;
    let began = Instant::now();
    sh::show(sh::cargo().env("CARGO_TARGET_DIR", &target).args([
        "build",
        "--release",
        "--locked",
        "--package",
        "planb",
    ]))?;
    let seconds = began.elapsed().as_secs_f64();
    let bytes = std::fs::metadata(target.join("release/planb"))?.len();
    Ok(Table {
        name: "build".to_owned(),
        markdown: format!(
            "| figure | measured |\n|---|---:|\n\
             | clean release build, s | {seconds:.0} |\n| binary, MiB | {:.1} |\n",
            bytes as f64 / 1024.0 / 1024.0
        ),
    })
}
