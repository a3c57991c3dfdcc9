//! "Look again": one signal that many loops hear.
//!
//! Not `tokio::sync::watch`: that one wakes its listeners in an order drawn at
//! random, and the simulator has to run the same seed the same way twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;

/// Can be sent by anybody who has a clone.
#[derive(Clone, Default)]
pub struct Signal(Arc<Inner>);

#[derive(Default)]
struct Inner {
    count: AtomicU64,
    sent: Notify,
}

impl Signal {
    /// Has every listener look again, in the order in which they wait.
    pub fn send(&self) {
        self.0.count.fetch_add(1, Ordering::SeqCst);
        self.0.sent.notify_waiters();
    }

    /// Hears what is sent from now on.
    pub fn listen(&self) -> Listener {
        Listener {
            seen: self.0.count.load(Ordering::SeqCst),
            signal: self.clone(),
        }
    }
}

/// One who listens.
pub struct Listener {
    signal: Signal,
    seen: u64,
}

impl Listener {
    /// Returns when the signal was sent since the last time. Cancel safe.
    pub async fn heard(&mut self) {
        loop {
            // Made before the look: what is sent in between wakes it.
            let sent = self.signal.0.sent.notified();
            let count = self.signal.0.count.load(Ordering::SeqCst);
            if count != self.seen {
                self.seen = count;
                return;
            }
            sent.await;
        }
    }

    /// Forgets what was sent up to now.
    pub fn forget(&mut self) {
        self.seen = self.signal.0.count.load(Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn what_was_sent_before_the_wait_is_heard_once() {
        let signal = Signal::default();
        let (mut one, mut two) = (signal.listen(), signal.listen());
        assert!(one.heard().now_or_never().is_none());
        signal.send();
        signal.send();
        two.forget();
        assert!(one.heard().now_or_never().is_some());
        assert!(one.heard().now_or_never().is_none());
        assert!(two.heard().now_or_never().is_none());
        let waiting = tokio::spawn(async move { one.heard().await });
        tokio::task::yield_now().await;
        signal.send();
        waiting.await.expect("woken");
    }
}
