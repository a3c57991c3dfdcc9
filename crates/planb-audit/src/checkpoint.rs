//! Checkpoints: how many entries there are and the root over them, signed.
//!
//! C2SP tlog-checkpoint, which is a signed note. One extension line is used:
//! `time` and the moment of the entry.

use crate::key::{AuditKey, KEY_ID_BYTES, PublicKey};
use crate::tree::Hash;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

/// Begins a line with a signature.
const SIGNATURE_MARK: &str = "— ";
/// Begins the extension line with the time.
const TIME_MARK: &str = "time ";
/// Longest checkpoint that is read, in bytes: a name, two numbers, a hash and
/// the signatures of a few witnesses.
pub const CHECKPOINT_BYTES_MAX: usize = 16 * 1024;

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log it is about; also the name of its key.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
    /// When the last entry was written, by the clock of its writer.
    pub time: Timestamp,
}

impl Checkpoint {
    /// The text that is signed.
    fn text(&self) -> String {
        let Checkpoint {
            origin,
            size,
            root,
            time,
        } = self;
        format!("{origin}\n{size}\n{}\n{TIME_MARK}{time}\n", root.base64())
    }

    /// Signed by `key`.
    pub fn sign(&self, key: &AuditKey) -> String {
        let text = self.text();
        let mut signature = key.public().note_id(&self.origin).to_vec();
        signature.extend(key.sign(text.as_bytes()));
        let signature = STANDARD.encode(signature);
        format!("{text}\n{SIGNATURE_MARK}{} {signature}\n", self.origin)
    }

    /// Reads one without looking at its signatures.
    pub fn read(note: &str) -> Option<Self> {
        if note.len() > CHECKPOINT_BYTES_MAX {
            return None;
        }
        let (text, _) = parts(note)?;
        let mut lines = text.lines();
        let read = Self {
            origin: lines.next().filter(|origin| !origin.is_empty())?.to_owned(),
            size: lines.next()?.parse().ok()?,
            root: Hash::from_base64(lines.next()?)?,
            time: lines.next()?.strip_prefix(TIME_MARK)?.parse().ok()?,
        };
        // One way to write it: 07 is no size.
        (read.text() == text).then_some(read)
    }

    /// Whether `note` has a signature of `key`.
    pub fn is_signed(note: &str, key: &PublicKey) -> bool {
        let (Some((text, signatures)), Some(read)) = (parts(note), Self::read(note)) else {
            return false;
        };
        let id = key.note_id(&read.origin);
        let signed = |line: &str| {
            let named = line.strip_prefix(SIGNATURE_MARK)?.split_once(' ')?;
            let bytes = STANDARD.decode(named.1).ok()?;
            let (of, signature) = bytes.split_at_checked(KEY_ID_BYTES)?;
            Some(named.0 == read.origin && of == id && key.verifies(text.as_bytes(), signature))
        };
        signatures.lines().any(|line| signed(line) == Some(true))
    }
}

/// The signed text with its last line end, and the lines with signatures.
fn parts(note: &str) -> Option<(&str, &str)> {
    let end = note.find("\n\n")?;
    Some((&note[..=end], &note[end + 2..]))
}
