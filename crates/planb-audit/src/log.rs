//! A whole log, checked: every entry against every checkpoint.

use crate::checkpoint::Checkpoint;
use crate::entry::Entry;
use crate::key::{AuditKey, PublicKey};
use crate::tree::{Frontier, Hash};
use jiff::Timestamp;

/// Hexadecimal digits of the first entry's hash in the name of a log.
const ORIGIN_DIGITS: usize = 16;

/// A log as it is kept: entry `n` and the checkpoint after it, from 1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Log {
    /// The entries, each as its bytes were hashed.
    pub entries: Vec<String>,
    /// The checkpoint after each of them.
    pub checkpoints: Vec<String>,
}

/// Which signatures are looked at. Every root is compared either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signatures {
    /// The newest: it covers every entry.
    Newest,
    /// All.
    All,
}

/// A log that is as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The newest checkpoint.
    pub newest: Checkpoint,
    /// The entries.
    pub entries: Vec<Entry>,
}

/// Why a log cannot be trusted. Entries are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// There is nothing.
    #[error("the audit log is empty")]
    Empty,
    /// A place in the log has no entry, or a checkpoint is not that of its place.
    #[error("entry {number} of the audit log is missing, or is not where it was written")]
    Place {
        /// Which.
        number: u64,
    },
    /// An entry cannot be read.
    #[error("entry {number} of the audit log is not one that planb writes")]
    Entry {
        /// Which.
        number: u64,
    },
    /// The entries are not those that were signed.
    #[error(
        "entry {number} of the audit log is not what was signed: it or what is before it was changed"
    )]
    Root {
        /// The first one that does not fit.
        number: u64,
    },
    /// A signature is missing or another key's.
    #[error("the checkpoint after entry {number} is not signed by the key of this log")]
    Signature {
        /// Which.
        number: u64,
    },
    /// A checkpoint kept elsewhere knows more than the log has.
    #[error(
        "the audit log was cut off or an old state was put back: it has {found} entries, and a checkpoint over {kept} of them was signed before"
    )]
    RolledBack {
        /// Entries of the checkpoint that was kept.
        kept: u64,
        /// Entries now.
        found: u64,
    },
    /// A checkpoint kept elsewhere is about other entries.
    #[error(
        "the audit log does not continue the one whose checkpoint over {kept} entries was kept"
    )]
    Forked {
        /// Entries of the checkpoint that was kept.
        kept: u64,
    },
    /// A checkpoint kept elsewhere cannot be used.
    #[error("the checkpoint that was kept cannot be read, or is not signed by the key of this log")]
    Kept,
    /// What the store answers with is not what the log says.
    #[error("{what} is not what the audit log says")]
    Store {
        /// What differs.
        what: String,
    },
}

/// The name of the log that begins with this entry. It has the hash of the
/// entry in it, so no two logs have the same.
pub fn origin(first: &str) -> String {
    let hash = Hash::leaf(first.as_bytes()).hex();
    format!("planb.dev/audit/{}", &hash[..ORIGIN_DIGITS])
}

/// The checkpoint after the entries in `frontier`, signed.
pub fn checkpoint(origin: &str, frontier: &Frontier, time: Timestamp, key: &AuditKey) -> String {
    let checkpoint = Checkpoint {
        origin: origin.to_owned(),
        size: frontier.size(),
        root: frontier.root(),
        time,
    };
    checkpoint.sign(key)
}

impl Log {
    /// Checks every entry and checkpoint.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(&self, key: &PublicKey, signatures: Signatures) -> Result<Verified, Broken> {
        let first = self.entries.first().ok_or(Broken::Empty)?;
        let origin = origin(first);
        let mut frontier = Frontier::default();
        let mut entries = Vec::with_capacity(self.entries.len());
        let mut newest = None;
        for (index, text) in self.entries.iter().enumerate() {
            let number = index as u64 + 1;
            frontier.push(Hash::leaf(text.as_bytes()));
            let note = self
                .checkpoints
                .get(index)
                .ok_or(Broken::Place { number })?;
            let read = Checkpoint::read(note).ok_or(Broken::Signature { number })?;
            if read.size != number || read.origin != origin {
                return Err(Broken::Place { number });
            }
            if read.root != frontier.root() {
                return Err(Broken::Root { number });
            }
            let last = index + 1 == self.entries.len();
            if (last || signatures == Signatures::All) && !Checkpoint::is_signed(note, key) {
                return Err(Broken::Signature { number });
            }
            let entry = Entry::from_json(text.as_bytes()).map_err(|_| Broken::Entry { number })?;
            if matches!(entry, Entry::Began { .. }) != (index == 0) {
                return Err(Broken::Entry { number });
            }
            entries.push(entry);
            newest = Some(read);
        }
        if self.checkpoints.len() > self.entries.len() {
            let number = self.entries.len() as u64 + 1;
            return Err(Broken::Place { number });
        }
        let newest = newest.ok_or(Broken::Empty)?;
        Ok(Verified { newest, entries })
    }

    /// Checks that the log continues the one a checkpoint kept elsewhere is
    /// about: nothing was cut off, and no older state was put back.
    ///
    /// # Errors
    /// [`Broken::RolledBack`], [`Broken::Forked`] or [`Broken::Kept`].
    pub fn continues(&self, kept: &str, key: &PublicKey) -> Result<(), Broken> {
        let old = Checkpoint::read(kept).ok_or(Broken::Kept)?;
        if !Checkpoint::is_signed(kept, key) {
            return Err(Broken::Kept);
        }
        let first = self.entries.first().ok_or(Broken::Empty)?;
        if old.origin != origin(first) {
            return Err(Broken::Forked { kept: old.size });
        }
        let found = self.entries.len() as u64;
        let size = usize::try_from(old.size).unwrap_or(usize::MAX);
        let Some(beginning) = self.entries.get(..size) else {
            return Err(Broken::RolledBack {
                kept: old.size,
                found,
            });
        };
        if root_of(beginning) == old.root {
            Ok(())
        } else {
            Err(Broken::Forked { kept: old.size })
        }
    }
}

/// Root of the tree over entries as they were written.
pub fn root_of<T: AsRef<[u8]>>(entries: &[T]) -> Hash {
    let mut frontier = Frontier::default();
    for entry in entries {
        frontier.push(Hash::leaf(entry.as_ref()));
    }
    frontier.root()
}
