//! The evidence zip: what an auditor gets, and how it is checked again.

mod check;
mod readme;
mod redact;
pub mod zip;

pub use check::{Checked, Flaw, check};

use crate::facts::Found;
use planb_assess::Assessed;
use planb_assess::render::{self, Format, Options};
use planb_audit::tree::{consistency, inclusion, sha256_hex};
use planb_audit::{AuditKey, Entry, Hash, Log};
use planb_model::Lang;
use planb_model::execution::JournalEntry;
use serde_json::{Value as Json, json};
use zip::Members;

/// The sums of every other member.
pub const SUMS: &str = "SHA256SUMS";
/// The signature of the sums: 64 bytes, Ed25519.
pub const SIGNATURE: &str = "SHA256SUMS.sig";
/// The key it was made with.
pub const KEY: &str = "key.pub";
/// The entries of the audit log, one per line.
pub const ENTRIES: &str = "audit/entries.jsonl";
/// Its newest checkpoint.
pub const CHECKPOINT: &str = "audit/checkpoint.txt";
/// Its first checkpoint.
pub const FIRST: &str = "audit/checkpoint-first.txt";
/// Proofs for both.
pub const PROOFS: &str = "audit/proofs.json";
/// Journals are below it.
pub const JOURNALS: &str = "journal/";
/// The key of the log, when another one signed the zip.
pub const LOG_KEY: &str = "audit/key.pub";

/// What goes in.
pub struct Contents<'a> {
    pub assessed: &'a Assessed,
    pub found: &'a Found,
    /// The answers of the assessment.
    pub answers: &'a str,
    /// Its policy.
    pub policy: &'a str,
}

/// Packs and signs; members in the order of their names. `None` when it would
/// be larger than a zip may be.
pub fn pack(contents: &Contents<'_>, key: &AuditKey) -> Option<Vec<u8>> {
    zip::write(&sign(members(contents), key))
}

/// Everything but the signature.
fn members(contents: &Contents<'_>) -> Members {
    let found = contents.found;
    let mut members = Members::new();
    let mut put = |name: String, text: String| members.insert(name, text.into_bytes());
    put("README.txt".to_owned(), readme::TEXT.to_owned());
    controls(contents, &mut put);
    put("policy/policy.yaml".to_owned(), contents.policy.to_owned());
    put(
        "policy/answers.yaml".to_owned(),
        contents.answers.to_owned(),
    );
    if let Some(plan) = &found.facts.plan {
        put("policy/plan.json".to_owned(), pretty(&redact::plan(plan)));
    }
    for history in &found.histories {
        let id = &history.status.execution.id;
        put(format!("{JOURNALS}{id}.json"), pretty(history));
    }
    for (index, drill) in found.facts.drills.iter().enumerate() {
        let mut drill = drill.clone();
        // A path of the machine it was run on.
        drill.report.clear();
        put(format!("drills/{:03}.json", index + 1), pretty(&drill));
    }
    for (index, record) in found.facts.records.iter().flatten().enumerate() {
        put(
            format!("vault/verification/{:03}.json", index + 1),
            pretty(record),
        );
    }
    if let Some(points) = &found.facts.points {
        put("vault/points.json".to_owned(), pretty(points));
    }
    if let Some((log, key)) = &found.log {
        let lines: String = log
            .entries
            .iter()
            .map(|entry| format!("{entry}\n"))
            .collect();
        put(ENTRIES.to_owned(), lines);
        put(
            CHECKPOINT.to_owned(),
            log.checkpoints.last().cloned().unwrap_or_default(),
        );
        put(
            FIRST.to_owned(),
            log.checkpoints.first().cloned().unwrap_or_default(),
        );
        put(PROOFS.to_owned(), pretty(&proofs(log)));
        put(LOG_KEY.to_owned(), key.pem());
        put("approvals.json".to_owned(), pretty(&approvals(log)));
    }
    members
}

fn controls(contents: &Contents<'_>, put: &mut impl FnMut(String, String) -> Option<Vec<u8>>) {
    let day = contents.found.facts.now.strftime("%Y-%m-%d").to_string();
    for (lang, tag) in [(Lang::En, "en"), (Lang::Ko, "ko")] {
        let options = Options {
            lang,
            columns: 100,
            date: day.clone(),
        };
        let mut write = |form, ending| {
            let text = render::render(contents.assessed, form, &options);
            put(format!("controls/compliance.{tag}.{ending}"), text);
        };
        write(Format::Html, "html");
        write(Format::Csv, "csv");
    }
    let options = Options {
        lang: Lang::En,
        columns: 100,
        date: day,
    };
    let json = render::render(contents.assessed, Format::Json, &options);
    put("controls/compliance.json".to_owned(), json);
}

/// Puts sums, key and signature in.
fn sign(mut members: Members, key: &AuditKey) -> Members {
    members.insert(KEY.to_owned(), key.public().pem().into_bytes());
    let sums = sums(&members);
    let signature = key.sign(sums.as_bytes()).to_vec();
    members.insert(SUMS.to_owned(), sums.into_bytes());
    members.insert(SIGNATURE.to_owned(), signature);
    members
}

/// What `sha256sum` prints for every member that has a sum.
fn sums(members: &Members) -> String {
    let summed = members
        .iter()
        .filter(|(name, _)| ![SUMS, SIGNATURE].contains(&name.as_str()));
    summed
        .map(|(name, bytes)| format!("{}  {name}\n", sha256_hex(bytes)))
        .collect()
}

fn hashes(log: &Log) -> Vec<Hash> {
    log.entries
        .iter()
        .map(|entry| Hash::leaf(entry.as_bytes()))
        .collect()
}

fn base64(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(Hash::base64).collect()
}

/// That the newest checkpoint continues the first, and that every approval and
/// every execution is in it.
fn proofs(log: &Log) -> Json {
    let leaves = hashes(log);
    let proven = |(index, text): (usize, &String)| {
        let entry = Entry::from_json(text.as_bytes()).ok()?;
        let decides = matches!(&entry, Entry::Execution { .. })
            || matches!(&entry, Entry::Journal { record, .. } if matches!(record.entry, JournalEntry::Approved { .. }));
        decides.then(|| {
            json!({
                "entry": index + 1,
                "leaf": leaves[index].base64(),
                "path": base64(&inclusion(&leaves, index)),
            })
        })
    };
    let inclusions: Vec<Json> = log.entries.iter().enumerate().filter_map(proven).collect();
    json!({
        "size": leaves.len(),
        "consistency": { "from": 1, "path": base64(&consistency(&leaves, 1)) },
        "inclusion": inclusions,
    })
}

/// Who asked for what, who approved it, and what was overridden.
fn approvals(log: &Log) -> Json {
    let said = |(index, text): (usize, &String)| {
        let number = index + 1;
        match Entry::from_json(text.as_bytes()).ok()? {
            Entry::Execution { execution } => Some(json!({
                "entry": number, "what": "asked", "execution": execution.id, "at": execution.opened_at,
                "kind": execution.runbook.kind, "runbookHash": execution.hash, "trigger": execution.trigger,
                "fenceOverride": execution.runbook.fence_override,
            })),
            Entry::Journal { execution, record } => match record.entry {
                JournalEntry::Approved { by, hash } => Some(json!({
                    "entry": number, "what": "approved", "execution": execution, "at": record.at,
                    "by": by, "runbookHash": hash,
                })),
                JournalEntry::StepSkipped { step, by, reason } => Some(json!({
                    "entry": number, "what": "skipped", "execution": execution, "at": record.at,
                    "by": by, "step": step, "reason": reason,
                })),
                _ => None,
            },
            _ => None,
        }
    };
    log.entries.iter().enumerate().filter_map(said).collect()
}

fn pretty<T: serde::Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
