//! A fake of randomness: the same numbers for the same seed.

use planb_ports::Random;
use std::sync::atomic::{AtomicU64, Ordering};

/// Repeatable random numbers: SplitMix64 (Steele, Lea, Flood 2014), because a
/// simulation draws millions of them and needs none of them to be secret.
#[derive(Debug)]
pub struct SeededRandom(AtomicU64);

/// 2^64 over the golden ratio, the step of SplitMix64.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl SeededRandom {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Random for SeededRandom {
    fn next_u64(&self) -> u64 {
        let state = self.0.fetch_add(STEP, Ordering::SeqCst);
        let mut mixed = state.wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_splitmix64() {
        // The first numbers of seed 1234567 as published with the reference code.
        let random = SeededRandom::new(1_234_567);
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn a_seed_is_a_sequence() {
        let take = |seed| {
            let random = SeededRandom::new(seed);
            [random.next_u64(), random.next_u64()]
        };
        assert_eq!(take(7), take(7));
        assert_ne!(take(7), take(8));
        assert_ne!(take(7)[0], take(7)[1]);
    }
}
