//! One observer of one site: counts its rounds, with asymmetric hysteresis.

use super::LossPolicy;
use jiff::Timestamp;
use planb_model::SiteName;
use planb_model::observation::Observation;
use planb_model::status::Verdict;
use serde::{Deserialize, Serialize};

/// What one observer has seen of one site so far.
///
/// It starts as Unknown, and says UP or DOWN only after enough rounds in a row.
/// DOWN needs `failures` of them, and UP needs `recoveries`; in between it stays
/// what it was, or is SUSPECT when it was not DOWN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObserverState {
    site: SiteName,
    verdict: Verdict,
    failures_in_row: u32,
    successes_in_row: u32,
    last_at: Option<Timestamp>,
    excluded: bool,
    failing_since: Option<Timestamp>,
}

impl ObserverState {
    /// An observer of `site` that has not looked yet.
    pub fn new(site: SiteName) -> Self {
        Self {
            site,
            verdict: Verdict::Unknown,
            failures_in_row: 0,
            successes_in_row: 0,
            last_at: None,
            excluded: false,
            failing_since: None,
        }
    }

    /// The site it looks at.
    pub fn site(&self) -> &SiteName {
        &self.site
    }

    /// Takes in one round.
    ///
    /// Rounds of another site, late rounds and repeated ones change nothing. A
    /// jump of the clock or a silence longer than `policy.stale_after` breaks
    /// "in a row": the observer is Unknown and has to earn a verdict anew.
    pub fn apply(&mut self, seen: &Observation, policy: &LossPolicy) {
        if seen.site != self.site {
            return;
        }
        if let Some(last) = self.last_at {
            if seen.at <= last {
                // Later than any late message: the clock went back. Without
                // this every round would be "late" until the clock caught up.
                if is_longer(seen.at, last, policy) {
                    self.restart(seen.at);
                }
                return;
            }
            if is_longer(last, seen.at, policy) {
                self.restart(seen.at);
            }
        }
        self.last_at = Some(seen.at);
        if !seen.own_canary_ok {
            self.restart(seen.at);
            self.excluded = true;
        } else if seen.succeeded() {
            self.excluded = false;
            self.succeed(policy);
        } else {
            self.excluded = false;
            self.fail(seen.at, policy);
        }
    }

    fn restart(&mut self, at: Timestamp) {
        let site = self.site.clone();
        *self = Self::new(site);
        self.last_at = Some(at);
    }

    fn succeed(&mut self, policy: &LossPolicy) {
        self.failures_in_row = 0;
        self.successes_in_row = self.successes_in_row.saturating_add(1);
        if self.successes_in_row >= policy.recoveries_needed() {
            self.verdict = Verdict::Up;
            self.failing_since = None;
        }
    }

    fn fail(&mut self, at: Timestamp, policy: &LossPolicy) {
        if self.failures_in_row == 0 && self.verdict != Verdict::Down {
            self.failing_since = Some(at);
        }
        self.successes_in_row = 0;
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        if self.failures_in_row >= policy.failures_needed() {
            self.verdict = Verdict::Down;
        } else if self.verdict != Verdict::Down {
            self.verdict = Verdict::Suspect;
        }
    }

    /// Its verdict at `now`: Unknown while it is silent or excluded, and when
    /// its last round lies in the future, because then the clock went back.
    pub fn verdict(&self, policy: &LossPolicy, now: Timestamp) -> Verdict {
        match self.last_at {
            Some(last) if !is_longer(last, now, policy) && !is_longer(now, last, policy) => {
                self.verdict
            }
            _ => Verdict::Unknown,
        }
    }

    /// Whether it is excluded because its own canary failed in its last round.
    pub fn is_excluded(&self) -> bool {
        self.excluded
    }

    /// Whether its newest round failed. An observer that says DOWN may have
    /// seen the site answer since: DOWN is left only after several successes.
    pub fn is_failing(&self) -> bool {
        self.failures_in_row > 0
    }

    /// End of the first failed round of the trouble it is in, if it is.
    pub fn failing_since(&self) -> Option<Timestamp> {
        self.failing_since
    }
}

/// Whether it is longer than the policy's silence from `from` to `to`.
fn is_longer(from: Timestamp, to: Timestamp, policy: &LossPolicy) -> bool {
    to.duration_since(from)
        .try_into()
        .is_ok_and(|elapsed: std::time::Duration| elapsed > policy.stale_after)
}

#[cfg(test)]
mod tests {
    use super::super::properties::{POLICY, at, round, site};
    use super::*;

    fn after(rounds: &[(i64, bool, bool)]) -> ObserverState {
        let mut state = ObserverState::new(site());
        for (second, ok, canary) in rounds {
            state.apply(&round(*second, *ok, *canary), &POLICY);
        }
        state
    }

    fn check(rounds: &[(i64, bool, bool)], now: i64, expected: Verdict) {
        let verdict = after(rounds).verdict(&POLICY, at(now));
        assert_eq!(verdict, expected, "after {rounds:?} at {now}");
    }

    const UP: [(i64, bool, bool); 2] = [(1, true, true), (2, true, true)];

    fn failing(from: i64, rounds: i64) -> Vec<(i64, bool, bool)> {
        (from..from + rounds).map(|s| (s, false, true)).collect()
    }

    #[test]
    fn down_needs_failures_in_a_row_and_up_needs_successes_in_a_row() {
        check(&[], 1, Verdict::Unknown);
        check(&UP[..1], 1, Verdict::Unknown);
        check(&UP, 2, Verdict::Up);
        check(&failing(1, 4), 4, Verdict::Suspect);
        check(&failing(1, 5), 5, Verdict::Down);
        let mut rounds = failing(1, 5);
        rounds.push((6, true, true));
        check(&rounds, 6, Verdict::Down);
        assert!(!after(&rounds).is_failing());
        rounds.push((7, true, true));
        check(&rounds, 7, Verdict::Up);
        assert_eq!(after(&rounds).failing_since(), None);
    }

    #[test]
    fn one_success_begins_the_count_anew() {
        let mut rounds = failing(1, 4);
        rounds.push((5, true, true));
        rounds.extend(failing(6, 4));
        check(&rounds, 9, Verdict::Suspect);
        assert_eq!(after(&rounds).failing_since(), Some(at(6)));
    }

    #[test]
    fn an_excluded_observer_is_unknown_and_starts_over() {
        let mut rounds = failing(1, 5);
        rounds.push((6, false, false));
        check(&rounds, 6, Verdict::Unknown);
        assert!(after(&rounds).is_excluded());
        rounds.extend(failing(7, 4));
        check(&rounds, 10, Verdict::Suspect);
        rounds.extend(failing(11, 1));
        check(&rounds, 11, Verdict::Down);
    }

    #[test]
    fn late_and_repeated_rounds_change_nothing() {
        let mut rounds = UP.to_vec();
        rounds.extend([(2, false, true); 9]);
        rounds.extend([(1, false, true); 9]);
        check(&rounds, 2, Verdict::Up);
        let mut rounds = failing(1, 5);
        rounds.extend([(3, true, true), (4, true, true)]);
        check(&rounds, 5, Verdict::Down);
    }

    #[test]
    fn a_round_of_another_site_changes_nothing() {
        let mut state = after(&UP);
        for second in 3..20 {
            let mut seen = round(second, false, true);
            seen.site = SiteName::new("elsewhere").expect("a name");
            state.apply(&seen, &POLICY);
        }
        assert_eq!(state.verdict(&POLICY, at(2)), Verdict::Up);
    }

    #[test]
    fn a_clock_that_jumps_back_makes_unknown_and_then_works_again() {
        let mut rounds = vec![(5001, true, true), (5002, true, true)];
        rounds.push((1, false, true));
        check(&rounds, 1, Verdict::Unknown);
        rounds.extend(failing(2, 4));
        check(&rounds, 5, Verdict::Suspect);
        rounds.extend(failing(6, 1));
        check(&rounds, 6, Verdict::Down);
        // Nobody looked since the jump: a verdict of the future says nothing.
        check(
            &[(5001, true, true), (5002, true, true)],
            1,
            Verdict::Unknown,
        );
    }

    #[test]
    fn silence_makes_unknown_and_breaks_the_row() {
        check(&UP, 12, Verdict::Up);
        check(&UP, 13, Verdict::Unknown);
        let mut rounds = failing(1, 4);
        rounds.extend(failing(100, 1));
        check(&rounds, 100, Verdict::Suspect);
    }

    #[test]
    fn a_round_without_probes_is_no_success() {
        let mut state = after(&UP);
        let mut seen = round(3, true, true);
        seen.probes.clear();
        state.apply(&seen, &POLICY);
        assert_eq!(state.verdict(&POLICY, at(3)), Verdict::Suspect);
    }
}
