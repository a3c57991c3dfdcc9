//! `docs`: documentation that is made from something else.

mod errors;
mod images;
mod links;

use crate::{layers, sh};
use anyhow::{Result, bail};
use clap::Args as ClapArgs;

/// What is made.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Also run the demo and take the pictures of docs/images (needs Chromium and poppler-utils)
    #[arg(long)]
    images: bool,
    /// Run this program instead of a release build
    #[arg(long, value_name = "PLANB", requires = "images")]
    binary: Option<std::path::PathBuf>,
}

/// Makes everything again.
pub fn run(args: &Args) -> Result<()> {
    for (path, text) in generated()? {
        sh::write_changed(&sh::root().join(path), &text)?;
    }
    if args.images {
        images::take(args.binary.as_deref())?;
    }
    Ok(())
}

/// Fails when a generated page is not what it would be now, or a link leads nowhere.
pub fn check() -> Result<()> {
    let mut wrong = links::broken(&sh::root())?;
    for (path, text) in generated()? {
        if sh::read(&sh::root().join(path)).ok().as_deref() != Some(&text) {
            wrong.push(format!("{path} is not current; run `cargo xtask docs`"));
        }
    }
    for line in &wrong {
        eprintln!("docs: {line}");
    }
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("{} problems with documentation", wrong.len());
}

fn generated() -> Result<Vec<(&'static str, String)>> {
    let root = sh::root();
    let architecture = sh::read(&root.join("ARCHITECTURE.md"))?;
    Ok(vec![
        ("docs/errors/README.md", errors::page(&root)?),
        (
            "ARCHITECTURE.md",
            layers::architecture_with_table(&architecture)?,
        ),
    ])
}
