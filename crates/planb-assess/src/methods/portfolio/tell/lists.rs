//! The long tables of a portfolio.

use super::super::kpi::{Kpi, Level};
use super::super::{Answers, Judged, Outcome, Rules, Service};
use super::{few, said, state};
use crate::number;
use crate::report::{Block, Cell, Column, Section, Table, Tone};
use planb_model::Text;
use std::collections::HashMap;

pub(super) fn waves(rules: &Rules, answers: &Answers, outcome: &Outcome) -> Section {
    let mut table = Table::new(
        Text::new("Waves", "전환 차수"),
        vec![
            Column::figures(Text::new("Wave", "차수")),
            Column::text(Text::new("Groups", "그룹")),
            Column::figures(Text::new("Services", "서비스 수")),
            Column::text(Text::new("Which", "대상")),
        ],
    );
    let groups: HashMap<&str, usize> = answers
        .services
        .iter()
        .map(|s| (s.name.as_str(), rules.group(s)))
        .collect();
    for wave in &outcome.waves {
        let mut present: Vec<usize> = wave
            .services
            .iter()
            .filter_map(|name| groups.get(name.as_str()).copied())
            .collect();
        present.sort_unstable();
        present.dedup();
        let join = |pick: fn(&Text) -> &str| {
            let labels = present.iter().map(|at| pick(&rules.groups[*at].label));
            labels.collect::<Vec<_>>().join(", ")
        };
        table.rows.push(vec![
            wave.number.to_string().into(),
            Text::new(join(|t| &t.en), join(|t| &t.ko)).into(),
            number::grouped(wave.services.len() as u64).into(),
            few(&wave.services).into(),
        ]);
    }
    let block = if table.rows.is_empty() {
        Block::Paragraph(Text::new(
            "Nothing is left to move.",
            "남은 전환 대상이 없습니다.",
        ))
    } else {
        Block::Table(table)
    };
    Section::new(Text::new("Order of the moves", "전환 순서"), vec![block]).lead(Text::new(
        "New systems, then analytics, then session, then transaction; nothing moves before what it depends on; in a wave the most ordinary grade comes first.",
        "신규 시스템 → 분석 → 세션 → 트랜잭션의 순서이며, 의존 대상보다 먼저 옮기지 않습니다. 같은 차수에서는 낮은 등급부터 옮깁니다.",
    ))
}

pub(super) fn kpi(kpi: &Kpi) -> Vec<Cell> {
    let name = match kpi.id {
        "tco" => Text::new("TCO a year, in your currency", "연간 TCO(자체 통화)"),
        "density" => Text::new("Workloads per node", "집적률(노드당 워크로드 수)"),
        "leadTime" => Text::new("Deployment lead time", "배포 리드타임"),
        "mttr" => Text::new("Mean time to recover", "평균 복구 시간(MTTR)"),
        "reversible" => Text::new(
            "Changes that can be rolled back from Git",
            "Git 기준 롤백 가능 비율",
        ),
        "drift" => Text::new("Drifts in a month", "월간 드리프트(건)"),
        _ => Text::new("Left KubeVirt", "KubeVirt 출구 비율"),
    };
    let show = |value: Option<f64>| -> Cell {
        let Some(value) = value else {
            return "–".into();
        };
        match kpi.id {
            "leadTime" | "mttr" => number::duration(value).into(),
            "reversible" | "exitRatio" => number::percent(value).into(),
            _ => number::money(value).into(),
        }
    };
    let change = kpi.change_percent.map_or_else(
        || Text::same("–"),
        |change| {
            let said = number::percent(change);
            let sign = if change > 0.0 { "+" } else { "" };
            Text::new(format!("{sign}{}", said.en), format!("{sign}{}", said.ko))
        },
    );
    let (level, tone) = match kpi.level {
        Level::Reached => (Text::new("as in the cases", "사례 수준"), Tone::Good),
        Level::Better => (
            Text::new("better than before", "전환 전보다 개선"),
            Tone::Warn,
        ),
        Level::NoBetter => (Text::new("no better than before", "개선 없음"), Tone::Bad),
        Level::Told => (
            Text::new("nothing to compare with", "비교 기준 없음"),
            Tone::Plain,
        ),
        Level::Missing => (Text::new("not given", "값 없음"), Tone::Unknown),
    };
    vec![
        name.into(),
        show(kpi.before),
        show(kpi.now),
        change.into(),
        Cell::toned(level, tone),
    ]
}

pub(super) fn services(rules: &Rules, answers: &Answers, outcome: &Outcome) -> Section {
    let mut table = Table::new(
        Text::new("Every service", "서비스별 결과"),
        vec![
            Column::text(Text::new("Service", "서비스")),
            Column::text(Text::new("Owner", "담당")),
            Column::figures(Text::new("Grade", "등급")),
            Column::text(Text::new("Group", "그룹")),
            Column::text(Text::new("State", "상태")),
            Column::figures(Text::new("RTO target", "RTO 목표")),
            Column::figures(Text::new("RTO measured", "RTO 실측")),
            Column::figures(Text::new("RPO target", "RPO 목표")),
            Column::figures(Text::new("RPO measured", "RPO 실측")),
            Column::text(Text::new("Progress", "달성")),
            Column::figures(Text::new("Wave", "차수")),
            Column::text(Text::new("Waits for", "대기 대상")),
        ],
    );
    table.main = true;
    let all = answers.services.iter().zip(&outcome.services);
    table.rows = all
        .map(|(service, judged)| row(rules, service, judged))
        .collect();
    Section::new(
        Text::new("Services", "서비스 목록"),
        vec![Block::Table(table)],
    )
}

fn row(rules: &Rules, service: &Service, judged: &Judged) -> Vec<Cell> {
    let time = |seconds: Option<f64>| -> Cell {
        seconds
            .map_or_else(|| Text::same("–"), number::duration)
            .into()
    };
    let measured = |target: Option<f64>, is: Option<f64>| -> Cell {
        let mut cell = time(is);
        cell.tone = match (target, is) {
            (Some(target), Some(is)) if is > target => Tone::Bad,
            _ => Tone::Plain,
        };
        cell
    };
    let (progress, tone) = said(judged.progress);
    let wave = match (judged.wave, judged.moves) {
        (Some(number), _) => Cell::from(number.to_string()),
        (None, true) => Cell::toned(Text::new("circle", "순환"), Tone::Bad),
        (None, false) => "–".into(),
    };
    vec![
        service.name.clone().into(),
        service.owner.clone().into(),
        service.grade.to_string().into(),
        rules.groups[rules.group(service)].label.clone().into(),
        state(service.state).into(),
        time(service.rto_target),
        measured(service.rto_target, service.rto_measured),
        time(service.rpo_target),
        measured(service.rpo_target, service.rpo_measured),
        Cell::toned(progress, tone),
        wave,
        judged
            .held_by
            .clone()
            .unwrap_or_else(|| "–".to_owned())
            .into(),
    ]
}
