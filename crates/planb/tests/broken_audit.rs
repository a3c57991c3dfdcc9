//! A state whose audit log is broken, in an outage: the service is moved, a
//! person looks before, and nothing is hidden.

mod common;

use common::{Stage, kill_site, order_ids, place_order, wait_shipped};
use std::process::Output;

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_broken_log_stops_no_failover_and_is_never_forgotten() {
    let stage = Stage::new("automatic");
    let up = stage.up(&[]);
    stage.wait_protected("seoul");
    stage.wait("an order", || place_order(&stage.edge, 1).then_some(()));
    assert_eq!(up.stop(), Some(0));
    let state = stage.dir.path().join(".planb/state.db");
    let connection = rusqlite::Connection::open(&state).expect("opened");
    let edit = "UPDATE audit SET entry = replace(entry, 'seoul', 'jeju')";
    connection.execute(edit, []).expect("edited");
    drop(connection);
    assert_eq!(stage.run(&["audit", "verify"]).status.code(), Some(4));

    let up = stage.up(&[]);
    let protected = stage.wait_protected("seoul");
    let notice = &protected["notices"][0];
    let said = notice["en"].as_str().expect("a notice");
    assert!(said.contains("AUDIT LOG IS BROKEN"), "{said}");
    let shown = stage.run(&["status", "--lang", "ko"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("✗ 감사 로그가 손상"), "{shown}");
    let log = std::fs::read_to_string(stage.dir.path().join("up.log")).expect("a log");
    assert!(log.contains("✗ THE AUDIT LOG IS BROKEN"), "{log}");

    // The plan says automatic; what the state says is not proven, so it waits.
    wait_shipped(&stage);
    kill_site(&stage, 0);
    let waiting = stage.wait("a failover that waits for approval", || {
        let status = stage.status()?;
        (status["execution"]["state"] == "pendingManualApproval").then_some(status)
    });
    let execution = &waiting["execution"]["execution"];
    let id = execution["id"].as_str().expect("an id");
    let hash = execution["hash"].as_str().expect("a hash");
    let approved = stage.run(&["approve", id, "--hash", &hash[..12]]);
    assert!(approved.status.success(), "{}", err(&approved));
    let there = stage.wait_protected("busan");
    assert_eq!(order_ids(&stage.edge), Some(vec![1]));
    assert_eq!(&there["notices"][0], notice);
    assert_eq!(up.stop(), Some(0));

    let verified = stage.run(&["audit", "verify"]);
    assert_eq!(verified.status.code(), Some(4));
    for needle in ["PB-AUDIT-BROKEN", "since then are as they were signed"] {
        assert!(err(&verified).contains(needle), "{}", err(&verified));
    }
    let aside = stage.run(&["audit", "show", "--aside", "1"]);
    let aside = String::from_utf8_lossy(&aside.stdout).into_owned();
    assert!(aside.contains("jeju"), "as it was found: {aside}");
    let kept = stage.dir.path().join(".planb/audit.checkpoint.broken-1");
    assert!(kept.exists(), "the checkpoint that shows it");
}
