//! What the tests of workloads share.

#![expect(clippy::unwrap_used, reason = "tests")]
#![allow(dead_code, reason = "each test file uses some of it")]

use planb_model::plan::{CommandLine, DatabaseAddress, Site, Workload as PlanWorkload};
use planb_model::{Epoch, ServiceName, SiteName};
use planb_ports::workload::{Workload, WorkloadState};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longest wait for something that should happen at once; long for slow machines.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn service() -> ServiceName {
    ServiceName::new("orders").unwrap()
}

/// A shell script as a command line.
pub fn shell(script: &str) -> CommandLine {
    line(&["sh", "-c", script])
}

pub fn line(argv: &[&str]) -> CommandLine {
    CommandLine {
        argv: argv.iter().map(|a| (*a).to_owned()).collect(),
        directory: None,
        env: [].into(),
        log: None,
        timeout: PATIENCE,
    }
}

/// A site with this workload.
pub fn site(workload: PlanWorkload) -> Site {
    Site {
        name: SiteName::new("seoul").unwrap(),
        database: DatabaseAddress::Sqlite {
            path: "/nowhere".into(),
        },
        workload,
        health_url: "http://127.0.0.1:1/".to_owned(),
        origin: "http://127.0.0.1:1".to_owned(),
    }
}

pub fn managed(start: CommandLine, stop: Option<CommandLine>, stop_grace: Duration) -> Site {
    site(PlanWorkload::Managed {
        start,
        stop,
        stop_grace,
    })
}

/// Waits until `look` finds something.
pub async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The pids a script has written, one on a line.
pub fn pids(path: &Path) -> Vec<i32> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|l| l.trim().parse().unwrap()).collect()
}

/// Whether a process runs; one that has ended and was not asked about does not.
pub fn runs(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// The state's pid; `None` when it is stopped.
pub async fn running(workload: &dyn Workload) -> Option<i32> {
    match workload.state().await.unwrap() {
        WorkloadState::Running { pid } => Some(i32::try_from(pid.unwrap()).unwrap()),
        WorkloadState::Stopped => None,
        WorkloadState::NotOurs => panic!("not ours"),
    }
}

pub fn file(dir: &tempfile::TempDir, name: &str) -> PathBuf {
    dir.path().join(name)
}

pub const FIRST: Epoch = Epoch(1);
