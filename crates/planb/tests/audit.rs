//! `planb audit` on a real state: what is whole, and what was changed.

mod common;

use common::{Stage, planb};
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

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn compliance_judges_what_is_seen_and_says_what_is_not() {
    let stage = Stage::new("approve");
    let planless = stage.run(&["assess", "compliance", "--format", "json"]);
    assert_eq!(planless.status.code(), Some(0), "{}", err(&planless));
    let json: serde_json::Value = serde_json::from_str(&out(&planless)).expect("JSON");
    assert_eq!(json["outcome"]["met"], 0, "nothing was looked at");
    assert!(
        err(&planless).contains("not looked at: audit log"),
        "{}",
        err(&planless)
    );
    let state_dir = stage.dir.path().join(".planb");
    std::fs::create_dir(&state_dir).expect("a state");
    state(&state_dir).await;
    let seen = stage.run(&[
        "assess",
        "compliance",
        "--plan",
        "planb.yaml",
        "--no-vault",
        "--format",
        "json",
    ]);
    assert_eq!(seen.status.code(), Some(0), "{}", err(&seen));
    let json: serde_json::Value = serde_json::from_str(&out(&seen)).expect("JSON");
    assert_eq!(json["outcome"]["service"], "orders");
    assert_eq!(json["outcome"]["gradeRto"], 4 * 3_600);
    let requirements = json["outcome"]["requirements"].as_array().expect("a list");
    let state_of = |id: &str| {
        let found = requirements.iter().find(|r| r["requirement"] == id);
        found.expect("there")["state"]
            .as_str()
            .expect("a state")
            .to_owned()
    };
    assert_eq!(
        state_of("ismsp-records"),
        "met",
        "the audit log was verified"
    );
    assert_eq!(state_of("mois-drills"), "missing");
    let policy = out(&stage.run(&["assess", "rules", "compliance"]));
    std::fs::write(
        stage.dir.path().join("p.yaml"),
        policy.replace("rto: 4h", "rto: 10m"),
    )
    .expect("a policy");
    let strict = [
        "assess",
        "compliance",
        "--plan",
        "planb.yaml",
        "--no-vault",
        "--policy",
        "p.yaml",
        "--format",
        "json",
    ];
    assert!(out(&stage.run(&strict)).contains("\"gradeRto\": 600"));
}

#[tokio::test]
async fn evidence_is_packed_checked_and_kept_free_of_secrets() {
    let stage = Stage::new("approve");
    let state_dir = stage.dir.path().join(".planb");
    std::fs::create_dir(&state_dir).expect("a state");
    state(&state_dir).await;
    let make = [
        "report",
        "evidence",
        "--plan",
        "planb.yaml",
        "--no-vault",
        "-o",
        "e.zip",
    ];
    let made = stage.run(&make);
    assert_eq!(made.status.code(), Some(0), "{}", err(&made));
    let key = ".planb/audit-key.pub";
    let checked = stage.run(&["report", "evidence", "--check", "e.zip", "--key", key]);
    assert_eq!(checked.status.code(), Some(0), "{}", err(&checked));
    assert!(
        out(&checked).contains("audit log: 3 entries"),
        "{}",
        out(&checked)
    );
    let zip = stage.dir.path().join("e.zip");
    let mut bytes = std::fs::read(&zip).expect("a zip");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(stage.dir.path().join("t.zip"), &bytes).expect("tampered");
    for lang in ["en", "ko"] {
        let broken = stage.run(&["report", "evidence", "--check", "t.zip", "--lang", lang]);
        assert_eq!(broken.status.code(), Some(4), "{}", err(&broken));
        assert!(
            err(&broken).contains("PB-EVIDENCE-BROKEN"),
            "{}",
            err(&broken)
        );
    }
    // A secret of the plan that somebody wrote into the answers.
    std::fs::write(stage.dir.path().join("secret"), "hunter2-hunter2\n").expect("a secret");
    stage.change_plan(
        "vault: { url:",
        "vault: { secretOptions: { aws_secret_access_key: { file: secret } }, url:",
    );
    let clean = stage.run(&make);
    assert_eq!(clean.status.code(), Some(0), "{}", err(&clean));
    let answers = "# the key is hunter2-hunter2\nassess: compliance\nanswers: {}\n";
    std::fs::write(stage.dir.path().join("compliance.yaml"), answers).expect("answers");
    std::fs::remove_file(&zip).expect("gone");
    let refused = stage.run(&make);
    assert_eq!(refused.status.code(), Some(1), "{}", err(&refused));
    assert!(
        err(&refused).contains("PB-EVIDENCE-SECRET"),
        "{}",
        err(&refused)
    );
    assert!(!zip.exists() && !err(&refused).contains("hunter2"));
}
