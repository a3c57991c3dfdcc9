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
/// Values at the end whose middle must have gone away by the share of the slack
/// below: many deviations that stay smaller are how honest data grows.
const LAST: usize = 3;
/// … of a signal's slack.
const GONE_SHARE_MIN: f64 = 0.5;
/// Share of a signal's slack that counts as one standard deviation at least.
const DEVIATION_SHARE_MIN: f64 = 0.25;

/// A signal that crept away.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Drift {
    signal: Signal,
    table: Option<String>,
    /// The first point of it.
    pub(super) from: usize,
    /// The last known value before it.
    before: f64,
    /// The value at which it was certain enough.
    now: f64,
}

impl Drift {
    pub(super) fn reason(&self, points: &[Point]) -> Reason {
        Reason::Drifts {
            signal: self.signal,
            table: self.table.clone(),
            since: points[self.from].at,
            before: OrderedValue::new(self.before),
            now: OrderedValue::new(self.now),
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
    let values: Vec<f64> = known.iter().map(|(_, value)| *value).collect();
    let (usual, deviation) = middle(&values[..policy.history_min]);
    let slack = signal.slack(table.as_deref()) * policy.slack;
    let deviation = deviation.max(slack * DEVIATION_SHARE_MIN);
    let (mut sum, mut began) = (0.0, None);
    for (place, value) in values.iter().enumerate().skip(policy.history_min) {
        sum = f64::max(0.0, sum + (value - usual) / deviation - ALLOWANCE);
        if sum == 0.0 {
            began = None;
            continue;
        }
        let began = *began.get_or_insert(place);
        let last = &values[(place + 1).saturating_sub(LAST)..=place];
        if sum > LIMIT && middle(last).0 - usual > slack * GONE_SHARE_MIN {
            return Some(Drift {
                signal,
                table,
                from: known[began].0,
                before: began.checked_sub(1).map_or(usual, |last| values[last]),
                now: *value,
            });
        }
    }
    None
}
