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

#[tokio::test]
async fn an_entry_and_a_continuation_are_proven_without_the_state() {
    let dir = tempfile::tempdir().expect("dir");
    state(dir.path()).await;
    let path = |name: &str| dir.path().join(name).display().to_string();
    let at = dir.path().display().to_string();
    let run = |arguments: &[&str]| -> Output {
        let mut command = planb();
        command.args(arguments).output().expect("runs")
    };
    let made = |arguments: &[&str]| {
        let made = run(&[&["audit", "--state", &at], arguments].concat());
        assert_eq!(made.status.code(), Some(0), "{}", err(&made));
        out(&made)
    };
    let shown = made(&["show"]);
    let third = shown.lines().nth(2).expect("an entry");
    // The first checkpoint, as somebody kept it.
    let file = dir.path().join(STATE_FILE);
    let connection = rusqlite::Connection::open(file).expect("opened");
    let first: String = connection
        .query_row("SELECT checkpoint FROM audit WHERE size = 1", [], |row| {
            row.get(0)
        })
        .expect("there");
    std::fs::write(dir.path().join("first.txt"), first).expect("kept");
    made(&["prove", "3", "-o", &path("3.tlog-proof")]);
    made(&[
        "prove",
        "--from",
        &path("first.txt"),
        "-o",
        &path("c.proof"),
    ]);
    // On stdout it is the same, and as JSON it holds the same.
    let text = made(&["prove", "3"]);
    let kept = std::fs::read_to_string(path("3.tlog-proof")).expect("written");
    assert_eq!(text.trim_end(), kept.trim_end());
    let json: serde_json::Value =
        serde_json::from_str(&made(&["prove", "3", "--json"])).expect("JSON");
    assert_eq!(
        (&json["number"], &json["entry"]),
        (&3.into(), &third.into())
    );
    assert_eq!(json["file"], kept);
    // Somewhere else, with the key alone.
    let elsewhere = tempfile::tempdir().expect("dir");
    for name in ["3.tlog-proof", "c.proof", "first.txt", "audit-key.pub"] {
        std::fs::copy(path(name), elsewhere.path().join(name)).expect("sent");
    }
    drop(connection);
    dir.close().expect("the state is gone");
    let check = |arguments: &[&str]| {
        let mut command = planb();
        command.current_dir(elsewhere.path());
        command.args(["audit", "check-proof", "--key", "audit-key.pub"]);
        command.args(arguments).output().expect("runs")
    };
    let proven = check(&["3.tlog-proof"]);
    assert_eq!(proven.status.code(), Some(0), "{}", err(&proven));
    assert!(out(&proven).contains("entry 3 of 3"), "{}", out(&proven));
    assert!(out(&proven).lines().any(|line| line == third));
    let continued = check(&["c.proof", "--checkpoint", "first.txt", "--lang", "ko"]);
    assert_eq!(continued.status.code(), Some(0), "{}", err(&continued));
    assert!(
        out(&continued).contains("처음 항목 1개"),
        "{}",
        out(&continued)
    );
    // A proof about the newest checkpoint is none about the first.
    let other = check(&["3.tlog-proof", "--checkpoint", "first.txt"]);
    let edited = elsewhere.path().join("edited.proof");
    std::fs::write(&edited, kept.replacen("index 2", "index 1", 1)).expect("edited");
    let edited = check(&["edited.proof", "--lang", "ko"]);
    for refused in [other, edited] {
        assert_eq!(refused.status.code(), Some(4), "{}", err(&refused));
        assert!(
            err(&refused).contains("PB-AUDIT-PROOF"),
            "{}",
            err(&refused)
        );
        assert_eq!(out(&refused), "");
    }
}

#[tokio::test]
async fn what_is_not_in_the_log_is_not_proven() {
    let dir = tempfile::tempdir().expect("dir");
    state(dir.path()).await;
    let at = dir.path().display().to_string();
    let run = |arguments: &[&str]| -> Output {
        let mut command = planb();
        command.args(["audit", "--state", &at, "prove"]);
        command.args(arguments).output().expect("runs")
    };
    for number in ["0", "4", "18446744073709551615"] {
        let refused = run(&[number]);
        assert_eq!(refused.status.code(), Some(2), "{}", err(&refused));
        assert!(
            err(&refused).contains("PB-AUDIT-NO-ENTRY"),
            "{}",
            err(&refused)
        );
    }
    // A log that was changed gives no proof, not even a wrong one.
    let file = dir.path().join(STATE_FILE);
    let connection = rusqlite::Connection::open(file).expect("opened");
    let edit = "UPDATE audit SET entry = replace(entry, '수진', '나영')";
    connection.execute(edit, []).expect("edited");
    drop(connection);
    let proof = dir.path().join("p.proof").display().to_string();
    for number in ["1", "3"] {
        let refused = run(&[number, "-o", &proof]);
        assert_eq!(refused.status.code(), Some(4), "{}", err(&refused));
        assert!(
            err(&refused).contains("PB-AUDIT-PROOF"),
            "{}",
            err(&refused)
        );
        assert!(!Path::new(&proof).exists());
    }
}

/// Runs the lines of docs/formats/audit.md, which know nothing of PlanB.
#[tokio::test]
async fn a_proof_is_checked_by_hand_as_the_page_says() {
    let dir = tempfile::tempdir().expect("dir");
    state(dir.path()).await;
    let page = include_str!("../../../docs/formats/audit.md");
    let after = page
        .split_once("By hand, with nothing but openssl")
        .expect("said");
    let block = after
        .1
        .split_once("```sh\n")
        .and_then(|b| b.1.split_once("```"));
    let script = block.expect("a block of lines").0;
    let proof = dir.path().join("entry.tlog-proof");
    let by_hand = || {
        let mut command = std::process::Command::new("sh");
        command.current_dir(dir.path()).args(["-ec", script]);
        command.output().expect("sh, openssl and python3 run")
    };
    for number in ["1", "2", "3"] {
        let mut command = planb();
        command.args(["audit", "prove", number, "-o"]).arg(&proof);
        command.arg("--state").arg(dir.path());
        let made = command.output().expect("runs");
        assert_eq!(made.status.code(), Some(0), "{}", err(&made));
        let checked = by_hand();
        assert!(checked.status.success(), "{}", err(&checked));
        assert!(out(&checked).contains("\"kind\""), "{}", out(&checked));
    }
    let text = std::fs::read_to_string(&proof).expect("there");
    for (from, to) in [("index 2", "index 1"), ("\n3\n", "\n4\n")] {
        std::fs::write(&proof, text.replacen(from, to, 1)).expect("edited");
        assert!(!by_hand().status.success(), "{to}");
    }
}
