//! Wrong input and a hostile machine: a clear message, the right exit code,
//! and nothing changed.

mod common;

use common::{SITES, Stage, order_ids, place_order, planb};
use std::process::Output;

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs in a stage whose plan has `from` replaced by `to`.
fn with_plan(from: &str, to: &str, arguments: &[&str]) -> Output {
    let stage = Stage::new("approve");
    stage.change_plan(from, to);
    stage.run(arguments)
}

#[test]
fn bad_plans_are_refused_with_file_line_and_field() {
    for (from, to, needles) in [
        (
            "kind: Service",
            "kind: [Service",
            ["planb.yaml:"].as_slice(),
        ),
        ("rto: 15m", "rto: soon", &["planb.yaml:6:", "rto"]),
        ("grade: 1", "grade: one", &["planb.yaml:", "grade"]),
        (
            "strategy:",
            "strategie:",
            &["planb.yaml:", "strategie", "strategy"],
        ),
        ("grade: 1", "grade: 9", &["planb.yaml:", "grade"]),
    ] {
        let output = with_plan(from, to, &["check", "--static"]);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{to}: {text}");
        for needle in needles {
            assert!(text.contains(needle), "{to}: no '{needle}' in {text}");
        }
    }
}

#[test]
fn a_missing_plan_says_how_to_make_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let output = planb()
        .current_dir(&dir)
        .arg("check")
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(3));
    assert!(
        stderr(&output).contains("planb init"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn init_writes_a_plan_that_checks_and_never_overwrites() {
    let dir = tempfile::tempdir().expect("a directory");
    let run = |arguments: &[&str]| {
        planb()
            .current_dir(&dir)
            .args(arguments)
            .output()
            .expect("runs")
    };
    assert_eq!(run(&["init"]).status.code(), Some(0));
    assert_eq!(run(&["check", "--static"]).status.code(), Some(0));
    let before = std::fs::read(dir.path().join("planb.yaml")).expect("written");
    let again = run(&["--lang", "ko", "init"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("이미 있어"), "{}", stderr(&again));
    assert_eq!(
        std::fs::read(dir.path().join("planb.yaml")).expect("kept"),
        before
    );
}

#[test]
fn an_unreachable_database_and_a_missing_secret_are_found_by_check() {
    let mut port = 0;
    let stage = Stage::new("approve");
    let path = stage.dir.path().join("planb.yaml");
    let plan = std::fs::read_to_string(&path).expect("the plan");
    let changed: String = plan
        .lines()
        .map(|line| {
            if !line.trim_start().starts_with("database:") {
                return format!("{line}\n");
            }
            // Nothing listens on the first ports of a machine.
            port += 1;
            let url = format!("mariadb://planb@127.0.0.1:{port}/orders");
            let password = "{ env: PLANB_TEST_NO_SUCH }";
            format!("      database: {{ url: \"{url}\", password: {password} }}\n")
        })
        .collect();
    std::fs::write(&path, &changed).expect("the changed plan");
    let output = stage.run(&["check"]);
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("PB-SECRET-MISSING") && text.contains("PLANB_TEST_NO_SUCH"),
        "{text}"
    );

    let output = stage
        .command(&["check"])
        .env("PLANB_TEST_NO_SUCH", "hunter2")
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(4));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("127.0.0.1:1"), "{text}");
    assert!(!text.contains("hunter2") && !stderr(&output).contains("hunter2"));
}

#[test]
fn two_control_planes_on_one_state_are_one_too_many() {
    let stage = Stage::new("approve");
    let up = stage.up(&[]);
    stage.wait_protected("seoul");
    let second = stage.run(&["up", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(6), "{}", stderr(&second));
    assert!(
        stderr(&second).contains("PB-STATE-LOCKED"),
        "{}",
        stderr(&second)
    );
    assert!(stage.status().is_some(), "the first one goes on");
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn taken_ports_are_named() {
    let stage = Stage::new("approve");
    let edge = stage.edge.trim_start_matches("http://").to_owned();
    let taken = std::net::TcpListener::bind(&edge).expect("take the edge's port");
    let output = stage.run(&["up", "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains(&edge), "{}", stderr(&output));
    drop(taken);
    let api = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = api.local_addr().expect("an address").to_string();
    let output = stage.run(&["up", "--listen", &address]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("PB-API-LISTEN"),
        "{}",
        stderr(&output)
    );
    let output = stage.run(&["up", "--listen", "0.0.0.0:0"]);
    assert!(
        stderr(&output).contains("PB-API-NOT-LOOPBACK"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn verbs_without_a_control_plane_or_an_approval_do_nothing() {
    let stage = Stage::new("approve");
    for verb in [
        &["status"][..],
        &["failover", "--yes"],
        &["approve", "x", "--hash", "0"],
    ] {
        let output = stage.run(verb);
        assert_eq!(output.status.code(), Some(1), "{verb:?}");
        assert!(
            stderr(&output).contains("PB-CLI-NOT-UP"),
            "{verb:?}: {}",
            stderr(&output)
        );
    }
    let up = stage.up(&[]);
    stage.wait_protected("seoul");
    let output = stage.run(&["switchover"]);
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    let output = stage.run(&["switchover", "nobody", "--yes"]);
    assert!(
        stderr(&output).contains("PB-SERVICE-NOT-FOUND"),
        "{}",
        stderr(&output)
    );
    assert_eq!(
        stage.status().expect("status")["epoch"],
        1,
        "nothing was done"
    );
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_vault_that_goes_away_degrades_protection_and_comes_back() {
    let stage = Stage::new("approve");
    let up = stage.up(&[]);
    stage.wait_protected("seoul");
    let vault = stage.dir.path().join("vault");
    let gone = stage.dir.path().join("vault.gone");
    std::fs::rename(&vault, &gone).expect("take the vault away");
    // A file in its place: a directory could be made again by anyone.
    std::fs::write(&vault, "not a vault").expect("block it");
    stage.wait("degraded protection", || {
        let status = stage.status()?;
        (status["protection"]["state"] == "degraded").then_some(())
    });
    assert!(place_order(&stage.edge, 7), "the service is not blocked");
    std::fs::remove_file(&vault).expect("unblock");
    std::fs::rename(&gone, &vault).expect("put the vault back");
    stage.wait_protected("seoul");
    stage.json(&["switchover", "--yes", "--json"]);
    assert_eq!(order_ids(&stage.edge), Some(vec![7]));
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_damaged_vault_pauses_a_failover_and_names_the_object() {
    let stage = Stage::new("approve");
    let up = stage.up(&[]);
    stage.wait_protected("seoul");
    let parts = files_below(&stage.dir.path().join("vault/orders/snapshot"));
    for part in parts.iter().filter(|p| !p.ends_with("manifest.json")) {
        let mut bytes = std::fs::read(part).expect("a part");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        std::fs::write(part, bytes).expect("damage it");
    }
    let output = stage.run(&["failover", "--yes", "--json"]);
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    let status = stage.status().expect("status");
    assert_eq!(status["execution"]["state"], "pausedByFailedStep");
    assert!(
        stderr(&output).contains("snapshot/"),
        "names the object: {}",
        stderr(&output)
    );
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    let stage = Stage::new("approve");
    let state = stage.dir.path().join("small");
    std::fs::create_dir(&state).expect("a mount point");
    // A file system of 64 KiB in a mount namespace of its own.
    let script = format!(
        "mount -t tmpfs -o size=64k none {0} && exec {1} up --state {0} --listen 127.0.0.1:0",
        state.display(),
        env!("CARGO_BIN_EXE_planb")
    );
    let output = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
        .current_dir(stage.dir.path())
        .env("PLANB_LANG", "en")
        .output()
        .expect("unshare runs");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("space"), "{}", stderr(&output));
}

#[test]
fn an_interrupted_demo_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("a directory");
    let work = dir.path().join("work");
    let mut child = planb()
        .args(["demo", "--size-mb", "1", "--dir"])
        .arg(&work)
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the demo starts");
    let marker = work.display().to_string();
    let runs = || {
        let found = std::process::Command::new("pgrep")
            .args(["-f", &format!("demo-service.*{marker}")])
            .output()
            .expect("pgrep runs");
        found.status.success()
    };
    wait_for(runs);
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("Ctrl-C");
    let ended = child.wait().expect("it ends");
    assert_eq!(ended.code(), Some(130));
    wait_for(|| !runs());
    for site in SITES {
        assert!(!work.join(site).exists(), "{site} is cleared away");
    }
}

fn wait_for(condition: impl Fn() -> bool) {
    let deadline =
        std::time::Instant::now() + std::time::Duration::from_secs(common::WAIT_SECS_MAX);
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "waited too long");
        std::thread::sleep(std::time::Duration::from_millis(30));
    }
}

fn files_below(path: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}
