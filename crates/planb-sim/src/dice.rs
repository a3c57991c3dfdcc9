//! Choices made by a seed.

use planb_ports::Random;
use planb_testkit::SeededRandom;
use std::time::Duration;

/// Numbers of a seed, as choices.
#[derive(Debug)]
pub struct Dice(SeededRandom);

impl Dice {
    /// Choices of `seed`, independent of those of another `stream`.
    pub fn new(seed: u64, stream: u64) -> Self {
        // Any odd constant spreads the streams; this one is 2^64 over the golden ratio.
        Self(SeededRandom::new(
            seed ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        ))
    }

    /// A number in `low..=high`.
    pub fn between(&self, low: u64, high: u64) -> u64 {
        low + self.0.next_u64() % (high - low + 1)
    }

    /// A span between `low` and `high` milliseconds.
    pub fn millis(&self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    /// Whether something of this chance, `0.0..=1.0`, happens.
    pub fn chance(&self, chance: f64) -> bool {
        self.0.fraction() < chance
    }

    /// One of them; `all` is not empty.
    pub fn pick<'a, T>(&self, all: &'a [T]) -> &'a T {
        let last = all.len() as u64 - 1;
        &all[usize::try_from(self.between(0, last)).unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_stay_in_bounds_and_reach_them() {
        let dice = Dice::new(1, 2);
        let rolled: Vec<u64> = (0..200).map(|_| dice.between(3, 5)).collect();
        assert!(rolled.iter().all(|n| (3..=5).contains(n)));
        assert!((3..=5).all(|n| rolled.contains(&n)));
        assert!(!dice.chance(0.0) && dice.chance(1.0));
    }
}
