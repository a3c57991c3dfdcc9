//! A real vault that stands still (SIGSTOP) under a real stream: log waits on
//! disk, writers of the source notice nothing, a `kill -9` loses nothing, and a
//! restore has everything. On MariaDB, PostgreSQL and SQLite.

#[path = "spool/mariadb.rs"]
mod mariadb;
#[path = "spool/postgres.rs"]
mod postgres;
#[path = "spool/sqlite.rs"]
mod sqlite;

use crate::desk::Desk;
use planb_launch::azurite::{ACCOUNT_KEY, Azurite, AzuriteOptions};
use serde_json::Value;
use std::process::Child;
use std::time::{Duration, Instant};

/// A write that takes longer was held up by something.
const WRITE_MAX: Duration = Duration::from_secs(5);
/// The recovery point ages at least so much while the vault stands.
const RPO_RISE_SECS: f64 = 3.0;

/// A vault in Azurite and a folder for the spool.
struct Outage {
    desk: Desk,
    azurite: Azurite,
}

impl Outage {
    async fn new() -> Self {
        let desk = Desk::new();
        let options = AzuriteOptions {
            dir: desk.path("azurite"),
        };
        let azurite = Azurite::start(options).await.expect("Azurite");
        let container = azurite.create_container("vault").await;
        container.expect("a container");
        std::fs::write(desk.path("key"), ACCOUNT_KEY).expect("a key");
        Self { desk, azurite }
    }

    fn with_vault(&self, arguments: &[&str]) -> Vec<String> {
        let mut all: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        all.extend(["--vault".into(), "az://vault/shop".into()]);
        for (name, value) in self.azurite.options() {
            all.extend(["--vault-option".into(), format!("{name}={value}")]);
        }
        let key = self.desk.path("key");
        let secret = format!("azure_storage_account_key=file:{}", key.display());
        all.extend(["--vault-secret".into(), secret]);
        all
    }

    fn stream(&self, database: &str, log: &str) -> Child {
        let spool = self.desk.path("spool");
        let spool = spool.display().to_string();
        let arguments = [
            ["stream", "--database", database, "--spool", &spool].as_slice(),
            &["--flush-interval", "250ms", "--every", "500ms", "--json"],
        ]
        .concat();
        let arguments = self.with_vault(&arguments);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.desk.start(&arguments, log)
    }

    fn restore(&self, to: &str) {
        self.json(&["restore", "--to", to]);
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let arguments = self.with_vault(arguments);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.desk.json(&arguments)
    }

    /// What the stream says of itself, oldest first.
    fn statuses(&self, log: &str) -> Vec<Value> {
        let said = self.desk.said(log);
        let lines = said.lines().filter_map(|l| serde_json::from_str(l).ok());
        lines.filter(|v: &Value| v["event"] == "status").collect()
    }

    fn until(&self, what: &str, log: &str, is: impl Fn(&Value) -> bool) -> Value {
        self.desk.wait(what, log, || {
            self.statuses(log).pop().filter(|status| is(status))
        })
    }

    fn until_protected(&self, log: &str) {
        self.until("it protects", log, |s| !s["rpoSeconds"].is_null());
    }

    fn until_drained(&self, log: &str) {
        let drained = |s: &Value| s["spooledBytes"] == 0 && s["rpoSeconds"].as_f64() < Some(3.0);
        self.until("the queue is drained", log, drained);
        assert_eq!(self.files(), Vec::<String>::new());
    }

    /// Stops the vault, and has `write` write on until so much waits on disk.
    /// How long the slowest write took is bounded.
    async fn stand_still(&self, log: &str, bytes: u64, mut write: impl AsyncFnMut()) {
        self.azurite.pause();
        let rpo = |s: &Value| s["rpoSeconds"].as_f64().unwrap_or_default();
        let before = self.statuses(log).last().map(rpo).unwrap_or_default();
        let began = Instant::now();
        loop {
            let writing = Instant::now();
            write().await;
            let took = writing.elapsed();
            assert!(took < WRITE_MAX, "a write took {took:?}");
            // Paced: some megabytes are enough.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let status = self.statuses(log).pop().expect("a status");
            let waits = status["spooledBytes"].as_u64() >= Some(bytes);
            if waits && rpo(&status) > before + RPO_RISE_SECS {
                break;
            }
            let patience = Duration::from_secs(crate::common::WAIT_SECS_MAX);
            assert!(began.elapsed() < patience, "{}", self.desk.said(log));
        }
        assert!(!self.files().is_empty());
    }

    /// Names of the files that wait.
    fn files(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.desk.path("spool/default")) else {
            return Vec::new();
        };
        let names = entries
            .flatten()
            .filter_map(|e| e.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|n| n.ends_with(".seg")).collect();
        names.sort();
        names
    }

    /// Where the log on disk ends, as the head of its last file says.
    fn spooled_to(&self) -> Option<String> {
        let last = self.files().pop()?;
        let file = std::fs::read(self.desk.path("spool/default").join(last)).ok()?;
        let text = String::from_utf8_lossy(&file).into_owned();
        let end = text.split("\"end\":").nth(1)?;
        let at = end.split("\"at\":\"").nth(1)?;
        Some(at.split('"').next()?.to_owned())
    }
}

/// `kill -9`.
fn kill(mut child: Child) {
    child.kill().expect("it runs");
    child.wait().expect("it ends");
}
