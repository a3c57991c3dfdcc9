//! Whether what was measured is what was promised.

use planb_model::plan::Objectives;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A measurement against its objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kept {
    /// Within what was promised.
    Met,
    /// Beyond it.
    Missed,
    /// Nothing was measured; never counted as met.
    Unmeasured,
}

/// Judges a measured recovery point, in seconds.
pub fn rpo_kept(objectives: &Objectives, measured_secs: Option<f64>) -> Kept {
    kept(objectives.rpo, measured_secs)
}

/// Judges a measured recovery time, in seconds.
pub fn rto_kept(objectives: &Objectives, measured_secs: Option<f64>) -> Kept {
    kept(objectives.rto, measured_secs)
}

fn kept(promised: Duration, measured_secs: Option<f64>) -> Kept {
    match measured_secs {
        Some(secs) if secs.is_finite() && secs <= promised.as_secs_f64() => Kept::Met,
        Some(secs) if secs.is_finite() => Kept::Missed,
        _ => Kept::Unmeasured,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_was_not_kept() {
        let objectives = Objectives {
            rto: Duration::from_secs(10),
            rpo: Duration::from_secs(1),
        };
        assert_eq!(rpo_kept(&objectives, Some(1.0)), Kept::Met);
        assert_eq!(rpo_kept(&objectives, Some(1.01)), Kept::Missed);
        assert_eq!(rpo_kept(&objectives, None), Kept::Unmeasured);
        assert_eq!(rto_kept(&objectives, Some(f64::NAN)), Kept::Unmeasured);
        assert_eq!(rto_kept(&objectives, Some(9.9)), Kept::Met);
    }
}
