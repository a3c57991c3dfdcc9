//! `decisions`: five areas that depend on each other, what is recommended, what
//! is decided and in which order (DR 10).
//!
//! A decision counts as early when anything it rests on, directly or not, is
//! open or was decided later.

mod judge;
mod tell;

use crate::answers::Complaint;
use crate::method::{Assess, Inputs};
use crate::report::Report;
use crate::sheet::Sheet;
use jiff::civil::Date;
use planb_model::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The method.
pub struct Decisions;

/// Its rules.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rules {
    areas: Vec<Area>,
    pass_line: PassLine,
    numbers: Vec<BoardNumber>,
    qualities: Vec<Text>,
}

/// One area.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Area {
    id: String,
    label: Text,
    /// Areas that are to be decided before it.
    needs: Vec<String>,
    recommended: Vec<Recommended>,
    /// The recommendation in words, where the option's label does not say all.
    #[serde(default)]
    say: Option<Text>,
    /// Where the row comes from; for readers of the rules.
    #[serde(rename = "source")]
    _source: String,
}

/// An option that is recommended, perhaps for one size only.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recommended {
    option: String,
    #[serde(default)]
    size: Option<String>,
}

/// What a verification has to reach.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PassLine {
    rto_seconds_below: f64,
    /// In per cent.
    resources_saved_min: f64,
}

/// One of the four numbers for the board.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoardNumber {
    name: Text,
    before: Text,
    after: Text,
}

/// The answers.
#[derive(Debug, Deserialize)]
pub struct Answers {
    #[serde(default)]
    institution: Option<String>,
    size: String,
    #[serde(default)]
    trial: Trial,
    #[serde(flatten)]
    areas: BTreeMap<String, Decision>,
}

/// One area as it was answered.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    #[serde(default)]
    chosen: Option<String>,
    #[serde(default)]
    on: Option<Date>,
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    why: Option<String>,
}

/// The last verification.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trial {
    #[serde(default)]
    rto: Option<f64>,
    #[serde(default)]
    resources_saved: Option<f64>,
    #[serde(default)]
    policy_passed: Option<bool>,
}

/// What comes out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// In the order in which they are to be decided.
    areas: Vec<Judged>,
    /// Open areas whose prerequisites are decided: the next agenda.
    agenda: Vec<String>,
    /// Whether the last verification passed; `None` while a figure is missing
    /// and none fails.
    passed: Option<bool>,
}

/// One area, judged.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    id: String,
    /// 1 for what rests on nothing.
    step: usize,
    state: State,
    recommended: Vec<String>,
    chosen: Option<String>,
    /// Prerequisites that are open, or were decided after it.
    waits_for: Vec<String>,
    gaps: Vec<Gap>,
}

/// How far an area is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Decided, with everything it rests on.
    Decided,
    /// Decided before what it rests on.
    Early,
    /// Can be decided now.
    Open,
    /// Cannot be decided before others are.
    Waiting,
}

/// What a decision lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Gap {
    /// It is not what is recommended and nobody says why.
    Reason,
    /// The day.
    Day,
    /// Who decided.
    Decider,
}

impl Assess for Decisions {
    const NAME: &'static str = "decisions";
    const SHEET: &'static str = include_str!("../../rules/decisions.yaml");
    type Rules = Rules;
    type Answers = Answers;
    type Outcome = Outcome;

    fn check(rules: &Rules, _answers: &Answers) -> Vec<Complaint> {
        let circle = |area: &&Area| judge::before(rules, &area.id).contains(&area.id);
        let complaint = |area: &Area| Complaint {
            field: area.id.clone(),
            message: Text::new(
                "by these rules the area rests on itself",
                "이 규칙에서는 영역이 자기 자신에 종속됩니다",
            ),
            hint: Text::new(
                "correct `needs` in the rules file",
                "규칙 파일의 `needs`를 고치세요",
            ),
        };
        rules.areas.iter().filter(circle).map(complaint).collect()
    }

    fn evaluate(rules: &Rules, answers: &Answers, _inputs: &Inputs) -> Outcome {
        judge::judge(rules, answers)
    }

    fn report(sheet: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
        tell::report(sheet, rules, answers, outcome)
    }
}
