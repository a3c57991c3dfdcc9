//! PostgreSQL servers with data directories of their own.
//!
//! Durable as a production server. The account `postgres` is a superuser
//! without a password; every other account needs one (SCRAM). Reachable from
//! 127.0.0.1 only. PostgreSQL refuses to run as root: started by root, it runs
//! as the system's user `postgres`, who is given the directory.

mod find;

pub(crate) use find::bin_dir;

use crate::LaunchError;
use crate::group::{ProcessGroup, program};
use crate::port::free_port;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Gid, Pid, Uid, User};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SERVER: &str = "PostgreSQL";
/// The system's account Debian makes for it.
const SYSTEM_USER: &str = "postgres";
/// A crash recovery on a busy two-core machine stays far below this.
const READY_WAIT_SECS_MAX: u64 = 60;
/// A server that accepts and does not answer is still starting: ask again.
const ANSWER_WAIT_MS_MAX: u64 = 500;
/// Others may take the free port first; and a killed server's children may
/// hold its shared memory for a moment.
const ATTEMPTS_MAX: u32 = 20;
/// Pause between two attempts.
const ATTEMPT_PAUSE_MS: u64 = 100;
/// Who may connect: PlanB's tests as superuser, everybody else by password.
const HBA: &str = "\
host all postgres 127.0.0.1/32 trust
host replication postgres 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
";

/// What is needed to start one.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Where it keeps its data (in `data`) and its output; made if it is
    /// missing. A directory that was used before goes on with its data.
    pub dir: PathBuf,
    /// TCP port on 127.0.0.1; a free one when `None`.
    pub port: Option<u16>,
    /// Process group to join instead of making one, so that a whole site can
    /// be killed by one signal.
    pub process_group: Option<i32>,
    /// Settings as `name=value`, after ours.
    pub settings: Vec<String>,
    /// Whether it gives way to everything else on the machine.
    pub lowest_priority: bool,
}

impl PostgresOptions {
    /// A server on a free port, in a group of its own.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            port: None,
            process_group: None,
            settings: Vec::new(),
            lowest_priority: false,
        }
    }
}

/// A running PostgreSQL server on 127.0.0.1, stopped when dropped.
#[derive(Debug)]
pub struct Postgres {
    bin_dir: PathBuf,
    options: PostgresOptions,
    port: u16,
    group: ProcessGroup,
}

impl Postgres {
    /// The superuser; it has no password.
    pub const USER: &str = "postgres";

    /// Starts one and returns when it answers. Makes its data directory first
    /// if there is none.
    pub async fn start(options: PostgresOptions) -> Result<Self, LaunchError> {
        let bin_dir = bin_dir()?;
        install(&bin_dir, &options.dir).await?;
        let (port, group) = launch(&bin_dir, &options, options.port).await?;
        Ok(Self {
            bin_dir,
            options,
            port,
            group,
        })
    }

    /// Kills it and its children at once, as if its machine was lost.
    pub fn kill(&mut self) {
        let children = children(self.pid());
        self.group.kill();
        for child in children {
            // Gone already is what is wanted.
            if let Err(error) = kill(child, Signal::SIGKILL)
                && error != nix::errno::Errno::ESRCH
            {
                tracing::warn!(%error, "cannot kill a child of PostgreSQL");
            }
        }
    }

    /// Stops it in good order, without waiting for its clients.
    pub fn stop(&mut self) {
        if self.group.is_running() {
            let pid = Pid::from_raw(self.pid().cast_signed());
            if let Err(error) = kill(pid, Signal::SIGINT) {
                tracing::warn!(%error, "cannot stop PostgreSQL");
            }
        }
        self.group.stop();
    }

    /// Stops it in good order if it runs, and starts it again on the same port and data.
    pub async fn restart(&mut self) -> Result<(), LaunchError> {
        self.stop();
        let (_, group) = launch(&self.bin_dir, &self.options, Some(self.port)).await?;
        self.group = group;
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

    /// Its data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.options.dir.join("data")
    }

    /// The folder of its programs.
    pub fn bin_dir(&self) -> &Path {
        &self.bin_dir
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Who the server runs as, when it cannot be us.
pub(crate) fn server_user() -> Result<Option<(Uid, Gid)>, LaunchError> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    let found = User::from_name(SYSTEM_USER)
        .map_err(|error| LaunchError::io("look up the user postgres")(error.into()))?;
    match found {
        Some(user) => Ok(Some((user.uid, user.gid))),
        None => Err(LaunchError::io("look up the user postgres")(
            std::io::ErrorKind::NotFound.into(),
        )),
    }
}

/// A command that runs as the server's user.
fn command(path: &Path, dir: &Path, lowest: bool) -> Result<Command, LaunchError> {
    let mut command = program(path, lowest);
    command.current_dir(dir);
    if let Some((uid, gid)) = server_user()? {
        command.uid(uid.as_raw()).gid(gid.as_raw());
    }
    Ok(command)
}

/// Makes the data directory by the server's own tool, and gives it its name
/// only when it is whole.
async fn install(bin_dir: &Path, dir: &Path) -> Result<(), LaunchError> {
    std::fs::create_dir_all(dir).map_err(LaunchError::io(format!("create {}", dir.display())))?;
    if let Some((uid, gid)) = server_user()? {
        std::os::unix::fs::chown(dir, Some(uid.as_raw()), Some(gid.as_raw()))
            .map_err(LaunchError::io(format!("hand over {}", dir.display())))?;
    }
    let data = dir.join("data");
    if data.is_dir() {
        return Ok(());
    }
    let unfinished = dir.join("data.new");
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished)
            .map_err(LaunchError::io(format!("delete {}", unfinished.display())))?;
    }
    let program = bin_dir.join("initdb");
    let mut command = command(&program, dir, false)?;
    command
        .arg("--pgdata")
        .arg(&unfinished)
        .args(["--username", Postgres::USER, "--auth=trust"])
        .args(["--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]);
    let output = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|source| LaunchError::Spawn { program, source })?;
    if !output.status.success() {
        return Err(LaunchError::Ended {
            server: "initdb",
            status: output.status.to_string(),
            output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    std::fs::write(unfinished.join("pg_hba.conf"), HBA)
        .and_then(|()| std::fs::rename(&unfinished, &data))
        .map_err(LaunchError::io(format!("create {}", data.display())))
}

/// Starts the server on `port`, or on a free one.
async fn launch(
    bin_dir: &Path,
    options: &PostgresOptions,
    port: Option<u16>,
) -> Result<(u16, ProcessGroup), LaunchError> {
    let mut attempt = 1;
    loop {
        let number = match port {
            Some(port) => port,
            None => free_port()?,
        };
        match launch_once(bin_dir, options, number).await {
            Ok(group) => return Ok((number, group)),
            Err(LaunchError::Ended { output, .. })
                if attempt < ATTEMPTS_MAX && may_pass(&output, port.is_none()) =>
            {
                attempt += 1;
                tokio::time::sleep(Duration::from_millis(ATTEMPT_PAUSE_MS)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whether the next attempt may succeed.
fn may_pass(output: &str, another_port: bool) -> bool {
    let held = output.contains("shared memory block") || output.contains("postmaster.pid");
    held || (another_port && output.contains("Address already in use"))
}

async fn launch_once(
    bin_dir: &Path,
    options: &PostgresOptions,
    port: u16,
) -> Result<ProcessGroup, LaunchError> {
    let mut command = command(
        &bin_dir.join("postgres"),
        &options.dir,
        options.lowest_priority,
    )?;
    command.arg("-D").arg(options.dir.join("data"));
    let ours = [
        format!("port={port}"),
        "listen_addresses=127.0.0.1".into(),
        "unix_socket_directories=".into(),
        "timezone=UTC".into(),
        "log_timezone=UTC".into(),
    ];
    for setting in ours.iter().chain(&options.settings) {
        command.args(["-c", setting]);
    }
    let log = options.dir.join("postgres.log");
    let mut group = ProcessGroup::spawn_in(SERVER, &mut command, &log, options.process_group)?;
    let longest = Duration::from_secs(READY_WAIT_SECS_MAX);
    group.wait_ready(longest, || is_ready(port)).await?;
    Ok(group)
}

/// Whether the server lets somebody in: a start packet is answered by a
/// question for authentication (`R`) and not by "the database system is
/// starting up".
async fn is_ready(port: u16) -> bool {
    let parameters = b"user\0postgres\0database\0postgres\0\0";
    let bytes = u32::try_from(8 + parameters.len()).unwrap_or_default();
    let mut packet = bytes.to_be_bytes().to_vec();
    packet.extend_from_slice(&0x0003_0000_u32.to_be_bytes());
    packet.extend_from_slice(parameters);
    let answer = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(&packet).await?;
        stream.read_u8().await
    };
    let longest = Duration::from_millis(ANSWER_WAIT_MS_MAX);
    matches!(tokio::time::timeout(longest, answer).await, Ok(Ok(b'R')))
}

/// Processes whose parent is `pid`; the server's children lead sessions of their own.
fn children(pid: u32) -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let child: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            let parent = stat.rsplit(") ").next()?.split(' ').nth(1)?;
            (parent == pid.to_string()).then_some(Pid::from_raw(child))
        })
        .collect()
}
