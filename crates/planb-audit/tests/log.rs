//! What can be done to a log, and that each of it is found.

use jiff::Timestamp;
use planb_audit::log::{checkpoint, origin};
use planb_audit::{
    AuditKey, Broken, Checkpoint, Entry, Frontier, Hash, Log, PublicKey, Signatures,
};
use planb_model::ExecutionId;
use planb_model::execution::{JournalEntry, JournalRecord};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("in range")
}

fn key() -> AuditKey {
    AuditKey::from_seed([7; 32])
}

/// A log whose entries say `words`, each of an operator.
fn log(words: &[&str], key: &AuditKey) -> Log {
    let began = Entry::Began {
        format: 1,
        at: at(0),
        adopted: 0,
        after: None,
    };
    let said = |(index, by): (usize, &&str)| Entry::Journal {
        execution: ExecutionId::new("move").expect("a name"),
        record: JournalRecord {
            seq: index as u64 + 1,
            at: at(index as i64 + 1),
            entry: JournalEntry::Paused {
                by: (*by).to_owned(),
            },
        },
    };
    let entries = std::iter::once(began).chain(words.iter().enumerate().map(said));
    let entries: Vec<String> = entries
        .map(|entry| serde_json::to_string(&entry).expect("JSON"))
        .collect();
    signed(entries, key)
}

/// A log of these entries, signed again from the beginning.
fn signed(entries: Vec<String>, key: &AuditKey) -> Log {
    let origin = origin(&entries[0]);
    let mut frontier = Frontier::default();
    let mut checkpoints = Vec::new();
    for entry in &entries {
        frontier.push(Hash::leaf(entry.as_bytes()));
        checkpoints.push(checkpoint(&origin, &frontier, at(9), key));
    }
    Log {
        entries,
        checkpoints,
    }
}

fn broken(log: &Log) -> Broken {
    log.verify(&key().public(), Signatures::All)
        .expect_err("it is found")
}

#[test]
fn a_log_as_it_was_written_is_verified() {
    let log = log(&["a", "b", "c"], &key());
    let verified = log.verify(&key().public(), Signatures::All).expect("whole");
    assert_eq!(verified.entries.len(), 4);
    assert_eq!(verified.newest.size, 4);
    for kept in &log.checkpoints {
        assert_eq!(log.continues(kept, &key().public()), Ok(()));
    }
}

#[test]
fn an_edited_entry_is_found_where_it_is() {
    let mut log = log(&["a", "b", "c"], &key());
    log.entries[2] = log.entries[2].replace("\"b\"", "\"z\"");
    assert_eq!(broken(&log), Broken::Root { number: 3 });
    let newest = log.verify(&key().public(), Signatures::Newest);
    assert_eq!(newest, Err(Broken::Root { number: 3 }), "also at a start");
}

#[test]
fn a_removed_entry_is_found_with_and_without_its_checkpoint() {
    let mut whole = log(&["a", "b", "c"], &key());
    whole.entries.remove(2);
    assert_eq!(broken(&whole), Broken::Root { number: 3 });
    whole.checkpoints.remove(2);
    assert_eq!(broken(&whole), Broken::Place { number: 3 });
    let mut longer = log(&["a", "b"], &key());
    longer.entries.pop();
    assert_eq!(broken(&longer), Broken::Place { number: 3 });
}

#[test]
fn reordered_and_inserted_entries_are_found() {
    let mut swapped = log(&["a", "b", "c"], &key());
    swapped.entries.swap(1, 2);
    assert_eq!(broken(&swapped), Broken::Root { number: 2 });
    swapped.checkpoints.swap(1, 2);
    assert_eq!(broken(&swapped), Broken::Place { number: 2 });
    let mut more = log(&["a", "b"], &key());
    let copy = more.entries[1].clone();
    more.entries.insert(2, copy);
    assert_eq!(broken(&more), Broken::Root { number: 3 });
    more.entries.swap(2, 3);
    assert_eq!(broken(&more), Broken::Place { number: 4 }, "no checkpoint");
}

#[test]
fn a_cut_off_or_older_log_does_not_continue_the_checkpoint_that_was_kept() {
    let whole = log(&["a", "b", "c"], &key());
    let kept = whole.checkpoints[3].clone();
    let mut cut = whole.clone();
    cut.entries.truncate(2);
    cut.checkpoints.truncate(2);
    cut.verify(&key().public(), Signatures::All)
        .expect("whole by itself");
    let found = cut.continues(&kept, &key().public());
    assert_eq!(found, Err(Broken::RolledBack { kept: 4, found: 2 }));
    let other = log(&["a", "x", "c"], &key());
    assert_eq!(
        other.continues(&kept, &key().public()),
        Err(Broken::Forked { kept: 4 })
    );
}

#[test]
fn what_another_key_signed_does_not_count() {
    let stranger = AuditKey::from_seed([8; 32]);
    let forged = log(&["a", "b"], &stranger);
    assert_eq!(broken(&forged), Broken::Signature { number: 1 });
    let whole = log(&["a", "b"], &key());
    let mut last = whole.clone();
    last.checkpoints[2].clone_from(&forged.checkpoints[2]);
    let newest = last.verify(&key().public(), Signatures::Newest);
    assert_eq!(newest, Err(Broken::Signature { number: 3 }));
    let kept = whole.continues(&forged.checkpoints[2], &key().public());
    assert_eq!(kept, Err(Broken::Kept));
}

#[test]
fn every_changed_byte_of_a_checkpoint_is_found() {
    let whole = log(&["a"], &key());
    let note = &whole.checkpoints[1];
    assert!(Checkpoint::is_signed(note, &key().public()));
    for place in 0..note.len() {
        let mut bytes = note.clone().into_bytes();
        bytes[place] ^= 1;
        if let Ok(changed) = String::from_utf8(bytes) {
            assert!(
                !Checkpoint::is_signed(&changed, &key().public()),
                "byte {place}"
            );
        }
    }
}

#[test]
fn a_checkpoint_is_the_note_of_the_format_page() {
    let log = log(&[], &key());
    let lines: Vec<&str> = log.checkpoints[0].lines().collect();
    assert_eq!(lines.len(), 6, "{lines:?}");
    assert!(lines[0].starts_with("planb.dev/audit/"));
    assert_eq!(lines[1], "1");
    assert_eq!(lines[3], format!("time {}", at(9)));
    assert_eq!(lines[4], "");
    assert!(lines[5].starts_with(&format!("— {} ", lines[0])));
    assert_eq!(Checkpoint::read("a\n01\nx\n"), None);
}

#[test]
fn keys_are_read_as_they_are_written() {
    let read = AuditKey::read(&key().pem()).expect("PEM");
    assert_eq!(read.public(), key().public());
    assert_eq!(PublicKey::read(&key().public().pem()), Ok(key().public()));
    assert!(PublicKey::read("c2hvcnQ=").is_err());
    let shown = format!("{:?}", key());
    assert!(!shown.contains(&key().pem().expose()[40..60]), "{shown}");
}
