//! Places where a test may end the process, to show that the journal resumes.
//!
//! The engine only says where it is; what happens there is injected. In
//! production it is [`NoCrash`].

/// A moment next to one journal entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashPoint {
    /// The journal entry, counted from 1.
    pub seq: u64,
    /// Before or after it is durable.
    pub side: Side,
}

/// Which side of a journal entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// About to append it: the effect before it has happened.
    Before,
    /// It is durable: the effect after it has not begun.
    After,
}

/// Hears that a crash point is reached. May not return.
pub trait CrashPoints: Send + Sync {
    /// The engine is at `point` of a journal.
    fn reached(&self, point: CrashPoint);
}

/// Crashes nowhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCrash;

impl CrashPoints for NoCrash {
    fn reached(&self, _point: CrashPoint) {}
}
