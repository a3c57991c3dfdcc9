//! The picture of the demo's report in README.md.

use crate::{bench, sh};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Size of the picture in CSS pixels: as wide as the page's own limit, as high
/// as its figures and first charts.
const WINDOW: &str = "1120,1180";

/// Takes the picture of `report`, or of a demo that is run for it.
pub fn take(report: Option<&Path>) -> Result<()> {
    let report = match report {
        Some(path) => path.to_path_buf(),
        None => demo_report()?,
    };
    let report = report
        .canonicalize()
        .with_context(|| format!("cannot find {}", report.display()))?;
    let picture = sh::root().join("docs/images/report.png");
    if let Some(folder) = picture.parent() {
        std::fs::create_dir_all(folder)?;
    }
    sh::show(
        Command::new(browser()?)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--force-device-scale-factor=1",
            ])
            .arg(format!("--window-size={WINDOW}"))
            .arg(format!("--screenshot={}", picture.display()))
            .arg(format!("file://{}", report.display())),
    )?;
    if !picture.is_file() {
        bail!("the browser ended well but wrote no {}", picture.display());
    }
    eprintln!("{} written", picture.display());
    Ok(())
}

fn demo_report() -> Result<PathBuf> {
    let result = bench::demo::once(&[])?;
    let path = result["report"]
        .as_str()
        .context("the demo named no report")?;
    Ok(PathBuf::from(path))
}

fn browser() -> Result<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| sh::has_program(name))
        .context("no Chromium found; on Debian: apt-get install chromium fonts-noto-cjk")
}
