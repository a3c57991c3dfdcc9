//! The machine's randomness.

use planb_ports::Random;

/// Random numbers of the thread's generator, seeded by the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn next_u64(&self) -> u64 {
        rand::random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_differ_and_fractions_stay_below_one() {
        let numbers: BTreeSet<u64> = (0..64).map(|_| SystemRandom.next_u64()).collect();
        assert_eq!(numbers.len(), 64);
        assert!((0..64).all(|_| (0.0..1.0).contains(&SystemRandom.fraction())));
    }
}
