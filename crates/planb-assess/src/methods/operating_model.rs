//! `operating-model`: 14 items with today, aim, evidence and owner; the gaps;
//! and the check that nothing is recovered by two (V 12.1, 6.1.1, 9.1).

mod tell;

use crate::method::{Assess, Inputs};
use crate::report::Report;
use crate::sheet::Sheet;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The method.
pub struct OperatingModel;

/// Its rules.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    items: Vec<ItemRule>,
}

/// When an item is as it should be.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ItemRule {
    id: String,
    /// The answer that leaves no gap.
    #[serde(default)]
    good: Option<String>,
    /// In per cent: above it there is a gap.
    #[serde(default)]
    usual_max: Option<f64>,
}

/// The answers.
#[derive(Debug, Deserialize)]
pub struct Answers {
    recovery: Vec<Recovered>,
    #[serde(flatten)]
    items: BTreeMap<String, Item>,
}

/// One item as it was answered.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    today: Json,
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    evidence: Option<String>,
    #[serde(default)]
    owner: Option<String>,
}

/// Who recovers a workload.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recovered {
    name: String,
    by: Vec<String>,
}

/// What comes out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    items: Vec<Judged>,
    /// Workloads that two recover.
    double_recovery: Vec<String>,
    /// Workloads that nobody recovers.
    no_recovery: Vec<String>,
}

/// One item, judged.
#[derive(Debug, Serialize)]
pub struct Judged {
    id: String,
    state: State,
    gaps: Vec<Gap>,
}

/// How an item is today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Good,
    /// In part.
    Partly,
    /// Not as it should be.
    Bad,
    /// A figure or an account, neither good nor bad.
    Told,
}

/// What an item lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Gap {
    /// It is not as it should be and has no aim.
    Target,
    /// Nothing shows what was answered.
    Evidence,
    /// Nobody is responsible.
    Owner,
}

impl Assess for OperatingModel {
    const NAME: &'static str = "operating-model";
    const SHEET: &'static str = include_str!("../../rules/operating-model.yaml");
    type Rules = Rules;
    type Answers = Answers;
    type Outcome = Outcome;

    fn evaluate(rules: &Rules, answers: &Answers, _inputs: &Inputs) -> Outcome {
        let nothing = Item::default();
        let judged = |rule: &ItemRule| {
            let item = answers.items.get(&rule.id).unwrap_or(&nothing);
            judge(rule, item)
        };
        let recovered = |many: &dyn Fn(usize) -> bool| -> Vec<String> {
            let all = answers.recovery.iter();
            all.filter(|w| many(w.by.len()))
                .map(|w| w.name.clone())
                .collect()
        };
        Outcome {
            items: rules.items.iter().map(judged).collect(),
            double_recovery: recovered(&|by| by > 1),
            no_recovery: recovered(&|by| by == 0),
        }
    }

    fn report(sheet: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
        tell::report(sheet, rules, answers, outcome)
    }
}

fn judge(rule: &ItemRule, item: &Item) -> Judged {
    let state = match (&rule.good, rule.usual_max, &item.today) {
        (Some(good), _, Json::String(today)) if today == good => State::Good,
        (Some(_), _, Json::String(today)) if today == "partly" => State::Partly,
        (Some(_), ..) => State::Bad,
        (None, Some(max), today) => match today.as_f64() {
            Some(share) if share <= max => State::Good,
            _ => State::Bad,
        },
        (None, None, _) => State::Told,
    };
    let blank = |text: &Option<String>| text.as_deref().is_none_or(|t| t.trim().is_empty());
    let wanting = matches!(state, State::Bad | State::Partly);
    let gaps = [
        (Gap::Target, wanting && blank(&item.target)),
        (Gap::Evidence, blank(&item.evidence)),
        (Gap::Owner, blank(&item.owner)),
    ];
    Judged {
        id: rule.id.clone(),
        state,
        gaps: gaps
            .iter()
            .filter(|(_, open)| *open)
            .map(|(gap, _)| *gap)
            .collect(),
    }
}
