//! Chromium and a Korean font, which print and show the reports.
//!
//! They are wanted and not needed: a machine may have another browser of the
//! family, or a distribution whose package has another name. Where there is
//! none, the tests that print do not run, and the summary of `test` says so.

use super::install_packages;
use crate::sh;
use anyhow::{Result, bail};
use std::process::Command;

/// Programs that print, in the order `planb` looks for them.
const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// What is missing of the two, as Debian packages.
pub fn missing() -> Vec<&'static str> {
    missing_packages(program().is_some(), has_korean_font())
}

/// The browser.
pub fn program() -> Option<&'static str> {
    PROGRAMS.into_iter().find(|name| sh::has_program(name))
}

/// Installs what is missing. An error says why it is still missing.
pub fn ensure() -> Result<()> {
    let packages = missing();
    if packages.is_empty() {
        return Ok(());
    }
    install_packages(&packages)?;
    let left = missing();
    if left.is_empty() {
        return Ok(());
    }
    bail!("{} was installed and is not found", left.join(", "))
}

fn missing_packages(browser: bool, font: bool) -> Vec<&'static str> {
    [(browser, "chromium"), (font, "fonts-noto-cjk")]
        .into_iter()
        .filter_map(|(there, package)| (!there).then_some(package))
        .collect()
}

/// Any font with Hangul will do. fontconfig comes with the browser.
fn has_korean_font() -> bool {
    let listed = Command::new("fc-list")
        .args([":lang=ko", "family"])
        .output();
    listed.is_ok_and(|output| !output.stdout.trim_ascii().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_installed() {
        assert!(missing_packages(true, true).is_empty());
        assert_eq!(missing_packages(true, false), ["fonts-noto-cjk"]);
        assert_eq!(
            missing_packages(false, false),
            ["chromium", "fonts-noto-cjk"]
        );
    }
}
