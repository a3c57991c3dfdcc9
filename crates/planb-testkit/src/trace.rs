//! What happened in a test world, in order: for replaying a failing seed and
//! for comparing two runs of the same seed.

use crate::lock;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

/// Events kept for printing; older ones only count in the fingerprint.
const EVENTS_MAX: usize = 200_000;

/// A log of events with virtual times. Clones share the log.
#[derive(Debug, Clone)]
pub struct Trace(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    began: Instant,
    keep: bool,
    events: VecDeque<String>,
    count: u64,
    fingerprint: u64,
}

impl Trace {
    /// A log that only counts and fingerprints; the cheap one.
    pub fn fingerprint_only() -> Self {
        Self::with(false)
    }

    /// A log that keeps its events.
    pub fn keeping() -> Self {
        Self::with(true)
    }

    fn with(keep: bool) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            began: Instant::now(),
            keep,
            events: VecDeque::new(),
            count: 0,
            fingerprint: 0,
        })))
    }

    /// Adds an event at the virtual time of now.
    pub fn record(&self, actor: &str, event: &str) {
        let mut inner = lock(&self.0);
        let at = inner.began.elapsed().as_millis();
        let mut hasher = DefaultHasher::new();
        (inner.fingerprint, at, actor, event).hash(&mut hasher);
        inner.fingerprint = hasher.finish();
        inner.count += 1;
        if inner.keep {
            if inner.events.len() == EVENTS_MAX {
                inner.events.pop_front();
            }
            let line = format!("{:>9.3}s {actor}: {event}", at as f64 / 1000.0);
            inner.events.push_back(line);
        }
    }

    /// A hash over every event so far, times and order included.
    pub fn fingerprint(&self) -> u64 {
        lock(&self.0).fingerprint
    }

    /// Number of events so far.
    pub fn count(&self) -> u64 {
        lock(&self.0).count
    }

    /// The kept events, one a line.
    pub fn text(&self) -> String {
        let inner = lock(&self.0);
        let mut text = String::new();
        for event in &inner.events {
            text.push_str(event);
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_fingerprint_knows_order_and_content() {
        let of = |events: &[&str]| {
            let trace = Trace::keeping();
            for event in events {
                trace.record("a", event);
            }
            assert_eq!(trace.text().lines().count(), events.len());
            trace.fingerprint()
        };
        assert_eq!(of(&["x", "y"]), of(&["x", "y"]));
        assert_ne!(of(&["x", "y"]), of(&["y", "x"]));
        assert_ne!(of(&["x"]), of(&["x", "x"]));
    }
}
