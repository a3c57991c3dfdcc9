//! `recovery-path`: seven steps of restoring beside three steps of re-creating,
//! with the user's own times, simulated and compared with what was measured
//! (DR 6, W 13).

mod simulate;
mod tell;

use crate::answers::Complaint;
use crate::method::{Assess, Inputs};
use crate::report::Report;
use crate::sheet::Sheet;
use planb_model::Text;
use serde::{Deserialize, Serialize};
use simulate::{Sorted, Spread};
use std::collections::BTreeMap;

/// The method.
pub struct RecoveryPath;

/// Its rules: the steps of both paths.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rules {
    virtualised: Vec<Step>,
    cloud_native: Vec<Step>,
}

/// One step.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    id: String,
    people: People,
    title: Text,
}

/// Whether people are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum People {
    Yes,
    Partly,
    No,
}

/// The answers; times in seconds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answers {
    rto: f64,
    images_at_other: bool,
    data_at_other: bool,
    data_switch: Spread,
    virtualised: BTreeMap<String, Spread>,
    cloud_native: BTreeMap<String, Spread>,
    real_event_factor_low: f64,
    real_event_factor_high: f64,
    roles: f64,
    #[serde(default)]
    hourly_cost: Option<f64>,
    call_out_factor_low: f64,
    call_out_factor_high: f64,
    #[serde(default)]
    call_outs_per_year: Option<f64>,
    times_measured: bool,
    call_out_in_roi: bool,
    drill_runs_whole: bool,
    runs: u32,
    seed: u64,
}

/// What comes out; times in seconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Whether both preconditions of re-creation hold.
    preconditions_hold: bool,
    /// Seven steps, as drilled.
    virtualised: PathTimes,
    /// Seven steps in a real event.
    virtualised_real_event: PathTimes,
    /// Three steps.
    cloud_native: PathTimes,
    /// Cost of one call-out, when the cost of an hour is known.
    call_out: Option<CallOut>,
    /// What was measured.
    measured: Vec<Compared>,
}

/// Times of one path.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PathTimes {
    steps: usize,
    steps_with_people: usize,
    /// With every step at its shortest, and at its longest.
    shortest_seconds: f64,
    longest_seconds: f64,
    p5_seconds: f64,
    p50_seconds: f64,
    p90_seconds: f64,
    p95_seconds: f64,
    p99_seconds: f64,
    /// Share of the runs that keep the objective, from 0 to 1.
    share_within_rto: f64,
    #[serde(skip)]
    curve: Vec<(f64, f64)>,
}

/// Cost of one call-out, at the median time.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CallOut {
    virtualised_low: f64,
    virtualised_high: f64,
    cloud_native_low: f64,
    cloud_native_high: f64,
    /// Of seven steps, with the call-outs of a year.
    yearly_low: Option<f64>,
    yearly_high: Option<f64>,
}

/// A measured failover beside the simulation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Compared {
    #[serde(flatten)]
    measured: crate::measured::Measured,
    within_rto: bool,
    /// Share of the simulated re-creations that took no longer.
    simulated_share_below: f64,
}

impl Assess for RecoveryPath {
    const NAME: &'static str = "recovery-path";
    const SHEET: &'static str = include_str!("../../rules/recovery-path.yaml");
    type Rules = Rules;
    type Answers = Answers;
    type Outcome = Outcome;

    fn check(_rules: &Rules, answers: &Answers) -> Vec<Complaint> {
        let pairs = [
            (
                "realEventFactorHigh",
                answers.real_event_factor_low,
                answers.real_event_factor_high,
            ),
            (
                "callOutFactorHigh",
                answers.call_out_factor_low,
                answers.call_out_factor_high,
            ),
        ];
        let wrong = pairs.into_iter().filter(|(_, low, high)| low > high);
        wrong
            .map(|(field, low, _)| Complaint {
                field: field.to_owned(),
                message: Text::new(
                    format!("smaller than the least, which is {low}"),
                    format!("최솟값 {low}보다 작습니다"),
                ),
                hint: Text::new(
                    "give a number that is not smaller",
                    "더 작지 않은 값을 적으세요",
                ),
            })
            .collect()
    }

    fn evaluate(rules: &Rules, answers: &Answers, inputs: &Inputs) -> Outcome {
        let seven: Vec<Spread> = spreads(&rules.virtualised, &answers.virtualised);
        let [trigger, sync, switch] = three(rules, answers);
        let factor = (
            answers.real_event_factor_low,
            answers.real_event_factor_high,
        );
        let (drilled, real) = simulate::in_turn(&seven, factor, answers.runs, answers.seed);
        let three = simulate::beside(
            trigger,
            [sync, answers.data_switch],
            switch,
            answers.runs,
            answers.seed,
        );
        let sum = |pick: fn(&Spread) -> f64| seven.iter().map(pick).sum::<f64>();
        let (low, high) = (sum(|s| s.low), sum(|s| s.high));
        let short = trigger.low + sync.low.max(answers.data_switch.low) + switch.low;
        let long = trigger.high + sync.high.max(answers.data_switch.high) + switch.high;
        let virtualised_real_event = times(
            &real,
            &rules.virtualised,
            (low * factor.0, high * factor.1),
            answers.rto,
        );
        let cloud_native = times(&three, &rules.cloud_native, (short, long), answers.rto);
        let compare = |measured: &crate::measured::Measured| Compared {
            within_rto: measured.seconds <= answers.rto,
            simulated_share_below: three.share_up_to(measured.seconds),
            measured: measured.clone(),
        };
        Outcome {
            preconditions_hold: answers.images_at_other && answers.data_at_other,
            call_out: answers
                .hourly_cost
                .map(|cost| call_out(answers, cost, &virtualised_real_event, &cloud_native)),
            virtualised: times(&drilled, &rules.virtualised, (low, high), answers.rto),
            virtualised_real_event,
            cloud_native,
            measured: inputs.measured.iter().map(compare).collect(),
        }
    }

    fn report(sheet: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
        tell::report(sheet, rules, answers, outcome)
    }
}

fn spreads(steps: &[Step], times: &BTreeMap<String, Spread>) -> Vec<Spread> {
    steps
        .iter()
        .filter_map(|step| times.get(&step.id).copied())
        .collect()
}

/// Trigger, sync and switch.
fn three(rules: &Rules, answers: &Answers) -> [Spread; 3] {
    let all = spreads(&rules.cloud_native, &answers.cloud_native);
    let at = |index: usize| all.get(index).copied().unwrap_or_default();
    [at(0), at(1), at(2)]
}

fn times(sorted: &Sorted, steps: &[Step], ends: (f64, f64), rto: f64) -> PathTimes {
    PathTimes {
        steps: steps.len(),
        steps_with_people: steps.iter().filter(|s| s.people == People::Yes).count(),
        shortest_seconds: ends.0,
        longest_seconds: ends.1,
        p5_seconds: sorted.percentile(5.0),
        p50_seconds: sorted.percentile(50.0),
        p90_seconds: sorted.percentile(90.0),
        p95_seconds: sorted.percentile(95.0),
        p99_seconds: sorted.percentile(99.0),
        share_within_rto: sorted.share_up_to(rto),
        curve: sorted.curve(),
    }
}

fn call_out(answers: &Answers, hourly: f64, seven: &PathTimes, three: &PathTimes) -> CallOut {
    const SECONDS_PER_HOUR: f64 = 3_600.0;
    let (low, high) = (answers.call_out_factor_low, answers.call_out_factor_high);
    let seven = answers.roles * hourly * seven.p50_seconds / SECONDS_PER_HOUR;
    // One person decides; the rest is automatic.
    let three = hourly * three.p50_seconds / SECONDS_PER_HOUR;
    CallOut {
        virtualised_low: seven * low,
        virtualised_high: seven * high,
        cloud_native_low: three * low,
        cloud_native_high: three * high,
        yearly_low: answers.call_outs_per_year.map(|n| n * seven * low),
        yearly_high: answers.call_outs_per_year.map(|n| n * seven * high),
    }
}
