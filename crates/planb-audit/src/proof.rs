//! Proofs as files of their own: whoever has the public key can check them
//! without the log, the state or PlanB.

mod consistency;
mod inclusion;

pub use consistency::Consistency;
pub use inclusion::Inclusion;

use crate::checkpoint::Checkpoint;
use crate::key::PublicKey;
use crate::tree::Hash;

/// Longest proof that is read, in bytes: an entry with a large runbook in
/// base64, 64 hashes, and two checkpoints.
pub const PROOF_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A proof about a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// An entry is in it.
    Inclusion(Inclusion),
    /// It was continued.
    Consistency(Consistency),
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// It is not written as a proof is.
    #[error("this is no proof that planb writes, or it was damaged")]
    Format,
    /// A checkpoint in it is not signed by the key.
    #[error("the checkpoint of the proof is not signed by this key")]
    Signature,
    /// Its hashes do not lead to the root that was signed.
    #[error("the proof does not lead to the root that was signed")]
    Root,
    /// Its checkpoint is another one than the one that was kept.
    #[error("the proof is not about the checkpoint that was kept")]
    Kept,
}

impl Proof {
    /// Reads one; nothing of it is checked.
    ///
    /// # Errors
    /// [`Unproven::Format`].
    pub fn read(text: &str) -> Result<Self, Unproven> {
        if text.len() > PROOF_BYTES_MAX {
            return Err(Unproven::Format);
        }
        let inclusion = Inclusion::read(text).map(Proof::Inclusion);
        inclusion
            .or_else(|| Consistency::read(text).map(Proof::Consistency))
            .ok_or(Unproven::Format)
    }

    /// As it is written to a file.
    pub fn text(&self) -> String {
        match self {
            Proof::Inclusion(proof) => proof.text(),
            Proof::Consistency(proof) => proof.text(),
        }
    }

    /// Checks it by `key`, and that it is about the checkpoint `kept`, when one
    /// is given. Gives the checkpoint the proof leads to.
    ///
    /// # Errors
    /// Why it proves nothing.
    pub fn verify(&self, key: &PublicKey, kept: Option<&str>) -> Result<Checkpoint, Unproven> {
        let (begins, ends) = match self {
            Proof::Inclusion(proof) => {
                let checkpoint = proof.verify(key)?;
                (checkpoint.clone(), checkpoint)
            }
            Proof::Consistency(proof) => proof.verify(key)?,
        };
        if let Some(kept) = kept {
            let kept = Checkpoint::read(kept).ok_or(Unproven::Kept)?;
            if kept != begins && kept != ends {
                return Err(Unproven::Kept);
            }
        }
        Ok(ends)
    }
}

/// The checkpoint `note` is, when it is signed.
fn signed(note: &str, key: &PublicKey) -> Result<Checkpoint, Unproven> {
    let read = Checkpoint::read(note).ok_or(Unproven::Format)?;
    if Checkpoint::is_signed(note, key) {
        Ok(read)
    } else {
        Err(Unproven::Signature)
    }
}

/// Hashes, one per line.
fn hashes<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Vec<Hash>> {
    lines.map(Hash::from_base64).collect()
}

/// A note with one line end at its end, as files of shells may not have it.
fn whole(note: &str) -> String {
    format!("{}\n", note.trim_end_matches('\n'))
}
