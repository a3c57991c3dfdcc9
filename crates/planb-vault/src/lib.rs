//! The backup repository: snapshots and hash-chained log segments in a vault.
//!
//! Layer 3. Meets the rest through ports only: [`planb_ports::VaultStorage`]
//! below, [`planb_ports::Database`] beside, [`planb_ports::Repository`] above.
//! docs/formats/vault.md specifies every object written here. Nothing
//! is ever replaced: safety comes from the conditional create of the storage.

mod backup;
mod canary;
mod catalogue;
mod chain;
mod checkpoint;
mod claim;
mod close;
mod drain;
pub mod drill;
mod error;
mod fold;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod layout;
mod level;
mod options;
mod part;
mod patient;
mod periodic;
mod point;
mod points;
mod protect;
mod prune;
mod put;
mod record;
mod repository;
mod restore;
mod retry;
mod seal;
mod segment;
mod ship;
mod sign;
mod snapshot;
mod spool;
mod trust;
mod vault;

pub use backup::Backup;
pub use options::VaultOptions;
pub use repository::VaultRepository;
pub use spool::{SPOOL_BYTES_DEFAULT, SPOOL_KEEP_FREE_BYTES_DEFAULT, SpoolOptions};
