//! The drill report: every measured run against what was promised, the trend,
//! the steps, the losses, and whether each quarter had its drill.

mod tables;

use super::quarters::{Kept, Quarter, quarters};
use super::{Known, Run, Verification, day, minute};
use crate::method::Assessed;
use crate::number;
use crate::report::{
    Block, Chart, Finding, Lane, Mark, Report, Section, Span, Tile, Timeline, Tone, Verdict,
};
use jiff::Timestamp;
use planb_model::Text;
use planb_model::plan::Objectives;
use planb_model::runbook::Phase;

/// Runs in the figure and in the tables: the newest ones.
const RUNS_SHOWN_MAX: usize = 12;

/// What the report is put together from.
pub struct Facts<'a> {
    /// The service.
    pub service: &'a str,
    /// What is promised.
    pub objectives: &'a Objectives,
    /// Measured runs, in any order.
    pub runs: Vec<Run>,
    /// Records of the vault, or why they could not be read.
    pub verifications: Known<Vec<Verification>>,
    /// The time of the report.
    pub now: Timestamp,
}

/// Puts the report together.
pub fn report(mut facts: Facts<'_>) -> Assessed {
    facts.runs.sort_by_key(|run| run.at);
    if let Ok(records) = &mut facts.verifications {
        records.sort_by_key(|record| record.at);
    }
    let none = Vec::new();
    let records = facts.verifications.as_ref().unwrap_or(&none);
    let cadence = quarters(&facts.runs, records, facts.now);
    let newest = facts.runs.iter().rev().find(|run| run.is_failover());
    let mut sections = vec![tables::cadence(&cadence)];
    sections.extend(trend(&facts));
    sections.push(tables::runs(&facts, RUNS_SHOWN_MAX));
    sections.extend(newest.and_then(|run| tables::steps(&facts.runs, run)));
    sections.push(tables::records(&facts.verifications, RUNS_SHOWN_MAX));
    sections.push(measured_how());
    let report = Report {
        method: "report-drill".to_owned(),
        title: Text::new(
            format!("Drills of {}", facts.service),
            format!("{} 서비스의 훈련 결과", facts.service),
        ),
        source: "DR 6, DR 9, P (operations)".to_owned(),
        verdict: verdict(&facts, newest, &cadence),
        tiles: tiles(&facts, newest, &cadence),
        sections,
        notes: Vec::new(),
    };
    let outcome = outcome(&facts, &cadence);
    Assessed { report, outcome }
}

/// A measured value against its promise. What was not measured is not kept.
pub(super) fn against(seconds: Option<f64>, promised: f64) -> Tone {
    match seconds {
        Some(seconds) if seconds <= promised => Tone::Good,
        Some(_) => Tone::Bad,
        None => Tone::Unknown,
    }
}

/// A time, or that it was not measured.
pub(super) fn time_or_not(seconds: Option<f64>) -> Text {
    seconds.map_or(Text::new("not measured", "측정값 없음"), short_time)
}

/// Steps of a few milliseconds are not nothing.
fn short_time(seconds: f64) -> Text {
    if seconds > 0.0 && seconds < 0.1 {
        return Text::same(format!("{:.0} ms", (seconds * 1_000.0).ceil()));
    }
    number::duration(seconds)
}

fn promised(facts: &Facts<'_>) -> (f64, f64) {
    let objectives = facts.objectives;
    (objectives.rto.as_secs_f64(), objectives.rpo.as_secs_f64())
}

fn verdict(facts: &Facts<'_>, newest: Option<&Run>, cadence: &[Quarter]) -> Verdict {
    let missed = cadence.iter().filter(|q| q.state == Kept::Missed).count();
    let Some(run) = newest else {
        return Verdict {
            tone: Tone::Unknown,
            headline: Text::new(
                "No failover was ever measured",
                "측정한 페일오버가 없습니다",
            ),
            reason: Text::new(
                "Whether the objectives can be kept is not known.",
                "목표를 지킬 수 있는지 알 수 없습니다.",
            ),
        };
    };
    let (rto, rpo) = promised(facts);
    let tones = [against(run.seconds(), rto), against(run.rpo_seconds, rpo)];
    let day = day(run.at);
    let (tone, headline) = if tones.contains(&Tone::Bad) || !run.is_whole() {
        (
            Tone::Bad,
            Text::new(
                "The newest failover missed what is promised",
                "최근 페일오버가 목표를 지키지 못했습니다",
            ),
        )
    } else if tones.contains(&Tone::Unknown) {
        (
            Tone::Unknown,
            Text::new(
                "The newest failover was not measured whole",
                "최근 페일오버의 일부가 측정되지 않았습니다",
            ),
        )
    } else if missed > 0 {
        (
            Tone::Warn,
            Text::new(
                "The objectives were kept, and quarters were missed",
                "목표는 지켰으나 훈련하지 않은 분기가 있습니다",
            ),
        )
    } else {
        (
            Tone::Good,
            Text::new(
                "The newest failover kept what is promised",
                "최근 페일오버가 목표를 지켰습니다",
            ),
        )
    };
    let (took, lost) = (time_or_not(run.seconds()), time_or_not(run.rpo_seconds));
    let (rto, rpo) = (number::duration(rto), number::duration(rpo));
    Verdict {
        tone,
        headline,
        reason: Text::new(
            format!(
                "{day}, {} → {}: recovery time {} (promised {}), recovery point {} (promised {}). Quarters without any drill since the first record: {missed}.",
                run.from, run.to, took.en, rto.en, lost.en, rpo.en
            ),
            format!(
                "{day}, {} → {}: 복구 시간 {}(목표 {}), 복구 시점 {}(목표 {}). 첫 기록 이후 훈련이 없던 분기 {missed}개.",
                run.from, run.to, took.ko, rto.ko, lost.ko, rpo.ko
            ),
        ),
    }
}

fn tiles(facts: &Facts<'_>, newest: Option<&Run>, cadence: &[Quarter]) -> Vec<Tile> {
    let (rto, rpo) = promised(facts);
    let mut all = objective_tiles(newest, rto, rpo);
    let compared = newest.and_then(|run| run.compared);
    all.push(Tile {
        title: Text::new("Lost writes", "손실된 쓰기"),
        value: compared.map_or(Text::new("not compared", "대조하지 않음"), |c| {
            Text::same(number::grouped(c.lost))
        }),
        note: compared.map_or(Text::new("newest failover", "최근 페일오버"), |c| {
            let count = number::grouped(c.count);
            Text::new(
                format!("of {count} compared"),
                format!("대조한 {count}건 중"),
            )
        }),
        tone: match compared {
            Some(c) if c.lost == 0 => Tone::Good,
            // Within the promised recovery point, losses are part of the promise.
            Some(_) => Tone::Plain,
            None => Tone::Unknown,
        },
    });
    let counted = cadence.iter().filter(|q| q.state != Kept::NoRecord);
    let (whole, counted) = (
        cadence.iter().filter(|q| q.state == Kept::Yes).count(),
        counted.count(),
    );
    let missed = cadence.iter().any(|q| q.state == Kept::Missed);
    all.push(Tile {
        title: Text::new("Quarters with a failover", "페일오버 훈련을 한 분기"),
        value: Text::same(format!("{whole} / {counted}")),
        note: Text::new("since the first record", "첫 기록 이후"),
        tone: if missed { Tone::Warn } else { Tone::Plain },
    });
    all
}

/// Recovery time and recovery point of a run, against the promises.
pub(super) fn objective_tiles(newest: Option<&Run>, rto: f64, rpo: f64) -> Vec<Tile> {
    let tile = |title: Text, seconds: Option<f64>, promised: f64| {
        let aim = number::duration(promised);
        Tile {
            title,
            value: time_or_not(seconds),
            note: Text::new(format!("promised {}", aim.en), format!("목표 {}", aim.ko)),
            tone: against(seconds, promised),
        }
    };
    vec![
        tile(
            Text::new("Recovery time (RTO)", "복구 시간(RTO)"),
            newest.and_then(Run::seconds),
            rto,
        ),
        tile(
            Text::new("Recovery point (RPO)", "복구 시점(RPO)"),
            newest.and_then(|run| run.rpo_seconds),
            rpo,
        ),
    ]
}

pub(super) fn phase_name(phase: Phase) -> Text {
    match phase {
        Phase::Detect => Text::new("detect", "감지"),
        Phase::Decide => Text::new("decide", "결정"),
        Phase::Execute => Text::new("execute", "실행"),
        Phase::Traffic => Text::new("traffic", "트래픽 전환"),
    }
}

/// Failovers one below the other, with the promise as a line.
fn trend(facts: &Facts<'_>) -> Option<Section> {
    let failovers: Vec<&Run> = facts
        .runs
        .iter()
        .filter(|r| r.is_failover() && r.seconds().is_some())
        .collect();
    let skip = failovers.len().saturating_sub(RUNS_SHOWN_MAX);
    let lane = |run: &&Run| {
        let mut at = 0.0;
        let by_people = run
            .approved_by
            .as_deref()
            .is_some_and(|by| by != "automatic");
        let spans = run.phases.iter().map(|(phase, seconds)| {
            let from = at;
            at += seconds;
            Span {
                label: phase_name(*phase),
                from,
                to: at,
                by_people: by_people && *phase == Phase::Decide,
            }
        });
        Lane {
            label: Text::same(format!("{} {} → {}", minute(run.at), run.from, run.to)),
            spans: spans.collect(),
        }
    };
    let lanes: Vec<Lane> = failovers.iter().skip(skip).map(lane).collect();
    if lanes.is_empty() {
        return None;
    }
    let figure = Timeline {
        title: Text::new(
            "Recovery times, oldest first",
            "복구 시간의 추이(오래된 것부터)",
        ),
        lanes,
        marks: vec![Mark {
            label: Text::new("promised", "목표"),
            at: facts.objectives.rto.as_secs_f64(),
        }],
    };
    Some(Section::new(
        Text::new("Trend", "추이"),
        vec![Block::Chart(Chart::Timeline(figure))],
    ))
}

fn measured_how() -> Section {
    let finding = |subject: Text, reason: Text| Finding {
        tone: Tone::Plain,
        subject,
        reason,
        action: None,
        source: None,
    };
    Section::new(
        Text::new("How it was measured", "측정 방법"),
        vec![Block::Findings(vec![
            finding(
                Text::new("Recovery time", "복구 시간"),
                Text::new(
                    "A drill counts from the fault to the first good answer seen from outside. The control plane does not know the fault: its failovers count from the first observation that failed, or from the command of an operator.",
                    "훈련은 장애 순간부터 외부에서 본 첫 정상 응답까지 잽니다. 컨트롤 플레인은 장애 순간을 알 수 없으므로, 첫 관측 실패 또는 운영자의 명령부터 잽니다.",
                ),
            ),
            finding(
                Text::new("Recovery point", "복구 시점"),
                Text::new(
                    "A drill counts the age of the oldest lost write. A failover of the control plane gives a bound: from the newest canary in the restored data to the first observation that failed. A planned move is 0 when every table was compared.",
                    "훈련은 손실된 쓰기 중 가장 오래된 것의 경과 시간입니다. 컨트롤 플레인의 페일오버는 복원된 데이터의 최신 카나리부터 첫 관측 실패까지를 상한으로 봅니다. 계획된 이동은 모든 테이블을 대조했을 때 0입니다.",
                ),
            ),
            finding(
                Text::new("Not measured", "측정값 없음"),
                Text::new(
                    "A run that failed, was given up or could not be compared has no time here and never counts as kept.",
                    "실패하거나 포기했거나 대조하지 못한 실행에는 시간을 적지 않으며, 목표를 지킨 것으로 세지 않습니다.",
                ),
            ),
        ])],
    )
}

fn outcome(facts: &Facts<'_>, cadence: &[Quarter]) -> serde_json::Value {
    let run = |run: &Run| {
        serde_json::json!({
            "id": run.id,
            "at": run.at,
            "isFailover": run.is_failover(),
            "isWhole": run.is_whole(),
            "rtoSeconds": run.seconds(),
            "rpoSeconds": run.rpo_seconds,
            "compared": run.compared.map(|c| c.count),
            "lost": run.compared.map(|c| c.lost),
            "approvedBy": run.approved_by,
        })
    };
    let quarter = |q: &Quarter| {
        serde_json::json!({
            "quarter": q.name(),
            "failovers": q.failovers,
            "moves": q.moves,
            "verified": q.verified,
            "isMissed": q.state == Kept::Missed,
        })
    };
    let (rto, rpo) = promised(facts);
    serde_json::json!({
        "service": facts.service,
        "objectiveRtoSeconds": rto,
        "objectiveRpoSeconds": rpo,
        "runs": facts.runs.iter().map(run).collect::<Vec<_>>(),
        "quarters": cadence.iter().map(quarter).collect::<Vec<_>>(),
        "verifications": facts.verifications.as_ref().ok().map(Vec::len),
    })
}
