//! The pictures in README.md and docs: taken from what the program itself made.

use crate::{bench, services, sh};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Size of the picture of the demo's report in CSS pixels: as wide as the page's
/// own limit, as high as its figures and first charts.
const WINDOW: &str = "1120,1180";
/// Dots per inch of a printed sheet: readable, and as wide as a page of text.
const SHEET_DPI: &str = "80";
/// Assessments the board gets; the documents' own examples are the answers.
const ANSWERS: [&str; 3] = ["cost", "images", "operating-model"];

/// Runs the demo with `binary`, or with a release build, and takes every picture.
pub fn take(binary: Option<&Path>) -> Result<()> {
    let binary = match binary {
        Some(path) => path
            .canonicalize()
            .with_context(|| format!("cannot find {}", path.display()))?,
        None => bench::release_binary()?,
    };
    let folder = sh::root().join("target/tmp/images");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder)?;
    let planb = Planb { binary, folder };
    let result = planb.run(&["demo", "--json", "--dir", "demo"])?;
    std::fs::write(planb.folder.join("drill.json"), &result)?;
    let result: Value =
        serde_json::from_str(&result).context("`planb demo --json` printed no JSON")?;
    if result["verified"] != true {
        bail!("the demo was not verified: no picture of it is taken");
    }
    let report = result["report"]
        .as_str()
        .context("the demo named no report")?;
    photograph(Path::new(report), &image("report.png"))?;
    planb.board(&image("board.png"))
}

/// The program, and the folder it works in.
struct Planb {
    binary: PathBuf,
    folder: PathBuf,
}

impl Planb {
    fn run(&self, arguments: &[&str]) -> Result<String> {
        sh::capture(
            Command::new(&self.binary)
                .current_dir(&self.folder)
                .env("PLANB_LANG", "en")
                .args(arguments),
        )
    }

    /// Prints a board report about the demo's service; its first sheet.
    fn board(&self, picture: &Path) -> Result<()> {
        let mut arguments = vec!["report", "board", "-f", "demo/planb.yaml"];
        arguments.extend(["--state", "demo/state", "--drill", "drill.json"]);
        arguments.extend(["--format", "pdf", "-o", "board.pdf"]);
        let files = ANSWERS.map(|name| format!("{name}.yaml"));
        for (name, file) in ANSWERS.iter().zip(&files) {
            let answers = self.run(&["assess", "init", name])?;
            std::fs::write(self.folder.join(file), answers)?;
            arguments.extend(["--answers", file]);
        }
        self.run(&arguments)?;
        sh::show(
            Command::new("pdftoppm")
                .args(["-png", "-singlefile", "-f", "1", "-r", SHEET_DPI])
                .arg(self.folder.join("board.pdf"))
                // It puts the ending there itself.
                .arg(picture.with_extension("")),
        )?;
        written(picture)
    }
}

fn image(name: &str) -> PathBuf {
    sh::root().join("docs/images").join(name)
}

/// What a browser shows of a page.
fn photograph(page: &Path, picture: &Path) -> Result<()> {
    let page = page
        .canonicalize()
        .with_context(|| format!("cannot find {}", page.display()))?;
    let browser = services::browser::program()
        .context("no Chromium found; on Debian: apt-get install chromium fonts-noto-cjk")?;
    sh::show(
        Command::new(browser)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--force-device-scale-factor=1",
            ])
            .arg(format!("--window-size={WINDOW}"))
            .arg(format!("--screenshot={}", picture.display()))
            .arg(format!("file://{}", page.display())),
    )?;
    written(picture)
}

fn written(picture: &Path) -> Result<()> {
    if !picture.is_file() {
        bail!("it ended well but wrote no {}", picture.display());
    }
    eprintln!("{} written", picture.display());
    Ok(())
}
