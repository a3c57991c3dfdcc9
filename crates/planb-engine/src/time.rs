//! Waiting, always through the clock port.

use planb_ports::Clock;
use std::future::Future;
use std::time::Duration;

/// What `work` gives, or `None` when `limit` passed first; then it is dropped.
pub(crate) async fn within<T>(
    clock: &dyn Clock,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = clock.sleep(limit) => None,
    }
}
