//! `docs`: documentation that is made from something else.

mod errors;
mod links;
mod picture;

use crate::{layers, sh};
use anyhow::{Result, bail};
use clap::Args as ClapArgs;

/// What is made.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Also run the demo and take the picture of its report (needs Chromium)
    #[arg(long)]
    picture: bool,
    /// Take the picture of this report instead of running the demo
    #[arg(long, value_name = "HTML", requires = "picture")]
    report: Option<std::path::PathBuf>,
}

/// Makes everything again.
pub fn run(args: &Args) -> Result<()> {
    for (path, text) in generated()? {
        sh::write_changed(&sh::root().join(path), &text)?;
    }
    if args.picture {
        picture::take(args.report.as_deref())?;
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
