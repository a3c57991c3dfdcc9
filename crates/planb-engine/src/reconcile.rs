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
pub(crate) mod standby;
pub(crate) mod starter;
pub(crate) mod traffic;
pub(crate) mod watcher;

use crate::shared::Shared;
use std::time::Duration;
use tokio::sync::watch;

/// Waits until somebody should look again, at most for `interval`.
pub(crate) async fn rest(shared: &Shared, changes: &mut watch::Receiver<u64>, interval: Duration) {
    tokio::select! {
        biased;
        // The sender lives as long as `shared`; when it is gone there is
        // nothing to wake up for, and the timer goes on.
        Ok(()) = changes.changed() => {}
        () = shared.ports.clock.sleep(interval) => {}
    }
}
