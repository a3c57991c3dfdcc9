//! Reconcilers: what is made what should be, again and again.
//!
//! Each is a loop without a memory that matters: woken by a signal or by its
//! timer, it looks, acts, and can be dropped at any moment. None of them moves
//! a service; where an execution does, they stand back.

pub(crate) mod executor;
pub(crate) mod fencer;
mod observer;
pub(crate) mod protector;
pub(crate) mod publisher;
pub(crate) mod recovery;
mod said;
pub(crate) mod standby;
pub(crate) mod starter;
pub(crate) mod traffic;
pub(crate) mod verifier;
pub(crate) mod watcher;

use crate::shared::Shared;
use crate::signal::Listener;
use std::time::Duration;

/// An error with its code in front, by which faces explain it in the reader's
/// language.
fn coded(code: &str, error: &str) -> String {
    format!("[{code}] {error}")
}

/// Waits until somebody should look again, at most for `interval`.
pub(crate) async fn rest(shared: &Shared, changes: &mut Listener, interval: Duration) {
    tokio::select! {
        biased;
        () = changes.heard() => {}
        () = shared.ports.clock.sleep(interval) => {}
    }
}
