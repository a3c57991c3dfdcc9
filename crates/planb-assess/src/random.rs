//! Numbers that look like chance and come from a seed: the same seed gives the
//! same result on every machine.

/// A generator (xoshiro256++), seeded by one number.
#[derive(Debug, Clone)]
pub struct Seeded([u64; 4]);

impl Seeded {
    /// A generator that always gives the same numbers for `seed`.
    pub fn new(seed: u64) -> Self {
        // SplitMix64 spreads the seed, as the authors of xoshiro ask for.
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        Self([next(), next(), next(), next()])
    }

    /// The next number, from 0 (included) to 1 (excluded).
    pub fn unit(&mut self) -> f64 {
        let s = &mut self.0;
        let out = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        (out >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_says_everything_and_the_numbers_are_even() {
        let draw = |seed| {
            let mut random = Seeded::new(seed);
            (0..10_000).map(|_| random.unit()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7)[0], draw(8)[0]);
        let mean = draw(7).iter().sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
        assert!(draw(7).iter().all(|u| (0.0..1.0).contains(u)));
    }
}
