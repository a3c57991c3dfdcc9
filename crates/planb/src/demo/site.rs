//! A site of the demo: a directory that is its disk, a database on it, and the
//! processes that would be lost with it.

mod mariadb;

use super::ledger::{ORDER_BYTES, order_for};
use super::plan_file::{append, quoted};
use super::service::Order;
use super::{SERVICE, launch_failed};
use crate::cli::DemoDatabase;
use crate::error::{CliError, CliResult};
use mariadb::SiteServer;
use planb_connector_process::process_group_of;
use planb_launch::port::free_port;
use std::path::{Path, PathBuf};

/// Rows of one insert while orders are put there before protection begins.
const PRELOAD_BATCH_ROWS: i64 = 1_000;

/// One site.
pub struct DemoSite {
    /// Its name.
    pub name: &'static str,
    disk: PathBuf,
    lost_disk: PathBuf,
    service_port: u16,
    server: Option<SiteServer>,
}

impl DemoSite {
    /// Makes the site's disk and starts its database server, if it has one.
    pub async fn prepare(
        name: &'static str,
        root: &Path,
        database: DemoDatabase,
    ) -> CliResult<Self> {
        let disk = root.join(name);
        std::fs::create_dir_all(&disk).map_err(disk_failed)?;
        let server = match database {
            DemoDatabase::Sqlite => None,
            DemoDatabase::Mariadb => Some(SiteServer::start(name, &disk).await?),
        };
        Ok(Self {
            name,
            lost_disk: root.join(format!("{name}.lost")),
            disk,
            service_port: free_port().map_err(launch_failed)?,
            server,
        })
    }

    /// `http://host:port` of its web service.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.service_port)
    }

    /// Whether its database is a server, not a file.
    pub fn has_server(&self) -> bool {
        self.server.is_some()
    }

    /// Puts `megabytes` of orders there and returns how many. Also makes the table.
    pub async fn preload(&self, megabytes: u32) -> CliResult<u64> {
        let rows = i64::from(megabytes) * 1_000_000 / ORDER_BYTES.cast_signed();
        match &self.server {
            Some(server) => server.preload(rows).await?,
            None => self
                .preload_sqlite(rows)
                .map_err(|e| CliError::io("fill the database", "데이터베이스를 채우기를", e))?,
        }
        Ok(rows.unsigned_abs())
    }

    fn preload_sqlite(&self, rows: i64) -> rusqlite::Result<()> {
        let mut connection = rusqlite::Connection::open(self.sqlite_path())?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.execute_batch(super::service::SQLITE_SCHEMA)?;
        let transaction = connection.transaction()?;
        {
            let sql = "INSERT INTO orders (id, item, quantity) VALUES (?1, ?2, ?3)";
            let mut insert = transaction.prepare(sql)?;
            for order in orders(1, rows) {
                insert.execute((order.id, order.item, order.quantity))?;
            }
        }
        transaction.commit()
    }

    /// Bytes of its database.
    pub fn database_bytes(&self) -> u64 {
        directory_bytes(&self.disk)
    }

    /// Writes its part of the plan file.
    pub fn write_plan(&self, text: &mut String, role: &str) {
        append(
            text,
            format_args!("    - name: {}\n      role: {role}\n", self.name),
        );
        let service_database = match &self.server {
            Some(server) => {
                server.write_plan(text);
                server.service_url()
            }
            None => {
                let path = self.sqlite_path();
                let url = format!("sqlite:{}", path.display());
                append(text, format_args!("      database: {{ url: {url:?} }}\n"));
                url
            }
        };
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("planb"));
        append(
            text,
            format_args!(
                "      workload:\n        start:\n          command: [{}, demo-service, --listen, \"127.0.0.1:{}\", --database, {service_database:?}]\n          log: {}\n        stopGrace: 5s\n",
                quoted(&program),
                self.service_port,
                quoted(&self.disk.join("service.log")),
            ),
        );
        let origin = self.origin();
        append(
            text,
            format_args!("      health: {origin}/healthz\n      origin: {origin}\n"),
        );
    }

    /// Loses the whole site: its disk is cut off first, so that nothing can be
    /// shipped from it any more, then every process of it gets SIGKILL.
    pub fn kill(&mut self, state: &Path) -> CliResult<()> {
        std::fs::rename(&self.disk, &self.lost_disk).map_err(disk_failed)?;
        self.kill_processes(state);
        Ok(())
    }

    /// Brings the site back as it was when it was lost: its old disk, its
    /// database server; nobody told it that somebody else took over.
    pub async fn power_on(&mut self) -> CliResult<()> {
        std::fs::rename(&self.lost_disk, &self.disk).map_err(disk_failed)?;
        match &mut self.server {
            Some(server) => server.start_again().await,
            None => Ok(()),
        }
    }

    /// Stops everything of the site at the end of the demo.
    pub fn stop_all(&mut self, state: &Path) {
        self.kill_processes(state);
        self.server = None;
    }

    fn kill_processes(&mut self, state: &Path) {
        use nix::sys::signal::{Signal, killpg};
        // The web service runs in a group of its own; the database server in another.
        if let Some(group) = process_group_of(&state.join("workloads"), SERVICE, self.name)
            && let Err(error) = killpg(nix::unistd::Pid::from_raw(group), Signal::SIGKILL)
            && error != nix::errno::Errno::ESRCH
        {
            tracing::warn!(%error, site = self.name, "cannot kill the web service");
        }
        if let Some(server) = &mut self.server {
            server.kill();
        }
    }

    fn sqlite_path(&self) -> PathBuf {
        self.disk.join("orders.db")
    }
}

/// Orders with ids from `first` to `last`.
fn orders(first: i64, last: i64) -> impl Iterator<Item = Order> {
    (first..=last).map(order_for)
}

fn disk_failed(error: std::io::Error) -> CliError {
    CliError::io("use the disk of a site", "사이트 디스크를 사용", error)
}

/// Bytes of all files below `path`; files that vanish meanwhile count nothing.
fn directory_bytes(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => directory_bytes(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}
