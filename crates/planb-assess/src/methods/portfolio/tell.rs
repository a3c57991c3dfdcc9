//! The report of a portfolio.

mod lists;

use super::{Answers, Group, Outcome, Progress, Rules, State};
use crate::number;
use crate::report::{
    Bars, Block, Cell, Chart, Column, Finding, Report, Row, Section, Table, Tile, Tone, Verdict,
};
use crate::sheet::Sheet;
use planb_model::Text;

const PROGRESS: [Progress; 5] = [
    Progress::Met,
    Progress::Missed,
    Progress::Stale,
    Progress::Unmeasured,
    Progress::NoTarget,
];

pub(super) fn report(_: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
    Report {
        method: String::new(),
        title: Text::same(""),
        source: String::new(),
        verdict: verdict(outcome),
        tiles: tiles(outcome),
        sections: vec![
            progress(rules, outcome),
            lists::waves(rules, answers, outcome),
            blockers(answers, outcome),
            kpis(outcome),
            lists::services(rules, answers, outcome),
        ],
        notes: Vec::new(),
    }
}

fn count(outcome: &Outcome, progress: Progress) -> usize {
    outcome.counts.get(&progress).copied().unwrap_or(0)
}

fn share(part: usize, of: usize) -> Text {
    if of == 0 {
        return Text::same("–");
    }
    number::percent(part as f64 / of as f64 * 100.0)
}

fn verdict(outcome: &Outcome) -> Verdict {
    let total = outcome.services.len();
    let (met, missed) = (
        count(outcome, Progress::Met),
        count(outcome, Progress::Missed),
    );
    let open = outcome.services.iter().filter(|s| s.moves).count();
    let unknown = total - met - missed;
    let reason = Text::new(
        format!(
            "{met} met in a recent drill, {missed} missed, {unknown} not shown; {} still to move, in {}.",
            number::counted(open, "service", "services"),
            number::counted(outcome.waves.len(), "wave", "waves")
        ),
        format!(
            "최근 훈련에서 달성 {met}개, 미달 {missed}개, 확인되지 않음 {unknown}개. 남은 전환 대상 {open}개를 {}개 차수로 옮깁니다.",
            outcome.waves.len()
        ),
    );
    let (tone, headline) = if !outcome.cycles.is_empty() {
        let text = Text::new(
            "Services wait for each other: there is no order",
            "서로를 기다리는 서비스가 있어 순서를 정할 수 없습니다",
        );
        (Tone::Bad, text)
    } else if !outcome.exit.stated {
        let text = Text::new(
            "KubeVirt without a way out is no plan: state ratio and date",
            "출구 지표 없는 KubeVirt 이전은 계획이 아닙니다. 전환 비율과 기한을 명시하십시오",
        );
        (Tone::Bad, text)
    } else {
        let text = Text::new(
            format!(
                "Targets met: {met} of {}",
                number::counted(total, "service", "services")
            ),
            format!("{total}개 서비스 중 {met}개가 복구 목표를 달성했습니다"),
        );
        let tone = if met == total { Tone::Good } else { Tone::Warn };
        (tone, text)
    };
    Verdict {
        tone,
        headline,
        reason,
    }
}

fn tiles(outcome: &Outcome) -> Vec<Tile> {
    let total = outcome.services.len();
    let met = count(outcome, Progress::Met);
    let missed = count(outcome, Progress::Missed);
    let exit = &outcome.exit;
    let ratio = exit
        .ratio_percent
        .map_or_else(|| Text::same("–"), number::percent);
    vec![
        Tile {
            title: Text::new("Targets met", "목표 달성"),
            value: share(met, total),
            note: Text::new(
                format!("{met} of {total} services"),
                format!("{total}개 중 {met}개"),
            ),
            tone: Tone::Plain,
        },
        Tile {
            title: Text::new("Targets missed", "목표 미달"),
            value: Text::same(number::grouped(missed as u64)),
            note: Text::new("measured beyond the target", "실측치가 목표를 넘음"),
            tone: match (missed, met) {
                (1.., _) => Tone::Bad,
                // Nothing was measured that could have missed.
                (0, 0) => Tone::Plain,
                (0, 1..) => Tone::Good,
            },
        },
        Tile {
            title: Text::new("Moved", "전환 완료"),
            value: share(outcome.moved, total),
            note: Text::new(
                format!("{} of {total} services", outcome.moved),
                format!("{total}개 중 {}개", outcome.moved),
            ),
            tone: Tone::Plain,
        },
        Tile {
            title: Text::new("Left KubeVirt", "KubeVirt 출구 비율"),
            value: ratio,
            note: Text::new(
                format!("{} left, {} still there", exit.left, exit.on_bridge),
                format!("전환 {}개, 잔류 {}개", exit.left, exit.on_bridge),
            ),
            tone: match (exit.stated, exit.overdue) {
                (false, _) | (_, true) => Tone::Bad,
                _ => Tone::Plain,
            },
        },
    ]
}

fn said(progress: Progress) -> (Text, Tone) {
    match progress {
        Progress::Met => (Text::new("met", "달성"), Tone::Good),
        Progress::Missed => (Text::new("missed", "미달"), Tone::Bad),
        Progress::Stale => (Text::new("drill too old", "훈련 경과"), Tone::Warn),
        Progress::Unmeasured => (Text::new("not measured", "미실측"), Tone::Unknown),
        Progress::NoTarget => (Text::new("no target", "목표 없음"), Tone::Unknown),
    }
}

fn progress(rules: &Rules, outcome: &Outcome) -> Section {
    let of = |group: &Group, progress: Progress| {
        let in_group = outcome.services.iter().filter(|s| s.group == group.id);
        in_group.filter(|s| s.progress == progress).count()
    };
    let row = |group: &Group| Row {
        label: group.label.clone(),
        values: shown(&|p| of(group, p)),
    };
    let bars = Bars {
        title: Text::new("Services by group and progress", "그룹별 목표 달성 현황"),
        unit: Text::new("services", "서비스 수"),
        series: vec![
            said(Progress::Met).0,
            said(Progress::Missed).0,
            Text::new("not shown", "확인되지 않음"),
        ],
        rows: rules.groups.iter().map(row).collect(),
    };
    let mut columns = vec![Column::text(Text::new("Group", "그룹"))];
    columns.extend(PROGRESS.iter().map(|p| Column::figures(said(*p).0)));
    let mut table = Table::new(Text::new("By group", "그룹별"), columns);
    for group in &rules.groups {
        let mut cells: Vec<Cell> = vec![group.label.clone().into()];
        cells.extend(
            PROGRESS
                .iter()
                .map(|p| number::grouped(of(group, *p) as u64).into()),
        );
        table.rows.push(cells);
    }
    Section::new(
        Text::new("Progress", "목표 대비 현황"),
        vec![Block::Chart(Chart::Bars(bars)), Block::Table(table)],
    )
    .lead(Text::new(
        format!(
            "Met means that both times were measured within their targets, in a drill of the last {} days when the day of the inventory is given.",
            rules.drill_days_max
        ),
        format!(
            "두 시간 모두 목표 이내로 실측되어야 달성입니다. 기준일이 있으면 최근 {}일 이내의 훈련만 인정합니다.",
            rules.drill_days_max
        ),
    ))
}

/// What the figure tells apart: met, missed, and all that is not shown.
fn shown(of: &dyn Fn(Progress) -> usize) -> Vec<f64> {
    let unknown = [Progress::Stale, Progress::Unmeasured, Progress::NoTarget];
    let unknown: usize = unknown.into_iter().map(of).sum();
    vec![
        of(Progress::Met) as f64,
        of(Progress::Missed) as f64,
        unknown as f64,
    ]
}

/// Names of services, the first few of them.
fn few(names: &[String]) -> Text {
    const SHOWN_MAX: usize = 8;
    let shown = names.iter().take(SHOWN_MAX).cloned();
    let shown = shown.collect::<Vec<_>>().join(", ");
    let rest = names.len().saturating_sub(SHOWN_MAX);
    if rest == 0 {
        return Text::same(shown);
    }
    Text::new(
        format!("{shown} and {rest} more"),
        format!("{shown} 외 {rest}개"),
    )
}

fn blockers(answers: &Answers, outcome: &Outcome) -> Section {
    /// Findings of one kind; the table of services has them all.
    const SHOWN_MAX: usize = 20;
    let finding = |tone, subject: Text, reason, action, source: &str| Finding {
        tone,
        subject,
        reason,
        action,
        source: (!source.is_empty()).then(|| source.to_owned()),
    };
    let mut findings: Vec<Finding> = Vec::new();
    for cycle in outcome.cycles.iter().take(SHOWN_MAX) {
        findings.push(finding(
            Tone::Bad,
            few(cycle),
            Text::new("wait for each other", "서로를 기다림"),
            Some(Text::new(
                "take one dependency out, or move them as one service",
                "의존 관계 하나를 끊거나 하나의 서비스로 묶어 옮기십시오",
            )),
            "",
        ));
    }
    let in_circle = |name: &String| outcome.cycles.iter().any(|c| c.contains(name));
    let held = outcome
        .services
        .iter()
        .filter(|s| s.moves && s.wave.is_none());
    let held: Vec<String> = held
        .map(|s| s.name.clone())
        .filter(|n| !in_circle(n))
        .collect();
    if !held.is_empty() {
        let text = Text::new("wait for such a circle", "순환에 걸린 서비스를 기다림");
        findings.push(finding(Tone::Bad, few(&held), text, None, ""));
    }
    findings.extend(exit(outcome));
    let core = outcome.services.iter().filter(|s| s.core_target_missing);
    let core: Vec<String> = core.map(|s| s.name.clone()).collect();
    if !core.is_empty() {
        let text = Text::new(
            "core grade without an aim of at most 4 h for the recovery time",
            "핵심 등급이지만 4시간 이내의 RTO 목표가 없음",
        );
        findings.push(finding(Tone::Bad, few(&core), text, None, "DR 6.1"));
    }
    let blocked = answers.services.iter();
    let blocked = blocked.filter(|s| s.state.moves() && !s.blocker.is_empty());
    for service in blocked.take(SHOWN_MAX) {
        findings.push(finding(
            Tone::Warn,
            Text::same(service.name.clone()),
            Text::same(service.blocker.clone()),
            None,
            "",
        ));
    }
    let block = if findings.is_empty() {
        Block::Paragraph(Text::new("None.", "없음."))
    } else {
        Block::Findings(findings)
    };
    Section::new(
        Text::new("What stands in the way", "전환의 걸림돌"),
        vec![block],
    )
}

/// The way out of KubeVirt.
fn exit(outcome: &Outcome) -> Option<Finding> {
    let exit = &outcome.exit;
    let (reason, action) = if !exit.stated {
        (
            Text::new(
                format!(
                    "{} on KubeVirt without a stated way out",
                    number::counted(exit.on_bridge, "service", "services")
                ),
                format!(
                    "{}개 서비스가 출구 지표 없이 KubeVirt에 있습니다",
                    exit.on_bridge
                ),
            ),
            Text::new(
                "give `exitRatio` and `exitBy` in the answers file",
                "답변 파일에 `exitRatio`와 `exitBy`를 적으십시오",
            ),
        )
    } else if exit.overdue {
        (
            Text::new(
                "the day is over and the ratio is not reached",
                "기한이 지났지만 전환 비율에 이르지 못했습니다",
            ),
            Text::new(
                "convert what is there, or have the board set a new day",
                "남은 서비스를 전환하거나 보드에서 새 기한을 의결하십시오",
            ),
        )
    } else {
        return None;
    };
    Some(Finding {
        tone: Tone::Bad,
        subject: Text::new("Way out of KubeVirt", "출구 지표"),
        reason,
        action: Some(action),
        source: Some("V 12.2.1".to_owned()),
    })
}

fn kpis(outcome: &Outcome) -> Section {
    let mut table = Table::new(
        Text::new("Before the move and now", "전환 전과 현재"),
        vec![
            Column::text(Text::new("Figure", "지표")),
            Column::figures(Text::new("Before", "전환 전")),
            Column::figures(Text::new("Now", "현재")),
            Column::figures(Text::new("Change", "변화")),
            Column::text(Text::new(
                "Compared with the document's cases",
                "문서의 사례와 비교",
            )),
        ],
    );
    table.rows = outcome.kpis.iter().map(lists::kpi).collect();
    Section::new(
        Text::new("Figures for the board", "이사회 보고 지표"),
        vec![Block::Table(table)],
    )
    .lead(Text::new(
        "What others report is not a target; compare with your own figures.",
        "다른 기관의 사례는 목표가 아니므로 자체 실측치로 비교하십시오.",
    ))
}

fn state(state: State) -> Text {
    match state {
        State::Waiting => Text::new("not begun", "미착수"),
        State::Moving => Text::new("moving", "전환 중"),
        State::Bridge => Text::new("on KubeVirt", "KubeVirt 브리지"),
        State::Moved => Text::new("moved", "전환 완료"),
        State::Keep => Text::new("stays a VM", "VM 유지 예외"),
    }
}
