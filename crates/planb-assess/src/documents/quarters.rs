//! Whether there was a drill in every quarter (DR 9: quarterly or more often;
//! P: a real failover every quarter).

use super::{Run, Verification};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Quarters that are shown: this one and a year before it.
const QUARTERS_SHOWN: usize = 5;

/// One quarter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quarter {
    /// Its year.
    pub year: i16,
    /// 1 to 4.
    pub number: i8,
    /// Failovers that got to their end.
    pub failovers: usize,
    /// Planned moves that got to their end.
    pub moves: usize,
    /// Snapshots that passed their drill.
    pub verified: usize,
    /// What that makes.
    pub state: Kept,
}

/// Whether a quarter had its drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// A service really failed over.
    Yes,
    /// It moved as planned, or snapshots were restored; nothing failed over.
    InPart,
    /// Nothing was tried.
    Missed,
    /// Nothing yet, and the quarter is not over.
    Open,
    /// Before the first record of this service.
    NoRecord,
}

/// The quarters up to `now`, oldest first.
pub fn quarters(runs: &[Run], verified: &[Verification], now: Timestamp) -> Vec<Quarter> {
    let times = runs.iter().map(|r| r.at);
    let first = times.chain(verified.iter().map(|v| v.at)).min();
    let first = first.map(quarter_of);
    let (mut year, mut number) = quarter_of(now);
    let mut all = Vec::with_capacity(QUARTERS_SHOWN);
    for back in 0..QUARTERS_SHOWN {
        let is = |at: Timestamp| quarter_of(at) == (year, number);
        let whole = runs.iter().filter(|r| r.is_whole() && is(r.at));
        let (failovers, moves): (Vec<&Run>, Vec<&Run>) = whole.partition(|r| r.is_failover());
        let passed = verified.iter().filter(|v| v.passed == Some(true));
        let verified = passed.filter(|v| is(v.at)).count();
        let state = match (failovers.len(), moves.len() + verified) {
            (1.., _) => Kept::Yes,
            (0, 1..) => Kept::InPart,
            _ if back == 0 => Kept::Open,
            _ if first.is_none_or(|first| (year, number) < first) => Kept::NoRecord,
            _ => Kept::Missed,
        };
        all.push(Quarter {
            year,
            number,
            failovers: failovers.len(),
            moves: moves.len(),
            verified,
            state,
        });
        (year, number) = match number {
            1 => (year - 1, 4),
            _ => (year, number - 1),
        };
    }
    all.reverse();
    all
}

fn quarter_of(at: Timestamp) -> (i16, i8) {
    let date: Date = at.to_zoned(TimeZone::UTC).date();
    (date.year(), (date.month() - 1) / 3 + 1)
}

impl Quarter {
    /// `2026 Q4`.
    pub fn name(&self) -> String {
        format!("{} Q{}", self.year, self.number)
    }
}
