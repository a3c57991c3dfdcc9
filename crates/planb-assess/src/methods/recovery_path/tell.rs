//! The report: both time lines, the curves, the costs, what was measured.

mod checks;

use super::{Answers, Outcome, PathTimes, People, Rules, Step, three};
use crate::number;
use crate::report::{
    self, Block, Cell, Chart, Column, Curve, Curves, Lane, Mark, Report, Section, Span, Table,
    Tile, Timeline, Tone,
};
use crate::sheet::Sheet;
use planb_model::Text;
use planb_model::runbook::Phase;

pub fn report(sheet: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
    let mut sections = vec![lines(rules, answers, outcome), likelihood(answers, outcome)];
    sections.push(checks::preconditions(answers));
    sections.push(checks::questions(answers));
    sections.push(checks::costs(answers, outcome.call_out.as_ref()));
    sections.push(checks::measured(answers, outcome));
    Report {
        method: String::new(),
        title: sheet.title.clone(),
        source: String::new(),
        verdict: verdict(answers, outcome),
        tiles: tiles(answers, outcome),
        sections,
        notes: Vec::new(),
    }
}

/// A path that keeps the objective in fewer runs than this is not relied on.
const SHARE_RELIED_ON: f64 = 0.95;

fn verdict(answers: &Answers, outcome: &Outcome) -> report::Verdict {
    let rto = number::duration(answers.rto);
    let share = |times: &PathTimes| number::percent(times.share_within_rto * 100.0);
    let (seven, three) = (
        share(&outcome.virtualised_real_event),
        share(&outcome.cloud_native),
    );
    let reason = Text::new(
        format!(
            "Of the simulated runs, {} of the seven-step recoveries in a real event and {} of the three-step ones end within {}.",
            seven.en, three.en, rto.en
        ),
        format!(
            "모의실험에서 {} 안에 끝난 비율은 7단계(실제 장애) {}, 3단계 {}입니다.",
            rto.ko, seven.ko, three.ko
        ),
    );
    let (tone, headline) = if !outcome.preconditions_hold {
        let text = Text::new(
            "The three-step path is not ready: a precondition is missing",
            "3단계 경로를 쓸 수 없습니다. 전제 조건이 빠져 있습니다",
        );
        (Tone::Bad, text)
    } else if outcome
        .measured
        .iter()
        .any(|m| m.measured.verified == Some(false))
    {
        let text = Text::new(
            "A measured failover lost data, or its data was not compared",
            "실측한 페일오버에서 데이터가 손실되었거나 대조되지 않았습니다",
        );
        (Tone::Bad, text)
    } else if outcome.measured.iter().any(|m| !m.within_rto) {
        (
            Tone::Bad,
            Text::new(
                "A measured failover missed the objective",
                "실측한 페일오버가 목표를 넘겼습니다",
            ),
        )
    } else if outcome.cloud_native.share_within_rto < SHARE_RELIED_ON {
        (
            Tone::Warn,
            Text::new(
                "Not even re-creation keeps the objective surely",
                "선언적 재현으로도 목표를 확실히 지키지 못합니다",
            ),
        )
    } else if outcome.measured.is_empty() {
        (
            Tone::Warn,
            Text::new(
                "Re-creation keeps the objective; nothing is measured yet",
                "선언적 재현은 목표를 지킵니다. 아직 실측값은 없습니다",
            ),
        )
    } else {
        (
            Tone::Good,
            Text::new(
                "Re-creation keeps the objective, and it was measured",
                "선언적 재현은 목표를 지키며, 실측으로 확인했습니다",
            ),
        )
    };
    report::Verdict {
        tone,
        headline,
        reason,
    }
}

fn tiles(answers: &Answers, outcome: &Outcome) -> Vec<Tile> {
    let path = |title: Text, times: &PathTimes| Tile {
        title,
        value: number::duration(times.p50_seconds),
        note: {
            let (low, high) = (
                number::duration(times.p5_seconds),
                number::duration(times.p95_seconds),
            );
            Text::new(
                format!("median; 5–95 %: {} to {}", low.en, high.en),
                format!("중앙값. 5~95%: {} ~ {}", low.ko, high.ko),
            )
        },
        tone: if times.share_within_rto >= SHARE_RELIED_ON {
            Tone::Good
        } else {
            Tone::Bad
        },
    };
    let rto = Tile {
        title: Text::new("Objective (RTO)", "복구 시간 목표(RTO)"),
        value: number::duration(answers.rto),
        note: Text::new("what is promised", "약속한 값"),
        tone: Tone::Plain,
    };
    vec![
        rto,
        path(
            Text::new("Seven steps, drilled", "7단계(훈련)"),
            &outcome.virtualised,
        ),
        path(
            Text::new("Seven steps, real event", "7단계(실제 장애)"),
            &outcome.virtualised_real_event,
        ),
        path(Text::new("Three steps", "3단계"), &outcome.cloud_native),
    ]
}

/// Both time lines with every step at its mean.
fn lines(rules: &Rules, answers: &Answers, outcome: &Outcome) -> Section {
    let seven = Lane {
        label: Text::new("Backup then restore", "백업 후 복원"),
        spans: in_turn(&rules.virtualised, |id| {
            answers.virtualised.get(id).map_or(0.0, |s| s.mean())
        }),
    };
    let [own, data] = three_lanes(rules, answers);
    let objective = Mark {
        label: Text::new("objective", "목표"),
        at: answers.rto,
    };
    let both = Timeline {
        title: Text::new(
            "Both paths on one clock, every step at its mean time",
            "같은 시간축에 놓은 두 경로(단계별 평균 시간)",
        ),
        lanes: vec![seven, own.clone()],
        marks: vec![objective],
    };
    let mut near = vec![own, data];
    near.extend(outcome.measured.iter().map(measured_lane));
    let near = Timeline {
        title: Text::new(
            "The three steps from near, and what was measured",
            "3단계 확대와 실측값",
        ),
        lanes: near,
        marks: Vec::new(),
    };
    let people = |times: &PathTimes| format!("{}/{}", times.steps_with_people, times.steps);
    let facts = vec![
        (
            Text::new(
                "Steps that need people, seven-step path",
                "사람이 필요한 단계(7단계 경로)",
            ),
            Text::same(people(&outcome.virtualised)),
        ),
        (
            Text::new(
                "Steps that need people, three-step path",
                "사람이 필요한 단계(3단계 경로)",
            ),
            Text::same(people(&outcome.cloud_native)),
        ),
    ];
    Section::new(
        Text::new("Where the time goes", "시간은 어디에 쓰이나"),
        vec![
            Block::Chart(Chart::Timeline(both)),
            Block::Chart(Chart::Timeline(near)),
            Block::Facts(facts),
        ],
    )
}

fn in_turn(steps: &[Step], mean: impl Fn(&str) -> f64) -> Vec<Span> {
    let mut at = 0.0;
    let span = |step: &Step| {
        let from = at;
        at += mean(&step.id);
        Span {
            label: step.title.clone(),
            from,
            to: at,
            by_people: step.people != People::No,
        }
    };
    steps.iter().map(span).collect()
}

/// The application's lane and the data's lane beside it.
fn three_lanes(rules: &Rules, answers: &Answers) -> [Lane; 2] {
    let [trigger, sync, switch] = three(rules, answers).map(|s| s.mean());
    let data = answers.data_switch.mean();
    let switched = trigger + sync.max(data);
    let ends = [
        (0.0, trigger),
        (trigger, trigger + sync),
        (switched, switched + switch),
    ];
    let spans = rules
        .cloud_native
        .iter()
        .zip(ends)
        .map(|(step, (from, to))| Span {
            label: step.title.clone(),
            from,
            to,
            by_people: step.people != People::No,
        });
    [
        Lane {
            label: Text::new("Declarative re-creation", "선언적 재현"),
            spans: spans.collect(),
        },
        Lane {
            label: Text::new("… its data, beside it", "└ 데이터 경로(병행)"),
            spans: vec![Span {
                label: Text::new("data becomes usable", "데이터 사용 가능"),
                from: trigger,
                to: trigger + data,
                by_people: false,
            }],
        },
    ]
}

fn measured_lane(compared: &super::Compared) -> Lane {
    let mut at = 0.0;
    let span = |(phase, seconds): &(Phase, f64)| {
        let from = at;
        at += seconds;
        Span {
            label: phase_name(*phase),
            from,
            to: at,
            by_people: *phase == Phase::Decide,
        }
    };
    let name = &compared.measured.name;
    Lane {
        label: Text::new(format!("measured: {name}"), format!("실측: {name}")),
        spans: compared.measured.phases.iter().map(span).collect(),
    }
}

fn phase_name(phase: Phase) -> Text {
    match phase {
        Phase::Detect => Text::new("detect", "감지"),
        Phase::Decide => Text::new("decide", "결정"),
        Phase::Execute => Text::new("execute", "실행"),
        Phase::Traffic => Text::new("traffic", "트래픽 전환"),
    }
}

fn likelihood(answers: &Answers, outcome: &Outcome) -> Section {
    let paths = [
        (
            Text::new("Seven steps, drilled", "7단계(훈련)"),
            &outcome.virtualised,
        ),
        (
            Text::new("Seven steps, real event", "7단계(실제 장애)"),
            &outcome.virtualised_real_event,
        ),
        (Text::new("Three steps", "3단계"), &outcome.cloud_native),
    ];
    let curves = Curves {
        title: Text::new(
            "Share of recoveries that end within a time",
            "시간별 복구 완료 비율",
        ),
        curves: paths
            .iter()
            .map(|(label, times)| Curve {
                label: label.clone(),
                points: times.curve.clone(),
            })
            .collect(),
        marks: vec![Mark {
            label: Text::new("objective", "목표"),
            at: answers.rto,
        }],
    };
    Section::new(
        Text::new("How sure it is", "얼마나 확실한가"),
        vec![
            Block::Chart(Chart::Curves(curves)),
            Block::Table(percentiles(&paths)),
        ],
    )
    .lead(Text::new(
        format!(
            "{} simulated recoveries per path, seed {}.",
            number::grouped(answers.runs.into()),
            answers.seed
        ),
        format!(
            "경로마다 복구를 {}회 모의했습니다(시드 {}).",
            number::grouped(answers.runs.into()),
            answers.seed
        ),
    ))
}

fn percentiles(paths: &[(Text, &PathTimes)]) -> Table {
    let mut table = Table::new(
        Text::new("Percentiles", "백분위"),
        vec![
            Column::text(Text::new("Path", "경로")),
            Column::figures(Text::new("Shortest", "최단")),
            Column::figures(number::percent(50.0)),
            Column::figures(number::percent(90.0)),
            Column::figures(number::percent(95.0)),
            Column::figures(number::percent(99.0)),
            Column::figures(Text::new("Longest", "최장")),
            Column::figures(Text::new("Within objective", "목표 이내")),
        ],
    );
    for (label, times) in paths {
        let kept = number::percent(times.share_within_rto * 100.0);
        let tone = if times.share_within_rto >= SHARE_RELIED_ON {
            Tone::Good
        } else {
            Tone::Bad
        };
        let time = |seconds: f64| Cell::from(number::duration(seconds));
        table.rows.push(vec![
            label.clone().into(),
            time(times.shortest_seconds),
            time(times.p50_seconds),
            time(times.p90_seconds),
            time(times.p95_seconds),
            time(times.p99_seconds),
            time(times.longest_seconds),
            Cell::toned(kept, tone),
        ]);
    }
    table
}
