//! How requirements, evidence and gaps are told.

use super::{Document, Judged, Outcome, Requirement, Rules, Seen, State};
use crate::number;
use crate::report::{Block, Cell, Column, Finding, Report, Section, Table, Tile, Tone, Verdict};
use planb_model::Text;

pub(super) fn report(rules: &Rules, outcome: &Outcome) -> Report {
    let mut sections: Vec<Section> = vec![requirements(rules, outcome), gaps(rules, outcome)];
    sections.push(grades(rules, outcome));
    Report {
        method: String::new(),
        title: Text::same(""),
        source: String::new(),
        verdict: verdict(outcome),
        tiles: tiles(outcome),
        sections,
        notes: Vec::new(),
    }
}

fn count(outcome: &Outcome, state: State) -> usize {
    let all = outcome.requirements.iter();
    all.filter(|judged| judged.state == state).count()
}

fn verdict(outcome: &Outcome) -> Verdict {
    let (all, met) = (outcome.requirements.len(), outcome.met);
    let refuted = count(outcome, State::NotMet);
    let tone = match () {
        () if met == all && all > 0 => Tone::Good,
        () if refuted > 0 => Tone::Bad,
        () if met == 0 => Tone::Unknown,
        () => Tone::Warn,
    };
    Verdict {
        tone,
        headline: Text::new(
            format!("Requirements with evidence: {met} of {all}"),
            format!("요구사항 {all}개 중 {met}개에 증거가 있습니다"),
        ),
        reason: Text::new(
            "A requirement counts when all evidence it needs was seen and is recent. What could not be looked at is missing, not met.",
            "필요한 증거를 모두 확인했고 오래되지 않았을 때만 충족으로 봅니다. 확인하지 못한 것은 충족이 아니라 누락입니다.",
        ),
    }
}

fn tiles(outcome: &Outcome) -> Vec<Tile> {
    let tile = |state: State, note: Text| Tile {
        title: name(state),
        value: Text::same(count(outcome, state).to_string()),
        note,
        // None of a kind is no fault of that kind, and none that is met is no success.
        tone: match count(outcome, state) {
            0 => Tone::Plain,
            _ => tone(state),
        },
    };
    vec![
        Tile {
            title: Text::new("Grade", "등급"),
            value: outcome.grade.map_or_else(
                || Text::same("–"),
                |g| Text::new(format!("grade {g}"), format!("{g}등급")),
            ),
            note: match &outcome.service {
                Some(service) => {
                    Text::new(format!("of service {service}"), format!("서비스 {service}"))
                }
                None => Text::new("no plan file was read", "계획 파일을 읽지 않음"),
            },
            tone: Tone::Plain,
        },
        tile(State::Met, Text::new("evidence was seen", "증거를 확인함")),
        tile(
            State::Stale,
            Text::new("evidence is too old", "증거가 오래됨"),
        ),
        tile(
            State::Missing,
            Text::new("no evidence was seen", "증거를 확인하지 못함"),
        ),
        tile(
            State::NotMet,
            Text::new("what was seen says no", "확인한 내용이 요구와 다름"),
        ),
    ]
}

fn name(state: State) -> Text {
    match state {
        State::Met => Text::new("met", "충족"),
        State::Stale => Text::new("stale", "기한 경과"),
        State::Missing => Text::new("missing", "누락"),
        State::NotMet => Text::new("not met", "미충족"),
    }
}

fn tone(state: State) -> Tone {
    match state {
        State::Met => Tone::Good,
        State::Stale => Tone::Warn,
        State::Missing => Tone::Unknown,
        State::NotMet => Tone::Bad,
    }
}

fn rule<'a>(rules: &'a Rules, judged: &Judged) -> Option<(&'a Document, &'a Requirement)> {
    let document = rules.documents.iter().find(|d| d.id == judged.document)?;
    let requirement = document
        .requirements
        .iter()
        .find(|r| r.id == judged.requirement)?;
    Some((document, requirement))
}

fn said(seen: &Seen) -> Text {
    Text::new(
        format!("{}: {}", seen.place.en, seen.text.en),
        format!("{}: {}", seen.place.ko, seen.text.ko),
    )
}

/// What was seen, each thing once: several needs may be shown by the same.
fn joined(evidence: &[&Seen]) -> Text {
    let mut texts: Vec<Text> = Vec::new();
    for seen in evidence {
        let text = said(seen);
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    let en: Vec<&str> = texts.iter().map(|t| t.en.as_str()).collect();
    let ko: Vec<&str> = texts.iter().map(|t| t.ko.as_str()).collect();
    Text::new(en.join(" · "), ko.join(" · "))
}

fn requirements(rules: &Rules, outcome: &Outcome) -> Section {
    let mut table = Table::new(
        Text::new("Requirements and evidence", "요구사항과 증거"),
        vec![
            Column::text(Text::new("Document", "법·정책")),
            Column::text(Text::new("Requirement", "요구사항")),
            Column::text(Text::new("State", "상태")),
            Column::text(Text::new("Evidence", "증거")),
            Column::text(Text::new("Source", "출처")),
        ],
    )
    .grouped();
    table.main = true;
    let row = |judged: &Judged| -> Option<Vec<Cell>> {
        let (document, requirement) = rule(rules, judged)?;
        let all: Vec<&Seen> = judged.evidence.iter().collect();
        Some(vec![
            document.title.clone().into(),
            requirement.text.clone().into(),
            Cell::toned(name(judged.state), tone(judged.state)),
            joined(&all).into(),
            requirement.source.clone().into(),
        ])
    };
    table.rows = outcome.requirements.iter().filter_map(row).collect();
    Section::new(
        Text::new("Requirements", "요구사항"),
        vec![Block::Table(table)],
    )
}

fn gaps(rules: &Rules, outcome: &Outcome) -> Section {
    let open = outcome
        .requirements
        .iter()
        .filter(|judged| judged.state != State::Met);
    let finding = |judged: &Judged| {
        let (document, requirement) = rule(rules, judged)?;
        let lacking = judged
            .evidence
            .iter()
            .filter(|seen| seen.state != State::Met);
        let lacking: Vec<&Seen> = lacking.collect();
        Some(Finding {
            tone: tone(judged.state),
            subject: Text::new(
                format!("{} – {}", document.title.en, requirement.text.en),
                format!("{} – {}", document.title.ko, requirement.text.ko),
            ),
            reason: joined(&lacking),
            action: Some(requirement.action.clone()),
            source: Some(requirement.source.clone()),
        })
    };
    let findings: Vec<Finding> = open.filter_map(finding).collect();
    let block = if findings.is_empty() {
        Block::Paragraph(Text::new("None.", "없음."))
    } else {
        Block::Findings(findings)
    };
    Section::new(Text::new("Gaps", "보완할 항목"), vec![block])
}

fn grades(rules: &Rules, outcome: &Outcome) -> Section {
    let mut table = Table::new(
        Text::new("Grades of this policy", "이 정책의 등급"),
        vec![
            Column::text(Text::new("Grade", "등급")),
            Column::figures(Text::same("RTO")),
            Column::figures(Text::same("RPO")),
            Column::text(Text::new("Source", "출처")),
        ],
    );
    for grade in &rules.grades {
        let own = outcome.grade == Some(grade.grade);
        let text = Text::new(
            format!(
                "{} ({}){}",
                grade.grade,
                grade.name.en,
                if own { ", this service" } else { "" }
            ),
            format!(
                "{}등급({}){}",
                grade.grade,
                grade.name.ko,
                if own { ", 이 서비스" } else { "" }
            ),
        );
        table.rows.push(vec![
            text.into(),
            number::duration(grade.rto.as_secs_f64()).into(),
            number::duration(grade.rpo.as_secs_f64()).into(),
            grade.source.clone().into(),
        ]);
    }
    let documents = rules.documents.iter().map(|document| {
        let source = Text::same(document.source.clone());
        (document.title.clone(), source)
    });
    let facts = Block::Facts(documents.collect());
    Section::new(
        Text::new("Policy", "정책"),
        vec![Block::Table(table), facts],
    )
}
