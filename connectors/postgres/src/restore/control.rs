//! What a data directory says about itself, by PostgreSQL's own `pg_controldata`.

use super::owner::Owner;
use crate::client::Client;
use crate::error::{self, corrupt};
use planb_ports::PortResult;
use std::collections::BTreeMap;
use std::path::Path;
use tokio::process::Command;

/// Settings a standby must have at least as high as its source had them.
const AT_LEAST: [&str; 5] = [
    "max_connections",
    "max_worker_processes",
    "max_wal_senders",
    "max_prepared_xacts",
    "max_locks_per_xact",
];

/// The lines of `pg_controldata`.
#[derive(Debug)]
pub(crate) struct Control(BTreeMap<String, String>);

impl Control {
    /// Reads them.
    pub async fn read(client: &Client, data: &Path) -> PortResult<Self> {
        let mut command = std::process::Command::new(client.program("pg_controldata")?);
        Owner::of(data)?.runs(&mut command);
        command.arg(data).env("LC_ALL", "C").current_dir("/");
        let output = Command::from(command).output().await;
        let output = output.map_err(|e| error::file(data, e))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(corrupt(format!(
                "{} is no data directory: {said}",
                data.display()
            )));
        }
        Ok(Self::parse(&String::from_utf8_lossy(&output.stdout)))
    }

    fn parse(text: &str) -> Self {
        let line = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        };
        Self(text.lines().filter_map(line).collect())
    }

    /// Bytes of one file of the log.
    pub fn wal_file_bytes(&self) -> PortResult<u64> {
        let bytes = self.0.get("Bytes per WAL segment");
        bytes
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| corrupt("pg_controldata does not name the size of log files"))
    }

    /// What the source had and recovery insists on, as `name=value`.
    pub fn settings(&self) -> Vec<String> {
        let setting = |name: &&str| {
            let value = self.0.get(&format!("{name} setting"))?;
            let name = match *name {
                "max_prepared_xacts" => "max_prepared_transactions",
                "max_locks_per_xact" => "max_locks_per_transaction",
                other => other,
            };
            Some(format!("{name}={value}"))
        };
        AT_LEAST.iter().filter_map(setting).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_recovery_insists_on_is_read() {
        let control = Control::parse(
            "max_connections setting:              100\nmax_locks_per_xact setting: 64\n\
             Bytes per WAL segment:                16777216\nTime: 10:00:00\n",
        );
        assert_eq!(
            control.settings(),
            ["max_connections=100", "max_locks_per_transaction=64"]
        );
        assert_eq!(control.wal_file_bytes().expect("there"), 16_777_216);
    }
}
