//! A folder with a vault, and the command run in it.

use crate::common;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A folder with a vault.
pub struct Desk {
    pub dir: tempfile::TempDir,
}

impl Desk {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        Self { dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `sqlite:` and the path of a file in the folder.
    pub fn sqlite(&self, name: &str) -> String {
        format!("sqlite:{}", self.path(name).display())
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = common::planb();
        command
            .current_dir(self.dir.path())
            .env(
                "PLANB_VAULT",
                format!("file://{}", self.path("vault").display()),
            )
            .env_remove("PLANB_DATABASE_PASSWORD")
            .args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("planb runs")
    }

    /// Runs it; its exit code must be 0 and its stdout JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        let output = self.run(&all);
        assert!(
            output.status.success(),
            "planb {arguments:?}: {}\n{}",
            output.status,
            errors(&output)
        );
        serde_json::from_slice(&output.stdout).expect("JSON on stdout")
    }

    /// Runs it; it must fail with this exit code and error code.
    pub fn refused(&self, arguments: &[&str], exit: i32, code: &str) -> String {
        let output = self.run(arguments);
        let said = errors(&output);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {said}");
        assert!(said.contains(code), "{arguments:?}: {said}");
        said
    }

    /// Starts it and leaves it running; its output goes to a file.
    pub fn start(&self, arguments: &[&str], log: &str) -> Child {
        let file = std::fs::File::create(self.path(log)).expect("a log");
        let errors = file.try_clone().expect("a log");
        let mut command = self.command(arguments);
        command
            .stdout(Stdio::from(file))
            .stderr(Stdio::from(errors));
        command.spawn().expect("planb starts")
    }

    pub fn said(&self, log: &str) -> String {
        std::fs::read_to_string(self.path(log)).unwrap_or_default()
    }

    /// Waits until `found` answers.
    pub fn wait<T>(&self, what: &str, log: &str, mut found: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(common::WAIT_SECS_MAX);
        loop {
            if let Some(found) = found() {
                return found;
            }
            assert!(Instant::now() < deadline, "{what}\n{}", self.said(log));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Asks a process to end, and waits for it.
pub fn terminate(mut child: Child) -> Option<i32> {
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("a signal");
    child.wait().expect("it ends").code()
}

pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A SQLite file with these statements run in it.
pub fn sqlite(path: &std::path::Path, sql: &str) {
    let connection = rusqlite::Connection::open(path).expect("a database");
    connection
        .execute_batch(&format!("PRAGMA journal_mode=wal; {sql}"))
        .expect("the statements");
}

pub fn count(path: &std::path::Path, sql: &str) -> i64 {
    let connection = rusqlite::Connection::open(path).expect("a database");
    connection
        .query_row(sql, [], |row| row.get(0))
        .expect("a number")
}
