//! What was said in the log already: the same error every second helps nobody
//! who looks for the first one.

use std::time::Duration;

/// An error that lasts is said again this long after it was said.
const AGAIN: Duration = Duration::from_secs(60);

/// The error that was said last.
#[derive(Debug, Default)]
pub(super) struct Said(Option<(String, Duration)>);

impl Said {
    /// Whether `error` should be said at `now`, by the monotonic clock: it is
    /// another one than the last, or that was said a while ago.
    pub(super) fn should_say(&mut self, error: &str, now: Duration) -> bool {
        let is_new = self
            .0
            .as_ref()
            .is_none_or(|(said, at)| said != error || now.saturating_sub(*at) >= AGAIN);
        if is_new {
            self.0 = Some((error.to_owned(), now));
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_said_when_it_comes_and_once_a_minute_while_it_lasts() {
        let mut said = Said::default();
        let at = Duration::from_secs;
        assert!(said.should_say("no route", at(0)));
        assert!(!said.should_say("no route", at(59)));
        assert!(said.should_say("no route", at(60)));
        assert!(!said.should_say("no route", at(61)));
        assert!(said.should_say("wrong password", at(62)), "another one");
        assert!(said.should_say("no route", at(63)), "and the first again");
    }
}
