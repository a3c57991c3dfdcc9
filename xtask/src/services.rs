//! `services`: the programs that real-service tests and the full demo start.
//!
//! Installs only what is missing: Debian packages through apt, Azurite through
//! npm and moto through pip from the lists beside this crate into target/services. The servers
//! themselves are started by `planb-launch`, on free ports, by who needs them.
//!
//! MySQL and a browser are wanted and not needed: where they cannot be got,
//! their tests do not run, and the summary of `test` says so.

pub mod browser;
mod moto;
mod mysql;

pub use moto::program as moto;
pub use mysql::program as mysqld;

use crate::sh;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs and the Debian packages they come from.
const PROGRAMS: &[(&str, &str)] = &[
    ("mariadbd", "mariadb-server-core"),
    ("mariadb", "mariadb-client"),
    ("mariadb-binlog", "mariadb-client"),
    ("pg_createcluster", "postgresql"),
    ("psql", "postgresql-client"),
    ("zstd", "zstd"),
    ("age", "age"),
    ("sqlite3", "sqlite3"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("python3", "python3-venv"),
    // The interactive mode is tested in it.
    ("tmux", "tmux"),
    // Reads printed reports again.
    ("pdftotext", "poppler-utils"),
    // Check hashes and signatures as somebody without PlanB does.
    ("openssl", "openssl"),
    ("b3sum", "b3sum"),
];

/// Installs what is missing, or with `check_only` fails when something is.
pub fn ensure(check_only: bool) -> Result<()> {
    needed(check_only)?;
    if mysqld().is_file() {
        eprintln!("services: MySQL: PLANB_MYSQLD={}", mysqld().display());
    } else if check_only {
        eprintln!("services: MySQL is missing; `cargo xtask services` tries to get it");
    } else if let Err(error) = mysql::ensure() {
        eprintln!("services: there is NO MySQL, its tests will not run: {error:#}");
    }
    let missing = browser::missing();
    if check_only && !missing.is_empty() {
        let missing = missing.join(", ");
        eprintln!("services: missing: {missing}; `cargo xtask services` tries to install it");
    } else if let Err(error) = browser::ensure() {
        eprintln!("services: NO PDF can be printed, its tests will not run: {error:#}");
    }
    Ok(())
}

/// What no machine may lack.
fn needed(check_only: bool) -> Result<()> {
    let packages = missing_packages(sh::has_program);
    let azurite_missing = !azurite_is_current()?;
    let moto_missing = !moto::is_current()?;
    if packages.is_empty() && !azurite_missing && !moto_missing {
        eprintln!(
            "services: everything is installed ({})",
            azurite().display()
        );
        return Ok(());
    }
    if check_only {
        let mut what = packages.clone();
        if azurite_missing {
            what.push("azurite (npm)");
        }
        if moto_missing {
            what.push("moto (pip)");
        }
        bail!(
            "missing: {}; `cargo xtask services` installs them",
            what.join(", ")
        );
    }
    if !packages.is_empty() {
        install_packages(&packages)?;
    }
    if azurite_missing {
        install_azurite()?;
    }
    if moto_missing {
        moto::install()?;
    }
    eprintln!("services: ready; PLANB_AZURITE={}", azurite().display());
    Ok(())
}

/// The program tests find through the variable PLANB_AZURITE.
pub fn azurite() -> PathBuf {
    npm_folder().join("node_modules/.bin/azurite-blob")
}

fn missing_packages(has: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let mut packages: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, _)| !has(program))
        .map(|(_, package)| *package)
        .collect();
    packages.dedup();
    packages
}

/// Installs Debian packages, or says how.
pub fn install_packages(packages: &[&str]) -> Result<()> {
    let line = format!("apt-get install {}", packages.join(" "));
    if !sh::has_program("apt-get") {
        bail!(
            "{} not found and there is no apt-get; install what this Debian command would: {line}",
            packages.join(", ")
        );
    }
    let uid = sh::capture(Command::new("id").arg("-u"))?;
    if uid.trim() != "0" {
        bail!(
            "{} not found; run as root: apt-get update && {line}",
            packages.join(", ")
        );
    }
    let apt = || {
        let mut command = Command::new("apt-get");
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["-qq", "-o", "Dpkg::Use-Pty=0"]);
        command
    };
    sh::show(apt().arg("update"))?;
    sh::show(
        apt()
            .args(["install", "--yes", "--no-install-recommends"])
            .args(packages),
    )
}

fn npm_folder() -> PathBuf {
    sh::root().join("target/services")
}

fn lock_file() -> PathBuf {
    sh::root().join("xtask/services/package-lock.json")
}

/// A copy of the lock file, made when everything in it was installed.
fn installed_mark() -> PathBuf {
    npm_folder().join("installed-lock.json")
}

/// Whether Azurite is there and was installed from today's lock file.
fn azurite_is_current() -> Result<bool> {
    let wanted = sh::read(&lock_file())?;
    let installed = std::fs::read_to_string(installed_mark());
    Ok(azurite().exists() && installed.is_ok_and(|installed| installed == wanted))
}

/// Installs exactly what the lock file says. Scripts of packages are not run.
fn install_azurite() -> Result<()> {
    let folder = npm_folder();
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    let lock = lock_file();
    copy(
        &lock.with_file_name("package.json"),
        &folder.join("package.json"),
    )?;
    copy(&lock, &folder.join("package-lock.json"))?;
    sh::show(Command::new("npm").current_dir(&folder).args([
        "ci",
        "--omit=dev",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
    ]))
    .context("cannot install Azurite with npm (Node.js 20 or later is needed)")?;
    copy(&lock, &installed_mark())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_missing_packages_are_installed_and_each_once() {
        assert!(missing_packages(|_| true).is_empty());
        assert_eq!(
            missing_packages(|p| !p.starts_with("mariadb")),
            ["mariadb-server-core", "mariadb-client"]
        );
    }

    #[test]
    fn the_lock_names_no_host() {
        let lock = include_str!("../services/package-lock.json");
        assert!(lock.contains("\"integrity\""));
        assert!(!lock.contains("\"resolved\"") && !lock.contains("://"));
    }
}
