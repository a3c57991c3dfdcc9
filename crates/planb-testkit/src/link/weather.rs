//! How a network behaves, in chances.

/// Random behaviour of a link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weather {
    /// Longest delay of a request or an answer, in milliseconds; uniform from 0.
    pub delay_ms_max: u64,
    /// Chance that a request is lost, `0.0..=1.0`.
    pub lose_request: f64,
    /// Chance that an answer is lost, `0.0..=1.0`.
    pub lose_answer: f64,
    /// Chance that a request that changes something under an epoch comes late.
    pub late: f64,
    /// Longest time after which a late request has its effect, in milliseconds.
    pub late_ms_max: u64,
    /// How long a caller waits for something lost, in milliseconds.
    pub timeout_ms: u64,
}

impl Weather {
    /// Instant and without loss.
    pub const CALM: Weather = Weather {
        delay_ms_max: 0,
        lose_request: 0.0,
        lose_answer: 0.0,
        late: 0.0,
        late_ms_max: 0,
        timeout_ms: 1_000,
    };
}
