//! `kill -9` of a process that appends to a journal loses no acknowledged entry.
//!
//! Runs without the test harness: the same executable is the writer when it is
//! started with a state file in its environment.

use planb_audit::AuditKey;
use planb_model::execution::JournalEntry;
use planb_ports::PortResult;
use planb_ports::Store;
use planb_ports::contract::store::execution;
use planb_store_sqlite::{Audit, SqliteStore};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const CHILD: &str = "PLANB_TEST_KILL_STATE";
const ROUNDS: u64 = 4;
const ENTRIES_PER_ROUND: u64 = 25;

/// A killed writer may leave a kept checkpoint that is behind, never one ahead.
fn open(path: &Path) -> PortResult<SqliteStore> {
    let audit = Audit {
        key: AuditKey::from_seed([7; 32]),
        kept: path.with_extension("checkpoint"),
        key_lost: false,
    };
    SqliteStore::open(path, audit, jiff::Timestamp::now())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if let Ok(path) = std::env::var(CHILD) {
        append_until_killed(Path::new(&path)).await;
    } else {
        killed_writers_lose_nothing().await;
    }
}

/// Says the number of every entry after it is acknowledged.
async fn append_until_killed(path: &Path) {
    let store = open(path).expect("the killed owner's lock is free");
    let id = execution("a").id;
    let mut place = store.journal(&id).await.expect("journal").len() as u64;
    loop {
        place += 1;
        let entry = JournalEntry::Paused {
            by: format!("entry {place}"),
        };
        let now = jiff::Timestamp::now();
        store.append(&id, place, &entry, now).await.expect("append");
        let mut out = std::io::stdout();
        writeln!(out, "{place}").expect("parent listens");
        out.flush().expect("parent listens");
    }
}

async fn killed_writers_lose_nothing() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("state.db");
    let store = open(&path).expect("made");
    store.open_execution(&execution("a")).await.expect("opened");
    drop(store);
    for _ in 0..ROUNDS {
        let acknowledged = kill_in_the_middle(&path);
        let store = open(&path).expect("opens after the kill");
        let journal = store.journal(&execution("a").id).await.expect("journal");
        // The entry after the last acknowledged one may or may not have made it.
        let found = journal.len() as u64;
        assert!(
            (acknowledged..=acknowledged + 1).contains(&found),
            "{acknowledged} acknowledged, {found} found"
        );
        for record in journal {
            let by = format!("entry {}", record.seq);
            assert_eq!(record.entry, JournalEntry::Paused { by });
        }
    }
}

/// Kills a writer between two of its acknowledgements; returns the last one it gave.
fn kill_in_the_middle(path: &Path) -> u64 {
    let mut child = Command::new(std::env::current_exe().expect("own path"))
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("child starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let number = |line: std::io::Result<String>| -> u64 {
        line.expect("readable").parse().expect("a number")
    };
    let mut last = 0;
    for _ in 0..ENTRIES_PER_ROUND {
        last = number(lines.next().expect("the writer goes on"));
    }
    child.kill().expect("killed");
    child.wait().expect("gone");
    // What it had acknowledged before the kill took effect is still in the pipe.
    lines.map(number).last().unwrap_or(last)
}
