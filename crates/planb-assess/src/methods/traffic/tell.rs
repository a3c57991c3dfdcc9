//! How the layers are told.

use super::{
    Answers, Axis, Choice, Condition, Layer, LayerRule, Outcome, Rules, Session, Workload,
};
use crate::number;
use crate::report::{Block, Cell, Column, Finding, Report, Section, Table, Tile, Tone, Verdict};
use planb_model::Text;

pub(super) fn report(rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
    Report {
        method: String::new(),
        title: Text::same(""),
        source: String::new(),
        verdict: verdict(outcome),
        tiles: tiles(rules, outcome),
        sections: vec![
            choices(rules, answers, outcome),
            conditions(outcome),
            layers(rules),
        ],
        notes: Vec::new(),
    }
}

fn label(rules: &Rules, layer: Layer) -> Text {
    let rule = rules.layers.iter().find(|rule| rule.id == layer);
    rule.map_or_else(|| Text::same("–"), |rule| rule.label.clone())
}

fn verdict(outcome: &Outcome) -> Verdict {
    let all = outcome.workloads.len();
    let open = outcome
        .workloads
        .iter()
        .filter(|c| !c.conditions.is_empty());
    let open = open.count();
    if open == 0 {
        return Verdict {
            tone: Tone::Good,
            headline: Text::new(
                "Every workload has its layer",
                "모든 워크로드의 분기 계층이 정해졌습니다",
            ),
            reason: Text::new(
                format!(
                    "What the teams run today can divide the traffic of {}.",
                    number::counted(all, "workload", "workloads")
                ),
                format!("워크로드 {all}개를 현재 운영 역량으로 분기할 수 있습니다."),
            ),
        };
    }
    Verdict {
        tone: Tone::Warn,
        headline: Text::new(
            format!("{open} of {all} workloads need something first"),
            format!("워크로드 {all}개 중 {open}개는 선행 조건이 있습니다"),
        ),
        reason: Text::new(
            "Their layer fits, but a condition below is not met yet.",
            "계층은 정해졌지만 아래 조건이 아직 충족되지 않았습니다.",
        ),
    }
}

fn tiles(rules: &Rules, outcome: &Outcome) -> Vec<Tile> {
    let tile = |rule: &LayerRule| {
        let chosen = outcome.workloads.iter().filter(|c| c.layer == rule.id);
        Tile {
            title: rule.label.clone(),
            value: Text::same(chosen.count().to_string()),
            note: rule.delay.clone(),
            tone: Tone::Plain,
        }
    };
    rules.layers.iter().map(tile).collect()
}

fn choices(rules: &Rules, answers: &Answers, outcome: &Outcome) -> Section {
    let mut table = Table::new(
        Text::new("Layer per workload", "워크로드별 분기 계층"),
        vec![
            Column::text(Text::new("Workload", "워크로드")),
            Column::figures(Text::new("Tolerated delay", "허용 전환 지연")),
            Column::text(Text::new("Session", "세션 정합")),
            Column::text(Text::new("Layers, as they stack", "계층(누적)")),
            Column::text(Text::new("Why", "이유")),
        ],
    );
    table.main = true;
    let pairs = answers.workloads.iter().zip(&outcome.workloads);
    table.rows = pairs.map(|(w, choice)| row(rules, w, choice)).collect();
    Section::new(Text::new("Decision", "결정"), vec![Block::Table(table)]).lead(Text::new(
        "Decided per workload, because changing a layer later is dear.",
        "계층은 나중에 바꾸는 비용이 크므로 워크로드별로 정합니다.",
    ))
}

fn row(rules: &Rules, workload: &Workload, choice: &Choice) -> Vec<Cell> {
    let stack: Vec<Text> = choice.stack.iter().map(|l| label(rules, *l)).collect();
    let tone = if choice.conditions.is_empty() {
        Tone::Good
    } else {
        Tone::Warn
    };
    vec![
        workload.name.as_str().into(),
        number::duration(workload.tolerated_delay).into(),
        session(workload.session).into(),
        Cell::toned(joined(&stack, " + "), tone),
        why(&choice.because).into(),
    ]
}

fn joined(texts: &[Text], between: &str) -> Text {
    let en: Vec<&str> = texts.iter().map(|t| t.en.as_ref()).collect();
    let ko: Vec<&str> = texts.iter().map(|t| t.ko.as_ref()).collect();
    Text::new(en.join(between), ko.join(between))
}

fn session(session: Session) -> Text {
    match session {
        Session::Weak => Text::new("weak", "약함"),
        Session::Medium => Text::new("medium", "중간"),
        Session::Strong => Text::new("strong", "강함"),
    }
}

fn why(because: &[Axis]) -> Text {
    if because.is_empty() {
        return Text::new(
            "nothing asks for more",
            "더 높은 계층을 요구하는 조건이 없음",
        );
    }
    let name = |axis: &Axis| match axis {
        Axis::Delay => Text::new("switch delay", "전환 지연"),
        Axis::Session => Text::new("sessions", "세션 정합"),
        Axis::Progressive => Text::new("gradual rollout", "점진 전환"),
    };
    let names: Vec<Text> = because.iter().map(name).collect();
    joined(&names, ", ")
}

fn conditions(outcome: &Outcome) -> Section {
    let of = |choice: &Choice| -> Vec<Finding> {
        let finding = |condition: &Condition| finding(&choice.name, *condition);
        choice.conditions.iter().map(finding).collect()
    };
    let findings: Vec<Finding> = outcome.workloads.iter().flat_map(of).collect();
    let block = if findings.is_empty() {
        Block::Paragraph(Text::new("None.", "없음."))
    } else {
        Block::Findings(findings)
    };
    Section::new(Text::new("Conditions", "선행 조건"), vec![block])
}

fn finding(name: &str, condition: Condition) -> Finding {
    let (reason, action) = match condition {
        Condition::ExternalSessions => (
            Text::new(
                "sticky sessions are lost with their site",
                "사이트를 잃으면 고정된 세션도 함께 사라집니다",
            ),
            Text::new(
                "keep sessions in a store both sites reach, or in signed tokens",
                "두 사이트가 함께 쓰는 저장소나 서명된 토큰에 세션을 보관하세요",
            ),
        ),
        Condition::Skill => (
            Text::new(
                "the team does not run this layer yet",
                "운영팀이 아직 이 계층을 다루지 않습니다",
            ),
            Text::new(
                "train or staff for it before anything depends on it; until then the need is not met",
                "의존하기 전에 교육하거나 인력을 확보하세요. 그때까지는 요구를 충족하지 못합니다",
            ),
        ),
    };
    Finding {
        tone: Tone::Warn,
        subject: Text::same(name),
        reason,
        action: Some(action),
        source: Some("DR 2.2.2".to_owned()),
    }
}

fn layers(rules: &Rules) -> Section {
    let mut table = Table::new(
        Text::new("The three layers", "3계층 비교"),
        vec![
            Column::text(Text::new("Layer", "계층")),
            Column::text(Text::new("Switch delay", "전환 지연")),
            Column::text(Text::new("Session", "세션 정합")),
            Column::text(Text::new("Burden", "운영 부담")),
            Column::text(Text::new("Mind", "유의할 점")),
        ],
    );
    let row = |rule: &LayerRule| -> Vec<Cell> {
        vec![
            rule.label.clone().into(),
            rule.delay.clone().into(),
            session(rule.session).into(),
            rule.burden.clone().into(),
            rule.mind.clone().into(),
        ]
    };
    table.rows = rules.layers.iter().map(row).collect();
    Section::new(
        Text::new("What the layers can do", "계층별 특성"),
        vec![Block::Table(table)],
    )
}
