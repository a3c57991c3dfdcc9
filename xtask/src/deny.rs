//! cargo-deny: licences, banned crates, sources, known vulnerabilities.

use crate::sh;
use anyhow::{Result, bail};
use std::process::Stdio;

/// The version that is installed when there is none; see deny.toml for its rules.
const CARGO_DENY_VERSION: &str = "0.20.2";

/// What to do when cargo-deny is not installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Build and install it, once, into cargo's own folder.
    Install,
    /// Leave it out and say so.
    Skip,
}

/// What was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// Everything.
    All,
    /// Everything but vulnerabilities: their database could not be fetched.
    WithoutAdvisories,
    /// Nothing: cargo-deny is not installed.
    Nothing,
}

/// Runs every check of deny.toml.
pub fn run(missing: Missing) -> Result<Checked> {
    if !installed() {
        if missing == Missing::Skip {
            eprintln!("cargo-deny is not installed; `cargo xtask deny` installs it");
            return Ok(Checked::Nothing);
        }
        sh::show(sh::cargo().args([
            "install",
            "--locked",
            "--version",
            CARGO_DENY_VERSION,
            "cargo-deny",
        ]))?;
    }
    sh::show(sh::cargo().args(["deny", "check", "licenses", "bans", "sources"]))?;
    advisories()
}

fn installed() -> bool {
    sh::cargo()
        .args(["deny", "--version"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Vulnerabilities need a database from the network. Where there is none that
/// is said loudly, and is not the same as finding nothing.
fn advisories() -> Result<Checked> {
    let output = sh::cargo()
        .args(["deny", "check", "advisories"])
        .stdin(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    eprint!("{text}");
    if output.status.success() {
        return Ok(Checked::All);
    }
    if no_database(&text) {
        eprintln!(
            "WARNING: the advisory database could not be fetched; advisories were NOT checked"
        );
        return Ok(Checked::WithoutAdvisories);
    }
    bail!("`cargo deny check advisories` failed");
}

fn no_database(stderr: &str) -> bool {
    stderr.contains("failed to fetch advisory database")
        || stderr.contains("unable to fetch advisory database")
        || stderr.contains("failed to load advisory database")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_found_vulnerability_is_not_a_missing_database() {
        assert!(no_database(
            "2026 [ERROR] failed to fetch advisory database https://…"
        ));
        assert!(!no_database(
            "error[vulnerability]: something bad in foo 1.2.3"
        ));
    }
}
