//! `test`: every check and every test, one after the other, and a summary.
//!
//! A failing part fails the whole, but the parts after it still run: one round
//! shows everything that is wrong.

mod codes;
mod translations;

pub use codes::listed;

use crate::{deny, docs, layers, services, sh};
use anyhow::{Result, bail};
use std::time::Instant;

/// How a part came out.
enum Outcome {
    Passed,
    /// It could not be looked at, or not whole. Never shown as passed.
    Partly(&'static str),
    Failed(String),
}

/// One part that was run.
struct Part {
    name: &'static str,
    outcome: Outcome,
    seconds: f64,
}

/// Runs all parts. `fast` leaves out what is slow.
pub fn run(fast: bool) -> Result<()> {
    let mut parts = Vec::new();
    let mut part = |name, work: &dyn Fn() -> Result<Outcome>| {
        eprintln!("\n== {name}");
        let began = Instant::now();
        let outcome = work().unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        if let Outcome::Failed(error) = &outcome {
            eprintln!("error: {error}");
        }
        parts.push(Part {
            name,
            outcome,
            seconds: began.elapsed().as_secs_f64(),
        });
    };
    if !fast {
        part("services", &|| passed(services::ensure(false)));
    }
    part("format", &|| {
        passed(sh::show(sh::cargo().args(["fmt", "--all", "--check"])))
    });
    part("layers", &|| passed(layers::check_this_project()));
    part("error codes", &|| passed(codes::check()));
    part("translations", &|| passed(translations::check()));
    part("documentation", &|| passed(docs::check()));
    part("clippy", &|| passed(clippy()));
    if !fast {
        part("cargo-deny", &deny_part);
    }
    part("tests", &|| passed(tests(fast)));
    summary(&parts)
}

fn passed(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::Passed)
}

fn clippy() -> Result<()> {
    sh::show(sh::cargo().args([
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

/// Where CI runs, cargo-deny is built when it is missing (about four minutes of
/// processor time, once); on a developer's machine it is left out and said so.
fn deny_part() -> Result<Outcome> {
    let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1");
    let missing = if in_ci {
        deny::Missing::Install
    } else {
        deny::Missing::Skip
    };
    Ok(match deny::run(missing)? {
        deny::Checked::All => Outcome::Passed,
        deny::Checked::WithoutAdvisories => Outcome::Partly("advisories NOT checked: no database"),
        deny::Checked::Nothing => Outcome::Partly("NOT run: cargo-deny is not installed"),
    })
}

fn tests(fast: bool) -> Result<()> {
    let mut command = sh::cargo();
    command.args(["test", "--locked", "--workspace"]);
    if fast {
        command.args(["--exclude", "planb-sim"]);
    }
    command.env("PLANB_AZURITE", services::azurite());
    sh::show(&mut command)
}

fn summary(parts: &[Part]) -> Result<()> {
    eprintln!("\n== summary");
    for part in parts {
        let (word, more) = match &part.outcome {
            Outcome::Passed => ("passed", String::new()),
            Outcome::Partly(what) => ("PARTLY", format!("  {what}")),
            Outcome::Failed(error) => ("FAILED", format!("  {error}")),
        };
        eprintln!("{word}  {:<14} {:>7.1} s{more}", part.name, part.seconds);
    }
    let failed: Vec<_> = parts
        .iter()
        .filter(|p| matches!(p.outcome, Outcome::Failed(_)))
        .map(|p| p.name)
        .collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failing_part_fails_the_whole() {
        let part = |outcome| Part {
            name: "x",
            outcome,
            seconds: 0.0,
        };
        assert!(summary(&[part(Outcome::Passed), part(Outcome::Partly("half"))]).is_ok());
        let failing = [part(Outcome::Failed("e".to_owned())), part(Outcome::Passed)];
        assert!(summary(&failing).is_err());
    }
}
