//! The report about authenticity.

mod found;

use super::evidence::Says;
use super::{
    Answers, BridgeJudged, Class, Condition, CriterionRule, Judged, Outcome, Proof, Rules, STAGES,
    Stage, side,
};
use crate::report::{Block, Cell, Column, Finding, Report, Section, Table, Tile, Tone, Verdict};
use crate::sheet::Sheet;
use planb_model::Text;

pub(super) fn report(_: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
    let (rfp, acceptance) = side::clauses(rules, answers, outcome);
    let mut sections = vec![reasons(outcome), criteria(rules, answers, outcome)];
    sections.extend(found::section(rules, outcome));
    sections.push(elements(rules, answers));
    if outcome.bridge.virtual_machines {
        sections.push(bridge(&outcome.bridge, answers));
    }
    sections.push(list(
        Text::new("Also in the table", "그 밖의 판별 항목"),
        side::table_rows(answers),
    ));
    sections.push(list(Text::new("Scope", "사업 범위"), side::scope(answers)));
    sections.push(list(
        Text::new("Metrics of containerisation", "컨테이너화 평가지표"),
        side::metrics(&answers.metrics),
    ));
    if answers.public_sector {
        sections.push(list(
            Text::new("Further points of the public sector", "공공 사업 추가 검증"),
            side::public(answers),
        ));
    }
    sections.push(Section::new(
        Text::new("Clauses for the request for proposals", "제안요청서 조항"),
        vec![Block::List(rfp)],
    ));
    sections.push(Section::new(
        Text::new("Clauses for acceptance", "검수 조항"),
        vec![Block::List(acceptance)],
    ));
    Report {
        method: String::new(),
        title: Text::same(""),
        source: String::new(),
        verdict: verdict(answers, outcome),
        tiles: tiles(answers, outcome),
        sections,
        notes: Vec::new(),
    }
}

fn list(title: Text, findings: Vec<Finding>) -> Section {
    Section::new(title, vec![Block::Findings(findings)])
}

fn verdict(answers: &Answers, outcome: &Outcome) -> Verdict {
    let (tone, en, ko, why_en, why_ko) = match outcome.verdict {
        Class::CloudNative => (
            Tone::Good,
            "Cloud native",
            "클라우드 네이티브",
            "all three criteria are shown at every stage reached.",
            "도달한 모든 단계에서 세 기준이 확인되었습니다.",
        ),
        Class::Bridge => (
            Tone::Warn,
            "A bridge",
            "브리지(과도기 구성)",
            "virtual machines on Kubernetes, with a way out that the plan states.",
            "쿠버네티스 위의 가상머신이며 계획서에 출구가 명시되어 있습니다.",
        ),
        Class::Virtualisation => (
            Tone::Bad,
            "Virtualisation",
            "가상화",
            "a criterion is not met, or virtual machines are there without a way out.",
            "충족하지 못한 기준이 있거나 출구 없는 가상머신이 있습니다.",
        ),
        Class::NotProven => (
            Tone::Unknown,
            "Not proven: not to be taken as cloud native",
            "입증되지 않음: 클라우드 네이티브로 볼 수 없습니다",
            "nothing speaks against it, and not every criterion has evidence.",
            "반대 사실은 없으나 근거가 없는 기준이 있습니다.",
        ),
    };
    let system = &answers.system;
    Verdict {
        tone,
        headline: Text::new(en, ko),
        reason: Text::new(format!("{system}: {why_en}"), format!("{system}: {why_ko}")),
    }
}

fn tiles(answers: &Answers, outcome: &Outcome) -> Vec<Tile> {
    let whole = |c: &&Judged| c.stages.iter().all(|p| p.holds() || *p == Proof::NotYet);
    let shown = outcome.criteria.iter().filter(whole).count();
    let elements = answers.elements.values().filter(|yes| **yes).count();
    let differ = outcome.criteria.iter().filter(|c| c.contradiction).count()
        + usize::from(outcome.bridge.contradiction);
    let tile = |title, value: String, note, tone| Tile {
        title,
        value: Text::same(value),
        note,
        tone,
    };
    let good = |holds| if holds { Tone::Good } else { Tone::Warn };
    vec![
        tile(
            Text::new("Criteria shown", "확인된 기준"),
            format!("{shown} / {}", outcome.criteria.len()),
            stage(answers.stage),
            good(shown == outcome.criteria.len()),
        ),
        tile(
            Text::new("CNCF elements", "CNCF 요소"),
            format!("{elements} / 5"),
            Text::new("said to be there", "있다고 답한 요소"),
            Tone::Plain,
        ),
        tile(
            Text::new("Manifest files", "매니페스트 파일"),
            outcome.manifest_files.to_string(),
            if outcome.manifest_files == 0 {
                Text::new("none were read (`--manifests`)", "읽지 않음(`--manifests`)")
            } else {
                Text::new(
                    format!("{} links not followed", outcome.links_skipped),
                    format!("따라가지 않은 링크 {}개", outcome.links_skipped),
                )
            },
            Tone::Plain,
        ),
        tile(
            Text::new("Contradictions", "모순"),
            differ.to_string(),
            Text::new("answers against manifests", "답변과 매니페스트의 불일치"),
            match (differ, outcome.manifest_files) {
                (1.., _) => Tone::Bad,
                // Nothing was there to differ from.
                (0, 0) => Tone::Unknown,
                (0, 1..) => Tone::Good,
            },
        ),
    ]
}

fn stage(stage: Stage) -> Text {
    match stage {
        Stage::Proposal => Text::new("proposal", "제안"),
        Stage::MidProject => Text::new("mid-project", "중간 점검"),
        Stage::Acceptance => Text::new("acceptance", "준공 검사"),
    }
}

fn reasons(outcome: &Outcome) -> Section {
    let rows = outcome.reasons.iter();
    let finding = |r: &super::Reason| Finding {
        tone: r.tone,
        subject: r.text.clone(),
        reason: Text::same(""),
        action: None,
        source: Some(r.source.to_owned()),
    };
    list(Text::new("Why", "판정 근거"), rows.map(finding).collect())
}

fn criteria(rules: &Rules, answers: &Answers, outcome: &Outcome) -> Section {
    let mut columns = vec![Column::text(Text::new("Criterion", "기준"))];
    columns.extend(STAGES.map(|s| Column::text(stage(s))));
    columns.push(Column::text(Text::new("Manifests", "매니페스트")));
    let mut table = Table::new(Text::new("Criteria by stage", "단계별 기준"), columns);
    table.main = true;
    for (judged, rule) in outcome.criteria.iter().zip(&rules.criteria) {
        let mut row: Vec<Cell> = vec![rule.label.clone().into()];
        for (at, proof) in STAGES.iter().zip(&judged.stages) {
            row.push(cell(*proof, answers.claims(judged.id).at(*at).1));
        }
        row.push(says(judged));
        table.rows.push(row);
    }
    let mut kinds = Table::new(
        Text::new(
            "What the criteria tell apart",
            "가상화 사업과 클라우드 네이티브 사업",
        ),
        vec![
            Column::text(Text::new("Criterion", "기준")),
            Column::text(Text::new("Virtualisation", "가상화 사업")),
            Column::text(Text::new("Cloud native", "클라우드 네이티브 사업")),
        ],
    );
    let row = |rule: &CriterionRule| {
        vec![
            rule.label.clone().into(),
            rule.virtualisation.clone().into(),
            rule.cloud_native.clone().into(),
        ]
    };
    kinds.rows = rules.criteria.iter().map(row).collect();
    Section::new(
        Text::new("Three criteria", "세 가지 기준"),
        vec![Block::Table(table), Block::Table(kinds)],
    )
    .lead(Text::new(
        "Proposal: the architecture shows how. Mid-project: shown live. Acceptance: a failure is induced, and recovery is seen.",
        "제안은 아키텍처로, 중간 점검은 시연으로, 준공 검사는 고의 장애와 자동 복구로 확인합니다.",
    ))
}

fn cell(proof: Proof, evidence: &str) -> Cell {
    let (text, tone) = match proof {
        Proof::NotYet => (Text::new("not yet", "도달 전"), Tone::Plain),
        Proof::Shown => {
            let text = Text::new(format!("shown: {evidence}"), format!("확인: {evidence}"));
            (text, Tone::Good)
        }
        Proof::ShownByManifests => (
            Text::new("shown by manifests", "매니페스트로 확인"),
            Tone::Good,
        ),
        Proof::Claimed => (
            Text::new("claimed, no evidence", "근거 없는 주장"),
            Tone::Unknown,
        ),
        Proof::Open => (Text::new("not answered", "답 없음"), Tone::Unknown),
        Proof::Absent => (Text::new("no", "아니요"), Tone::Bad),
        Proof::Differs => (
            Text::new("no; manifests differ", "아니요, 매니페스트와 다름"),
            Tone::Warn,
        ),
        Proof::Contradicted => (
            Text::new("contradicted by manifests", "매니페스트와 모순"),
            Tone::Bad,
        ),
    };
    Cell::toned(text, tone)
}

fn says(judged: &Judged) -> Cell {
    let (text, tone) = match judged.manifests {
        Says::Nothing => (Text::new("settle nothing", "판단 근거 없음"), Tone::Plain),
        Says::Shown => (Text::new("bear it out", "뒷받침"), Tone::Good),
        Says::Contrary => (Text::new("show the contrary", "반대 사실"), Tone::Bad),
    };
    if judged.contradiction {
        let text = Text::new(
            format!("{}, against the answer", text.en),
            format!("{}, 답변과 다름", text.ko),
        );
        return Cell::toned(text, Tone::Bad);
    }
    Cell::toned(text, tone)
}

fn elements(rules: &Rules, answers: &Answers) -> Section {
    let mut table = Table::new(
        Text::new("Five elements", "5개 요소"),
        vec![
            Column::text(Text::new("Element", "요소")),
            Column::text(Text::new("What it solves", "해결하는 문제")),
            Column::text(Text::new("Is it there?", "확인")),
        ],
    );
    for element in &rules.elements {
        let (text, tone) = match answers.elements.get(&element.id) {
            Some(true) => (Text::new("yes", "예"), Tone::Good),
            Some(false) => (Text::new("no", "아니요"), Tone::Warn),
            None => (Text::new("not answered", "답 없음"), Tone::Unknown),
        };
        table.rows.push(vec![
            element.label.clone().into(),
            element.solves.clone().into(),
            Cell::toned(text, tone),
        ]);
    }
    Section::new(
        Text::new("CNCF definition", "CNCF 정의"),
        vec![Block::Table(table)],
    )
    .lead(Text::new(
        "To be checked one by one: containers alone are one of five.",
        "하나씩 대조합니다. 컨테이너만으로는 다섯 중 하나입니다.",
    ))
}

fn bridge(bridge: &BridgeJudged, answers: &Answers) -> Section {
    let row = |subject, condition: Condition, more: Text| {
        let missing = bridge.missing.contains(&condition);
        Finding {
            tone: if missing { Tone::Bad } else { Tone::Good },
            subject,
            reason: if missing {
                Text::new("not stated", "명시하지 않음")
            } else {
                more
            },
            action: None,
            source: Some("W 6.2".to_owned()),
        }
    };
    let yes = || Text::new("stated", "명시함");
    let by = answers.bridge.rewrite_by;
    let by = by.map_or_else(|| Text::same("–"), |day| Text::same(day.to_string()));
    let mut rows = vec![
        row(
            Text::new("A rewrite by a date", "재작성 기한"),
            Condition::RewriteBy,
            by,
        ),
        row(
            Text::new("Called temporary", "임시 구성 명시"),
            Condition::Temporary,
            yes(),
        ),
        row(
            Text::new("Acceptance tied to it", "검수 기준 연동"),
            Condition::AcceptanceTied,
            yes(),
        ),
    ];
    if bridge.missing.contains(&Condition::RewriteOverdue) {
        rows[0].tone = Tone::Bad;
        let day = rows[0].reason.clone();
        rows[0].reason = Text::new(
            format!("{}: over", day.en),
            format!("{}: 기한 경과", day.ko),
        );
    }
    list(Text::new("Bridge rule", "브리지 인정 조건"), rows)
}
