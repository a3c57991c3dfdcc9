//! `kill -9` of the real process at every call to the vault's storage, in
//! backup, stream, restore and prune: the next run goes on, and every row that
//! was there is restored.
//!
//! The vault is on this machine's disk and the database is SQLite, so that
//! nothing but PlanB is between the kill and the files.

use rusqlite::Connection;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

const SIGKILL: i32 = 9;
/// Rows before anything begins.
const ROWS: i64 = 50;
/// A stream goes on calling for ever; these cover its beginning and two flushes.
const STREAM_CALLS: u64 = 20;
/// Events of a stream that works: it began, it shipped, a canary.
const EVENTS: usize = 3;
/// Longest wait for anything; far above what a loaded machine needs.
const PATIENCE: Duration = Duration::from_secs(90);

struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let stage = Self { dir };
        let connection = stage.open("source.db");
        connection
            .execute_batch(
                "PRAGMA journal_mode=WAL; CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT)",
            )
            .expect("a table");
        // The target is a file that is there, with nothing in it.
        let target = stage.open("target.db").execute_batch("VACUUM");
        target.expect("a file");
        for _ in 0..ROWS {
            stage.order();
        }
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn open(&self, name: &str) -> Connection {
        let connection = Connection::open(self.path(name)).expect("opens");
        connection.busy_timeout(PATIENCE).expect("set");
        connection
    }

    /// One more row, acknowledged.
    fn order(&self) {
        let insert = "INSERT INTO orders (note) VALUES (hex(randomblob(40)))";
        self.open("source.db").execute(insert, []).expect("a row");
    }

    fn orders(&self, name: &str) -> Vec<(i64, String)> {
        let connection = self.open(name);
        let select = "SELECT id, note FROM orders ORDER BY id";
        let mut statement = connection.prepare(select).expect("a table");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        let rows: Result<_, _> = rows.expect("rows").collect();
        rows.expect("whole rows")
    }

    fn planb(&self, verb: &str, kill: Option<&str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_planb"));
        let vault = format!("file://{}", self.path("vault").display());
        command.current_dir(self.dir.path());
        command.args([verb, "--vault", &vault]).env("LANG", "C");
        let database = match verb {
            "restore" => Some(("--to", "target.db")),
            "prune" | "points" => None,
            _ => Some(("--database", "source.db")),
        };
        if let Some((option, name)) = database {
            let url = format!("sqlite:{}", self.path(name).display());
            command.args([option, &url]);
        }
        if let Some(at) = kill {
            command.env("PLANB_CRASH_AT_STORAGE", at);
        }
        command
    }

    fn run(&self, verb: &str, more: &[&str], kill: Option<&str>) -> Output {
        let mut command = self.planb(verb, kill);
        command.args(more).output().expect("planb runs")
    }

    fn must(&self, what: &str, verb: &str, more: &[&str]) {
        let output = self.run(verb, more, None);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{what}: {verb}: {said}");
    }

    /// A restore by a new process into an empty target has every row.
    fn must_restore(&self, what: &str) {
        self.must(what, "restore", &["--replace"]);
        assert_eq!(self.orders("target.db"), self.orders("source.db"), "{what}");
    }

    /// How many points there are; none of them damaged.
    fn points(&self, what: &str) -> usize {
        let output = self.run("points", &["--json"], None);
        let points: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let points = points.as_array().expect("a list");
        for point in points {
            assert!(point["snapshot"]["damage"].is_null(), "{what}: {point}");
        }
        points.len()
    }

    /// A stream with short flushes, quiet.
    fn stream(&self, kill: Option<&str>) -> Child {
        let mut command = self.planb("stream", kill);
        command
            .args(["--flush-interval", "100ms", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command.spawn().expect("planb starts")
    }
}

fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(SIGKILL)
}

/// Runs `once` with a kill at every call, on both sides, until it ends unkilled.
fn every_call(mut once: impl FnMut(&str) -> bool) {
    for side in ["before", "after"] {
        let mut kills = 0;
        for nth in 1.. {
            if !once(&format!("{nth}:{side}")) {
                break;
            }
            kills += 1;
        }
        assert!(kills > 5, "only {kills} calls {side} were tried");
        eprintln!("killed {side} each of {kills} calls");
    }
}

#[test]
fn backup_killed_at_every_call() {
    every_call(|at| {
        let stage = Stage::new();
        let output = stage.run("backup", &[], Some(at));
        if !was_killed(output.status) {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{at}: {said}");
            return false;
        }
        stage.must(at, "backup", &[]);
        stage.must_restore(at);
        true
    });
}

#[test]
fn restore_killed_at_every_call() {
    let stage = Stage::new();
    stage.must("before", "backup", &[]);
    every_call(|at| {
        let output = stage.run("restore", &["--replace"], Some(at));
        if !was_killed(output.status) {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{at}: {said}");
            return false;
        }
        // Goes on or begins anew, as it finds the target.
        stage.must_restore(at);
        true
    });
}

/// Keeps one snapshot.
const PRUNE: [&str; 4] = ["--keep-last", "1", "--keep-for", "0s"];

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("copied");
        }
    }
}

#[test]
fn prune_killed_at_every_call() {
    // Three snapshots, of which two go.
    let stage = Stage::new();
    for _ in 0..3 {
        stage.order();
        stage.must("before", "backup", &[]);
    }
    let whole = stage.path("whole");
    copy(&stage.path("vault"), &whole);
    let mut finished = Vec::new();
    every_call(|at| {
        std::fs::remove_dir_all(stage.path("vault")).expect("gone");
        copy(&whole, &stage.path("vault"));
        let output = stage.run("prune", &PRUNE, Some(at));
        let killed = was_killed(output.status);
        if !killed {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{at}: {said}");
        }
        stage.must_restore(at);
        stage.must(at, "prune", &PRUNE);
        stage.must_restore(at);
        finished.push(stage.points(at));
        killed
    });
    // Parts whose manifest went stay for two days; one snapshot is listed.
    assert!(finished.iter().all(|points| *points == 1), "{finished:?}");
}

#[test]
fn stream_killed_at_every_call() {
    for side in ["before", "after"] {
        for nth in 1..=STREAM_CALLS {
            let at = format!("{nth}:{side}");
            let stage = Stage::new();
            let mut stream = stage.stream(Some(&at));
            // Something to ship, until the kill.
            let began = Instant::now();
            let status = loop {
                stage.order();
                if let Some(status) = stream.try_wait().expect("a child") {
                    break status;
                }
                assert!(began.elapsed() < PATIENCE, "{at}: it was not killed");
            };
            assert!(was_killed(status), "{at}: {status}");
            finish(&stage, &at);
            stage.must_restore(&at);
        }
    }
}

/// Another stream, told to end: it ships what there is first.
fn finish(stage: &Stage, at: &str) {
    use nix::sys::signal::{Signal, kill};
    let mut stream = stage.stream(None);
    // It listens to signals before it tells what it does: a few events are enough.
    let mut told = BufReader::new(stream.stdout.take().expect("a pipe")).lines();
    let events = told.by_ref().take(EVENTS).filter(Result::is_ok).count();
    assert_eq!(events, EVENTS, "{at}: the stream ended");
    let pid = nix::unistd::Pid::from_raw(stream.id().cast_signed());
    kill(pid, Signal::SIGTERM).expect("told");
    let status = stream.wait().expect("a child");
    assert!(status.success(), "{at}: {status}");
}
