//! moto, the emulator of Amazon S3: a Python program in an environment of its own.

use super::{copy, install_packages};
use crate::sh;
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;

/// The program tests find through the variable PLANB_MOTO.
pub fn program() -> PathBuf {
    folder().join("bin/moto_server")
}

fn folder() -> PathBuf {
    sh::root().join("target/services/moto")
}

/// Exact versions of everything that is installed.
fn requirements() -> PathBuf {
    sh::root().join("xtask/services/requirements.txt")
}

/// A copy of the requirements, made when all of them were installed.
fn installed_mark() -> PathBuf {
    folder().join("installed-requirements.txt")
}

/// Whether it is there and was installed from today's requirements.
pub fn is_current() -> Result<bool> {
    let wanted = sh::read(&requirements())?;
    let installed = std::fs::read_to_string(installed_mark());
    Ok(program().exists() && installed.is_ok_and(|installed| installed == wanted))
}

/// Installs exactly the required versions.
pub fn install() -> Result<()> {
    let folder = folder();
    let environment = || {
        let mut command = Command::new("python3");
        command.args(["-m", "venv", "--clear"]).arg(&folder);
        command
    };
    // Debian keeps a part of Python that this needs in a package of its own.
    if sh::show(&mut environment()).is_err() {
        install_packages(&["python3-venv"])?;
        sh::show(&mut environment())?;
    }
    sh::show(
        Command::new(folder.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--no-deps"])
            .args(["--disable-pip-version-check", "--only-binary=:all:", "-r"])
            .arg(requirements()),
    )
    .context("cannot install moto with pip (Python 3.10 or later is needed)")?;
    copy(&requirements(), &installed_mark())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_version_is_exact_and_no_host_is_named() {
        let text = include_str!("../../services/requirements.txt");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        assert!(lines.clone().count() > 10);
        for line in lines {
            assert!(line.contains("==") && !line.contains("//"), "{line}");
        }
    }
}
