//! `planb audit` on a real state: what is whole, and what was changed.

mod common;

use common::planb;
use planb_connector_system::SystemDisk;
use planb_model::execution::JournalEntry;
use planb_ports::Store;
use planb_ports::contract::store::execution;
use planb_server::STATE_FILE;
use planb_server::audit::{self, AuditOptions};
use planb_store_sqlite::SqliteStore;
use std::path::Path;
use std::process::Output;

/// A state with one execution in it, closed.
async fn state(dir: &Path) {
    let options = AuditOptions::default();
    let audit = audit::open(&options, dir, &SystemDisk)
        .await
        .expect("a key");
    let now = jiff::Timestamp::now();
    let store = SqliteStore::open(dir.join(STATE_FILE), audit, now).expect("made");
    store.open_execution(&execution("a")).await.expect("opened");
    let entry = JournalEntry::Paused {
        by: "수진".to_owned(),
    };
    store
        .append(&execution("a").id, 1, &entry, now)
        .await
        .expect("appended");
}

#[tokio::test]
async fn a_whole_log_is_verified_and_an_edited_one_is_not() {
    let dir = tempfile::tempdir().expect("dir");
    state(dir.path()).await;
    let at = dir.path().to_str().expect("UTF-8");
    let run = |arguments: &[&str]| -> Output {
        let mut command = planb();
        command.args(arguments).args(["--state", at]);
        command.output().expect("runs")
    };
    let out = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let err = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let verified = run(&["audit", "verify", "--json"]);
    assert_eq!(verified.status.code(), Some(0), "{}", err(&verified));
    let json: serde_json::Value = serde_json::from_str(&out(&verified)).expect("JSON");
    assert_eq!(json["entries"], 3);
    let shown = run(&["audit", "show"]);
    assert_eq!(out(&shown).lines().count(), 3);
    let checkpoint = run(&["audit", "checkpoint"]);
    assert!(
        out(&checkpoint).starts_with("planb.dev/audit/"),
        "{}",
        out(&checkpoint)
    );
    // Kept elsewhere, with the line ends a shell leaves.
    let kept = dir.path().join("elsewhere.checkpoint");
    std::fs::write(&kept, out(&checkpoint)).expect("kept");
    let kept = kept.to_str().expect("UTF-8");
    let continued = run(&["audit", "verify", "--checkpoint", kept]);
    assert_eq!(continued.status.code(), Some(0), "{}", err(&continued));

    let file = dir.path().join(STATE_FILE);
    let connection = rusqlite::Connection::open(file).expect("opened");
    let edit = "UPDATE journal SET entry = replace(entry, '수진', '나영')";
    connection.execute(edit, []).expect("edited");
    drop(connection);
    for lang in ["en", "ko"] {
        let broken = run(&["audit", "verify", "--lang", lang]);
        assert_eq!(broken.status.code(), Some(4), "{}", err(&broken));
        assert!(err(&broken).contains("PB-AUDIT-BROKEN"), "{}", err(&broken));
        assert_eq!(out(&broken), "");
    }
}
