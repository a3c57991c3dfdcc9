//! `fuzz`: runs the programs of fuzz/ with libFuzzer.
//!
//! The same layout as cargo-fuzz's, without its nightly compiler: coverage
//! instrumentation is a pass that a stable compiler runs when it is told to;
//! only sanitizers need a nightly, and the project has no `unsafe`.

use crate::sh;
use anyhow::{Context, Result, bail};
use clap::Args as ClapArgs;
use std::path::PathBuf;

/// How long each target runs when nobody says.
const SECS_DEFAULT: u32 = 60;
/// An input that takes longer is a fault.
const INPUT_SECS_MAX: u32 = 10;
/// Memory of a run, in MiB; more is a fault.
const MEMORY_MIB_MAX: u32 = 1024;
/// What cargo-fuzz gives the compiler, but for sanitizers.
const RUSTFLAGS: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// What is run.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Only this target; all of fuzz/fuzz_targets otherwise
    target: Option<String>,
    /// Seconds for each target
    #[arg(long, default_value_t = SECS_DEFAULT)]
    secs: u32,
}

/// Builds and runs the targets; an error when one of them found a fault.
pub fn run(args: &Args) -> Result<()> {
    let all = targets()?;
    let chosen: Vec<&String> =
        match &args.target {
            None => all.iter().collect(),
            Some(name) => {
                let found = all.iter().find(|target| *target == name);
                vec![found.with_context(|| {
                    format!("no target `{name}`; there are: {}", all.join(", "))
                })?]
            }
        };
    let host = host()?;
    let built = sh::root().join("target/fuzz");
    let mut failed = Vec::new();
    for target in chosen {
        // `--target` keeps the flags away from build scripts and macros.
        let mut build = sh::cargo();
        build
            .args(["build", "--manifest-path", "fuzz/Cargo.toml", "--target"])
            .args([&host, "--bin", target, "--target-dir"])
            .arg(&built)
            .env("RUSTFLAGS", RUSTFLAGS);
        sh::show(&mut build)?;
        let program = built.join(&host).join("debug").join(target);
        if let Err(error) = hunt(&program, target, args.secs) {
            eprintln!("error: {error:#}");
            failed.push(target.as_str());
        }
    }
    if !failed.is_empty() {
        bail!(
            "found a fault: {}. Move its file from fuzz/artifacts/TARGET to fuzz/seeds/TARGET, so \
             that the ordinary tests run it, and mend what it breaks",
            failed.join(", ")
        );
    }
    Ok(())
}

/// Runs one target on what is known already, then on what it makes of it.
fn hunt(program: &std::path::Path, target: &str, secs: u32) -> Result<()> {
    let folder = |name: &str| -> Result<PathBuf> {
        let path = sh::root().join("fuzz").join(name).join(target);
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    };
    let mut artifacts = folder("artifacts")?.into_os_string();
    artifacts.push("/");
    let mut prefix = std::ffi::OsString::from("-artifact_prefix=");
    prefix.push(artifacts);
    let mut command = std::process::Command::new(program);
    command
        .current_dir(sh::root())
        // libFuzzer writes what it finds into the first folder.
        .arg(folder("corpus")?)
        .arg(folder("seeds")?)
        .arg(format!("-max_total_time={secs}"))
        .arg(format!("-timeout={INPUT_SECS_MAX}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"))
        .arg("-print_final_stats=1")
        .arg(prefix);
    sh::show(&mut command)
}

/// Names of the targets: the files of fuzz/fuzz_targets.
fn targets() -> Result<Vec<String>> {
    let files = sh::files_below(&sh::root().join("fuzz/fuzz_targets"), ".rs")?;
    let stem = |path: &PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
    Ok(files.iter().filter_map(stem).collect())
}

/// The triple this machine is.
fn host() -> Result<String> {
    let mut rustc = std::process::Command::new("rustc");
    let text = sh::capture(rustc.arg("-vV").current_dir(sh::root()))?;
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line
        .context("rustc does not say what it runs on")?
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_built_and_has_seeds_that_the_ordinary_tests_run() {
        let manifest = sh::read(&sh::root().join("fuzz/Cargo.toml")).expect("manifest");
        let all = targets().expect("targets");
        assert!(!all.is_empty());
        for target in &all {
            assert!(
                manifest.contains(&format!("name = \"{target}\"")),
                "{target} is not in fuzz/Cargo.toml"
            );
            let seeds = sh::root().join("fuzz/seeds").join(target);
            let count = std::fs::read_dir(&seeds).map_or(0, Iterator::count);
            assert!(count > 0, "{target} has no seeds");
        }
        assert_eq!(manifest.matches("[[bin]]\n").count(), all.len());
    }
}
