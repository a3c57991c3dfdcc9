//! Two SQLite sites, a plan file and the real `planb` binary, for tests that
//! run it as its users do.

#![allow(dead_code, reason = "every test binary uses its own part of this")]

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for anything; far above what a loaded machine needs.
pub const WAIT_SECS_MAX: u64 = 90;

/// A directory with two sites and a plan.
pub struct Stage {
    pub dir: tempfile::TempDir,
    pub edge: String,
    pub origins: [String; 2],
}

/// Names of the two sites, primary first.
pub const SITES: [&str; 2] = ["seoul", "busan"];

/// A port nobody listens on.
pub fn free_port() -> u16 {
    planb_launch::port::free_port().expect("a free port")
}

impl Stage {
    /// Makes the sites; `mode` is the failover mode of the plan.
    pub fn new(mode: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let ports = [free_port(), free_port()];
        let edge_port = free_port();
        let mut sites = String::new();
        for ((name, role), port) in SITES.iter().zip(["primary", "standby"]).zip(ports) {
            let disk = dir.path().join(name);
            std::fs::create_dir(&disk).expect("a disk");
            sites.push_str(&site_yaml(name, role, &disk, port));
        }
        make_orders(&dir.path().join("seoul/orders.db"));
        let vault = dir.path().join("vault");
        let plan = format!(
            "apiVersion: planb.dev/v1\nkind: Service\nmetadata: {{ name: orders }}\nspec:\n  \
             grade: 1\n  objectives: {{ rto: 15m, rpo: 5m }}\n  strategy: pilot-light\n  sites:\n{sites}  \
             data:\n    vault: {{ url: \"file://{}\" }}\n    flush: {{ interval: 100ms, size: 1MiB }}\n    canaryInterval: 100ms\n  \
             health: {{ interval: 200ms, timeout: 150ms, failures: 3, recoveries: 2, shedQuorum: 3, promoteQuorum: 4 }}\n  \
             traffic:\n    edge: {{ listen: \"127.0.0.1:{edge_port}\" }}\n  failover: {{ mode: {mode} }}\n",
            vault.display()
        );
        std::fs::write(dir.path().join("planb.yaml"), plan).expect("a plan");
        Self {
            dir,
            edge: format!("http://127.0.0.1:{edge_port}"),
            origins: ports.map(|port| format!("http://127.0.0.1:{port}")),
        }
    }

    /// Replaces `from` in the plan, which must be there, by `to`.
    pub fn change_plan(&self, from: &str, to: &str) {
        let path = self.dir.path().join("planb.yaml");
        let plan = std::fs::read_to_string(&path).expect("the plan");
        assert!(plan.contains(from), "the plan has {from}");
        std::fs::write(&path, plan.replacen(from, to, 1)).expect("the changed plan");
    }

    /// `planb ARGUMENTS` in the stage's directory, in English.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = planb();
        command.current_dir(self.dir.path()).args(arguments);
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("planb runs")
    }

    /// Runs it and reads its stdout as JSON; its exit code must be 0.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "planb {arguments:?}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).expect("JSON on stdout")
    }

    /// Starts `planb up` and waits until its API answers.
    pub fn up(&self, environment: &[(&str, &str)]) -> Up {
        let log = self.dir.path().join("up.log");
        let errors = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("a log");
        let mut child = self
            .command(&["up", "--json", "--verbose", "--listen", "127.0.0.1:0"])
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("planb up starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its stdout");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        assert!(
            !line.is_empty(),
            "planb up ended: {}",
            std::fs::read_to_string(&log).unwrap_or_default()
        );
        Up { child }
    }

    /// Waits until `found` answers; shows the log of `up` when it never does.
    pub fn wait<T>(&self, what: &str, mut found: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(WAIT_SECS_MAX);
        loop {
            if let Some(value) = found() {
                return value;
            }
            assert!(
                Instant::now() < deadline,
                "waited {WAIT_SECS_MAX} s for {what}; status {:?}; log:\n{}",
                self.status(),
                std::fs::read_to_string(self.dir.path().join("up.log")).unwrap_or_default()
            );
            // Polls another process; there is nothing to be woken by.
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// The service's status; `None` while nobody answers.
    pub fn status(&self) -> Option<Value> {
        let output = self.run(&["status", "--json"]);
        let all: Value = serde_json::from_slice(&output.stdout).ok()?;
        all.get(0).cloned()
    }

    /// Waits until `site` is active, protected and has a measured RPO.
    pub fn wait_protected(&self, site: &str) -> Value {
        self.wait(&format!("protection of {site}"), || {
            let status = self.status()?;
            let protected = status["active"] == site
                && status["execution"].is_null()
                && status["protection"]["state"] == "protected"
                && status["protection"]["rpoSecs"].is_number();
            protected.then_some(status)
        })
    }
}

impl Drop for Stage {
    /// Kills every workload that is left.
    fn drop(&mut self) {
        let marker = self.dir.path().display().to_string();
        let pattern = format!("demo-service.*{marker}");
        let killed = Command::new("pkill").args(["-9", "-f", &pattern]).status();
        if let Err(error) = killed {
            eprintln!("cannot kill what is left: {error}");
        }
    }
}

/// A running `planb up`, killed when dropped.
pub struct Up {
    pub child: Child,
}

impl Up {
    /// Asks it to stop and returns its exit code.
    pub fn stop(mut self) -> Option<i32> {
        let pid = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("SIGTERM");
        self.child.wait().expect("it ends").code()
    }

    /// Waits for its end by a signal and returns which one.
    pub fn killed_by(mut self) -> Option<i32> {
        use std::os::unix::process::ExitStatusExt;
        self.child.wait().expect("it ends").signal()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if self.child.try_wait().ok().flatten().is_none() {
            self.child.kill().expect("kill");
            self.child.wait().expect("reap");
        }
    }
}

/// The binary under test, in English.
pub fn planb() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_planb"));
    command.env("PLANB_LANG", "en").stdin(Stdio::null());
    command
}

fn site_yaml(name: &str, role: &str, disk: &Path, port: u16) -> String {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_planb"));
    let database = format!("sqlite:{}", disk.join("orders.db").display());
    format!(
        "    - name: {name}\n      role: {role}\n      database: {{ url: \"{database}\" }}\n      \
         workload:\n        start:\n          command: [{program:?}, demo-service, --listen, \"127.0.0.1:{port}\", --database, \"{database}\"]\n          log: {:?}\n        stopGrace: 3s\n      \
         health: http://127.0.0.1:{port}/healthz\n      origin: http://127.0.0.1:{port}\n",
        disk.with_extension("log").display().to_string(),
    )
}

/// Makes the database an order service would have.
pub fn make_orders(path: &Path) {
    let connection = rusqlite::Connection::open(path).expect("a database");
    connection
        .execute_batch(
            "PRAGMA journal_mode = wal;
             CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT NOT NULL,
                quantity INTEGER NOT NULL CHECK (quantity > 0));",
        )
        .expect("a table");
}

/// Places an order and says whether it was acknowledged.
pub fn place_order(base: &str, id: i64) -> bool {
    let body = format!("{{\"id\":{id},\"item\":\"주문 {id}\",\"quantity\":1}}");
    let output = Command::new("curl")
        .args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-m", "5"])
        .args(["-H", "content-type: application/json", "-d", &body])
        .arg(format!("{base}/orders"))
        .output()
        .expect("curl runs");
    output.stdout == b"201"
}

/// Ids of all orders at `base`; `None` when it does not answer.
pub fn order_ids(base: &str) -> Option<Vec<i64>> {
    let output = Command::new("curl")
        .args(["-s", "-f", "-m", "10"])
        .arg(format!("{base}/orders"))
        .output()
        .expect("curl runs");
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines()
        .map(|line| serde_json::from_str::<Value>(line).ok()?["id"].as_i64())
        .collect()
}

/// Loses a site: its disk is cut off, then its processes are killed.
pub fn kill_site(stage: &Stage, site: usize) {
    let disk = stage.dir.path().join(SITES[site]);
    std::fs::rename(&disk, disk.with_extension("lost")).expect("cut off the disk");
    let port = stage.origins[site].rsplit_once(':').expect("a port").1;
    let killed = Command::new("pkill")
        .args([
            "-9",
            "-f",
            &format!("demo-service --listen 127.0.0.1:{port}"),
        ])
        .status()
        .expect("pkill runs");
    assert!(killed.success(), "the web service of {} runs", SITES[site]);
}

/// Brings it back as it was, with its old disk.
pub fn bring_back(stage: &Stage, site: usize) {
    let disk = stage.dir.path().join(SITES[site]);
    std::fs::rename(disk.with_extension("lost"), &disk).expect("put the disk back");
}

/// Waits until a canary that was written after this call came back.
pub fn wait_shipped(stage: &Stage) {
    let newest = |status: &Value| status["protection"]["canary"]["sequence"].as_u64();
    let first = stage.wait("a canary", || newest(&stage.status()?));
    // The next one may be under way already; the one after it is not.
    stage.wait("a newer canary", || {
        newest(&stage.status()?).filter(|seq| *seq >= first + 2)
    });
}
