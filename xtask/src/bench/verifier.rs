//! What the verifier of `planb up` costs: idle with it and without it, and over
//! one drill of a MariaDB snapshot, with the scratch server it starts, and what
//! memory stays taken after some of them.

mod tree;

use super::vault::server::{DATABASE, Server};
use super::{Table, release_binary};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tree::{Peaks, Spent};

/// Time before measuring, for the first snapshot.
const SETTLE_SECS: u64 = 15;
/// Time of measuring while nothing is drilled: the first drill comes after 60.
const IDLE_SECS: u64 = 30;
/// A drill of this much data stays far below it.
const DRILL_SECS_MAX: u64 = 300;
/// How often memory is looked at.
const LOOK_MS: u64 = 50;
/// Time between drills, and after the last one before memory is looked at.
const REST_SECS: u64 = 20;
/// Bytes of one row of the data, about.
const ROW_BYTES: u64 = 200;

/// How much data, and which program.
#[derive(Debug, Args)]
pub struct Options {
    /// Megabytes in the database
    #[arg(long, default_value_t = 100)]
    size_mb: u64,
    /// Drills, one a minute; memory is looked at behind the last one
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    drills: u64,
    /// A program that is built already
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// Runs `planb up` twice, without the verifier and with it.
pub fn measure(options: &Options) -> Result<Table> {
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => release_binary()?,
    };
    let folder = crate::sh::root().join("target/bench-verifier");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let source = Server::mariadb(&folder.join("source"), 1)?;
    let standby = Server::mariadb(&folder.join("standby"), 2)?;
    let rows = options.size_mb * 1_000_000 / ROW_BYTES;
    source.sql(
        DATABASE,
        &format!(
            "CREATE TABLE t (id INT PRIMARY KEY, k INT, v VARCHAR(200), KEY (k));
             INSERT INTO t SELECT seq, seq % 1000, REPEAT(MD5(seq), 5) FROM seq_1_to_{rows}"
        ),
    )?;
    let ports = Ports {
        health: [healthy()?, healthy()?],
        edge: free_port()?,
    };
    let run = |verifies: bool| -> Result<Up> {
        let here = folder.join(if verifies { "on" } else { "off" });
        std::fs::create_dir_all(&here)?;
        let plan = plan(&here, [&source, &standby], &ports, verifies);
        std::fs::write(here.join("planb.yaml"), plan)?;
        Up::start(&binary, &here)
    };
    let mut off = run(false)?;
    let without = off.idle()?;
    drop(off);
    let mut on = run(true)?;
    let with = on.idle()?;
    let drill = on.drill()?;
    for _ in 1..options.drills {
        on.drill()?;
    }
    std::thread::sleep(Duration::from_secs(REST_SECS));
    let rested = tree::resident(on.child.id())?.own_mib;
    let mut markdown = markdown(options.size_mb, &without, &with, &drill);
    markdown.push_str(&format!(
        "| resident memory {REST_SECS} s after {} drills, MiB | {rested:.1} |\n",
        options.drills
    ));
    Ok(Table {
        name: "verifier".to_owned(),
        markdown,
    })
}

fn markdown(size_mb: u64, without: &Idle, with: &Idle, drill: &Drill) -> String {
    let Drill {
        seconds,
        spent,
        peaks,
    } = drill;
    format!(
        "`planb up`, one MariaDB service with {size_mb} MB, vault on the local disk; idle for \
         {IDLE_SECS} s each, then one drill by the verifier with its scratch server at the lowest priority.\n\n\
         | figure | measured |\n|---|---:|\n\
         | processor, verifier off, % of a core | {:.2} |\n\
         | processor, verifier on and waiting, % of a core | {:.2} |\n\
         | resident memory, verifier off, MiB | {:.1} |\n\
         | resident memory, verifier on and waiting, MiB | {:.1} |\n\
         | one drill, s | {seconds:.1} |\n\
         | processor of planb during it, s | {:.2} |\n\
         | processor of the scratch server, s | {:.2} |\n\
         | highest resident memory of planb, MiB | {:.1} |\n\
         | highest resident memory of the scratch server, MiB | {:.1} |\n",
        without.core * 100.0,
        with.core * 100.0,
        without.mib,
        with.mib,
        spent.own_secs,
        spent.children_secs,
        peaks.own_mib,
        peaks.children_mib,
    )
}

/// What an idle stretch took.
struct Idle {
    core: f64,
    mib: f64,
}

/// What a drill took.
struct Drill {
    seconds: f64,
    spent: Spent,
    peaks: Peaks,
}

/// A running `planb up`, ended when dropped.
struct Up {
    child: Child,
    vault: PathBuf,
}

impl Up {
    fn start(binary: &Path, here: &Path) -> Result<Self> {
        let log = std::fs::File::create(here.join("log"))?;
        let child = Command::new(binary)
            .current_dir(here)
            .args(["up", "--listen", "127.0.0.1:0", "--state", "state"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start `planb up`")?;
        let vault = here.join("vault");
        Ok(Self { child, vault })
    }

    fn idle(&mut self) -> Result<Idle> {
        std::thread::sleep(Duration::from_secs(SETTLE_SECS));
        let (before, began) = (self.spent()?, Instant::now());
        std::thread::sleep(Duration::from_secs(IDLE_SECS));
        let spent = self.spent()? - before;
        Ok(Idle {
            core: (spent.own_secs + spent.children_secs) / began.elapsed().as_secs_f64(),
            mib: tree::resident(self.child.id())?.own_mib,
        })
    }

    fn spent(&mut self) -> Result<Spent> {
        if let Some(status) = self.child.try_wait()? {
            bail!("`planb up` ended by itself ({status}); see the log beside its plan");
        }
        tree::spent(self.child.id())
    }

    /// From the scratch server's start to its end.
    fn drill(&mut self) -> Result<Drill> {
        let deadline = Instant::now() + Duration::from_secs(DRILL_SECS_MAX);
        let pid = self.child.id();
        while tree::children(pid)?.is_empty() {
            self.wait(deadline)?;
        }
        let (before, began) = (self.spent()?, Instant::now());
        let mut peaks = Peaks::default();
        while !(tree::children(pid)?.is_empty() && has_record(&self.vault)) {
            peaks.raise(&tree::resident(pid)?);
            self.wait(deadline)?;
        }
        Ok(Drill {
            seconds: began.elapsed().as_secs_f64(),
            spent: self.spent()? - before,
            peaks,
        })
    }

    fn wait(&self, deadline: Instant) -> Result<()> {
        if Instant::now() > deadline {
            bail!("no drill in {DRILL_SECS_MAX} s; see the log beside the plan");
        }
        std::thread::sleep(Duration::from_millis(LOOK_MS));
        Ok(())
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = ended {
            eprintln!("cannot end `planb up`: {error}");
        }
    }
}

/// Whether the vault has the record of a drill.
fn has_record(vault: &Path) -> bool {
    let records = std::fs::read_dir(vault.join("bench/verification"));
    records.is_ok_and(|mut records| records.next().is_some())
}

/// Answers everybody that all is well; its port.
fn healthy() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = [0; 1024];
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            // Who hangs up needs no answer.
            if stream.read(&mut asked).is_ok_and(|length| length > 0)
                && let Err(error) = stream.write_all(answer)
            {
                eprintln!("a probe hung up: {error}");
            }
        }
    });
    Ok(port)
}

/// Ports of this machine.
struct Ports {
    /// Where all is well, of either site.
    health: [u16; 2],
    /// Where the edge of `planb up` listens.
    edge: u16,
}

/// A port nobody listens on.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn plan(here: &Path, servers: [&Server; 2], ports: &Ports, verifies: bool) -> String {
    let [source, standby] = servers;
    let Ports { health, edge } = ports;
    let site = |name: &str, role: &str, server: &Server, health: u16| {
        format!(
            "    - name: {name}\n      role: {role}\n      database: {{ url: \"{}\" }}\n      \
             workload: {{ observe: {{}} }}\n      health: http://127.0.0.1:{health}/\n      \
             origin: http://127.0.0.1:{health}\n",
            server.url()
        )
    };
    format!(
        "apiVersion: planb.dev/v1\nkind: Service\nmetadata: {{ name: bench }}\nspec:\n  grade: 2\n  \
         objectives: {{ rto: 15m, rpo: 5m }}\n  strategy: pilot-light\n  sites:\n{}{}  data:\n    \
         vault: {{ url: \"file://{}\" }}\n    verification: {{ enabled: {verifies}, interval: 1m }}\n  \
         traffic:\n    edge: {{ listen: \"127.0.0.1:{edge}\" }}\n  failover: {{ mode: manual }}\n",
        site("one", "primary", source, health[0]),
        site("two", "standby", standby, health[1]),
        here.join("vault").display(),
    )
}
