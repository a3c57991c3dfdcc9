//! The simulation: many recoveries from one seed.

use crate::random::Seeded;
use serde::Deserialize;

/// Points a curve has.
const CURVE_POINTS: usize = 100;

/// How long a step takes, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// At least.
    pub low: f64,
    /// Usually, when that is known.
    pub likely: Option<f64>,
    /// At most.
    pub high: f64,
}

impl Spread {
    /// The time at share `u` of all cases: even between the ends, or a triangle
    /// around the usual time.
    pub fn at(&self, u: f64) -> f64 {
        let width = self.high - self.low;
        let Some(likely) = self.likely.filter(|_| width > 0.0) else {
            return self.low + u * width;
        };
        let left = likely - self.low;
        let right = self.high - likely;
        if u * width < left {
            self.low + (u * width * left).sqrt()
        } else {
            self.high - ((1.0 - u) * width * right).sqrt()
        }
    }

    /// The mean time.
    pub fn mean(&self) -> f64 {
        match self.likely {
            Some(likely) => (self.low + likely + self.high) / 3.0,
            None => (self.low + self.high) / 2.0,
        }
    }
}

/// Simulated times, the shortest first.
#[derive(Debug)]
pub struct Sorted(Vec<f64>);

impl Sorted {
    fn new(mut times: Vec<f64>) -> Self {
        times.sort_unstable_by(f64::total_cmp);
        Self(times)
    }

    /// The time that `share` per cent of the runs do not exceed.
    pub fn percentile(&self, share: f64) -> f64 {
        let at = (share / 100.0 * self.0.len() as f64).ceil() as usize;
        let last = self.0.len().saturating_sub(1);
        self.0
            .get(at.saturating_sub(1).min(last))
            .copied()
            .unwrap_or(f64::NAN)
    }

    /// The share of runs that take no longer than `limit`, from 0 to 1.
    pub fn share_up_to(&self, limit: f64) -> f64 {
        let below = self.0.partition_point(|time| *time <= limit);
        below as f64 / self.0.len().max(1) as f64
    }

    /// Times and shares, for a figure.
    pub fn curve(&self) -> Vec<(f64, f64)> {
        (0..=CURVE_POINTS)
            .map(|i| {
                let share = i as f64 / CURVE_POINTS as f64;
                (self.percentile(share * 100.0), share)
            })
            .collect()
    }
}

/// Steps one after the other: as drilled, and in a real event that takes
/// between `factor.0` and `factor.1` times as long.
pub fn in_turn(steps: &[Spread], factor: (f64, f64), runs: u32, seed: u64) -> (Sorted, Sorted) {
    let mut random = Seeded::new(seed);
    let mut drilled = Vec::with_capacity(runs as usize);
    let mut real = Vec::with_capacity(runs as usize);
    for _ in 0..runs {
        let time: f64 = steps.iter().map(|step| step.at(random.unit())).sum();
        drilled.push(time);
        real.push(time * (factor.0 + random.unit() * (factor.1 - factor.0)));
    }
    (Sorted::new(drilled), Sorted::new(real))
}

/// A step, then two side by side of which the longer counts, then a step: the
/// application does not wait for the data, users wait for both.
pub fn beside(first: Spread, both: [Spread; 2], last: Spread, runs: u32, seed: u64) -> Sorted {
    // Numbers of its own: the two paths have nothing to do with each other.
    let mut random = Seeded::new(seed ^ 0x5eed_0003);
    let times = (0..runs).map(|_| {
        let begin = first.at(random.unit());
        let middle = both[0].at(random.unit()).max(both[1].at(random.unit()));
        begin + middle + last.at(random.unit())
    });
    Sorted::new(times.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_goes_from_end_to_end() {
        let even = Spread {
            low: 10.0,
            likely: None,
            high: 30.0,
        };
        assert_eq!(
            [even.at(0.0), even.at(0.5), even.at(1.0)],
            [10.0, 20.0, 30.0]
        );
        let triangle = Spread {
            low: 0.0,
            likely: Some(10.0),
            high: 40.0,
        };
        assert_eq!(
            [triangle.at(0.0), triangle.at(0.25), triangle.at(1.0)],
            [0.0, 10.0, 40.0]
        );
        let fixed = Spread {
            low: 5.0,
            likely: Some(5.0),
            high: 5.0,
        };
        assert_eq!([fixed.at(0.0), fixed.at(1.0)], [5.0, 5.0]);
    }

    #[test]
    fn percentiles_and_shares_agree() {
        let sorted = Sorted::new((1..=100).rev().map(f64::from).collect());
        assert_eq!(
            [
                sorted.percentile(5.0),
                sorted.percentile(50.0),
                sorted.percentile(99.0)
            ],
            [5.0, 50.0, 99.0]
        );
        assert_eq!(
            [
                sorted.share_up_to(0.5),
                sorted.share_up_to(50.0),
                sorted.share_up_to(1e9)
            ],
            [0.0, 0.5, 1.0]
        );
    }
}
