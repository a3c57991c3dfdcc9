//! Fakes and fixtures for tests: the whole outside world in memory.
//!
//! Layer 4, tests only. Every port of `planb-ports` has a fake here that keeps
//! the promises its trait makes (epochs refused, creates conditional, timeouts
//! that may have happened), so that a test that passes against the fakes says
//! something about the real ones. Faults come in through [`Link`]: the fake
//! behind it is right, the way to it is not. A fake is a cheap handle; clones
//! share state, which survives the [`Incarnation`] that used it.
//!
//! Deliberately absent: anything that knows the engine (see `planb-sim`).

#![expect(
    clippy::disallowed_methods,
    reason = "the fakes of time and of waiting are made of tokio's virtual time"
)]

pub mod clock;
pub mod database;
pub mod disk;
pub mod incarnation;
pub mod link;
pub mod palette;
pub mod probe;
pub mod random;
pub mod repository;
pub mod storage;
pub mod store;
pub mod trace;
pub mod traffic;
pub mod workload;

pub use clock::SimClock;
pub use database::FakeDatabase;
pub use disk::MemoryDisk;
pub use incarnation::Incarnation;
pub use link::{Fault, Link, Weather};
pub use probe::{LinkProbe, OutsideProbe, ScriptedProbe, SiteProbe};
pub use random::SeededRandom;
pub use repository::{FakeRepository, RepositorySettings};
pub use storage::MemoryStorage;
pub use store::MemoryStore;
pub use trace::Trace;
pub use traffic::FakeTraffic;
pub use workload::FakeWorkload;

use planb_ports::{ErrorKind, PortError};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Code of every error a fake makes up.
pub const FAKE_CODE: &str = "PB-FAKE";

/// An error of a fake.
pub fn fake_error(kind: ErrorKind, message: impl Into<String>) -> PortError {
    PortError::new(kind, FAKE_CODE, message)
}

/// Locks, also after a panic elsewhere: the panic is the test's failure, not the lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
