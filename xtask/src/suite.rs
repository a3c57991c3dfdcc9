//! `test`: every check and every test, one after the other, and a summary.
//!
//! A failing part fails the whole, but the parts after it still run: one round
//! shows everything that is wrong.

mod codes;
mod translations;

pub use codes::listed;

use crate::{deny, docs, layers, services, sh};
use anyhow::{Result, bail};
use clap::Args as ClapArgs;
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

/// What of it is run.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Leave out what is slow: services, cargo-deny and the tests of the simulator
    #[arg(long)]
    fast: bool,
    /// Only this part; may be given again for another one
    #[arg(long, value_name = "PART", value_parser = PARTS)]
    only: Vec<String>,
}

/// Names of the parts, in the order they are run.
const PARTS: [&str; 9] = [
    "services",
    "format",
    "layers",
    "codes",
    "translations",
    "docs",
    "clippy",
    "deny",
    "tests",
];

impl Args {
    fn wants(&self, part: &str) -> bool {
        let slow = matches!(part, "services" | "deny");
        if self.only.is_empty() {
            !(self.fast && slow)
        } else {
            self.only.iter().any(|only| only == part)
        }
    }
}

/// Runs the parts that `args` wants.
pub fn run(args: &Args) -> Result<()> {
    let mut parts = Vec::new();
    for name in PARTS.into_iter().filter(|part| args.wants(part)) {
        eprintln!("\n== {name}");
        let began = Instant::now();
        let outcome =
            run_part(name, args.fast).unwrap_or_else(|error| Outcome::Failed(format!("{error:#}")));
        if let Outcome::Failed(error) = &outcome {
            eprintln!("error: {error}");
        }
        parts.push(Part {
            name,
            outcome,
            seconds: began.elapsed().as_secs_f64(),
        });
    }
    summary(&parts)
}

fn run_part(name: &str, fast: bool) -> Result<Outcome> {
    match name {
        "services" => passed(services::ensure(false)),
        "format" => passed(sh::show(sh::cargo().args(["fmt", "--all", "--check"]))),
        "layers" => passed(layers::check_this_project()),
        "codes" => passed(codes::check()),
        "translations" => passed(translations::check()),
        "docs" => passed(docs::check()),
        "clippy" => passed(clippy()),
        "deny" => deny_part(),
        "tests" => tests(fast),
        other => bail!("there is no part {other}"),
    }
}

fn passed(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::Passed)
}

/// Twice: the second time without the features that are on by default, which
/// looks only at the one crate that has any.
fn clippy() -> Result<()> {
    for features in [&[][..], &["--no-default-features"]] {
        sh::show(
            sh::cargo()
                .args(["clippy", "--locked", "--workspace", "--all-targets"])
                .args(features)
                .args(["--", "-D", "warnings"]),
        )?;
    }
    Ok(())
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

/// Tests of MySQL are named by the module they are in.
const MYSQL_TESTS: &str = "on_mysql::";

/// Tests that print with a browser are named by the module they are in.
const BROWSER_TESTS: &str = "with_browser::";

/// Where there is no MySQL server or no browser, its tests are left out and said so.
fn tests(fast: bool) -> Result<Outcome> {
    let mut command = sh::cargo();
    command.args(["test", "--locked", "--workspace", "--no-fail-fast"]);
    if fast {
        command.args(["--exclude", "planb-sim"]);
    }
    command.env("PLANB_AZURITE", services::azurite());
    command.env("PLANB_MOTO", services::moto());
    command.env(
        "PLANB_SERVER_TEMPLATES",
        sh::root().join("target/server-templates"),
    );
    let has_mysql = services::mysqld().is_file();
    if has_mysql {
        command.env("PLANB_MYSQLD", services::mysqld());
    }
    let prints = services::browser::missing().is_empty();
    command.arg("--");
    for (there, tests) in [(has_mysql, MYSQL_TESTS), (prints, BROWSER_TESTS)] {
        if !there {
            command.args(["--skip", tests]);
        }
    }
    sh::show(&mut command)?;
    Ok(match (has_mysql, prints) {
        (true, true) => Outcome::Passed,
        (false, true) => {
            Outcome::Partly("MySQL NOT tested: there is no server (`cargo xtask services`)")
        }
        (true, false) => Outcome::Partly(
            "PDF NOT tested: no Chromium or no Korean font (`cargo xtask services`)",
        ),
        (false, false) => Outcome::Partly(
            "MySQL and PDF NOT tested: no server, no Chromium or Korean font (`cargo xtask services`)",
        ),
    })
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
    fn only_and_fast_choose_parts() {
        let wanted = |fast, only: &[&str]| {
            let only = only.iter().map(|o| (*o).to_owned()).collect();
            let args = Args { fast, only };
            PARTS.into_iter().filter(|p| args.wants(p)).count()
        };
        assert_eq!(wanted(false, &[]), PARTS.len());
        assert_eq!(wanted(true, &[]), PARTS.len() - 2);
        assert_eq!(wanted(true, &["deny", "docs"]), 2);
    }

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
