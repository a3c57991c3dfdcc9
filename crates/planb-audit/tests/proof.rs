//! Proofs as files: what they prove, and that nothing else passes for one.

use jiff::Timestamp;
use planb_audit::log::{checkpoint, origin};
use planb_audit::proof::{Consistency, Inclusion};
use planb_audit::{AuditKey, Frontier, Hash, Log, Proof, Unproven};

fn key() -> AuditKey {
    AuditKey::from_seed([7; 32])
}

/// A signed log of `size` entries; `word` is in every one of them.
fn log(size: usize, word: &str) -> Log {
    let entries: Vec<String> = (0..size).map(|n| format!("{{\"{word}\":{n}}}")).collect();
    let origin = origin(&entries[0]);
    let mut frontier = Frontier::default();
    let time = Timestamp::from_second(1_800_000_000).expect("in range");
    let signed = |entry: &String| {
        frontier.push(Hash::leaf(entry.as_bytes()));
        checkpoint(&origin, &frontier, time, &key())
    };
    let checkpoints = entries.iter().map(signed).collect();
    Log {
        entries,
        checkpoints,
    }
}

/// Reads what was written and checks it.
fn checked(text: &str, kept: Option<&str>) -> Result<u64, Unproven> {
    let ends = Proof::read(text)?.verify(&key().public(), kept)?;
    Ok(ends.size)
}

fn included(log: &Log, index: u64, note: &str) -> String {
    let proof = Inclusion::of(log, index, note).expect("there is such an entry");
    Proof::Inclusion(proof).text()
}

#[test]
fn every_entry_is_proven_against_every_checkpoint_that_covers_it() {
    let log = log(9, "a");
    for (size, note) in (1u64..).zip(&log.checkpoints) {
        for index in 0..9 {
            let proof = Inclusion::of(&log, index, note);
            assert_eq!(proof.is_some(), index < size, "{index} of {size}");
            if index < size {
                let text = included(&log, index, note);
                assert_eq!(checked(&text, Some(note)), Ok(size), "{index} of {size}");
            }
        }
    }
}

#[test]
fn every_continuation_is_proven_and_no_other() {
    let (log, other) = (log(9, "a"), log(9, "b"));
    for (from, old) in (1u64..).zip(&log.checkpoints) {
        for (to, new) in (1u64..).zip(&log.checkpoints) {
            let proof = Consistency::of(&log, old, new);
            assert_eq!(proof.is_some(), from <= to);
            let Some(proof) = proof else { continue };
            let text = Proof::Consistency(proof).text();
            for kept in [old, new] {
                assert_eq!(checked(&text, Some(kept)), Ok(to), "{from} to {to}");
            }
            let kept = &other.checkpoints[0];
            assert_eq!(checked(&text, Some(kept)), Err(Unproven::Kept));
        }
    }
    // The older checkpoint of another log, signed by the same key.
    let forked = Consistency::of(&log, &other.checkpoints[3], &log.checkpoints[8]);
    let text = Proof::Consistency(forked.expect("long enough")).text();
    assert_eq!(checked(&text, None), Err(Unproven::Root));
}

#[test]
fn a_changed_proof_proves_nothing() {
    let log = log(6, "a");
    let note = &log.checkpoints[5];
    let text = included(&log, 2, note);
    let with = |change: &dyn Fn(&mut Inclusion)| {
        let mut proof = Inclusion::of(&log, 2, note).expect("there");
        change(&mut proof);
        checked(&Proof::Inclusion(proof).text(), None)
    };
    assert_eq!(with(&|_| ()), Ok(6));
    let root = Err(Unproven::Root);
    assert_eq!(with(&|p| p.entry = "{\"a\":3}".to_owned()), root);
    assert_eq!(with(&|p| p.index = 3), root);
    assert_eq!(with(&|p| p.index = 6), root);
    assert_eq!(with(&|p| p.path.truncate(1)), root);
    assert_eq!(with(&|p| p.path.reverse()), root);
    assert_eq!(with(&|p| p.path.push(Hash::empty())), root);
    assert_eq!(
        with(&|p| p.checkpoint.clone_from(&log.checkpoints[4])),
        root
    );
    let edited = |p: &mut Inclusion| p.checkpoint = p.checkpoint.replacen("\n6\n", "\n5\n", 1);
    assert_eq!(with(&edited), Err(Unproven::Signature));
    let foreign = AuditKey::from_seed([8; 32]).public();
    let read = Proof::read(&text).expect("reads");
    assert_eq!(read.verify(&foreign, None), Err(Unproven::Signature));
    assert_eq!(
        checked(&text, Some(&log.checkpoints[4])),
        Err(Unproven::Kept)
    );
}

#[test]
fn what_is_written_otherwise_is_not_read() {
    let log = log(6, "a");
    let text = included(&log, 2, &log.checkpoints[5]);
    // A shell takes the last line ends away and puts one back.
    assert_eq!(checked(text.trim_end(), None), Ok(6));
    for (from, to) in [
        ("tlog-proof@v1", "tlog-proof@v2"),
        ("index 2", "index 02"),
        ("index 2", "index -2"),
        ("extra ", "extra !"),
        ("\n\n", "\n"),
        ("extra ", "\nextra "),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        assert_eq!(checked(&changed, None), Err(Unproven::Format), "{to}");
    }
    assert_eq!(Proof::read(""), Err(Unproven::Format));
    let endless = "a".repeat(planb_audit::proof::PROOF_BYTES_MAX + 1);
    assert_eq!(Proof::read(&endless), Err(Unproven::Format));
}
