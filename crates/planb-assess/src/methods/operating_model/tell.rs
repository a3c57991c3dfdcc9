//! How the items and their gaps are told.

use super::{Answers, Gap, Item, Judged, Outcome, Rules, State};
use crate::number;
use crate::report::{Block, Cell, Column, Finding, Report, Section, Table, Tile, Tone, Verdict};
use crate::sheet::Sheet;
use planb_model::Text;
use serde_json::Value as Json;

pub(super) fn report(sheet: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
    Report {
        method: String::new(),
        title: Text::same(""),
        source: String::new(),
        verdict: verdict(outcome),
        tiles: tiles(rules, outcome),
        sections: vec![
            items(sheet, answers, outcome),
            gaps(sheet, outcome),
            recovery(outcome),
        ],
        notes: Vec::new(),
    }
}

fn open(outcome: &Outcome) -> usize {
    outcome
        .items
        .iter()
        .filter(|item| !item.gaps.is_empty())
        .count()
}

fn verdict(outcome: &Outcome) -> Verdict {
    let twice = outcome.double_recovery.len();
    if twice > 0 {
        return Verdict {
            tone: Tone::Bad,
            headline: Text::new(
                format!(
                    "More than one recovery authority: {}",
                    number::counted(twice, "workload", "workloads")
                ),
                format!("워크로드 {twice}개의 복구 주체가 둘 이상입니다"),
            ),
            reason: Text::new(
                "One recovery authority per workload: with two, order and owner blur and resources are paid twice.",
                "워크로드마다 복구 주체는 하나여야 합니다. 둘이면 순서와 책임이 흐려지고 자원을 이중으로 씁니다.",
            ),
        };
    }
    let open = open(outcome);
    if open == 0 {
        return Verdict {
            tone: Tone::Good,
            headline: Text::new("No gaps", "보완할 점이 없습니다"),
            reason: Text::new(
                "Every item has evidence and an owner, and an aim where it needs one.",
                "모든 항목에 근거와 책임자가 있고, 필요한 항목에는 목표가 있습니다.",
            ),
        };
    }
    Verdict {
        tone: Tone::Warn,
        headline: Text::new(
            format!("Items with gaps: {open} of {}", outcome.items.len()),
            format!(
                "{}개 항목 중 {open}개에 보완할 점이 있습니다",
                outcome.items.len()
            ),
        ),
        reason: Text::new(
            "An item counts when an aim, evidence and an owner stand beside it.",
            "목표, 근거, 책임자가 함께 있어야 항목이 완성됩니다.",
        ),
    }
}

fn tiles(rules: &Rules, outcome: &Outcome) -> Vec<Tile> {
    let good = outcome
        .items
        .iter()
        .filter(|item| item.state == State::Good);
    let judged = rules.items.iter();
    let judged = judged.filter(|rule| rule.good.is_some() || rule.usual_max.is_some());
    vec![
        Tile {
            title: Text::new("As it should be", "충족"),
            value: Text::same(format!("{} / {}", good.count(), judged.count())),
            note: Text::new("of the items that are judged", "판정 대상 항목 중"),
            tone: Tone::Plain,
        },
        Tile {
            title: Text::new("Items with gaps", "보완할 항목"),
            value: Text::same(format!("{} / {}", open(outcome), outcome.items.len())),
            note: Text::new("aim, evidence or owner", "목표, 근거, 책임자"),
            tone: if open(outcome) == 0 {
                Tone::Good
            } else {
                Tone::Warn
            },
        },
        Tile {
            title: Text::new("Recovered twice", "이중 복구"),
            value: Text::same(outcome.double_recovery.len().to_string()),
            note: Text::new("must be none", "없어야 함"),
            tone: if outcome.double_recovery.is_empty() {
                Tone::Good
            } else {
                Tone::Bad
            },
        },
    ]
}

fn ask(sheet: &Sheet, id: &str) -> Text {
    let question = sheet.questions.iter().find(|q| q.id == id);
    question.map_or_else(|| Text::same(id), |q| q.ask.clone())
}

fn items(sheet: &Sheet, answers: &Answers, outcome: &Outcome) -> Section {
    let mut table = Table::new(
        Text::new("The fourteen items", "14개 점검 항목"),
        vec![
            Column::text(Text::new("Item", "항목")),
            Column::text(Text::new("Today", "현재")),
            Column::text(Text::new("In twelve months", "12개월 목표")),
            Column::text(Text::new("Evidence", "근거")),
            Column::text(Text::new("Owner", "책임자")),
        ],
    );
    table.main = true;
    let nothing = Item::default();
    let row = |judged: &Judged| -> Vec<Cell> {
        let item = answers.items.get(&judged.id).unwrap_or(&nothing);
        let lacks = |gap: Gap| judged.gaps.contains(&gap);
        vec![
            ask(sheet, &judged.id).into(),
            today(judged.state, &item.today),
            given(item.target.as_deref(), lacks(Gap::Target)),
            given(item.evidence.as_deref(), lacks(Gap::Evidence)),
            given(item.owner.as_deref(), lacks(Gap::Owner)),
        ]
    };
    table.rows = outcome.items.iter().map(row).collect();
    Section::new(Text::new("Items", "항목"), vec![Block::Table(table)])
}

fn today(state: State, today: &Json) -> Cell {
    let text = match today {
        Json::String(word) if word == "yes" => Text::new("yes", "예"),
        Json::String(word) if word == "no" => Text::new("no", "아니요"),
        Json::String(word) if word == "partly" => Text::new("partly", "일부"),
        Json::String(text) => Text::same(text.clone()),
        other => other
            .as_f64()
            .map_or_else(|| Text::same("–"), number::percent),
    };
    let tone = match state {
        State::Good => Tone::Good,
        State::Partly => Tone::Warn,
        State::Bad => Tone::Bad,
        State::Told => Tone::Plain,
    };
    Cell::toned(text, tone)
}

fn given(text: Option<&str>, lacking: bool) -> Cell {
    match text {
        _ if lacking => Cell::toned(Text::new("missing", "없음"), Tone::Warn),
        Some(text) if !text.trim().is_empty() => text.into(),
        _ => "–".into(),
    }
}

fn gaps(sheet: &Sheet, outcome: &Outcome) -> Section {
    let name = |gap: &Gap| match gap {
        Gap::Target => Text::new("an aim", "목표"),
        Gap::Evidence => Text::new("evidence", "근거"),
        Gap::Owner => Text::new("an owner", "책임자"),
    };
    let finding = |judged: &Judged| {
        let names: Vec<Text> = judged.gaps.iter().map(name).collect();
        let en: Vec<&str> = names.iter().map(|t| t.en.as_str()).collect();
        let ko: Vec<&str> = names.iter().map(|t| t.ko.as_str()).collect();
        Finding {
            tone: Tone::Warn,
            subject: ask(sheet, &judged.id),
            reason: Text::new(
                format!("lacks {}", en.join(", ")),
                format!("빠진 것: {}", ko.join(", ")),
            ),
            action: None,
            source: None,
        }
    };
    let open = outcome.items.iter().filter(|item| !item.gaps.is_empty());
    let findings: Vec<Finding> = open.map(finding).collect();
    let block = if findings.is_empty() {
        Block::Paragraph(Text::new("None.", "없음."))
    } else {
        Block::Findings(findings)
    };
    Section::new(Text::new("Gaps", "보완할 항목"), vec![block])
}

fn recovery(outcome: &Outcome) -> Section {
    let finding = |name: &String, tone, reason: Text, action: Text| Finding {
        tone,
        subject: Text::same(name.clone()),
        reason,
        action: Some(action),
        source: Some("V 6.1.1, 9.1".to_owned()),
    };
    let twice = outcome.double_recovery.iter().map(|name| {
        finding(
            name,
            Tone::Bad,
            Text::new("two recover it", "복구 주체가 둘 이상"),
            Text::new(
                "choose one and switch the other off for this workload",
                "하나만 정하고 나머지는 이 워크로드에서 끄세요",
            ),
        )
    });
    let never = outcome.no_recovery.iter().map(|name| {
        finding(
            name,
            Tone::Warn,
            Text::new("nobody recovers it", "복구 주체가 없음"),
            Text::new("name one", "복구 주체를 정하세요"),
        )
    });
    let findings: Vec<Finding> = twice.chain(never).collect();
    let block = if findings.is_empty() {
        Block::Paragraph(Text::new(
            "Each workload has one recovery authority.",
            "모든 워크로드의 복구 주체가 하나입니다.",
        ))
    } else {
        Block::Findings(findings)
    };
    Section::new(
        Text::new(
            "One recovery authority per workload",
            "워크로드별 단일 복구 주체",
        ),
        vec![block],
    )
}
