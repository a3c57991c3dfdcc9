//! Database servers of a run: on free ports, durable as in production.

mod commanded;

use super::peers;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const READY_SECS_MAX: u64 = 60;
/// The database everything is in.
pub const DATABASE: &str = "bench";

/// A server, stopped when dropped.
pub struct Server {
    run: Run,
    pub port: u16,
    kind: Kind,
    pub folder: PathBuf,
}

/// How it was started.
enum Run {
    Child(Child),
    /// By commands that PlanB calls as well, because it exchanges the files.
    Commanded,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    MariaDb,
    Postgres,
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

impl Server {
    /// A MariaDB server with a row binlog.
    pub fn mariadb(folder: &Path, id: u32) -> Result<Self> {
        let port = free_port()?;
        make_data(folder)?;
        let mut command = Command::new("mariadbd");
        command.args(mariadb_arguments(folder, port, id));
        Self::start(command, port, Kind::MariaDb, folder)
    }

    /// A PostgreSQL server, run by the system's user `postgres`.
    pub fn postgres(folder: &Path) -> Result<Self> {
        let shown = folder.display();
        let bin = peers::prepare("ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1")?;
        std::fs::create_dir_all(folder)?;
        peers::prepare(&format!(
            "chown postgres {shown}; f={shown}; while [ \"$f\" != / ]; do chmod o+x \"$f\"; \
             f=$(dirname \"$f\"); done; setpriv --reuid postgres --regid postgres --init-groups \
             {bin}/initdb --auth=trust --username=postgres --encoding=UTF8 --pgdata={shown}/data"
        ))?;
        let port = free_port()?;
        let mut command = Command::new("setpriv");
        command
            .args([
                "--reuid",
                "postgres",
                "--regid",
                "postgres",
                "--init-groups",
            ])
            .arg(format!("{bin}/postgres"))
            .args(["-D", &format!("{shown}/data"), "-p", &port.to_string()])
            .args([
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "wal_level=logical",
            ])
            .args(["-c", "unix_socket_directories="])
            .args(["-c", "shared_buffers=512MB", "-c", "max_wal_size=2GB"]);
        Self::start(command, port, Kind::Postgres, folder)
    }

    fn start(mut command: Command, port: u16, kind: Kind, folder: &Path) -> Result<Self> {
        let log = File::create(folder.join("log"))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start a server")?;
        let mut server = Self {
            run: Run::Child(child),
            port,
            kind,
            folder: folder.to_owned(),
        };
        server.ready()?;
        Ok(server)
    }

    /// Waits until it answers, and makes the database.
    fn ready(&mut self) -> Result<()> {
        let began = Instant::now();
        while self.sql("", "SELECT 1").is_err() {
            let ended = match &mut self.run {
                Run::Child(child) => child.try_wait()?.is_some(),
                Run::Commanded => false,
            };
            if ended || began.elapsed().as_secs() > READY_SECS_MAX {
                let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                bail!("a server is not ready: {log}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let make = match self.kind {
            Kind::MariaDb => format!("CREATE DATABASE IF NOT EXISTS {DATABASE}"),
            Kind::Postgres => format!("CREATE DATABASE {DATABASE}"),
        };
        self.sql("", &make)?;
        Ok(())
    }

    /// What a client of the server is called with, up to the database's name.
    pub fn client(&self) -> String {
        let port = self.port;
        match self.kind {
            Kind::MariaDb => format!("--no-defaults --protocol=tcp -h127.0.0.1 -P{port} -uroot"),
            Kind::Postgres => format!("-h 127.0.0.1 -p {port} -U postgres"),
        }
    }

    /// Runs a statement; its output in tab-separated lines.
    pub fn sql(&self, database: &str, statement: &str) -> Result<String> {
        let client = self.client();
        let mut command = match self.kind {
            Kind::MariaDb => {
                peers::pipeline(&format!("mariadb {client} -BN {database} -e \"$SQL\""))
            }
            Kind::Postgres => {
                let database = if database.is_empty() {
                    "postgres"
                } else {
                    database
                };
                peers::pipeline(&format!("psql {client} -qAtX -d {database} -c \"$SQL\""))
            }
        };
        let output = command.env("SQL", statement).output()?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Throws the database away, with what PlanB left beside it.
    pub fn empty(&self) -> Result<()> {
        match self.kind {
            Kind::MariaDb => {
                let ours = "SELECT schema_name FROM information_schema.schemata WHERE \
                            schema_name = 'bench' OR schema_name LIKE '%planb%'";
                for name in self.sql("", ours)?.lines() {
                    self.sql(
                        "",
                        &format!("SET GLOBAL read_only=0; DROP DATABASE `{name}`"),
                    )?;
                }
            }
            Kind::Postgres => {
                self.sql("", &format!("DROP DATABASE {DATABASE} WITH (FORCE)"))?;
            }
        }
        self.sql("", &format!("CREATE DATABASE {DATABASE}"))?;
        Ok(())
    }

    /// URL as PlanB's verbs take it.
    pub fn url(&self) -> String {
        let port = self.port;
        match self.kind {
            Kind::MariaDb => format!(
                "mariadb://root@127.0.0.1:{port}/{DATABASE}{}",
                self.files_in_url()
            ),
            Kind::Postgres => format!("postgresql://postgres@127.0.0.1:{port}/{DATABASE}"),
        }
    }

    /// Its process; a commanded one has another after each restore.
    pub fn pid(&self) -> Result<u32> {
        match &self.run {
            Run::Child(child) => Ok(child.id()),
            Run::Commanded => self.commanded_pid(),
        }
    }
}

/// An empty data directory for MariaDB.
fn make_data(folder: &Path) -> Result<()> {
    let data = folder.join("data");
    std::fs::create_dir_all(&data)?;
    peers::prepare(&format!(
        "mariadb-install-db --no-defaults --user=root --datadir={} \
         --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve",
        data.display()
    ))?;
    Ok(())
}

/// What MariaDB is started with: durable as in production, with a row binlog.
fn mariadb_arguments(folder: &Path, port: u16, id: u32) -> Vec<String> {
    let own = [
        format!("--datadir={}", folder.join("data").display()),
        format!("--port={port}"),
        format!("--server-id={id}"),
        format!("--gtid-domain-id={id}"),
    ];
    let fixed = [
        "--user=root",
        "--bind-address=127.0.0.1",
        "--socket=s",
        "--pid-file=p",
        "--skip-name-resolve",
        "--innodb-flush-log-at-trx-commit=1",
        "--sync-binlog=1",
        "--innodb-buffer-pool-size=1G",
        "--innodb-log-file-size=512M",
        "--max-allowed-packet=64M",
        "--local-infile=ON",
        "--log-bin=binlog",
        "--binlog-format=ROW",
        "--character-set-server=utf8mb4",
    ];
    // --no-defaults is only taken in first place.
    let first = std::iter::once("--no-defaults".to_owned());
    first.chain(own).chain(fixed.map(str::to_owned)).collect()
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = match &mut self.run {
            Run::Child(child) => end(child, self.kind),
            Run::Commanded => self.stop_commanded(),
        };
        if let Err(error) = ended {
            eprintln!("cannot end a server: {error:#}");
        }
    }
}

/// In good order, without waiting for clients.
fn end(child: &mut Child, kind: Kind) -> Result<()> {
    if child.try_wait()?.is_some() {
        return Ok(());
    }
    let signal = match kind {
        Kind::MariaDb => "TERM",
        Kind::Postgres => "INT",
    };
    peers::prepare(&format!("kill -{signal} {}", child.id()))?;
    child.wait()?;
    Ok(())
}
