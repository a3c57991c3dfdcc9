//! What PlanB needs of the world: one trait per file, no vendors.
//!
//! Layer 2. Time, randomness, network and disk are ports as well (safety rule
//! 10), so that the simulator can stand in for all of them. Every method that
//! changes something says in its docs what makes it safe to call twice and how
//! it refuses an older epoch.

pub mod accounts;
pub mod clock;
pub mod content;
#[cfg(feature = "contract")]
pub mod contract;
pub mod database;
pub mod disk;
pub mod error;
pub mod findings;
pub mod probe;
pub mod progress;
pub mod random;
pub mod repository;
pub mod restore;
pub mod snapshot;
pub mod storage;
pub mod store;
pub mod traffic;
pub mod verifier;
pub mod workload;

pub use accounts::{Accounts, AccountsReport};
pub use clock::Clock;
pub use content::{BrokenKey, ContentCheck, ContentRule, ContentSample};
pub use database::{Database, LogBatch, LogSegment, LogSource};
pub use disk::Disk;
pub use error::{ErrorKind, PortError, PortResult, Retry};
pub use findings::Findings;
pub use probe::Probe;
pub use progress::Progress;
pub use random::Random;
pub use repository::Repository;
pub use restore::{RestoreOptions, RestoreTo, SegmentEnd, Until, Verify};
pub use snapshot::{PartSink, SnapshotFacts, SnapshotMethod, SnapshotOptions, SnapshotSink};
pub use storage::VaultStorage;
pub use store::Store;
pub use traffic::Traffic;
pub use verifier::{Verified, Verifier};
pub use workload::Workload;
