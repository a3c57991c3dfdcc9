//! That an entry is in a log: C2SP tlog-proof, with the entry itself as its
//! extra data.

use super::{Unproven, hashes, signed, whole};
use crate::checkpoint::Checkpoint;
use crate::key::PublicKey;
use crate::log::Log;
use crate::tree::{Hash, includes, inclusion};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

/// The first line (C2SP tlog-proof).
const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// Begins the line with the entry.
const EXTRA_MARK: &str = "extra ";
/// Begins the line with the place of the entry, counted from 0.
const INDEX_MARK: &str = "index ";

/// An entry, its place, and the way from there to a signed root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    /// Its place, counted from 0.
    pub index: u64,
    /// The entry, as its bytes were hashed.
    pub entry: String,
    /// Hashes beside the way to the root, the nearest first (RFC 6962, 2.1.1).
    pub path: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: String,
}

impl Inclusion {
    /// The proof of entry `index` (from 0) of `log` against the signed
    /// `checkpoint` over its beginning; `None` when there is no such entry in it.
    pub fn of(log: &Log, index: u64, checkpoint: &str) -> Option<Self> {
        let size = usize::try_from(Checkpoint::read(checkpoint)?.size).ok()?;
        let at = usize::try_from(index).ok()?;
        let entries = log.entries.get(..size)?;
        let entry = entries.get(at)?.clone();
        let leaves: Vec<Hash> = entries.iter().map(|e| Hash::leaf(e.as_bytes())).collect();
        Some(Self {
            index,
            entry,
            path: inclusion(&leaves, at),
            checkpoint: whole(checkpoint),
        })
    }

    /// As it is written to a file.
    pub fn text(&self) -> String {
        let entry = STANDARD.encode(&self.entry);
        let mut text = format!(
            "{HEADER}\n{EXTRA_MARK}{entry}\n{INDEX_MARK}{}\n",
            self.index
        );
        for hash in &self.path {
            // Writing to a String cannot fail.
            writeln!(text, "{}", hash.base64()).unwrap_or_default();
        }
        format!("{text}\n{}", self.checkpoint)
    }

    /// Reads one; nothing of it is checked.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (proof, checkpoint) = text.split_once("\n\n")?;
        let mut lines = proof.lines();
        if lines.next() != Some(HEADER) {
            return None;
        }
        let entry = STANDARD.decode(lines.next()?.strip_prefix(EXTRA_MARK)?);
        let read = Self {
            entry: String::from_utf8(entry.ok()?).ok()?,
            index: lines.next()?.strip_prefix(INDEX_MARK)?.parse().ok()?,
            path: hashes(lines)?,
            checkpoint: whole(checkpoint),
        };
        // One way to write it.
        (read.text() == whole(text)).then_some(read)
    }

    /// The checkpoint it leads to.
    pub(super) fn verify(&self, key: &PublicKey) -> Result<Checkpoint, Unproven> {
        let checkpoint = signed(&self.checkpoint, key)?;
        let leaf = Hash::leaf(self.entry.as_bytes());
        let (root, size) = (checkpoint.root, checkpoint.size);
        if includes(root, size, leaf, self.index, &self.path) {
            Ok(checkpoint)
        } else {
            Err(Unproven::Root)
        }
    }
}
