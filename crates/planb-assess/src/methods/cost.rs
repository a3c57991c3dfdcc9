//! `cost`: standby and failover of a second home (P), the OS tax (V 3.1), sizing
//! and total cost of ownership (V 7, W 8).

mod os_tax;
mod sizing;
mod standby;
mod tco;
mod tell;

use crate::answers::Complaint;
use crate::method::{Assess, Inputs};
use crate::report::Report;
use crate::sheet::Sheet;
use planb_model::Text;
use serde::{Deserialize, Serialize};

/// The method.
pub struct Cost;

/// Its rules.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rules {
    hours_per_month: f64,
    years: Vec<u32>,
    replaceable: Vec<String>,
    categories: Vec<Named>,
    swings: Vec<tco::SwingRule>,
}

/// A name for people.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    id: String,
    label: Text,
}

/// The answers; money in USD.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answers {
    primary: Vec<standby::Resource>,
    standby_always: Vec<standby::Resource>,
    standby_active: Vec<standby::Resource>,
    active_hours_per_year: f64,
    os_tax: Option<os_tax::OsTax>,
    sizing: Option<sizing::Sizing>,
    tco: Option<tco::Tco>,
    downtime: Option<Downtime>,
}

/// Outages of a year.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Downtime {
    minutes_now: f64,
    minutes_then: f64,
    rate_per_minute: f64,
}

/// What comes out; money in USD. Parts without answers are absent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    standby: standby::Standby,
    os_tax: Option<os_tax::Result>,
    sizing: Option<sizing::Result>,
    tco: Option<tco::Result>,
    downtime: Option<Loss>,
}

/// Loss by outages in a year.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Loss {
    now: f64,
    then: f64,
    avoided: f64,
}

impl Assess for Cost {
    const NAME: &'static str = "cost";
    const SHEET: &'static str = include_str!("../../rules/cost.yaml");
    type Rules = Rules;
    type Answers = Answers;
    type Outcome = Outcome;

    fn check(_rules: &Rules, answers: &Answers) -> Vec<Complaint> {
        let mut out = Vec::new();
        if answers.tco.is_some() && answers.sizing.is_none() {
            out.push(complaint(
                "tco",
                Text::new(
                    "the total cost needs the sizing",
                    "TCO를 계산하려면 용량 산정이 필요합니다",
                ),
                Text::new("answer `sizing` as well", "`sizing`도 답하세요"),
            ));
        }
        let load = answers
            .sizing
            .as_ref()
            .and_then(|s| Some((s.peak_load?, s.average_load?)));
        if load.is_some_and(|(peak, average)| average > peak) {
            out.push(complaint(
                "sizing.averageLoad",
                Text::new("an average above the peak", "평균이 최댓값보다 큽니다"),
                Text::new("check both loads", "두 부하를 확인하세요"),
            ));
        }
        out
    }

    fn evaluate(rules: &Rules, answers: &Answers, _inputs: &Inputs) -> Outcome {
        let os_tax = answers.os_tax.as_ref().map(|tax| tax.result(rules));
        let sizing = answers.sizing.as_ref().map(sizing::Sizing::result);
        let tco = answers.tco.as_ref().zip(answers.sizing.as_ref());
        Outcome {
            standby: standby::standby(rules, answers),
            tco: tco.map(|(tco, sizing)| tco::result(rules, tco, sizing, os_tax.as_ref())),
            os_tax,
            sizing,
            downtime: answers.downtime.as_ref().map(|d| Loss {
                now: d.minutes_now * d.rate_per_minute,
                then: d.minutes_then * d.rate_per_minute,
                avoided: (d.minutes_now - d.minutes_then) * d.rate_per_minute,
            }),
        }
    }

    fn report(sheet: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
        tell::report(sheet, rules, answers, outcome)
    }
}

fn complaint(field: &str, message: Text, hint: Text) -> Complaint {
    Complaint {
        field: field.to_owned(),
        message,
        hint,
    }
}
