//! The Merkle tree of RFC 6962, section 2.1: hashes, roots and proofs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// Bytes of a hash.
pub const HASH_BYTES: usize = 32;

/// SHA-256 of a leaf, a node or a whole tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; HASH_BYTES]);

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.hex())
    }
}

impl Hash {
    /// Hash of the empty tree.
    pub fn empty() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// Hash of a leaf with these bytes.
    pub fn leaf(bytes: &[u8]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update([0x00]);
        hasher.update(bytes);
        Self(hasher.finalize().into())
    }

    /// Hash of a node over two others.
    pub fn node(left: Hash, right: Hash) -> Self {
        let mut hasher = Sha256::new();
        hasher.update([0x01]);
        hasher.update(left.0);
        hasher.update(right.0);
        Self(hasher.finalize().into())
    }

    /// From 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// From base64, as checkpoints write it.
    pub fn from_base64(text: &str) -> Option<Self> {
        Self::from_slice(&STANDARD.decode(text).ok()?)
    }

    /// In base64.
    pub fn base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// In lower-case hexadecimal digits, as `sha256sum` writes it.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8; HASH_BYTES] {
        &self.0
    }
}

/// SHA-256 of `bytes` in hexadecimal digits, as `sha256sum` gives it.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Hash(Sha256::digest(bytes).into()).hex()
}

/// What is needed of a tree to go on with it: the roots of its complete
/// subtrees, largest first, one per bit of its size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Entries in the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds an entry at the end.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Every complete subtree as large as the new one becomes part of it.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = Hash::node(left, hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// Root of the tree.
    pub fn root(&self) -> Hash {
        let smaller = |right, left: &Hash| match right {
            None => Some(*left),
            Some(right) => Some(Hash::node(*left, right)),
        };
        let root = self.peaks.iter().rev().fold(None, smaller);
        root.unwrap_or_else(Hash::empty)
    }

    /// The peaks, one after the other.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.peaks.iter().flat_map(|hash| hash.0).collect()
    }

    /// From what [`Frontier::to_bytes`] gave for a tree of `size` entries.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Option<Self> {
        let peaks: Option<Vec<Hash>> = bytes.chunks(HASH_BYTES).map(Hash::from_slice).collect();
        let peaks = peaks?;
        (peaks.len() == size.count_ones() as usize).then_some(Self { size, peaks })
    }
}

/// Root of the tree over `leaves`.
pub fn root(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
}

/// The largest power of two below `size`, which must be 2 at least.
fn split(size: usize) -> usize {
    size.next_power_of_two() / 2
}

/// Audit path of entry `index` (from 0) in the tree over `leaves` (RFC 6962,
/// section 2.1.1); empty when there is no such entry.
pub fn inclusion(leaves: &[Hash], index: usize) -> Vec<Hash> {
    if index >= leaves.len() || leaves.len() < 2 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, other) = if index < left.len() {
        (inclusion(left, index), root(right))
    } else {
        (inclusion(right, index - left.len()), root(left))
    };
    path.push(other);
    path
}

/// Whether `leaf` is entry `index` (from 0) of the tree with `size` entries and
/// `root` (RFC 9162, section 2.1.3.2).
pub fn includes(root: Hash, size: u64, leaf: Hash, index: u64, path: &[Hash]) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, leaf);
    for step in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = Hash::node(*step, hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = Hash::node(hash, *step);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == root
}

/// Proof that the tree over the first `old` of `leaves` is the beginning of the
/// whole tree (RFC 6962, section 2.1.2); empty for no old tree and for the same.
pub fn consistency(leaves: &[Hash], old: usize) -> Vec<Hash> {
    if old == 0 || old >= leaves.len() {
        return Vec::new();
    }
    subproof(leaves, old, true)
}

fn subproof(leaves: &[Hash], old: usize, whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole {
            Vec::new()
        } else {
            vec![root(leaves)]
        };
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut proof, other) = if old <= left.len() {
        (subproof(left, old, whole), root(right))
    } else {
        (subproof(right, old - left.len(), false), root(left))
    };
    proof.push(other);
    proof
}

/// Whether the tree of `old` is the beginning of the tree of `new`, each as
/// (size, root) (RFC 9162, section 2.1.4.2).
pub fn continues(old: (u64, Hash), new: (u64, Hash), proof: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == new_size {
        return old_root == new_root && proof.is_empty();
    }
    if old_size == 0 || old_size > new_size {
        return old_size == 0 && proof.is_empty();
    }
    let mut path = proof.iter().copied();
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let first = if old_size.is_power_of_two() {
        Some(old_root)
    } else {
        path.next()
    };
    let Some(first) = first else {
        return false;
    };
    let (mut before, mut after) = (first, first);
    for step in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            before = Hash::node(step, before);
            after = Hash::node(step, after);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            after = Hash::node(after, step);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && before == old_root && after == new_root
}
