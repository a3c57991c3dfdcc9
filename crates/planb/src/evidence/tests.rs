//! The zip of a real store: the same twice, whole, and every change seen.

use super::check::{Flaw, check};
use super::*;
use planb_assess::Inputs;
use planb_assess::answers::Form;
use planb_assess::facts::Facts;
use planb_assess::method::AnswersFile;
use planb_audit::{AuditKey, Signatures};
use planb_model::execution::JournalEntry;
use planb_model::status::ExecutionHistory;
use planb_ports::Store;
use planb_ports::contract::store::execution;
use planb_store_sqlite::{Audit, SqliteStore};

const PLAN: &str = include_str!("../../../planb-model/tests/good-plan.yaml");

fn key() -> AuditKey {
    AuditKey::from_seed([9; 32])
}

/// A store with one execution that was asked for, approved and ended.
async fn found() -> Found {
    let dir = tempfile::tempdir().expect("dir");
    let now: jiff::Timestamp = "2026-11-27T00:00:00Z".parse().expect("a time");
    let audit = Audit {
        key: key(),
        kept: dir.path().join("kept"),
        key_lost: false,
    };
    let store = SqliteStore::open(dir.path().join("state.db"), audit, now).expect("made");
    let execution = execution("a");
    store.open_execution(&execution).await.expect("opened");
    let approved = JournalEntry::Approved {
        by: "민호".to_owned(),
        hash: execution.hash.clone(),
    };
    store
        .append(&execution.id, 1, &approved, now)
        .await
        .expect("appended");
    let finished = JournalEntry::Finished {
        state: planb_model::execution::ExecutionState::Completed,
    };
    store
        .append(&execution.id, 2, &finished, now)
        .await
        .expect("appended");
    let journal = store.journal(&execution.id).await.expect("journal");
    let status = planb_decide::fold(&execution, &journal)
        .expect("folds")
        .status();
    let mut facts = Facts::none(now);
    facts.plan = Some(
        planb_model::plan::parse(PLAN, "planb.yaml")
            .expect("a plan")
            .remove(0),
    );
    facts.executions = Some(vec![status.clone()]);
    let log = store.audit_log().await.expect("log");
    log.verify(&key().public(), Signatures::All).expect("whole");
    Found {
        facts,
        histories: vec![ExecutionHistory { status, journal }],
        log: Some((log, key().public())),
    }
}

fn zip_of(found: &Found) -> Vec<u8> {
    let method = planb_assess::find("compliance").expect("a method");
    let sheet = method.sheet(method.data).expect("reads");
    let answers = "assess: compliance\nanswers: {}\n";
    let file = AnswersFile {
        text: answers,
        name: "answers",
        form: Form::Yaml,
    };
    let inputs = Inputs {
        facts: Some(Box::new(found.facts.clone())),
        ..Inputs::default()
    };
    let assessed = method.assess(&sheet, &file, &inputs).expect("judged");
    let contents = Contents {
        assessed: &assessed,
        found,
        answers,
        policy: method.data,
    };
    pack(&contents, &key()).expect("small")
}

#[tokio::test]
async fn the_same_evidence_makes_the_same_zip_and_it_is_whole() {
    let found = found().await;
    let zip = zip_of(&found);
    assert_eq!(zip, zip_of(&found));
    let checked = check(&zip, Some(key().public())).expect("whole");
    assert_eq!(checked.entries, Some(4));
    let members = zip::read(&zip).expect("a zip");
    for name in [
        "README.txt",
        "approvals.json",
        "audit/entries.jsonl",
        "audit/proofs.json",
        "controls/compliance.ko.html",
        "journal/a.json",
        "policy/plan.json",
        "policy/policy.yaml",
        "SHA256SUMS",
        "SHA256SUMS.sig",
        "key.pub",
    ] {
        assert!(members.contains_key(name), "{name}");
    }
    let approvals = String::from_utf8_lossy(&members["approvals.json"]).into_owned();
    assert!(approvals.contains("민호"), "{approvals}");
}

#[tokio::test]
async fn a_changed_added_or_removed_file_is_found_and_so_is_another_key() {
    let zip = zip_of(&found().await);
    let members = zip::read(&zip).expect("a zip");
    for name in members.keys() {
        let mut changed = members.clone();
        let bytes = changed.get_mut(name).expect("there");
        bytes[0] ^= 1;
        let changed = zip::write(&changed).expect("small");
        assert!(
            check(&changed, Some(key().public())).is_err(),
            "{name} changed"
        );
        let mut removed = members.clone();
        removed.remove(name);
        let removed = zip::write(&removed).expect("small");
        assert!(
            check(&removed, Some(key().public())).is_err() || name == KEY,
            "{name} removed"
        );
    }
    let mut added = members.clone();
    added.insert("journal/x.json".to_owned(), Vec::new());
    let added = zip::write(&added).expect("small");
    let flaw = check(&added, Some(key().public()));
    assert_eq!(flaw, Err(Flaw::Sum("journal/x.json".to_owned())));
    let stranger = AuditKey::from_seed([1; 32]).public();
    assert_eq!(check(&zip, Some(stranger)), Err(Flaw::Signature));
}

/// Whoever has a key of their own can sign sums again, and not the audit log.
#[tokio::test]
async fn evidence_that_was_edited_and_signed_again_does_not_fit_the_log() {
    let good = found().await;
    let mut edited = found().await;
    edited.histories[0].journal[0].entry = JournalEntry::Approved {
        by: "나영".to_owned(),
        hash: execution("a").hash,
    };
    let flaw = check(&zip_of(&edited), None);
    assert_eq!(flaw, Err(Flaw::Journal("journal/a.json".to_owned())));
    let mut cut = good;
    let (log, _) = cut.log.as_mut().expect("a log");
    log.entries.pop();
    assert_eq!(check(&zip_of(&cut), None), Err(Flaw::Log));
}

#[tokio::test]
async fn the_plan_is_there_without_arguments_and_values() {
    let members = zip::read(&zip_of(&found().await)).expect("a zip");
    let plan = String::from_utf8_lossy(&members["policy/plan.json"]).into_owned();
    assert!(
        plan.contains("./orders") && plan.contains("SEOUL_DB_PASSWORD"),
        "{plan}"
    );
    assert!(
        !plan.contains("--listen") && !plan.contains("\"info\""),
        "{plan}"
    );
}
