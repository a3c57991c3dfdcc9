//! `check-layers`: a crate depends only on lower layers.
//!
//! Reads `cargo metadata`, so it sees what cargo sees: renamed, optional and
//! target-specific dependencies too. Development dependencies are free.

mod files;
mod graph;
mod table;

use crate::sh;
use anyhow::{Context, Result, bail};
use std::path::Path;

/// Checks the workspace this task belongs to: crates, files and ARCHITECTURE.md.
pub fn check_this_project() -> Result<()> {
    let root = sh::root();
    let mut wrong = graph::problems(&graph::read(&root.join("Cargo.toml"))?);
    wrong.extend(files::problems(&root)?);
    let architecture = sh::read(&root.join("ARCHITECTURE.md"))?;
    if architecture_with_table(&architecture)? != architecture {
        wrong.push(
            "ARCHITECTURE.md: its table of layers is not that of xtask/src/layers/table.rs; \
             run `cargo xtask docs`"
                .to_owned(),
        );
    }
    report(&wrong)
}

/// Checks the crates of another workspace; used by tests.
pub fn check_workspace(manifest: &Path) -> Result<()> {
    report(&graph::problems(&graph::read(manifest)?))
}

/// ARCHITECTURE.md with the table of layers as it is in code.
pub fn architecture_with_table(text: &str) -> Result<String> {
    sh::replace_between(text, "layers", &table::markdown()).context("ARCHITECTURE.md")
}

fn report(wrong: &[String]) -> Result<()> {
    for line in wrong {
        eprintln!("check-layers: {line}");
    }
    match wrong.len() {
        0 => {
            eprintln!("check-layers: ok");
            Ok(())
        }
        1 => bail!("1 rule of the layers is broken"),
        n => bail!("{n} rules of the layers are broken"),
    }
}
