//! How long a long WAL waits for what was taken from it to become durable.
//!
//! Who ships log takes the next batch while the last one is on its way, so that
//! under a busy service something is always on its way. Without a pause now and
//! then a WAL would only be begun anew when it is as long as it may ever get, and
//! the segment behind a snapshot, which holds the whole WAL, as large.

use crate::config::{RESTART_WAIT_MS, WAL_BYTES_MAX};
use std::time::{Duration, Instant};

/// A pause that was begun, over or not.
#[derive(Debug, Default)]
pub(super) struct Patience(Option<Begun>);

#[derive(Debug)]
struct Begun {
    at: Instant,
    /// Bytes of the WAL then.
    bytes: u64,
}

impl Patience {
    /// The WAL is `bytes` long and waits. Begins a pause, unless one was begun
    /// since the WAL became this long: a vault that is away holds up nothing.
    pub(super) fn begin(&mut self, now: Instant, bytes: u64) {
        let again = |begun: &Begun| bytes.saturating_sub(begun.bytes) >= WAL_BYTES_MAX;
        if self.0.as_ref().is_none_or(again) {
            self.0 = Some(Begun { at: now, bytes });
        }
    }

    /// Nothing to wait for.
    pub(super) fn end(&mut self) {
        self.0 = None;
    }

    /// Whether the pause goes on.
    pub(super) fn lasts(&self, now: Instant) -> bool {
        let patience = Duration::from_millis(RESTART_WAIT_MS);
        let begun = self.0.as_ref();
        begun.is_some_and(|begun| now.duration_since(begun.at) < patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_short_and_comes_again_only_when_the_wal_grew() {
        let (mut patience, start) = (Patience::default(), Instant::now());
        let after = |ms| start + Duration::from_millis(ms);
        assert!(!patience.lasts(start));
        patience.begin(start, WAL_BYTES_MAX);
        assert!(patience.lasts(after(RESTART_WAIT_MS - 1)));
        assert!(!patience.lasts(after(RESTART_WAIT_MS)));
        patience.begin(after(RESTART_WAIT_MS), 2 * WAL_BYTES_MAX - 1);
        assert!(!patience.lasts(after(RESTART_WAIT_MS)));
        patience.begin(after(RESTART_WAIT_MS), 2 * WAL_BYTES_MAX);
        assert!(patience.lasts(after(RESTART_WAIT_MS)));
        patience.end();
        assert!(!patience.lasts(after(RESTART_WAIT_MS)));
    }
}
