//! Randomness, for jitter and for names. Not for keys.

/// A source of random numbers.
pub trait Random: Send + Sync {
    /// 64 uniformly random bits.
    fn next_u64(&self) -> u64;

    /// A number in `0.0..1.0`.
    fn fraction(&self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}
