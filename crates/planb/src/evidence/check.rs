//! Checks an evidence zip: the sums and their signature, the audit log and its
//! proofs, and that the journals say what the log says.

use super::zip::{self, Members};
use super::{CHECKPOINT, ENTRIES, FIRST, JOURNALS, KEY, LOG_KEY, PROOFS, SIGNATURE, SUMS};
use planb_audit::log::origin;
use planb_audit::tree::{Hash, continues, includes, root};
use planb_audit::{Checkpoint, Entry, PublicKey};
use planb_model::Text;
use planb_model::status::ExecutionHistory;
use serde_json::Value as Json;

/// A zip that is as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Its members.
    pub members: usize,
    /// Fingerprint of the key that signed it.
    pub fingerprint: String,
    /// Entries of its audit log; `None` when it has none.
    pub entries: Option<usize>,
}

/// What is wrong with a zip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// It is not one that PlanB writes.
    Zip,
    /// A member is missing, changed, or not listed.
    Sum(String),
    /// The list is not signed by the key.
    Signature,
    /// Its audit log is not what was signed.
    Log,
    /// A journal is not what its audit log says.
    Journal(String),
}

impl Flaw {
    /// For people.
    pub fn text(&self) -> Text {
        match self {
            Flaw::Zip => Text::new(
                "it is damaged, or not a zip that planb wrote",
                "손상되었거나 PlanB가 만든 zip이 아닙니다",
            ),
            Flaw::Sum(name) => Text::new(
                format!("{name} is not as it was listed in {SUMS}"),
                format!("{name}이(가) {SUMS} 목록과 다릅니다"),
            ),
            Flaw::Signature => Text::new(
                format!("{SUMS} is not signed by the key"),
                format!("{SUMS}가 해당 키로 서명되지 않았습니다"),
            ),
            Flaw::Log => Text::new(
                "its audit log is not what was signed",
                "감사 로그가 서명된 내용과 다릅니다",
            ),
            Flaw::Journal(name) => Text::new(
                format!("{name} is not what the audit log says"),
                format!("{name}이(가) 감사 로그와 다릅니다"),
            ),
        }
    }
}

/// Checks `bytes`; by the key inside when no `key` is given, which only shows
/// that nothing was changed since.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(bytes: &[u8], key: Option<PublicKey>) -> Result<Checked, Flaw> {
    let members = zip::read(bytes).ok_or(Flaw::Zip)?;
    let inside = text(&members, KEY).and_then(|pem| PublicKey::read(pem).ok());
    let key = key.or(inside).ok_or(Flaw::Signature)?;
    let signature = members.get(SIGNATURE).ok_or(Flaw::Signature)?;
    let sums = members.get(SUMS).ok_or(Flaw::Signature)?;
    if !key.verifies(sums, signature) {
        return Err(Flaw::Signature);
    }
    same_sums(&members, &String::from_utf8_lossy(sums))?;
    let entries = match text(&members, ENTRIES) {
        None => None,
        Some(lines) => Some(log(&members, lines)?),
    };
    Ok(Checked {
        members: members.len(),
        fingerprint: key.fingerprint(),
        entries,
    })
}

fn text<'a>(members: &'a Members, name: &str) -> Option<&'a str> {
    std::str::from_utf8(members.get(name)?).ok()
}

/// Every member is listed as it is, and every one that is listed is there.
fn same_sums(members: &Members, listed: &str) -> Result<(), Flaw> {
    let there = super::sums(members);
    if there == listed {
        return Ok(());
    }
    let name = |line: &str| {
        line.split_once("  ")
            .map_or(line, |(_, name)| name)
            .to_owned()
    };
    let differs = |a: &str, b: &str| {
        let line = a
            .lines()
            .find(|line| !b.lines().any(|other| other == *line));
        line.map(name)
    };
    let what = differs(&there, listed).or_else(|| differs(listed, &there));
    Err(Flaw::Sum(what.unwrap_or_else(|| SUMS.to_owned())))
}

fn log(members: &Members, lines: &str) -> Result<usize, Flaw> {
    let key = text(members, LOG_KEY).and_then(|pem| PublicKey::read(pem).ok());
    let key = key.ok_or(Flaw::Log)?;
    let entries: Vec<&str> = lines.lines().collect();
    let leaves: Vec<Hash> = entries.iter().map(|e| Hash::leaf(e.as_bytes())).collect();
    let signed = |name: &str| {
        let note = text(members, name)?;
        let read = Checkpoint::read(note)?;
        let first = entries.first()?;
        (Checkpoint::is_signed(note, &key) && read.origin == origin(first)).then_some(read)
    };
    let (newest, first) = (
        signed(CHECKPOINT).ok_or(Flaw::Log)?,
        signed(FIRST).ok_or(Flaw::Log)?,
    );
    let whole = newest.size == leaves.len() as u64 && newest.root == root(&leaves);
    let proven = text(members, PROOFS)
        .and_then(|json| serde_json::from_str(json).ok())
        .is_some_and(|json| proofs(&json, &leaves, &first, &newest));
    if !whole || !proven {
        return Err(Flaw::Log);
    }
    journals(members, &entries)?;
    Ok(entries.len())
}

fn hashes(json: &Json) -> Option<Vec<Hash>> {
    let list = json.as_array()?.iter();
    list.map(|hash| Hash::from_base64(hash.as_str()?)).collect()
}

fn proofs(json: &Json, leaves: &[Hash], first: &Checkpoint, newest: &Checkpoint) -> bool {
    let Some(path) = hashes(&json["consistency"]["path"]) else {
        return false;
    };
    let included = |proof: &Json| {
        let number = proof["entry"].as_u64()?;
        let leaf = *leaves.get(usize::try_from(number).ok()?.checked_sub(1)?)?;
        let path = hashes(&proof["path"])?;
        Some(includes(newest.root, newest.size, leaf, number - 1, &path))
    };
    let all = json["inclusion"].as_array();
    continues((first.size, first.root), (newest.size, newest.root), &path)
        && all.is_some_and(|all| all.iter().all(|proof| included(proof) == Some(true)))
}

/// Every journal in the zip holds what the log says about its execution.
fn journals(members: &Members, entries: &[&str]) -> Result<(), Flaw> {
    let read = |entry: &&str| Entry::from_json(entry.as_bytes()).ok();
    let entries: Option<Vec<Entry>> = entries.iter().map(read).collect();
    let entries = entries.ok_or(Flaw::Log)?;
    for name in members.keys().filter(|name| name.starts_with(JOURNALS)) {
        let flaw = || Flaw::Journal(name.clone());
        let history = text(members, name)
            .and_then(|json| ExecutionHistory::from_json(json.as_bytes()).ok())
            .ok_or_else(flaw)?;
        let id = &history.status.execution.id;
        let said = entries.iter().filter_map(|entry| match entry {
            Entry::Journal { execution, record } if execution == id => Some(record),
            _ => None,
        });
        let opened = entries.iter().any(|entry| {
            matches!(entry, Entry::Execution { execution } if execution == &history.status.execution)
        });
        if !opened || !history.journal.iter().eq(said) {
            return Err(flaw());
        }
    }
    Ok(())
}
