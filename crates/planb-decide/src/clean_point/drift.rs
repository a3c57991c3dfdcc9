//! A slow drip stays inside every band, because the band moves with it. So the
//! baseline is the oldest history, which stays, and small deviations on one side
//! are summed up (CUSUM, Page 1954). Where the sum began to grow is where the
//! drip began; every point since is suspect.

use super::band::middle;
use super::{OrderedValue, Point, Policy, Reason, Signal, value};
use std::collections::BTreeSet;

/// Deviations below this many standard deviations are noise.
const ALLOWANCE: f64 = 1.0;
/// The sum that is no chance any more, in standard deviations.
const LIMIT: f64 = 12.0;
/// Share of a signal's slack that counts as one standard deviation at least.
const DEVIATION_SHARE_MIN: f64 = 0.25;

/// A signal that crept away.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Drift {
    signal: Signal,
    table: Option<String>,
    /// The first point of it.
    pub(super) from: usize,
    /// The point at which it was certain enough.
    seen: usize,
}

impl Drift {
    pub(super) fn reason(&self, points: &[Point]) -> Reason {
        let at = |index: usize| {
            let value = value(&points[index], self.signal, self.table.as_deref());
            OrderedValue::new(value.unwrap_or_default())
        };
        Reason::Drifts {
            signal: self.signal,
            table: self.table.clone(),
            since: points[self.from].at,
            before: at(self.from.saturating_sub(1)),
            now: at(self.seen),
        }
    }
}

/// Every content signal that crept upwards. Ciphertext only ever raises them.
pub(super) fn since(points: &[Point], policy: &Policy) -> Vec<Drift> {
    let signals: BTreeSet<(Signal, Option<String>)> = points
        .iter()
        .flat_map(|p| &p.measures)
        .filter(|m| m.signal.is_content())
        .map(|m| (m.signal, m.table.clone()))
        .collect();
    signals
        .into_iter()
        .filter_map(|(signal, table)| creeping(points, signal, table, policy))
        .collect()
}

fn creeping(
    points: &[Point],
    signal: Signal,
    table: Option<String>,
    policy: &Policy,
) -> Option<Drift> {
    let known: Vec<(usize, f64)> = points
        .iter()
        .enumerate()
        .filter_map(|(index, p)| Some((index, value(p, signal, table.as_deref())?)))
        .collect();
    if known.len() <= policy.history_min {
        return None;
    }
    let (first, later) = known.split_at(policy.history_min);
    let first: Vec<f64> = first.iter().map(|(_, v)| *v).collect();
    let (usual, deviation) = middle(&first);
    let deviation = deviation.max(signal.slack() * policy.slack * DEVIATION_SHARE_MIN);
    let (mut sum, mut from) = (0.0, None);
    for (index, value) in later {
        sum = f64::max(0.0, sum + (value - usual) / deviation - ALLOWANCE);
        if sum == 0.0 {
            from = None;
        } else {
            let from = *from.get_or_insert(*index);
            if sum > LIMIT {
                return Some(Drift {
                    signal,
                    table,
                    from,
                    seen: *index,
                });
            }
        }
    }
    None
}
