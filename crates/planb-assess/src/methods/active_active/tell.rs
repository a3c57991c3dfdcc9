//! How readiness is told.

use super::{Answers, Outcome, Readiness, Rules, Structure, Workload};
use crate::report::{
    Bars, Block, Cell, Chart, Column, Finding, Report, Row, Section, Table, Tile, Tone, Verdict,
};
use planb_model::Text;

pub(super) fn report(rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
    Report {
        method: String::new(),
        title: Text::same(""),
        source: String::new(),
        verdict: verdict(rules, outcome),
        tiles: tiles(outcome),
        sections: vec![
            matrix(rules, answers, outcome),
            steps(rules, outcome),
            gaps(rules),
        ],
        notes: Vec::new(),
    }
}

fn structure<'a>(rules: &'a Rules, id: &str) -> Option<&'a Structure> {
    rules.structures.iter().find(|s| s.id == id)
}

fn verdict(rules: &Rules, outcome: &Outcome) -> Verdict {
    let all = outcome.workloads.len();
    let ready = outcome.workloads.iter().filter(|w| w.ready).count();
    let first = outcome.next.first();
    let first = first.and_then(|poc| structure(rules, &poc.structure));
    let headline = Text::new(
        format!("{ready} of {all} workloads have all four structures"),
        format!("워크로드 {all}개 중 {ready}개가 네 가지 구조를 모두 갖추었습니다"),
    );
    match first {
        None => Verdict {
            tone: Tone::Good,
            headline,
            reason: Text::new(
                "They can serve from both sites at once.",
                "두 사이트에서 동시에 서비스할 수 있습니다.",
            ),
        },
        Some(structure) => Verdict {
            tone: Tone::Warn,
            headline,
            reason: Text::new(
                format!("Next proof of concept: {}.", structure.poc.en),
                format!("다음 PoC: {}.", structure.poc.ko),
            ),
        },
    }
}

fn tiles(outcome: &Outcome) -> Vec<Tile> {
    let ready = outcome.workloads.iter().filter(|w| w.ready).count();
    let unknown: usize = outcome.workloads.iter().map(|w| w.unknown.len()).sum();
    vec![
        Tile {
            title: Text::new("Ready", "준비 완료"),
            value: Text::same(format!("{ready} / {}", outcome.workloads.len())),
            note: Text::new("all four structures", "네 가지 구조 모두"),
            tone: if ready == outcome.workloads.len() {
                Tone::Good
            } else {
                Tone::Warn
            },
        },
        Tile {
            title: Text::new("Unknown cells", "모르는 칸"),
            value: Text::same(unknown.to_string()),
            note: Text::new("unknown counts as missing", "모르면 없는 것으로 봄"),
            tone: if unknown == 0 {
                Tone::Plain
            } else {
                Tone::Unknown
            },
        },
    ]
}

fn matrix(rules: &Rules, answers: &Answers, outcome: &Outcome) -> Section {
    let mut columns = vec![Column::text(Text::new("Workload", "워크로드"))];
    columns.extend(
        rules
            .structures
            .iter()
            .map(|s| Column::text(s.label.clone())),
    );
    columns.push(Column::text(Text::new("Next step", "다음 단계")));
    let mut table = Table::new(
        Text::new("Workloads and structures", "워크로드 × 구조"),
        columns,
    );
    table.main = true;
    let pairs = answers.workloads.iter().zip(&outcome.workloads);
    table.rows = pairs
        .map(|(w, readiness)| row(rules, w, readiness))
        .collect();
    Section::new(Text::new("Matrix", "매트릭스"), vec![Block::Table(table)]).lead(Text::new(
        "The blanks are the next proofs of concept.",
        "빈칸이 다음 PoC 대상입니다.",
    ))
}

fn row(rules: &Rules, workload: &Workload, readiness: &Readiness) -> Vec<Cell> {
    let cell = |structure: &Structure| match workload.has.get(&structure.id) {
        Some(true) => Cell::toned(Text::new("yes", "있음"), Tone::Good),
        Some(false) => Cell::toned(Text::new("no", "없음"), Tone::Bad),
        None => Cell::toned(Text::new("unknown", "모름"), Tone::Unknown),
    };
    let mut cells: Vec<Cell> = vec![workload.name.as_str().into()];
    cells.extend(rules.structures.iter().map(cell));
    let next = readiness
        .next
        .as_deref()
        .and_then(|id| structure(rules, id));
    cells.push(match next {
        Some(structure) => structure.poc.clone().into(),
        None => Cell::toned(Text::new("ready", "준비 완료"), Tone::Good),
    });
    cells
}

fn steps(rules: &Rules, outcome: &Outcome) -> Section {
    let title = Text::new("Next proofs of concept", "다음 PoC");
    if outcome.next.is_empty() {
        let none = Text::new("None is missing.", "빠진 구조가 없습니다.");
        return Section::new(title, vec![Block::Paragraph(none)]);
    }
    let label = |id: &str| structure(rules, id).map_or_else(|| Text::same(id), |s| s.label.clone());
    let rows = outcome.next.iter().map(|poc| Row {
        label: label(&poc.structure),
        values: vec![poc.unblocks as f64, (poc.blanks - poc.unblocks) as f64],
    });
    let bars = Bars {
        title: Text::new("Workloads that lack a structure", "구조가 빠진 워크로드 수"),
        unit: Text::new("workloads", "개"),
        series: vec![
            Text::new("it is their next step", "바로 다음 단계"),
            Text::new("later", "이후 단계"),
        ],
        rows: rows.collect(),
    };
    let mut blocks = vec![Block::Chart(Chart::Bars(bars))];
    if outcome.network_first {
        blocks.push(Block::Findings(vec![Finding {
            tone: Tone::Warn,
            subject: Text::new("Network between the clusters", "클러스터 간 네트워크"),
            reason: Text::new(
                "a mesh with a control plane in each cluster needs pods that reach each other, and that is not known to be so",
                "클러스터마다 컨트롤 플레인을 두는 메시는 파드 간 통신이 전제인데, 가능한지 확인되지 않았습니다",
            ),
            action: Some(Text::new(
                "decide on a tunnel between the pod networks before the mesh",
                "메시보다 먼저 파드 네트워크 사이의 터널을 정하세요",
            )),
            source: Some("DR 2.2.1".to_owned()),
        }]));
    }
    Section::new(title, blocks)
}

fn gaps(rules: &Rules) -> Section {
    let fact = |s: &Structure| (s.label.clone(), s.without.clone());
    let facts = rules.structures.iter().map(fact).collect();
    Section::new(
        Text::new(
            "What falls back without each",
            "각 구조가 없을 때 생기는 일",
        ),
        vec![Block::Facts(facts)],
    )
}
