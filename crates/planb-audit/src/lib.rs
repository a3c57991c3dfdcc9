//! The audit log: who decided what and what was done, so that nobody can change
//! it afterwards without being noticed.
//!
//! Layer 1. Every entry of the store is a leaf of a Merkle tree as Certificate
//! Transparency has it (RFC 6962); after every entry a checkpoint (C2SP
//! tlog-checkpoint, a signed note) binds the number of entries and the root
//! under an Ed25519 key. Plain functions: keys, texts and times come in as
//! values. Where they are kept is the store's business; the format is in
//! docs/formats/audit.md.

pub mod checkpoint;
pub mod entry;
pub mod key;
pub mod log;
pub mod proof;
pub mod tree;

pub use checkpoint::Checkpoint;
pub use entry::{Break, Entry, ServiceChange};
pub use key::{AuditKey, KeyError, PublicKey};
pub use log::{Broken, Log, Signatures, Verified};
pub use proof::{Proof, Unproven};
pub use tree::{Frontier, Hash};
