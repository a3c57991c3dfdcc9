//! PlanB is killed at any moment of a start, and there is never a second process.
//!
//! The test program runs itself again as the PlanB that is killed.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use planb_connector_process::ManagedWorkload;
use planb_model::Epoch;
use planb_ports::workload::{FenceProof, Workload};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::{FIRST, eventually, file, managed, pids, running, runs, service, shell};
use tempfile::TempDir;

/// Tells this program to be the PlanB that is killed, and where.
const VICTIM: &str = "PLANB_TEST_VICTIM_DIR";
/// Rounds of the killing, at moments spread over a whole start.
const ROUNDS: u32 = 24;

fn workload(dir: &Path) -> ManagedWorkload {
    let starts = dir.join("starts");
    let script = format!("echo $$ >> {}; exec sleep 600", starts.display());
    let site = managed(shell(&script), None, Duration::from_secs(5));
    ManagedWorkload::new(&service(), &site, dir).unwrap()
}

/// Runs this test program again; it starts the workload and then waits to be killed.
fn victim(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_victim", "--nocapture"])
        .env(VICTIM, dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn the_victim() {
    let Some(dir) = std::env::var_os(VICTIM) else {
        return;
    };
    let dir = Path::new(&dir);
    std::fs::write(dir.join("begun"), "").unwrap();
    workload(dir).start(FIRST).await.unwrap();
    std::fs::write(dir.join("started"), "").unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_workload_outlives_a_killed_planb() {
    let dir = TempDir::new().unwrap();
    let mut planb = victim(dir.path());
    eventually("the start", || file(&dir, "started").exists().then_some(())).await;
    planb.kill().unwrap();
    planb.wait().unwrap();
    let again = workload(dir.path());
    let pid = running(&again).await.unwrap();
    assert!(runs(pid));
    again.start(FIRST).await.unwrap();
    assert_eq!(pids(&file(&dir, "starts")), [pid]);
    assert_eq!(again.fence(Epoch(2)).await.unwrap(), FenceProof::Stopped);
    assert!(!runs(pid));
}

#[tokio::test]
async fn killed_at_any_moment_there_is_never_a_second_process() {
    let mut between = 0;
    for round in 0..ROUNDS {
        let dir = TempDir::new().unwrap();
        let mut planb = victim(dir.path());
        eventually("the victim", || file(&dir, "begun").exists().then_some(())).await;
        // Later in every round, over the 20 ms in which the records are written.
        let moment = Instant::now() + Duration::from_micros(800) * round;
        while Instant::now() < moment {
            std::hint::spin_loop();
        }
        planb.kill().unwrap();
        planb.wait().unwrap();
        let again = workload(dir.path());
        again.start(FIRST).await.unwrap();
        let pid = running(&again).await.unwrap();
        let starts = file(&dir, "starts");
        eventually("the program", || pids(&starts).contains(&pid).then_some(())).await;
        let alive: Vec<i32> = pids(&starts).into_iter().filter(|p| runs(*p)).collect();
        assert_eq!(alive, [pid], "round {round}");
        between += u32::from(!file(&dir, "started").exists());
        again.stop(FIRST).await.unwrap();
        assert!(!runs(pid));
    }
    assert!(between > 0, "no round killed PlanB inside a start");
}
