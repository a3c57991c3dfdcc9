//! A fake of time: tokio's virtual time, with a wall clock that can be wrong.
//!
//! Use it in a runtime with paused time (`#[tokio::test(start_paused = true)]`);
//! then sleeping costs nothing and time moves only when everybody waits.

use crate::Incarnation;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use planb_ports::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Virtual time. Clones share the clock, its skew included.
#[derive(Debug, Clone)]
pub struct SimClock {
    start: Timestamp,
    began: Instant,
    skew_ms: Arc<AtomicI64>,
    incarnation: Incarnation,
}

impl SimClock {
    /// A clock that shows `start` now.
    pub fn new(start: Timestamp) -> Self {
        Self {
            start,
            began: Instant::now(),
            skew_ms: Arc::default(),
            incarnation: Incarnation::new(),
        }
    }

    /// A clock that shows 2026-01-01T00:00:00Z now.
    pub fn at_new_year() -> Self {
        Self::new(Timestamp::constant(1_767_225_600, 0))
    }

    /// The same clock for one life of a process; its sleeps never end after the crash.
    #[must_use]
    pub fn of(&self, incarnation: &Incarnation) -> Self {
        Self {
            incarnation: incarnation.clone(),
            ..self.clone()
        }
    }

    /// Another clock with the same true time and no skew: another machine's.
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            skew_ms: Arc::default(),
            ..self.clone()
        }
    }

    /// Moves the wall clock by `millis`, forwards or back. Monotonic time and
    /// sleeps do not notice.
    pub fn jump(&self, millis: i64) {
        self.skew_ms.fetch_add(millis, Ordering::SeqCst);
    }

    /// The time without skew.
    pub fn true_now(&self) -> Timestamp {
        self.shifted(0)
    }

    fn shifted(&self, skew_ms: i64) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.began.elapsed()).unwrap_or(SignedDuration::MAX);
        let shift = elapsed.saturating_add(SignedDuration::from_millis(skew_ms));
        self.start.checked_add(shift).unwrap_or(Timestamp::MAX)
    }
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.shifted(self.skew_ms.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        self.began.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        self.incarnation.pass().await;
        tokio::time::sleep(duration).await;
        self.incarnation.pass().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_moves_by_sleeping_and_the_wall_clock_by_jumps() {
        let clock = SimClock::at_new_year();
        let start = clock.now();
        clock.sleep(Duration::from_secs(90)).await;
        assert_eq!(clock.now(), start + SignedDuration::from_secs(90));
        assert_eq!(clock.monotonic(), Duration::from_secs(90));

        clock.clone().jump(-60_000);
        assert_eq!(clock.now(), start + SignedDuration::from_secs(30));
        assert_eq!(clock.monotonic(), Duration::from_secs(90));
        assert_eq!(clock.another().now(), clock.true_now());
    }
}
