//! When something is tried again, and how long is waited before.

use planb_ports::{Clock, ErrorKind, PortError, Random, Retry};
use std::time::Duration;

const PAUSE_MS_MIN: u64 = 100;
/// Half of the usual recovery point objective of a minute; longer pauses would
/// let a mended vault wait for nothing.
const PAUSE_MS_MAX: u64 = 30_000;
/// While log waits for the vault, every second before it is noticed that the
/// vault is back adds to what would be lost.
const LOG_PAUSE_MS_MAX: u64 = 5_000;
/// 100 ms doubled nine times is beyond the longest pause.
const DOUBLINGS_MAX: u32 = 9;

/// Whether the trouble may pass by itself. A full disk is temporary: the
/// source's own log waits until somebody made room.
pub(crate) fn is_temporary(error: &PortError) -> bool {
    error.retry() != Retry::No || error.kind() == ErrorKind::NoSpace
}

/// Pauses that double, with jitter so that many do not come back at once.
#[derive(Debug)]
pub(crate) struct Backoff {
    attempts: u32,
    pause_ms_max: u64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            attempts: 0,
            pause_ms_max: PAUSE_MS_MAX,
        }
    }
}

impl Backoff {
    /// For log that is put until it is there, however long that takes.
    pub(crate) fn of_waiting_log() -> Self {
        Self {
            pause_ms_max: LOG_PAUSE_MS_MAX,
            ..Self::default()
        }
    }

    /// How often it was asked since it was reset.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The next pause: between half and the whole of the doubled one.
    pub(crate) fn pause(&mut self, random: &dyn Random) -> Duration {
        let doubled = PAUSE_MS_MIN << self.attempts.min(DOUBLINGS_MAX);
        let whole = doubled.min(self.pause_ms_max) as f64;
        self.attempts += 1;
        Duration::from_millis((whole * (0.5 + random.fraction() / 2.0)) as u64)
    }

    /// Waits the next pause.
    pub(crate) async fn wait(&mut self, clock: &dyn Clock, random: &dyn Random) {
        clock.sleep(self.pause(random)).await;
    }

    /// It went well.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Always(u64);
    impl Random for Always {
        fn next_u64(&self) -> u64 {
            self.0
        }
    }

    #[test]
    fn pauses_double_and_are_bounded() {
        let pauses = |random: u64| {
            let mut backoff = Backoff::default();
            (0..12)
                .map(|_| backoff.pause(&Always(random)).as_millis())
                .collect::<Vec<_>>()
        };
        let short = pauses(0);
        assert_eq!(short[..4], [50, 100, 200, 400]);
        assert_eq!(short[11], 15_000);
        assert!(pauses(u64::MAX).iter().all(|p| *p <= 30_000));
        let mut waiting = Backoff::of_waiting_log();
        let longest = (0..12).map(|_| waiting.pause(&Always(u64::MAX))).max();
        assert!(longest.is_some_and(|longest| longest <= Duration::from_secs(5)));
    }
}
