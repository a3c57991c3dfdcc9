//! What a signal usually is: median and median absolute deviation, which a few
//! odd points do not move.

use super::Policy;

/// The MAD of normal values is this share of their standard deviation.
const MAD_TO_DEVIATION: f64 = 1.4826;

/// The usual values of one signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Band {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Band {
    /// Learns from `history`; `None` while there is too little of it. A deviation
    /// below `slack`, in the signal's own unit, never counts.
    pub(super) fn learn(history: &[f64], slack: f64, policy: &Policy) -> Option<Self> {
        if history.len() < policy.history_min {
            return None;
        }
        let (middle, deviation) = middle(history);
        let half = (policy.width * deviation).max(slack);
        Some(Self {
            low: middle - half,
            high: middle + half,
        })
    }

    pub(super) fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// Median and robust standard deviation; 0 and 0 for nothing.
pub(super) fn middle(values: &[f64]) -> (f64, f64) {
    let center = median(values);
    let away: Vec<f64> = values.iter().map(|v| (v - center).abs()).collect();
    (center, median(&away) * MAD_TO_DEVIATION)
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match (sorted.get(half), sorted.len() % 2) {
        (Some(upper), 0) => (sorted[half - 1] + upper) / 2.0,
        (Some(middle), _) => *middle,
        (None, _) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_odd_values_do_not_move_the_band() {
        let policy = Policy::default();
        let usual = [0.30, 0.31, 0.29, 0.30, 0.95, 0.30, 0.31];
        let band = Band::learn(&usual, 0.02, &policy).expect("a band");
        assert!(band.holds(0.33) && !band.holds(0.6), "{band:?}");
    }

    #[test]
    fn little_history_is_no_band_and_a_constant_one_has_slack() {
        let policy = Policy::default();
        assert_eq!(Band::learn(&[0.3; 4], 0.02, &policy), None);
        let band = Band::learn(&[0.3; 5], 0.02, &policy).expect("a band");
        assert!(band.holds(0.315) && !band.holds(0.33));
    }
}
