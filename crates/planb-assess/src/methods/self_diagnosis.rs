//! `self-diagnosis`: ten questions, six or more yes (D), or one of three
//! reasons that count whatever the size (W 10.2).

use crate::method::{Assess, Inputs};
use crate::report::{
    Bars, Block, Cell, Chart, Column, Finding, Report, Row, Section, Table, Tile, Tone, Verdict,
};
use crate::sheet::Sheet;
use planb_model::Text;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// The method.
pub struct SelfDiagnosis;

/// Its rules.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rules {
    yes_to_consider: usize,
    goals: Vec<Goal>,
    any_size: Vec<String>,
}

/// Questions that belong together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Goal {
    title: Text,
    items: Vec<String>,
}

/// Answers by question.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Answers(Map<String, Json>);

/// What comes out.
#[derive(Debug, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Whether adoption is to be considered.
    consider: bool,
    /// Questions answered with yes.
    yes: Vec<String>,
    /// How many yes are enough.
    yes_to_consider: usize,
    /// Reasons that count whatever the size.
    any_size: Vec<String>,
}

impl Answers {
    fn yes(&self, id: &str) -> bool {
        self.0.get(id).and_then(Json::as_bool).unwrap_or(false)
    }
}

impl Assess for SelfDiagnosis {
    const NAME: &'static str = "self-diagnosis";
    const SHEET: &'static str = include_str!("../../rules/self-diagnosis.yaml");
    type Rules = Rules;
    type Answers = Answers;
    type Outcome = Outcome;

    fn evaluate(rules: &Rules, answers: &Answers, _inputs: &Inputs) -> Outcome {
        let said_yes = |ids: &mut dyn Iterator<Item = &String>| -> Vec<String> {
            ids.filter(|id| answers.yes(id)).cloned().collect()
        };
        let yes = said_yes(&mut rules.goals.iter().flat_map(|g| &g.items));
        let any_size = said_yes(&mut rules.any_size.iter());
        Outcome {
            consider: yes.len() >= rules.yes_to_consider || !any_size.is_empty(),
            yes,
            yes_to_consider: rules.yes_to_consider,
            any_size,
        }
    }

    fn report(sheet: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
        let asked: usize = rules.goals.iter().map(|g| g.items.len()).sum();
        let count = outcome.yes.len();
        let needed = rules.yes_to_consider;
        let system = answers
            .0
            .get("system")
            .and_then(Json::as_str)
            .unwrap_or_default();
        let tiles = vec![
            Tile {
                title: Text::new("Answered yes", "예로 답한 항목"),
                value: Text::same(format!("{count} / {asked}")),
                note: Text::new(
                    format!("{needed} or more: consider adoption"),
                    format!("{needed}개 이상이면 도입 검토"),
                ),
                tone: if count >= needed {
                    Tone::Good
                } else {
                    Tone::Plain
                },
            },
            Tile {
                title: Text::new("Reasons of any size", "규모와 무관한 사유"),
                value: Text::same(outcome.any_size.len().to_string()),
                note: Text::new("one is enough", "하나만 있어도 해당"),
                tone: if outcome.any_size.is_empty() {
                    Tone::Plain
                } else {
                    Tone::Good
                },
            },
        ];
        let mut sections = vec![by_goal(rules, answers), items(sheet, rules, answers)];
        if !system.is_empty() {
            let name = (Text::new("System", "시스템"), Text::same(system));
            sections.insert(
                0,
                Section::new(
                    Text::new("What was assessed", "진단 대상"),
                    vec![Block::Facts(vec![name])],
                ),
            );
        }
        Report {
            method: String::new(),
            title: sheet.title.clone(),
            source: String::new(),
            verdict: verdict(outcome, asked),
            tiles,
            sections,
            notes: Vec::new(),
        }
    }
}

fn verdict(outcome: &Outcome, asked: usize) -> Verdict {
    let (count, needed) = (outcome.yes.len(), outcome.yes_to_consider);
    let by_count = count >= needed;
    let reason = match (by_count, outcome.any_size.len()) {
        (true, 0) => Text::new(
            format!("{count} of {asked} answers are yes; {needed} are enough."),
            format!("{asked}개 항목 중 {count}개가 예입니다. {needed}개 이상이면 해당합니다."),
        ),
        (true, more) => Text::new(
            format!(
                "{count} of {asked} answers are yes ({needed} are enough), and {more} reasons count whatever the size."
            ),
            format!(
                "{asked}개 항목 중 {count}개가 예이고(기준 {needed}개), 규모와 무관한 사유도 {more}개 있습니다."
            ),
        ),
        (false, 0) => Text::new(
            format!("{count} of {asked} answers are yes; {needed} would be needed."),
            format!("{asked}개 항목 중 {count}개만 예입니다. {needed}개 이상이어야 합니다."),
        ),
        (false, more) => Text::new(
            format!(
                "Only {count} of {asked} answers are yes, but {more} reasons count whatever the size."
            ),
            format!(
                "{asked}개 항목 중 {count}개만 예이지만, 규모와 무관한 사유가 {more}개 있습니다."
            ),
        ),
    };
    if outcome.consider {
        Verdict {
            tone: Tone::Good,
            headline: Text::new("Consider adoption", "도입을 검토하십시오"),
            reason,
        }
    } else {
        Verdict {
            tone: Tone::Plain,
            headline: Text::new("No need to move now", "지금은 도입할 필요가 크지 않습니다"),
            reason,
        }
    }
}

fn by_goal(rules: &Rules, answers: &Answers) -> Section {
    let row = |goal: &Goal| {
        let yes = goal.items.iter().filter(|id| answers.yes(id)).count();
        Row {
            label: goal.title.clone(),
            values: vec![yes as f64, (goal.items.len() - yes) as f64],
        }
    };
    let bars = Bars {
        title: Text::new("Answers by goal", "목표별 답변"),
        unit: Text::new("questions", "항목"),
        series: vec![Text::new("Yes", "예"), Text::new("No", "아니요")],
        rows: rules.goals.iter().map(row).collect(),
    };
    Section::new(
        Text::new("Where the need is", "어디에 필요가 있나"),
        vec![Block::Chart(Chart::Bars(bars))],
    )
}

fn items(sheet: &Sheet, rules: &Rules, answers: &Answers) -> Section {
    let question = |id: &String| sheet.questions.iter().find(|q| &q.id == id);
    let mut table = Table::new(
        Text::new("Every question", "항목별 답변"),
        vec![
            Column::text(Text::new("Goal", "목표")),
            Column::text(Text::new("Question", "진단 항목")),
            Column::text(Text::new("Answer", "답변")),
        ],
    )
    .grouped();
    for goal in &rules.goals {
        for id in &goal.items {
            let ask = question(id).map_or_else(|| Text::same(id), |q| q.ask.clone());
            let answer = if answers.yes(id) {
                Cell::toned(Text::new("yes", "예"), Tone::Good)
            } else {
                Text::new("no", "아니요").into()
            };
            table
                .rows
                .push(vec![goal.title.clone().into(), ask.into(), answer]);
        }
    }
    let finding = |id: &String| {
        let question = question(id)?;
        let yes = answers.yes(id);
        Some(Finding {
            tone: if yes { Tone::Good } else { Tone::Plain },
            subject: question.ask.clone(),
            reason: if yes {
                Text::new(
                    "yes: reason enough by itself",
                    "예. 이것만으로도 도입 사유가 됩니다",
                )
            } else {
                Text::new("no", "아니요")
            },
            action: None,
            source: question.source.clone(),
        })
    };
    let any_size = rules.any_size.iter().filter_map(finding).collect();
    Section::new(
        Text::new("Answers", "답변"),
        vec![Block::Table(table), Block::Findings(any_size)],
    )
}
