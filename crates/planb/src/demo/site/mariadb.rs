//! The database server of a site: a real mariadbd with an account for PlanB and
//! one for the web service, which may not write while the server is read-only.

use super::super::launch_failed;
use super::super::plan_file::{append, quoted};
use super::{PRELOAD_BATCH_ROWS, SERVICE, orders};
use crate::error::{CliError, CliResult};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Params, Value};
use planb_launch::mariadb::{MariaDb, MariaDbOptions};
use std::path::{Path, PathBuf};

/// PlanB's password in the demo's servers; they listen on loopback for a minute.
const PASSWORD: &str = "planb-demo";

/// A running server.
pub struct SiteServer {
    server: MariaDb,
    password_file: PathBuf,
}

impl SiteServer {
    /// Starts it below `disk` and makes the accounts.
    pub async fn start(site: &str, disk: &Path) -> CliResult<Self> {
        let server_id = if site == super::super::PRIMARY {
            11
        } else {
            22
        };
        let options = MariaDbOptions::new(disk.join("mariadb"), server_id);
        let server = MariaDb::start(options).await.map_err(launch_failed)?;
        // Beside the disk, not on it: PlanB reads it while the site is lost.
        let password_file = disk.with_extension("password");
        std::fs::write(&password_file, PASSWORD).map_err(super::disk_failed)?;
        let started = Self {
            server,
            password_file,
        };
        started.make_accounts().await.map_err(failed)?;
        Ok(started)
    }

    async fn connect(&self) -> mysql_async::Result<Conn> {
        let options = OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(self.server.port())
            .user(Some(MariaDb::USER));
        Conn::new(options).await
    }

    async fn make_accounts(&self) -> mysql_async::Result<()> {
        let mut connection = self.connect().await?;
        for statement in [
            // Accounts belong to a server, not to the data: keep them out of the log.
            "SET SESSION sql_log_bin = 0".to_owned(),
            format!("CREATE DATABASE {SERVICE} CHARACTER SET utf8mb4"),
            format!("CREATE USER planb@'%' IDENTIFIED BY '{PASSWORD}'"),
            "GRANT ALL ON *.* TO planb@'%' WITH GRANT OPTION".to_owned(),
            "CREATE USER shop@'%'".to_owned(),
            format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {SERVICE}.* TO shop@'%'"),
        ] {
            connection.query_drop(statement).await?;
        }
        connection.disconnect().await
    }

    /// Makes the table with orders `1..=rows`.
    pub async fn preload(&self, rows: i64) -> CliResult<()> {
        self.try_preload(rows).await.map_err(failed)
    }

    async fn try_preload(&self, rows: i64) -> mysql_async::Result<()> {
        let mut connection = self.connect().await?;
        connection.query_drop(format!("USE {SERVICE}")).await?;
        connection
            .query_drop(
                "CREATE TABLE orders (id BIGINT PRIMARY KEY, item VARCHAR(500) NOT NULL, \
                 quantity BIGINT NOT NULL, KEY by_quantity (quantity)) ENGINE=InnoDB",
            )
            .await?;
        let mut first = 1;
        while first <= rows {
            let last = rows.min(first + PRELOAD_BATCH_ROWS - 1);
            let batch: Vec<_> = orders(first, last).collect();
            let places = vec!["(?, ?, ?)"; batch.len()].join(", ");
            let sql = format!("INSERT INTO orders (id, item, quantity) VALUES {places}");
            let values = batch
                .into_iter()
                .flat_map(|o| {
                    [
                        Value::from(o.id),
                        Value::from(o.item),
                        Value::from(o.quantity),
                    ]
                })
                .collect();
            connection
                .exec_drop(sql, Params::Positional(values))
                .await?;
            first = last + 1;
        }
        connection.disconnect().await
    }

    /// Writes the database of the plan file.
    pub fn write_plan(&self, text: &mut String) {
        append(
            text,
            format_args!(
                "      database:\n        url: \"mariadb://planb@127.0.0.1:{}/{SERVICE}\"\n        password: {{ file: {} }}\n",
                self.server.port(),
                quoted(&self.password_file),
            ),
        );
    }

    /// What the web service connects to.
    pub fn service_url(&self) -> String {
        format!("mysql://shop@127.0.0.1:{}/{SERVICE}", self.server.port())
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it again on its old data.
    pub async fn start_again(&mut self) -> CliResult<()> {
        self.server.restart().await.map_err(launch_failed)
    }
}

fn failed(error: mysql_async::Error) -> CliError {
    CliError::io("prepare the MariaDB server", "MariaDB 서버를 준비", error)
}
