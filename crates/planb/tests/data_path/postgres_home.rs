//! A place for a restored PostgreSQL copy, whose server is stopped when dropped.

use crate::desk::Desk;
use planb_launch::postgres::Postgres;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub struct Home {
    pub data: PathBuf,
    pub port: u16,
    bin: PathBuf,
}

impl Home {
    /// A folder of the user `source` runs as.
    pub fn new(desk: &Desk, name: &str, source: &Postgres) -> Self {
        let folder = desk.path(name);
        std::fs::create_dir(&folder).expect("a folder");
        let owner = std::fs::metadata(source.data_dir()).expect("there");
        chown(&folder, Some(owner.uid()), Some(owner.gid())).expect("handed over");
        Self {
            data: folder.join("data"),
            port: crate::common::free_port(),
            bin: source.bin_dir().to_owned(),
        }
    }

    pub fn url(&self) -> String {
        let (port, data) = (self.port, self.data.display());
        format!("postgresql://postgres@127.0.0.1:{port}/postgres?data-dir={data}")
    }

    pub fn run(&self, sql: &str) -> String {
        self.run_in("postgres", sql)
    }

    pub fn run_in(&self, database: &str, sql: &str) -> String {
        let output = Command::new(self.bin.join("psql"))
            .args(["-XqtA", "-h", "127.0.0.1", "-U", Postgres::USER])
            .args(["-d", database, "-p", &self.port.to_string(), "-c", sql])
            .output()
            .expect("psql runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if !self.data.join("postmaster.pid").exists() {
            return;
        }
        let stopped = as_owner(&self.bin.join("pg_ctl"), &self.data)
            .args(["stop", "-s", "-m", "immediate", "-D"])
            .arg(&self.data)
            .stdout(Stdio::null())
            .status();
        if !stopped.is_ok_and(|status| status.success()) {
            eprintln!("the server on {} was not stopped", self.data.display());
        }
    }
}

/// A program that runs as the owner of `folder`.
fn as_owner(program: &Path, folder: &Path) -> Command {
    let owner = std::fs::metadata(folder).expect("there");
    let mut command = Command::new(program);
    command.current_dir("/");
    if owner.uid() != 0 {
        command.uid(owner.uid()).gid(owner.gid());
    }
    command
}
