//! MariaDB servers with data directories of their own.
//!
//! Durable as a production server (every commit is flushed), with the row
//! binlog PlanB ships. The account `root` has no password and is reachable
//! from 127.0.0.1 only.

mod find;

use crate::greeting::greets;
use crate::group::{ProcessGroup, program};
use crate::port;
use crate::{LaunchError, data_dir};
use find::Programs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SERVER: &str = "MariaDB";
/// A crash recovery on a busy two-core machine stays far below this.
const READY_WAIT_SECS_MAX: u64 = 60;

/// What is needed to start one.
#[derive(Debug, Clone)]
pub struct MariaDbOptions {
    /// Where it keeps its data and its output; made if it is missing. A
    /// directory that was used before goes on with its data.
    pub dir: PathBuf,
    /// Its `server_id`, also its GTID domain, so that two servers never give
    /// the same GTID to different transactions.
    pub server_id: u32,
    /// Whether it writes a binlog.
    pub binlog: bool,
    /// TCP port on 127.0.0.1; a free one when `None`.
    pub port: Option<u16>,
    /// Process group to join instead of making one, so that a whole site can
    /// be killed by one signal.
    pub process_group: Option<i32>,
    /// File with settings, which must belong to the data directory; none when `None`.
    pub defaults_file: Option<PathBuf>,
    /// More arguments of the server, after ours.
    pub extra_args: Vec<String>,
    /// Whether it gives way to everything else on the machine.
    pub lowest_priority: bool,
}

impl MariaDbOptions {
    /// A server with a binlog, on a free port, in a group of its own.
    pub fn new(dir: impl Into<PathBuf>, server_id: u32) -> Self {
        Self {
            dir: dir.into(),
            server_id,
            binlog: true,
            port: None,
            process_group: None,
            defaults_file: None,
            extra_args: Vec::new(),
            lowest_priority: false,
        }
    }
}

/// A running MariaDB server on 127.0.0.1, stopped when dropped.
#[derive(Debug)]
pub struct MariaDb {
    programs: Programs,
    options: MariaDbOptions,
    port: u16,
    group: ProcessGroup,
}

impl MariaDb {
    /// The account with all privileges; it has no password.
    pub const USER: &str = "root";

    /// Starts one and returns when it answers. Makes its data directory first
    /// if there is none.
    pub async fn start(options: MariaDbOptions) -> Result<Self, LaunchError> {
        let programs = find::programs()?;
        install(&programs, &options.dir).await?;
        let launch = |port| launch(&programs, &options, port);
        let (port, group) = port::launched(options.port, launch).await?;
        Ok(Self {
            programs,
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
        self.group = launch(&self.programs, &self.options, self.port).await?;
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

/// Makes the data directory by the server's own tool.
async fn install(programs: &Programs, dir: &Path) -> Result<(), LaunchError> {
    data_dir::make(dir, "mariadb-install-db", |data| {
        let mut command = tokio::process::Command::new(&programs.install);
        command
            .arg("--no-defaults")
            .args(data_dir::user_argument(data)?)
            .arg(format!("--datadir={}", data.display()))
            .args([
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
            ]);
        Ok(command)
    })
    .await
}

async fn launch(
    programs: &Programs,
    options: &MariaDbOptions,
    port: u16,
) -> Result<ProcessGroup, LaunchError> {
    let data = data_dir::of(&options.dir);
    let mut command = program(&programs.server, options.lowest_priority);
    command
        .current_dir(&options.dir)
        .arg(data_dir::defaults(options.defaults_file.as_deref()))
        .args(data_dir::user_argument(&data)?)
        .arg(format!("--datadir={}", data.display()))
        .arg(format!(
            "--tmpdir={}",
            data_dir::temporary(&options.dir).display()
        ))
        .args([format!("--port={port}"), "--bind-address=127.0.0.1".into()])
        // Relative to the data directory: a socket's path may have 107 bytes only.
        .args(["--socket=mariadb.sock", "--pid-file=mariadb.pid"])
        .args(["--skip-name-resolve", "--character-set-server=utf8mb4"])
        .args(["--innodb-flush-log-at-trx-commit=1", "--sync-binlog=1"])
        .args(["--max-allowed-packet=64M", "--local-infile=ON"])
        .arg(format!("--server-id={}", options.server_id))
        .arg(format!("--gtid-domain-id={}", options.server_id));
    if options.binlog {
        command.args(["--log-bin=binlog", "--binlog-format=ROW"]);
    }
    command.args(&options.extra_args);
    let log = options.dir.join("mariadb.log");
    let mut group = ProcessGroup::spawn_in(SERVER, &mut command, &log, options.process_group)?;
    let longest = Duration::from_secs(READY_WAIT_SECS_MAX);
    group.wait_ready(longest, || greets(port)).await?;
    Ok(group)
}
