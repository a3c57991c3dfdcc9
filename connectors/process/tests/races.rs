//! Starts and fences at the same moment.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use planb_connector_process::ManagedWorkload;
use planb_model::Epoch;
use planb_ports::workload::Workload;
use std::time::Duration;
use support::{FIRST, eventually, file, managed, pids, runs, service, shell};
use tempfile::TempDir;

const GRACE: Duration = Duration::from_secs(10);

fn workload(dir: &TempDir, script: &str) -> ManagedWorkload {
    let site = managed(shell(script), None, GRACE);
    ManagedWorkload::new(&service(), &site, dir.path()).unwrap()
}

/// Runs every call at the same moment, each on a thread of its own.
fn at_once<T: Send>(calls: Vec<Box<dyn FnOnce() -> T + Send + '_>>) -> Vec<T> {
    let barrier = std::sync::Barrier::new(calls.len());
    std::thread::scope(|scope| {
        let threads: Vec<_> = calls
            .into_iter()
            .map(|call| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    call()
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap().block_on(future)
}

#[test]
fn many_starts_at_once_make_one_process() {
    for _ in 0..5 {
        let dir = TempDir::new().unwrap();
        let starts = file(&dir, "starts");
        let script = format!("echo $$ >> {}; exec sleep 600", starts.display());
        let start = || block_on(workload(&dir, &script).start(FIRST));
        let results = at_once((0..6).map(|_| Box::new(start) as Box<_>).collect());
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        let alive: Vec<i32> = block_on(async {
            eventually("the start", || pids(&starts).first().copied()).await;
            pids(&starts).into_iter().filter(|p| runs(*p)).collect()
        });
        block_on(workload(&dir, &script).stop(FIRST)).unwrap();
        assert_eq!((alive.len(), pids(&starts).len()), (1, 1));
    }
}

#[test]
fn nothing_runs_after_a_fence_whoever_starts_at_the_same_moment() {
    for _ in 0..10 {
        let dir = TempDir::new().unwrap();
        let starts = file(&dir, "starts");
        let script = format!("echo $$ >> {}; exec sleep 600", starts.display());
        let fence = || block_on(workload(&dir, &script).fence(Epoch(2))).map(drop);
        let start = || match block_on(workload(&dir, &script).start(FIRST)) {
            Err(error) if !error.is_fenced() && error.code() != "PB-WORKLOAD-EXITED" => Err(error),
            _ => Ok(()),
        };
        let mut calls: Vec<Box<dyn FnOnce() -> _ + Send>> = vec![Box::new(fence)];
        calls.extend((0..5).map(|_| Box::new(start) as Box<_>));
        for result in at_once(calls) {
            result.unwrap();
        }
        let left: Vec<i32> = pids(&starts).into_iter().filter(|p| runs(*p)).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
