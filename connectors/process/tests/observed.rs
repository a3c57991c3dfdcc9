//! Workloads that others run, with real hooks.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use planb_connector_process::{ManagedWorkload, ObservedWorkload};
use planb_model::Epoch;
use planb_model::plan::{CommandLine, Workload as PlanWorkload};
use planb_ports::workload::{FenceProof, Workload, WorkloadState};
use planb_ports::{ErrorKind, Retry};
use std::time::Duration;
use support::{FIRST, eventually, file, line, pids, runs, service, shell, site};
use tempfile::TempDir;

fn workload(dir: &TempDir, fence: Option<CommandLine>) -> ObservedWorkload {
    let site = site(PlanWorkload::Observed {
        start: fence.clone(),
        stop: None,
        fence,
    });
    ObservedWorkload::new(&service(), &site, dir.path()).unwrap()
}

#[tokio::test]
async fn hooks_get_their_environment_and_exit_code_0_is_done() {
    let dir = TempDir::new().unwrap();
    let out = file(&dir, "out");
    let script = format!(
        "echo $PLANB_SERVICE $PLANB_SITE $PLANB_EPOCH >> {}",
        out.display()
    );
    let workload = workload(&dir, Some(shell(&script)));
    workload.start(FIRST).await.unwrap();
    assert_eq!(
        workload.fence(Epoch(2)).await.unwrap(),
        FenceProof::HookSucceeded
    );
    assert_eq!(
        std::fs::read_to_string(out).unwrap(),
        "orders seoul 1\norders seoul 2\n"
    );
    assert_eq!(workload.state().await.unwrap(), WorkloadState::NotOurs);
}

#[tokio::test]
async fn without_hooks_others_act_and_nothing_is_certain() {
    let dir = TempDir::new().unwrap();
    let workload = workload(&dir, None);
    workload.start(FIRST).await.unwrap();
    workload.stop(FIRST).await.unwrap();
    let error = workload.fence(Epoch(2)).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Unsupported, "PB-WORKLOAD-NO-HOOK")
    );
    assert!(workload.start(FIRST).await.unwrap_err().is_fenced());
}

#[tokio::test]
async fn an_older_epoch_runs_no_hook() {
    let dir = TempDir::new().unwrap();
    let out = file(&dir, "out");
    let workload = workload(
        &dir,
        Some(shell(&format!("echo $PLANB_EPOCH >> {}", out.display()))),
    );
    workload.fence(Epoch(5)).await.unwrap();
    let error = workload.start(Epoch(4)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced { current: Epoch(5) });
    assert_eq!(std::fs::read_to_string(out).unwrap(), "5\n");
}

#[tokio::test]
async fn a_failed_hook_says_what_it_said() {
    let dir = TempDir::new().unwrap();
    let long = "x".repeat(5_000);
    let script = format!("echo {long} >&2; echo no such host >&2; exit 4");
    for log in [None, Some(file(&dir, "hook.log"))] {
        let hook = CommandLine {
            log,
            ..shell(&script)
        };
        let error = workload(&dir, Some(hook)).fence(FIRST).await.unwrap_err();
        assert_eq!(error.code(), "PB-WORKLOAD-HOOK-FAILED");
        let text = error.to_string();
        assert!(
            text.contains("exit status: 4") && text.ends_with("no such host"),
            "{text}"
        );
        assert!(text.len() < 2_500, "the tail is bounded: {}", text.len());
    }
}

#[tokio::test]
async fn a_hook_that_hangs_is_killed_with_its_group_and_unknown() {
    let dir = TempDir::new().unwrap();
    let started = file(&dir, "started");
    let script = format!(
        "sleep 600 & echo $! > {0}; echo $$ >> {0}; echo waiting >&2; wait",
        started.display()
    );
    let hook = CommandLine {
        timeout: Duration::from_secs(1),
        ..shell(&script)
    };
    let error = workload(&dir, Some(hook)).fence(FIRST).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Timeout, Retry::AfterAsking)
    );
    assert!(error.to_string().ends_with("it said: waiting"), "{error}");
    let both = pids(&started);
    assert_eq!(both.len(), 2);
    for pid in both {
        eventually("the hook to die", || (!runs(pid)).then_some(())).await;
    }
}

#[tokio::test]
async fn a_hook_nobody_waits_for_any_more_is_killed() {
    let dir = TempDir::new().unwrap();
    let started = file(&dir, "started");
    let hook = shell(&format!("echo $$ > {}; exec sleep 600", started.display()));
    let workload = workload(&dir, Some(hook));
    let pid = tokio::select! {
        ended = workload.fence(FIRST) => panic!("ended: {ended:?}"),
        pid = eventually("the hook", || pids(&started).first().copied()) => pid,
    };
    eventually("the hook to die", || (!runs(pid)).then_some(())).await;
}

#[tokio::test]
async fn what_a_hook_starts_in_the_background_lives_on() {
    let dir = TempDir::new().unwrap();
    let started = file(&dir, "started");
    let hook = shell(&format!("sleep 600 & echo $! > {}", started.display()));
    workload(&dir, Some(hook)).start(FIRST).await.unwrap();
    let pid = pids(&started)[0];
    assert!(runs(pid));
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(pid),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
}

#[tokio::test]
async fn a_hook_that_is_not_there_says_so() {
    let dir = TempDir::new().unwrap();
    let error = workload(&dir, Some(line(&["/no/such/hook"])))
        .fence(FIRST)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "PB-WORKLOAD-COMMAND-NOT-FOUND");
}

#[test]
fn the_other_kind_of_workload_is_refused() {
    let dir = TempDir::new().unwrap();
    let observed = site(PlanWorkload::Observed {
        start: None,
        stop: None,
        fence: None,
    });
    assert!(ManagedWorkload::new(&service(), &observed, dir.path()).is_err());
    let managed = support::managed(shell("true"), None, Duration::ZERO);
    assert!(ObservedWorkload::new(&service(), &managed, dir.path()).is_err());
}
