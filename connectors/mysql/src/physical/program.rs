//! The server's programs, and how they are run.

use super::unsupported;
use crate::config::MysqlConfig;
use planb_ports::{ErrorKind, PortError, PortResult};
use std::path::PathBuf;
use std::process::Output;
use tokio::process::Command;

/// Bytes of a program's complaint that are shown.
const COMPLAINT_BYTES: usize = 2_000;
/// Where servers are kept that are not in every user's `PATH`.
const MORE_DIRS: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/usr/libexec"];

/// Copies and prepares files.
pub(super) const BACKUP: &str = "mariadb-backup";
/// Unpacks what [`BACKUP`] wrote.
pub(super) const STREAM: &str = "mbstream";
/// The server itself.
pub(super) const SERVER: &str = "mariadbd";
/// The same of MySQL.
pub(super) const SERVER_MYSQL: &str = "mysqld";
/// Packs MySQL's files.
pub(super) const TAR: &str = "tar";

/// A command for one of the programs.
pub(super) fn command(config: &MysqlConfig, name: &str) -> PortResult<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let given = config.bin_dir.iter().cloned();
    let dirs = given
        .chain(std::env::split_paths(&path))
        .chain(MORE_DIRS.iter().map(PathBuf::from));
    let found = dirs.map(|dir| dir.join(name)).find(|file| file.is_file());
    let Some(found) = found else {
        let message = format!("{name} is not installed on this machine");
        return Err(unsupported(message));
    };
    let mut command = Command::new(found);
    command.kill_on_drop(true);
    Ok(command)
}

/// Text of `mariadb-backup --version`, from the version on.
pub(super) async fn version(config: &MysqlConfig) -> PortResult<String> {
    let output = output(BACKUP, command(config, BACKUP)?.arg("--version")).await?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let version = text.split("server ").nth(1).unwrap_or_default();
    Ok(version.trim().to_owned())
}

/// The program of the server itself.
pub(super) fn server(config: &MysqlConfig) -> &'static str {
    if config.is_mariadb() {
        SERVER
    } else {
        SERVER_MYSQL
    }
}

/// Version of the server program: `/usr/sbin/mysqld  Ver 9.7.4 for Linux …`.
pub(super) async fn server_version(config: &MysqlConfig) -> PortResult<String> {
    let name = server(config);
    let mut command = command(config, name)?;
    let output = output(name, command.args(["--no-defaults", "--version"])).await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split(" Ver ").nth(1).unwrap_or_default();
    Ok(version
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned())
}

/// Runs a program to its end.
pub(super) async fn output(name: &str, command: &mut Command) -> PortResult<Output> {
    let output = command.output().await.map_err(|e| failed(name, e))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(failed(name, complaint(&output.stderr)))
}

/// The end of what a program said.
pub(super) fn complaint(stderr: &[u8]) -> String {
    let start = stderr.len().saturating_sub(COMPLAINT_BYTES);
    let text = String::from_utf8_lossy(&stderr[start..]);
    text.trim().to_owned()
}

/// A program did not do its work.
pub(super) fn failed(
    name: &str,
    why: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> PortError {
    PortError::new(
        ErrorKind::Internal,
        "PB-MYSQL-PROGRAM",
        format!("{name} failed"),
    )
    .source(why)
}
