//! The tools PlanB is measured against, from Debian.

use crate::{services, sh};
use anyhow::{Result, bail};
use std::process::Command;

/// Programs and the Debian packages they come from.
const PROGRAMS: &[(&str, &str)] = &[
    ("mariadbd", "mariadb-server"),
    ("mariadb", "mariadb-client"),
    ("mariadb-dump", "mariadb-client"),
    ("mariadb-binlog", "mariadb-client"),
    ("mariadb-backup", "mariadb-backup"),
    ("mydumper", "mydumper"),
    ("sysbench", "sysbench"),
    ("pg_dump", "postgresql-client"),
    ("zstd", "zstd"),
];

/// Installs what is missing.
pub fn ensure() -> Result<()> {
    let mut missing: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(program, _)| !sh::has_program(program))
        .map(|(_, package)| *package)
        .collect();
    missing.dedup();
    if !std::path::Path::new("/usr/lib/postgresql").is_dir() {
        missing.push("postgresql");
    }
    if missing.is_empty() {
        return Ok(());
    }
    services::install_packages(&missing)
}

/// A pipeline that fails when any part of it fails.
pub fn pipeline(line: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", &format!("set -euo pipefail; {line}")]);
    command
}

/// Runs a pipeline that is not measured.
pub fn prepare(line: &str) -> Result<String> {
    let output = pipeline(line).output()?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}` failed: {}", error.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
