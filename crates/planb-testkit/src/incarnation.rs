//! The crash gate: one life of one process.
//!
//! A crashed process can do nothing more. Tasks of it may still exist in the
//! test's runtime; every call they make to a fake hangs for ever, before its
//! effect or, if the crash came in between, after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One life of a process. Clones are the same life.
#[derive(Debug, Clone, Default)]
pub struct Incarnation {
    dead: Arc<AtomicBool>,
}

impl Incarnation {
    /// A living process.
    pub fn new() -> Self {
        Self::default()
    }

    /// Kills the process. There is no way back; start a new incarnation.
    pub fn crash(&self) {
        self.dead.store(true, Ordering::SeqCst);
    }

    /// Whether it was killed.
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// Returns at once while the process lives, and never once it is dead.
    pub async fn pass(&self) {
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_dead_process_never_gets_past_the_gate() {
        let life = Incarnation::new();
        life.pass().await;
        life.crash();
        let passed = tokio::time::timeout(Duration::from_secs(3600), life.pass()).await;
        assert!(passed.is_err());
    }
}
