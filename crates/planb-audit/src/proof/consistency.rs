//! That a log was continued: nothing up to an older checkpoint was changed,
//! removed or moved before the newer one was signed.

use super::{Unproven, hashes, signed, whole};
use crate::checkpoint::Checkpoint;
use crate::key::PublicKey;
use crate::log::Log;
use crate::tree::{Hash, consistency, continues};
use std::fmt::Write as _;

/// The first line. C2SP has no file for this proof.
const HEADER: &str = "planb.dev/audit-consistency@v1";

/// Two checkpoints, and what leads from one to the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consistency {
    /// Hashes (RFC 6962, section 2.1.2).
    pub path: Vec<Hash>,
    /// The older signed checkpoint.
    pub old: String,
    /// The newer one.
    pub new: String,
}

impl Consistency {
    /// The proof that `log`, up to the signed checkpoint `new`, continues the one
    /// of the signed checkpoint `old`; `None` when it is not that long.
    pub fn of(log: &Log, old: &str, new: &str) -> Option<Self> {
        let size = |note: &str| usize::try_from(Checkpoint::read(note)?.size).ok();
        let (from, to) = (size(old)?, size(new)?);
        let entries = log.entries.get(..to)?;
        let leaves: Vec<Hash> = entries.iter().map(|e| Hash::leaf(e.as_bytes())).collect();
        (from <= to).then(|| Self {
            path: consistency(&leaves, from),
            old: whole(old),
            new: whole(new),
        })
    }

    /// As it is written to a file.
    pub fn text(&self) -> String {
        let mut text = format!("{HEADER}\n");
        for hash in &self.path {
            // Writing to a String cannot fail.
            writeln!(text, "{}", hash.base64()).unwrap_or_default();
        }
        format!("{text}\n{}\n{}", self.old, self.new)
    }

    /// Reads one; nothing of it is checked.
    pub(super) fn read(text: &str) -> Option<Self> {
        // The proof, and text and signatures of two checkpoints.
        let parts: Vec<&str> = text.split("\n\n").collect();
        let [proof, old, old_signed, new, new_signed] = parts.as_slice() else {
            return None;
        };
        let mut lines = proof.lines();
        if lines.next() != Some(HEADER) {
            return None;
        }
        let note = |text: &str, signatures: &str| whole(&format!("{text}\n\n{signatures}"));
        let read = Self {
            path: hashes(lines)?,
            old: note(old, old_signed),
            new: note(new, new_signed),
        };
        // One way to write it.
        (read.text() == whole(text)).then_some(read)
    }

    /// The two checkpoints, older first.
    pub(super) fn verify(&self, key: &PublicKey) -> Result<(Checkpoint, Checkpoint), Unproven> {
        let (old, new) = (signed(&self.old, key)?, signed(&self.new, key)?);
        // A tree without entries is the beginning of every other, of any log.
        let begun = old.size > 0 && old.origin == new.origin;
        if begun && continues((old.size, old.root), (new.size, new.root), &self.path) {
            Ok((old, new))
        } else {
            Err(Unproven::Root)
        }
    }
}
