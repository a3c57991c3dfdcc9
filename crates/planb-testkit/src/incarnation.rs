//! The crash gate: one life of one process.
//!
//! A crashed process can do nothing more. Tasks of it may still exist in the
//! test's runtime; every call they make to a fake hangs for ever, before its
//! effect or, if the crash came in between, after it.
//!
//! A frozen process (`SIGSTOP`, a virtual machine that is moved, a long garbage
//! collection) does nothing either, and then goes on where it was, with what it
//! knew: the reason why targets have to refuse old epochs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// One life of a process. Clones are the same life.
#[derive(Debug, Clone, Default)]
pub struct Incarnation(Arc<State>);

#[derive(Debug, Default)]
struct State {
    dead: AtomicBool,
    frozen: AtomicBool,
    thawed: Notify,
}

impl Incarnation {
    /// A living process.
    pub fn new() -> Self {
        Self::default()
    }

    /// Kills the process. There is no way back; start a new incarnation.
    pub fn crash(&self) {
        self.0.dead.store(true, Ordering::SeqCst);
    }

    /// Whether it was killed.
    pub fn is_dead(&self) -> bool {
        self.0.dead.load(Ordering::SeqCst)
    }

    /// Stops the process where it is, until [`Incarnation::thaw`].
    pub fn freeze(&self) {
        self.0.frozen.store(true, Ordering::SeqCst);
    }

    /// Lets a frozen process go on.
    pub fn thaw(&self) {
        self.0.frozen.store(false, Ordering::SeqCst);
        self.0.thawed.notify_waiters();
    }

    /// Returns at once while the process lives, once it is thawed when it is
    /// frozen, and never when it is dead.
    pub async fn pass(&self) {
        while self.0.frozen.load(Ordering::SeqCst) && !self.is_dead() {
            self.0.thawed.notified().await;
        }
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

    #[tokio::test(start_paused = true)]
    async fn a_frozen_process_goes_on_when_it_is_thawed() {
        let life = Incarnation::new();
        life.freeze();
        let waiting = tokio::spawn({
            let life = life.clone();
            async move { life.pass().await }
        });
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(!waiting.is_finished());
        life.thaw();
        waiting.await.expect("goes on");
    }
}
