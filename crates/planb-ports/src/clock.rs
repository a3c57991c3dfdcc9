//! Time.

use async_trait::async_trait;
use jiff::Timestamp;
use std::time::Duration;

/// Tells time and waits. The only source of both outside connectors.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Wall clock. May jump; use it for records and for comparing with other machines.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment of this process; never goes back. Use it
    /// for intervals and deadlines.
    fn monotonic(&self) -> Duration;

    /// Returns after `duration` of monotonic time.
    async fn sleep(&self, duration: Duration);
}
