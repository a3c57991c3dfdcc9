//! How often a standby looks for log. A look costs one request at least, which
//! object stores charge for; a pause is added to the lag.

/// Pause after log came, and the first one after none did, in milliseconds.
const PAUSE_MS_MIN: u64 = 200;
/// Longest pause: half of what a promotion may take after the last segment.
const PAUSE_MS_MAX: u64 = 1_000;

/// Pauses that get longer while nothing comes.
pub struct Pace {
    next_ms: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            next_ms: PAUSE_MS_MIN,
        }
    }
}

impl Pace {
    /// The pause after a look that found so many segments, in milliseconds.
    pub fn after(&mut self, segments: u64) -> u64 {
        if segments > 0 {
            self.next_ms = PAUSE_MS_MIN;
        }
        let pause = self.next_ms;
        self.next_ms = (pause * 2).min(PAUSE_MS_MAX);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_second_and_begin_anew_behind_log() {
        let mut pace = Pace::default();
        let pauses = [0, 0, 0, 0, 0, 3, 0, 0].map(|segments| pace.after(segments));
        assert_eq!(pauses, [200, 400, 800, 1_000, 1_000, 200, 400, 800]);
    }
}
