//! Managed workloads, with real processes.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use planb_connector_process::{ManagedOptions, ManagedWorkload, process_group_of};
use planb_model::Epoch;
use planb_ports::ErrorKind;
use planb_ports::workload::{FenceProof, Workload, WorkloadState};
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};
use support::{FIRST, eventually, file, line, managed, pids, running, runs, service, shell};
use tempfile::TempDir;

const GRACE: Duration = Duration::from_secs(10);

fn workload(dir: &TempDir, script: &str) -> ManagedWorkload {
    let site = managed(shell(script), None, GRACE);
    ManagedWorkload::new(&service(), &site, dir.path()).unwrap()
}

fn sleeper(dir: &TempDir) -> ManagedWorkload {
    workload(dir, "exec sleep 600")
}

#[tokio::test]
async fn it_starts_once_and_stops() {
    let dir = TempDir::new().unwrap();
    let workload = sleeper(&dir);
    assert_eq!(workload.state().await.unwrap(), WorkloadState::Stopped);
    workload.stop(FIRST).await.unwrap();
    workload.start(FIRST).await.unwrap();
    let pid = running(&workload).await.unwrap();
    workload.start(FIRST).await.unwrap();
    assert_eq!(running(&workload).await, Some(pid), "started once");
    assert_eq!(process_group_of(dir.path(), "orders", "seoul"), Some(pid));
    workload.stop(FIRST).await.unwrap();
    assert!(!runs(pid));
    assert_eq!(running(&workload).await, None);
    assert_eq!(process_group_of(dir.path(), "orders", "seoul"), None);
    workload.start(FIRST).await.unwrap();
    assert_ne!(running(&workload).await, Some(pid));
    workload.stop(FIRST).await.unwrap();
}

#[tokio::test]
async fn it_gets_its_environment_directory_and_log() {
    let dir = TempDir::new().unwrap();
    let log = file(&dir, "logs/orders.log");
    let mut start = shell(
        "pwd; echo $PLANB_SERVICE $PLANB_SITE $PLANB_EPOCH $EXTRA; echo oops >&2; exec sleep 600",
    );
    start.directory = Some("/".into());
    start.env.insert("EXTRA".to_owned(), "more".to_owned());
    start.log = Some(log.clone());
    let site = managed(start, None, GRACE);
    let workload = ManagedWorkload::new(&service(), &site, dir.path()).unwrap();
    workload.start(Epoch(7)).await.unwrap();
    let text = eventually("the log", || {
        std::fs::read_to_string(&log)
            .ok()
            .filter(|t| t.contains("oops"))
    })
    .await;
    assert_eq!(text, "/\norders seoul 7 more\noops\n");
    workload.stop(Epoch(7)).await.unwrap();
}

#[tokio::test]
async fn it_outlives_planb_and_is_found_again() {
    let dir = TempDir::new().unwrap();
    let first = sleeper(&dir);
    first.start(FIRST).await.unwrap();
    let pid = running(&first).await.unwrap();
    drop(first);
    assert!(runs(pid));
    let second = sleeper(&dir);
    assert_eq!(running(&second).await, Some(pid));
    second.stop(FIRST).await.unwrap();
    assert!(!runs(pid));
}

#[tokio::test]
async fn a_record_without_a_leader_finds_the_program_by_its_mark() {
    let dir = TempDir::new().unwrap();
    let workload = sleeper(&dir);
    workload.start(FIRST).await.unwrap();
    let pid = running(&workload).await.unwrap();
    // What is on the disk when PlanB dies between starting the program and noting it.
    let path = file(&dir, "orders/seoul/run.json");
    let mut record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    record["leader"] = serde_json::Value::Null;
    std::fs::write(&path, record.to_string()).unwrap();
    let again = sleeper(&dir);
    assert_eq!(running(&again).await, Some(pid));
    again.start(FIRST).await.unwrap();
    assert_eq!(
        running(&again).await,
        Some(pid),
        "adopted, not started again"
    );
    assert_eq!(again.fence(Epoch(2)).await.unwrap(), FenceProof::Stopped);
    assert!(!runs(pid));
}

#[tokio::test]
async fn a_reused_pid_is_left_alone() {
    let dir = TempDir::new().unwrap();
    let workload = sleeper(&dir);
    workload.start(FIRST).await.unwrap();
    let pid = running(&workload).await.unwrap();
    let path = file(&dir, "orders/seoul/run.json");
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    // A stranger now has the number that is on record.
    let mut stranger = std::process::Command::new("sleep")
        .arg("600")
        .process_group(0)
        .spawn()
        .unwrap();
    let mut changed = record.clone();
    changed["leader"]["pid"] = stranger.id().into();
    changed["id"] = "no such run".into();
    std::fs::write(&path, changed.to_string()).unwrap();
    assert_eq!(running(&workload).await, None);
    assert_eq!(
        workload.fence(Epoch(2)).await.unwrap(),
        FenceProof::NotRunning
    );
    assert!(stranger.try_wait().unwrap().is_none(), "the stranger lives");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    std::fs::write(&path, record.to_string()).unwrap();
    workload.stop(Epoch(2)).await.unwrap();
    assert!(!runs(pid));
}

#[tokio::test]
async fn the_record_of_an_earlier_boot_means_nothing() {
    let dir = TempDir::new().unwrap();
    let workload = sleeper(&dir);
    workload.start(FIRST).await.unwrap();
    let pid = running(&workload).await.unwrap();
    let path = file(&dir, "orders/seoul/run.json");
    let record = std::fs::read_to_string(&path).unwrap();
    let mut changed: serde_json::Value = serde_json::from_str(&record).unwrap();
    changed["boot"] = "an earlier one".into();
    std::fs::write(&path, changed.to_string()).unwrap();
    assert_eq!(running(&workload).await, None);
    std::fs::write(&path, record).unwrap();
    workload.stop(FIRST).await.unwrap();
    assert!(!runs(pid));
}

#[tokio::test]
async fn the_whole_tree_is_stopped_even_what_left_the_group() {
    let dir = TempDir::new().unwrap();
    let tree = file(&dir, "tree");
    let script = format!(
        "trap '' TERM; sleep 600 & echo $! >> {0}; setsid sleep 600 & echo $! >> {0}; echo $$ >> {0}; wait; sleep 600",
        tree.display()
    );
    let site = managed(shell(&script), None, Duration::from_millis(200));
    let workload = ManagedWorkload::new(&service(), &site, dir.path()).unwrap();
    workload.start(FIRST).await.unwrap();
    let all = eventually("three processes", || {
        Some(pids(&tree)).filter(|p| p.len() == 3)
    })
    .await;
    workload.stop(FIRST).await.unwrap();
    let left: Vec<i32> = all.into_iter().filter(|p| runs(*p)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn sigkill_comes_after_the_grace_and_not_before() {
    let dir = TempDir::new().unwrap();
    let grace = Duration::from_millis(300);
    let ready = file(&dir, "ready");
    let script = format!(
        "trap '' TERM; echo $$ > {}; while :; do sleep 600; done",
        ready.display()
    );
    let site = managed(shell(&script), None, grace);
    let workload = ManagedWorkload::new(&service(), &site, dir.path()).unwrap();
    workload.start(FIRST).await.unwrap();
    let pid = eventually("the trap", || pids(&ready).first().copied()).await;
    let began = Instant::now();
    workload.stop(FIRST).await.unwrap();
    assert!(began.elapsed() >= grace);
    assert!(!runs(pid));
}

#[tokio::test]
async fn a_program_that_ends_in_good_order_is_given_the_time() {
    let dir = TempDir::new().unwrap();
    let (ready, done) = (file(&dir, "ready"), file(&dir, "done"));
    let script = format!(
        "trap 'echo clean > {}; exit 0' TERM; echo $$ > {}; while :; do sleep 0.01; done",
        done.display(),
        ready.display()
    );
    let workload = workload(&dir, &script);
    workload.start(FIRST).await.unwrap();
    eventually("the trap", || pids(&ready).first().copied()).await;
    workload.stop(FIRST).await.unwrap();
    assert_eq!(std::fs::read_to_string(&done).unwrap(), "clean\n");
}

#[tokio::test]
async fn the_stop_command_is_used_and_its_failure_is_no_excuse() {
    for (stop, expected) in [
        ("kill -USR1 $(cat pid)", true),
        ("exit 3", false),
        ("sleep 600", false),
    ] {
        let dir = TempDir::new().unwrap();
        let script =
            "trap 'echo asked > asked; exit 0' USR1; echo $$ > pid; while :; do sleep 0.01; done";
        let (mut start, mut stop) = (shell(script), shell(stop));
        start.directory = Some(dir.path().into());
        stop.directory = Some(dir.path().into());
        stop.timeout = Duration::from_millis(300);
        let site = managed(start, Some(stop), GRACE);
        let workload = ManagedWorkload::new(&service(), &site, dir.path()).unwrap();
        workload.start(FIRST).await.unwrap();
        let pid = eventually("the trap", || pids(&file(&dir, "pid")).first().copied()).await;
        workload.stop(FIRST).await.unwrap();
        assert!(!runs(pid));
        assert_eq!(file(&dir, "asked").exists(), expected);
    }
}

#[tokio::test]
async fn an_older_epoch_is_refused_for_ever() {
    let dir = TempDir::new().unwrap();
    let workload = sleeper(&dir);
    workload.start(FIRST).await.unwrap();
    let pid = running(&workload).await.unwrap();
    assert_eq!(workload.fence(Epoch(3)).await.unwrap(), FenceProof::Stopped);
    assert!(!runs(pid));
    // Another process of PlanB on the same directory knows it as well.
    for workload in [workload, sleeper(&dir)] {
        for refused in [
            workload.start(Epoch(2)).await,
            workload.stop(Epoch(2)).await,
        ] {
            let error = refused.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Fenced { current: Epoch(3) });
        }
        assert!(workload.fence(Epoch(2)).await.unwrap_err().is_fenced());
        assert_eq!(running(&workload).await, None, "nothing was started");
        assert_eq!(
            workload.fence(Epoch(3)).await.unwrap(),
            FenceProof::NotRunning
        );
    }
    let workload = sleeper(&dir);
    workload.start(Epoch(3)).await.unwrap();
    assert!(running(&workload).await.is_some());
    workload.stop(Epoch(4)).await.unwrap();
}

#[tokio::test]
async fn the_fence_is_durable_before_anything_is_stopped() {
    let dir = TempDir::new().unwrap();
    let ready = file(&dir, "ready");
    let script = format!(
        "trap '' TERM; echo $$ > {}; while :; do sleep 600; done",
        ready.display()
    );
    let workload = workload(&dir, &script);
    workload.start(FIRST).await.unwrap();
    let pid = eventually("the trap", || pids(&ready).first().copied()).await;
    let epoch = file(&dir, "orders/seoul/epoch.json");
    let watch = async {
        eventually("the fence", || {
            let text = std::fs::read_to_string(&epoch).ok()?;
            text.contains('2').then_some(())
        })
        .await;
        // It ignores SIGTERM, so it is still there when the fence is.
        runs(pid)
    };
    let (fenced, was_running) = tokio::join!(workload.fence(Epoch(2)), watch);
    assert_eq!(fenced.unwrap(), FenceProof::Stopped);
    assert!(was_running);
    assert!(!runs(pid));
}

#[tokio::test]
async fn a_program_that_ends_at_once_is_an_error_with_its_last_words() {
    let dir = TempDir::new().unwrap();
    let mut start = shell("echo port taken >&2; exit 3");
    start.log = Some(file(&dir, "log"));
    let site = managed(start, None, GRACE);
    let workload = ManagedWorkload::new(&service(), &site, dir.path()).unwrap();
    let error = workload.start(FIRST).await.unwrap_err();
    assert_eq!(error.code(), "PB-WORKLOAD-EXITED");
    assert!(
        error
            .to_string()
            .contains("exit status: 3; it said: port taken"),
        "{error}"
    );
    assert_eq!(running(&workload).await, None);
}

#[tokio::test]
async fn a_program_that_goes_to_the_background_is_an_error_and_is_ended() {
    let dir = TempDir::new().unwrap();
    let background = file(&dir, "background");
    let script = format!("setsid sleep 600 & echo $! > {}", background.display());
    let workload = workload(&dir, &script);
    let error = workload.start(FIRST).await.unwrap_err();
    assert_eq!(error.code(), "PB-WORKLOAD-EXITED");
    assert!(!runs(pids(&background)[0]));
}

#[tokio::test]
async fn what_a_dead_program_left_behind_is_cleared_before_a_start() {
    let dir = TempDir::new().unwrap();
    let (left, go) = (file(&dir, "left"), file(&dir, "go"));
    let script = format!(
        "sleep 600 & echo $! >> {}; while [ ! -e {} ]; do sleep 0.01; done",
        left.display(),
        go.display()
    );
    let workload = workload(&dir, &script);
    workload.start(FIRST).await.unwrap();
    let pid = running(&workload).await.unwrap();
    std::fs::write(&go, "").unwrap();
    eventually("the program to end", || (!runs(pid)).then_some(())).await;
    assert_eq!(
        workload.state().await.unwrap(),
        WorkloadState::Running { pid: None }
    );
    std::fs::remove_file(&go).unwrap();
    workload.start(FIRST).await.unwrap();
    assert!(!runs(pids(&left)[0]), "cleared");
    assert!(running(&workload).await.is_some());
    workload.stop(FIRST).await.unwrap();
}

#[tokio::test]
async fn commands_that_cannot_be_started_say_why() {
    let dir = TempDir::new().unwrap();
    let plain = file(&dir, "plain.txt");
    std::fs::write(&plain, "no program").unwrap();
    let mut elsewhere = line(&["sleep", "1"]);
    elsewhere.directory = Some("/no/such/directory".into());
    let mut no_log = line(&["sleep", "1"]);
    no_log.log = Some("/proc/no/log".into());
    for (start, code) in [
        (line(&["/no/such/program"]), "PB-WORKLOAD-COMMAND-NOT-FOUND"),
        (line(&["no-such-program"]), "PB-WORKLOAD-COMMAND-NOT-FOUND"),
        (
            line(&[plain.to_str().unwrap()]),
            "PB-WORKLOAD-COMMAND-NOT-EXECUTABLE",
        ),
        (elsewhere, "PB-WORKLOAD-DIRECTORY"),
        (no_log, "PB-WORKLOAD-LOG"),
    ] {
        let site = managed(start, None, GRACE);
        let workload = ManagedWorkload::new(&service(), &site, dir.path()).unwrap();
        let error = workload.start(FIRST).await.unwrap_err();
        assert_eq!(
            (error.code(), error.kind()),
            (code, ErrorKind::Invalid),
            "{error}"
        );
        assert!(error.hint_text().is_some());
        assert_eq!(running(&workload).await, None);
    }
}

#[tokio::test]
async fn it_can_join_a_group_and_is_stopped_without_the_rest_of_it() {
    let dir = TempDir::new().unwrap();
    let mut database = std::process::Command::new("sleep")
        .arg("600")
        .process_group(0)
        .spawn()
        .unwrap();
    let group = i32::try_from(database.id()).unwrap();
    let site = managed(shell("sleep 600 & wait"), None, GRACE);
    let options = ManagedOptions {
        join_group: Some(group),
    };
    let workload = ManagedWorkload::with_options(&service(), &site, dir.path(), options).unwrap();
    workload.start(FIRST).await.unwrap();
    let pid = running(&workload).await.unwrap();
    assert_eq!(process_group_of(dir.path(), "orders", "seoul"), Some(group));
    workload.stop(FIRST).await.unwrap();
    assert!(!runs(pid));
    assert!(
        database.try_wait().unwrap().is_none(),
        "the rest of the group lives"
    );
    workload.start(FIRST).await.unwrap();
    let pid = running(&workload).await.unwrap();
    nix::sys::signal::killpg(
        nix::unistd::Pid::from_raw(group),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    database.wait().unwrap();
    eventually("the site to die", || (!runs(pid)).then_some(())).await;
    assert_eq!(
        workload.fence(Epoch(2)).await.unwrap(),
        FenceProof::NotRunning
    );
}

#[tokio::test]
async fn a_group_that_is_not_there_cannot_be_joined() {
    let dir = TempDir::new().unwrap();
    let mut ended = std::process::Command::new("true")
        .process_group(0)
        .spawn()
        .unwrap();
    let options = ManagedOptions {
        join_group: Some(i32::try_from(ended.id()).unwrap()),
    };
    ended.wait().unwrap();
    let site = managed(shell("exec sleep 600"), None, GRACE);
    let workload = ManagedWorkload::with_options(&service(), &site, dir.path(), options).unwrap();
    let error = workload.start(FIRST).await.unwrap_err();
    assert_eq!(error.code(), "PB-WORKLOAD-GROUP", "{error}");
    assert_eq!(running(&workload).await, None);
}

#[tokio::test]
async fn a_damaged_record_is_an_error_and_not_a_guess() {
    let dir = TempDir::new().unwrap();
    let workload = sleeper(&dir);
    workload.stop(FIRST).await.unwrap();
    std::fs::write(file(&dir, "orders/seoul/run.json"), "{").unwrap();
    for error in [
        workload.state().await.unwrap_err(),
        workload.fence(Epoch(2)).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}
