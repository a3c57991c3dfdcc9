//! MySQL servers with data directories of their own.
//!
//! As [`crate::mariadb`]: durable, with a row binlog, and an account `root`
//! without password that is reachable from 127.0.0.1 only.

mod find;

use crate::greeting::greets;
use crate::group::ProcessGroup;
use crate::port;
use crate::{LaunchError, data_dir};
use std::path::{Path, PathBuf};
use std::time::Duration;

const SERVER: &str = "MySQL";
/// A crash recovery on a busy two-core machine stays far below this.
const READY_WAIT_SECS_MAX: u64 = 60;
/// The account a new data directory has is reachable by socket only.
const ACCOUNT_SQL: &str = "CREATE USER root@'127.0.0.1';\n\
                           GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n";
/// Instead of 100 MB for each server.
const REDO_LOG: &str = "--innodb-redo-log-capacity=16M";

/// What is needed to start one.
#[derive(Debug, Clone)]
pub struct MysqlOptions {
    /// Where it keeps its data and its output; made if it is missing. A
    /// directory that was used before goes on with its data.
    pub dir: PathBuf,
    /// Its `server_id`.
    pub server_id: u32,
    /// Whether it writes a binlog.
    pub binlog: bool,
    /// TCP port on 127.0.0.1; a free one when `None`.
    pub port: Option<u16>,
    /// Whether its transactions have global identifiers, unless `defaults_file` says.
    pub gtid: bool,
    /// File with settings, which must belong to the data directory; none when `None`.
    pub defaults_file: Option<PathBuf>,
    /// More arguments of the server, after ours.
    pub extra_args: Vec<String>,
    /// Whether it gives way to everything else on the machine.
    pub lowest_priority: bool,
}

impl MysqlOptions {
    /// A server with a binlog and GTIDs, on a free port, in a group of its own.
    pub fn new(dir: impl Into<PathBuf>, server_id: u32) -> Self {
        Self {
            dir: dir.into(),
            server_id,
            binlog: true,
            port: None,
            gtid: true,
            defaults_file: None,
            extra_args: Vec::new(),
            lowest_priority: false,
        }
    }
}

/// A running MySQL server on 127.0.0.1, stopped when dropped.
#[derive(Debug)]
pub struct Mysql {
    program: PathBuf,
    options: MysqlOptions,
    port: u16,
    group: ProcessGroup,
}

impl Mysql {
    /// The account with all privileges; it has no password.
    pub const USER: &str = "root";

    /// Starts one and returns when it answers. Makes its data directory first
    /// if there is none.
    pub async fn start(options: MysqlOptions) -> Result<Self, LaunchError> {
        let program = find::mysqld()?;
        install(&program, &options.dir).await?;
        let launch = |port| launch(&program, &options, port);
        let (port, group) = port::launched(options.port, launch).await?;
        Ok(Self {
            program,
            options,
            port,
            group,
        })
    }

    /// Kills it at once, as if its machine was lost.
    pub fn kill(&mut self) {
        self.group.kill();
    }

    /// Stops it in good order if it runs, and starts it again on the same port and data.
    pub async fn restart(&mut self) -> Result<(), LaunchError> {
        self.group.stop();
        self.group = launch(&self.program, &self.options, self.port).await?;
        Ok(())
    }

    /// TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Process ID of the server.
    pub fn pid(&self) -> u32 {
        self.group.pid()
    }
}

/// The folder with the server's programs.
pub(crate) fn bin_dir() -> Result<PathBuf, LaunchError> {
    let program = find::mysqld()?;
    Ok(program.parent().unwrap_or(Path::new("/")).to_owned())
}

/// Another program that came with the server: `mysqlbinlog`.
pub fn tool(name: &str) -> Result<PathBuf, LaunchError> {
    find::beside(&find::mysqld()?, name)
}

/// Makes the data directory by the server itself.
async fn install(program: &Path, dir: &Path) -> Result<(), LaunchError> {
    data_dir::make(dir, "mysqld --initialize", |data| {
        let accounts = dir.join("accounts.sql");
        std::fs::write(&accounts, ACCOUNT_SQL)
            .map_err(LaunchError::io(format!("write {}", accounts.display())))?;
        let mut command = tokio::process::Command::new(program);
        command
            .args(["--no-defaults", "--initialize-insecure"])
            .args(data_dir::user_argument(data)?)
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--tmpdir={}", data_dir::temporary(dir).display()))
            .arg(format!("--init-file={}", accounts.display()))
            .arg(REDO_LOG);
        Ok(command)
    })
    .await
}

async fn launch(
    program: &Path,
    options: &MysqlOptions,
    port: u16,
) -> Result<ProcessGroup, LaunchError> {
    let data = data_dir::of(&options.dir);
    let temporary = data_dir::temporary(&options.dir);
    let on = |is_on: bool| if is_on { "ON" } else { "OFF" };
    let mut command = crate::group::program(program, options.lowest_priority);
    command
        .current_dir(&options.dir)
        .arg(data_dir::defaults(options.defaults_file.as_deref()))
        .args(data_dir::user_argument(&data)?)
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--tmpdir={}", temporary.display()))
        .args([format!("--port={port}"), "--bind-address=127.0.0.1".into()])
        // Relative to the data directory: a socket's path may have 107 bytes only.
        .args(["--socket=mysql.sock", "--pid-file=mysql.pid"])
        .args(["--mysqlx=OFF", "--skip-name-resolve", REDO_LOG])
        // Debian's default is a folder that only its package makes.
        .arg("--secure-file-priv=NULL")
        .args(["--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1"])
        .args(["--max-allowed-packet=64M", "--local-infile=ON"])
        .arg(format!("--server-id={}", options.server_id));
    if options.defaults_file.is_none() {
        command
            .arg(format!("--gtid-mode={}", on(options.gtid)))
            .arg(format!("--enforce-gtid-consistency={}", on(options.gtid)));
    }
    if options.binlog {
        command.arg("--log-bin=binlog");
    } else {
        command.arg("--skip-log-bin");
    }
    command.args(&options.extra_args);
    let log = options.dir.join("mysql.log");
    let mut group = ProcessGroup::spawn(SERVER, &mut command, &log)?;
    let longest = Duration::from_secs(READY_WAIT_SECS_MAX);
    group.wait_ready(longest, || greets(port)).await?;
    Ok(group)
}
