//! What somebody with the state file in hand can do, and that it is found.

use super::*;
use planb_audit::{AuditKey, Entry};

/// A state with a failover in it, closed.
async fn moved() -> Folder {
    let folder = Folder::new();
    let store = folder.store().expect("made");
    let site = |name| SiteName::new(name).expect("a name");
    let id = execution("a").id;
    let registered = store.register(&name(), &site("seoul"), moment()).await;
    registered.expect("registered");
    store.open_execution(&execution("a")).await.expect("opened");
    let claimed = store.claim_epoch(&name(), Epoch(1), &id, moment()).await;
    claimed.expect("claimed");
    for (place, by) in [(1, "수진"), (2, "민호"), (3, "지우")] {
        let entry = JournalEntry::Paused { by: by.to_owned() };
        store
            .append(&id, place, &entry, moment())
            .await
            .expect("appended");
    }
    let activated = store
        .activate(&name(), &site("busan"), Epoch(2), moment())
        .await;
    activated.expect("activated");
    folder
}

/// Runs SQL on the closed state as somebody else would.
fn tamper(folder: &Folder, sql: &str) {
    let connection = Connection::open(folder.file()).expect("opened");
    connection.execute_batch(sql).expect(sql);
}

/// What a check says. The state opens all the same, and its new log says the same
/// for as long as it lives.
async fn found(folder: &Folder) -> PortError {
    let read_only = || SqliteStore::open_read_only(folder.file()).expect("readable");
    let key = folder.audit().key.public();
    let kept = || std::fs::read_to_string(folder.audit().kept).expect("kept");
    let before = kept();
    let checked = refused(read_only().verify_audit(key, Some(kept())).await);
    assert!(checked.hint_text().is_some());
    for _ in 0..2 {
        let store = folder.store().expect("a recovery does not wait");
        let told = store.audit_break().await.expect("read").expect("told");
        assert_eq!(told.why, checked.to_string());
        assert_eq!((told.log, told.kept.as_ref()), (1, Some(&before)));
        let aside = store.audit_aside(1).await.expect("kept");
        assert_eq!(aside.len() as u64, told.entries);
        drop(store);
        let later = refused(read_only().verify_audit(key, Some(kept())).await);
        assert_eq!(later.code(), "PB-AUDIT-BROKEN");
        assert!(later.to_string().contains(&told.why), "{later}");
        let old = refused(read_only().verify_audit(key, Some(before.clone())).await);
        assert_eq!(old.code(), "PB-AUDIT-BROKEN", "the break is what it says");
    }
    let copy = folder.0.path().join("kept.checkpoint.broken-1");
    assert_eq!(std::fs::read_to_string(copy).expect("copied"), before);
    checked
}

#[tokio::test]
async fn work_goes_on_in_the_new_log_and_what_was_put_aside_is_watched() {
    let folder = moved().await;
    tamper(&folder, "UPDATE service SET active = 'seoul'");
    let store = folder.store().expect("goes on");
    let entry = JournalEntry::Paused {
        by: "수진".to_owned(),
    };
    store
        .append(&execution("a").id, 4, &entry, moment())
        .await
        .expect("appended");
    let log = store.audit_log().await.expect("log");
    assert_eq!(log.entries.len(), 7, "begun, five adopted, one new");
    let aside = store.audit_aside(1).await.expect("kept");
    assert_eq!(aside.len(), 8);
    drop(store);
    // Nobody takes back what was put aside, or takes the break away.
    tamper(
        &folder,
        "UPDATE audit_aside SET entry = replace(entry, '민호', '나영')",
    );
    let reader = SqliteStore::open_read_only(folder.file()).expect("readable");
    let key = folder.audit().key.public();
    let error = refused(reader.verify_audit(key, None).await);
    assert!(error.to_string().contains("put aside of log 1"), "{error}");
    drop(reader);
    tamper(
        &folder,
        "UPDATE audit SET entry = replace(entry, '\"after\"', '\"none\"')",
    );
    let store = folder.store().expect("goes on");
    let told = store.audit_break().await.expect("read").expect("told");
    assert_eq!(told.log, 2);
}

#[tokio::test]
async fn every_change_is_an_entry_in_its_order() {
    let folder = moved().await;
    let store = folder.store().expect("as it was");
    let key = folder.audit().key.public();
    let kept = std::fs::read_to_string(folder.audit().kept).expect("kept");
    let (log, verified) = store
        .verify_audit(key, Some(kept.clone()))
        .await
        .expect("whole");
    let kinds = |entry: &Entry| match entry {
        Entry::Began { .. } => "began".to_owned(),
        Entry::Service { change, .. } => format!("{change:?}"),
        Entry::Execution { .. } => "opened".to_owned(),
        Entry::Journal { record, .. } => format!("journal {}", record.seq),
    };
    let said: Vec<String> = verified.entries.iter().map(kinds).collect();
    let expected = [
        "began",
        "Registered",
        "opened",
        "Claimed",
        "journal 1",
        "journal 2",
        "journal 3",
        "Activated",
    ];
    assert_eq!(said, expected);
    assert_eq!(log.checkpoints.last(), Some(&kept));
    let again = store
        .register(&name(), &SiteName::new("x").expect("a name"), moment())
        .await;
    again.expect("the record that is there");
    assert_eq!(
        store.audit_log().await.expect("log").entries.len(),
        8,
        "nothing changed"
    );
}

#[tokio::test]
async fn an_edited_journal_is_found() {
    let folder = moved().await;
    tamper(
        &folder,
        "UPDATE journal SET entry = replace(entry, '민호', '나영') WHERE seq = 2",
    );
    let error = found(&folder).await;
    assert_eq!(error.code(), "PB-AUDIT-BROKEN");
    assert!(
        error.to_string().contains("the journal of execution a"),
        "{error}"
    );
}

#[tokio::test]
async fn an_entry_edited_in_both_places_is_found() {
    let folder = moved().await;
    tamper(
        &folder,
        "UPDATE journal SET entry = replace(entry, '민호', '나영') WHERE seq = 2;
         UPDATE audit SET entry = replace(entry, '민호', '나영')",
    );
    let error = found(&folder).await;
    assert_eq!(error.code(), "PB-AUDIT-BROKEN");
    assert!(error.to_string().contains("entry 6"), "{error}");
}

#[tokio::test]
async fn removed_entries_are_found() {
    let in_the_middle = moved().await;
    tamper(
        &in_the_middle,
        "DELETE FROM audit WHERE size = 6;
         DELETE FROM journal WHERE seq = 2; UPDATE journal SET seq = 2 WHERE seq = 3",
    );
    assert_eq!(found(&in_the_middle).await.code(), "PB-AUDIT-BROKEN");
    let moved_up = moved().await;
    tamper(
        &moved_up,
        "DELETE FROM audit WHERE size = 6; UPDATE audit SET size = size - 1 WHERE size > 6;
         DELETE FROM journal WHERE seq = 2; UPDATE journal SET seq = 2 WHERE seq = 3",
    );
    assert_eq!(found(&moved_up).await.code(), "PB-AUDIT-BROKEN");
    let only_the_log = moved().await;
    tamper(&only_the_log, "DELETE FROM audit WHERE size > 5");
    assert_eq!(found(&only_the_log).await.code(), "PB-AUDIT-ROLLED-BACK");
    let everything = moved().await;
    tamper(&everything, "DELETE FROM audit");
    assert_eq!(found(&everything).await.code(), "PB-AUDIT-BROKEN");
}

#[tokio::test]
async fn reordered_and_inserted_entries_are_found() {
    let reordered = moved().await;
    tamper(
        &reordered,
        "UPDATE journal SET seq = 9 WHERE seq = 1; UPDATE journal SET seq = 1 WHERE seq = 2;
         UPDATE journal SET seq = 2 WHERE seq = 9;
         UPDATE audit SET size = 99 WHERE size = 5; UPDATE audit SET size = 5 WHERE size = 6;
         UPDATE audit SET size = 6 WHERE size = 99",
    );
    assert_eq!(found(&reordered).await.code(), "PB-AUDIT-BROKEN");
    let inserted = moved().await;
    tamper(
        &inserted,
        "INSERT INTO journal SELECT execution, 4, at, entry FROM journal WHERE seq = 3",
    );
    let error = found(&inserted).await;
    assert!(
        error.to_string().contains("number of journal entries"),
        "{error}"
    );
}

#[tokio::test]
async fn a_changed_epoch_or_runbook_is_found() {
    let epoch = moved().await;
    tamper(&epoch, "UPDATE service SET active = 'seoul'");
    assert!(found(&epoch).await.to_string().contains("active site"));
    let runbook = moved().await;
    tamper(
        &runbook,
        "UPDATE execution SET document = replace(document, '수진', '나영')",
    );
    assert!(found(&runbook).await.to_string().contains("executions"));
}

#[tokio::test]
async fn a_state_that_was_put_back_is_found_by_the_kept_checkpoint() {
    let folder = moved().await;
    let old = std::fs::read(folder.file()).expect("a copy");
    let store = folder.store().expect("as it was");
    let entry = JournalEntry::Paused {
        by: "수진".to_owned(),
    };
    store
        .append(&execution("a").id, 4, &entry, moment())
        .await
        .expect("appended");
    drop(store);
    std::fs::write(folder.file(), old).expect("put back");
    let error = found(&folder).await;
    assert_eq!(error.code(), "PB-AUDIT-ROLLED-BACK");
    assert!(error.to_string().contains("8 entries"), "{error}");
    // Another log altogether, which is whole by itself.
    std::fs::remove_file(folder.file()).expect("gone");
    let store = folder.store().expect("goes on");
    let told = store.audit_break().await.expect("read").expect("told");
    assert!(told.why.contains("does not continue"), "{}", told.why);
}

#[tokio::test]
async fn a_log_signed_by_another_key_is_found() {
    let folder = moved().await;
    let stranger = Audit {
        key: AuditKey::from_seed([8; 32]),
        kept: folder.0.path().join("other.checkpoint"),
        key_lost: false,
    };
    let error = refused(SqliteStore::open(folder.file(), stranger.clone(), moment()));
    assert_eq!(error.code(), "PB-AUDIT-SIGNATURE");
    // A wrong key is put right; a lost one is said to be lost.
    let lost = Audit {
        key_lost: true,
        ..stranger
    };
    let store = SqliteStore::open(folder.file(), lost, moment()).expect("goes on");
    let found = store.audit_break().await.expect("read").expect("told");
    assert_eq!((found.log, found.entries), (1, 8));
    assert_eq!(found.why, error.to_string());
}

#[tokio::test]
async fn a_state_of_an_older_planb_gets_a_log_with_what_is_there() {
    let folder = moved().await;
    tamper(&folder, "DROP TABLE audit; PRAGMA user_version = 1");
    std::fs::remove_file(folder.audit().kept).expect("gone");
    let reader = SqliteStore::open_read_only(folder.file()).expect("readable");
    assert_eq!(refused(reader.audit_log().await).code(), "PB-AUDIT-NONE");
    let store = folder.store().expect("begun");
    let key = folder.audit().key.public();
    let (_, verified) = store.verify_audit(key, None).await.expect("whole");
    assert_eq!(verified.entries.len(), 6);
    let began = matches!(verified.entries[0], Entry::Began { adopted: 5, .. });
    assert!(began, "{:?}", verified.entries[0]);
}

#[tokio::test]
async fn a_change_goes_on_when_the_checkpoint_cannot_be_kept() {
    let folder = Folder::new();
    let audit = Audit {
        kept: folder.0.path().join("no/such/folder/kept"),
        ..folder.audit()
    };
    let store = SqliteStore::open(folder.file(), audit, moment()).expect("opens");
    store.open_execution(&execution("a")).await.expect("opened");
    assert_eq!(store.audit_log().await.expect("log").entries.len(), 2);
}
