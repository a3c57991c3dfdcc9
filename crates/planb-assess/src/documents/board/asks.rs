//! Open decisions, risks, and what is asked of the board.

use super::Facts;
use crate::documents::quarters::{Kept, Quarter};
use crate::method::Assessed;
use crate::number;
use crate::report::{Block, Finding, Section, Tile, Tone};
use planb_model::Text;
use planb_model::finding::Severity;
use planb_model::plan::FailoverMode;

/// Decisions and risks shown one by one, so that two sheets are enough.
const SHOWN_MAX: usize = 6;
/// Assessments that hold decisions of the board; what others find is a risk.
const DECISION_METHODS: [&str; 2] = ["decisions", "images"];

/// What the assessments leave open for the board.
pub fn decisions(facts: &Facts<'_>) -> Vec<Finding> {
    let given = facts
        .assessed
        .iter()
        .filter(|a| DECISION_METHODS.contains(&a.report.method.as_str()));
    given
        .flat_map(|a| findings(a).chain(open_rows(a)))
        .collect()
}

/// What works against the promise.
pub fn risks(facts: &Facts<'_>, cadence: &[Quarter]) -> Vec<Finding> {
    let mut all = Vec::new();
    if let Some(error) = facts
        .status
        .as_ref()
        .ok()
        .and_then(|s| s.protection.error.as_ref())
    {
        all.push(Finding {
            tone: Tone::Bad,
            subject: Text::new("Protection", "보호"),
            reason: Text::same(error),
            action: None,
            source: None,
        });
    }
    for quarter in cadence.iter().filter(|q| q.state == Kept::Missed) {
        all.push(Finding {
            tone: Tone::Bad,
            subject: Text::same(quarter.name()),
            reason: Text::new("no drill in this quarter", "이 분기에 훈련이 없었습니다"),
            action: None,
            source: Some("DR 9".to_owned()),
        });
    }
    all.extend(facts.review.iter().map(reviewed));
    let given = facts
        .assessed
        .iter()
        .filter(|a| !DECISION_METHODS.contains(&a.report.method.as_str()));
    all.extend(given.flat_map(findings));
    // The worst first; the order within stays.
    all.sort_by_key(|f| match f.tone {
        Tone::Bad => 0,
        Tone::Unknown => 1,
        _ => 2,
    });
    all
}

fn reviewed(finding: &planb_model::finding::Finding) -> Finding {
    Finding {
        tone: match finding.severity {
            Severity::Ok => Tone::Good,
            Severity::Warning => Tone::Warn,
            Severity::Error => Tone::Bad,
            Severity::Unknown => Tone::Unknown,
        },
        subject: Text::same(&finding.subject),
        reason: finding.reason.clone(),
        action: finding.fix.clone(),
        source: None,
    }
}

fn is_open(tone: Tone) -> bool {
    matches!(tone, Tone::Warn | Tone::Bad | Tone::Unknown)
}

/// Findings of an assessment that are not as they should be.
fn findings(assessed: &Assessed) -> impl Iterator<Item = Finding> + '_ {
    let blocks = assessed.report.sections.iter().flat_map(|s| &s.blocks);
    let all = blocks.filter_map(|block| match block {
        Block::Findings(findings) => Some(findings),
        _ => None,
    });
    all.flatten().filter(|f| is_open(f.tone)).cloned()
}

/// Rows of an agenda that are not decided: what is to be decided, and how it
/// stands.
fn open_rows(assessed: &Assessed) -> impl Iterator<Item = Finding> + '_ {
    let blocks = assessed.report.sections.iter().flat_map(|s| &s.blocks);
    let tables = blocks.filter_map(|block| match block {
        Block::Table(table) => Some(table),
        _ => None,
    });
    tables.flat_map(|table| &table.rows).filter_map(|row| {
        let open = row.iter().find(|cell| is_open(cell.tone))?;
        let said: Vec<&Text> = row.iter().take(2).map(|cell| &cell.text).collect();
        Some(Finding {
            tone: open.tone,
            subject: said.first().map(|t| (*t).clone())?,
            reason: said.get(1).map(|t| (*t).clone())?,
            action: None,
            source: Some(assessed.report.source.clone()),
        })
    })
}

/// The open decisions, or that none is known.
pub fn decision_section(open: &[Finding]) -> Section {
    let none = Text::new(
        "None is known. Give the answers of `decisions` or `images` with --answers.",
        "알려진 미결 사항이 없습니다. `decisions` 또는 `images`의 답변을 --answers로 지정하세요.",
    );
    section(Text::new("Open decisions", "미결 사항"), open, none)
}

/// The risks, or that none is known.
pub fn risk_section(risks: &[Finding]) -> Section {
    let none = Text::new(
        "None is known from the plan, the history and the assessments given.",
        "계획, 기록, 입력된 진단에서 알려진 위험이 없습니다.",
    );
    section(Text::new("Risks", "위험"), risks, none)
}

fn section(title: Text, all: &[Finding], none: Text) -> Section {
    let mut section = Section::new(title, Vec::new());
    if all.is_empty() {
        section.blocks.push(Block::Paragraph(none));
        return section;
    }
    let shown = all.iter().take(SHOWN_MAX).cloned().collect();
    section.blocks.push(Block::Findings(shown));
    if all.len() > SHOWN_MAX {
        let more = all.len() - SHOWN_MAX;
        section.blocks.push(Block::Paragraph(Text::new(
            format!("And {more} more: see the assessments and `planb check`."),
            format!("그 밖에 {more}건은 각 진단과 `planb check`에 있습니다."),
        )));
    }
    section
}

/// What the board is to do, in its own words.
pub fn asked(
    facts: &Facts<'_>,
    cadence: &[Quarter],
    decisions: usize,
    tiles: &[Tile],
) -> Vec<Text> {
    let mut all = Vec::new();
    if decisions > 0 {
        all.push(Text::new(
            format!(
                "Decide what is open: {}, listed below.",
                number::counted(decisions, "item", "items")
            ),
            format!("아래 미결 사항 {decisions}건을 의결해 주십시오."),
        ));
    }
    if tiles.iter().take(2).any(|t| t.tone == Tone::Bad) {
        all.push(Text::new(
            "Decide whether the objectives change or means are added: they were missed when measured.",
            "측정에서 목표를 지키지 못했습니다. 목표를 조정할지 수단을 보강할지 결정해 주십시오.",
        ));
    }
    let due = cadence.last().is_some_and(|q| q.failovers == 0);
    let missed = cadence.iter().any(|q| q.state == Kept::Missed);
    if due || missed || tiles.iter().take(2).any(|t| t.tone == Tone::Unknown) {
        all.push(Text::new(
            "Set the day of the next failover drill; guidelines ask for one every quarter (DR 9).",
            "다음 페일오버 훈련일을 정해 주십시오. 지침은 분기마다 훈련하도록 요구합니다(DR 9).",
        ));
    }
    if facts.plan.failover.mode != FailoverMode::Automatic {
        all.push(Text::new(
            "Confirm who approves a failover at any hour; the switch waits for that one decision.",
            "언제든 페일오버를 승인할 사람을 확정해 주십시오. 전환은 그 결정을 기다립니다.",
        ));
    }
    let rpo = number::duration(facts.plan.objectives.rpo.as_secs_f64());
    all.push(Text::new(
        format!("Accept, or change, that up to {} of writes may be lost: the board decides the loss (DR 9).", rpo.en),
        format!("최대 {}의 쓰기 손실을 허용할지 확인해 주십시오. 데이터 손실은 보드가 결정합니다(DR 9).", rpo.ko),
    ));
    all
}
