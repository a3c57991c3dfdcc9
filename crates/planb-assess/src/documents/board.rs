//! One or two sheets for a governance board: the four numbers and the four
//! qualities (DR 10), protection, the last run, open decisions, risks, and what
//! is asked of the board.

mod asks;
mod figures;

use super::drill::objective_tiles;
use super::quarters::quarters;
use super::{Known, Run, Verification, day};
use crate::method::Assessed;
use crate::number;
use crate::report::{Block, Cell, Column, Note, Report, Section, Table, Tile, Tone, Verdict};
use jiff::Timestamp;
use planb_model::Text;
use planb_model::plan::ServicePlan;
use planb_model::status::{ProtectionState, ServiceStatus};

/// What the report is put together from.
pub struct Facts<'a> {
    /// The plan of the service.
    pub plan: &'a ServicePlan,
    /// How it is now, or why that is not known.
    pub status: Known<ServiceStatus>,
    /// Measured runs, in any order.
    pub runs: Vec<Run>,
    /// Records of the vault, or why they could not be read.
    pub verifications: Known<Vec<Verification>>,
    /// Warnings about the plan.
    pub review: Vec<planb_model::finding::Finding>,
    /// Assessments that were given.
    pub assessed: Vec<Assessed>,
    /// The time of the report.
    pub now: Timestamp,
}

impl Facts<'_> {
    /// The newest run away from a lost site.
    fn newest_failover(&self) -> Option<&Run> {
        self.runs.iter().rev().find(|run| run.is_failover())
    }

    /// The assessment of this name, when it was given.
    fn assessed(&self, method: &str) -> Option<&Assessed> {
        self.assessed.iter().find(|a| a.report.method == method)
    }
}

/// Puts the report together.
pub fn report(mut facts: Facts<'_>) -> Assessed {
    facts.runs.sort_by_key(|run| run.at);
    let none = Vec::new();
    let records = facts.verifications.as_ref().unwrap_or(&none);
    let cadence = quarters(&facts.runs, records, facts.now);
    let objectives = &facts.plan.objectives;
    let (rto, rpo) = (objectives.rto.as_secs_f64(), objectives.rpo.as_secs_f64());
    let mut tiles = objective_tiles(facts.newest_failover(), rto, rpo);
    tiles.push(figures::resources(&facts));
    tiles.push(figures::licence_layers(&facts));
    let decisions = asks::decisions(&facts);
    let risks = asks::risks(&facts, &cadence);
    let asked = asks::asked(&facts, &cadence, decisions.len(), &tiles);
    let name = &facts.plan.name;
    let mut sections = vec![
        Section::new(
            Text::new("Asked of the board", "보드에 요청하는 사항"),
            vec![Block::List(asked.clone())],
        ),
        Section::new(
            Text::new("Four qualities", "네 가지 품질"),
            vec![Block::Findings(figures::qualities(&facts, &cadence))],
        ),
        now(&facts),
        asks::decision_section(&decisions),
        asks::risk_section(&risks),
    ];
    sections.extend(given(&facts));
    let report = Report {
        method: "report-board".to_owned(),
        title: Text::new(
            format!("Disaster recovery of {name}: report to the board"),
            format!("{name} 서비스 재해복구: 거버넌스 보드 보고"),
        ),
        source: "DR 9, DR 10, P (operations)".to_owned(),
        verdict: verdict(&tiles, asked.len()),
        tiles,
        sections,
        notes: notes(&facts),
    };
    let outcome = serde_json::json!({
        "service": name.as_str(),
        "decisionsOpen": decisions.len(),
        "risks": risks.len(),
        "asked": asked,
    });
    Assessed { report, outcome }
}

fn verdict(tiles: &[Tile], asked: usize) -> Verdict {
    let measured = tiles.get(..2).unwrap_or_default();
    let has = |tone| measured.iter().any(|tile| tile.tone == tone);
    let (tone, headline) = if has(Tone::Bad) {
        (
            Tone::Bad,
            Text::new(
                "What is promised was not kept when it was measured",
                "측정 결과 목표를 지키지 못했습니다",
            ),
        )
    } else if has(Tone::Unknown) {
        (
            Tone::Unknown,
            Text::new(
                "Whether the promise can be kept is not known: it was not measured",
                "목표를 지킬 수 있는지 알 수 없습니다. 측정값이 없습니다",
            ),
        )
    } else {
        (
            Tone::Good,
            Text::new(
                "What is promised was kept when it was measured",
                "측정 결과 목표를 지켰습니다",
            ),
        )
    };
    Verdict {
        tone,
        headline,
        reason: Text::new(
            format!(
                "Asked of the board: {asked}. Every figure here was measured or given; what is not known says so."
            ),
            format!(
                "보드에 요청하는 사항 {asked}건. 모든 수치는 측정했거나 입력받은 것이며, 모르는 것은 모른다고 적습니다."
            ),
        ),
    }
}

/// Protection now, and the last run.
fn now(facts: &Facts<'_>) -> Section {
    let mut rows = vec![(
        Text::new("Protection now", "현재 보호 상태"),
        protection(facts),
    )];
    let last = |wanted: fn(&&Run) -> bool| facts.runs.iter().rev().find(wanted);
    rows.push((
        Text::new("Last failover", "최근 페일오버"),
        told(last(|r| r.is_failover())),
    ));
    rows.push((
        Text::new("Last planned move", "최근 계획된 이동"),
        told(last(|r| !r.is_failover())),
    ));
    rows.push((
        Text::new(
            "Last snapshot that was restored and compared",
            "최근 복원 검증한 스냅샷",
        ),
        verified(&facts.verifications),
    ));
    let strategy = match facts.plan.strategy {
        planb_model::plan::Strategy::PilotLight => Text::new("pilot light", "파일럿 라이트"),
        planb_model::plan::Strategy::WarmStandby => Text::new("warm standby", "웜 스탠바이"),
    };
    let grade = facts.plan.grade.0;
    rows.push((
        Text::new("Grade and strategy", "등급과 대기 방식"),
        Text::new(
            format!("grade {grade}, {}", strategy.en),
            format!("{grade}등급, {}", strategy.ko),
        ),
    ));
    Section::new(
        Text::new("Protection and last runs", "보호 상태와 최근 실행"),
        vec![Block::Facts(rows)],
    )
}

fn protection(facts: &Facts<'_>) -> Text {
    let status = match &facts.status {
        Ok(status) => status,
        Err(why) => {
            return Text::new(
                format!("not known: {}", why.en),
                format!("알 수 없음: {}", why.ko),
            );
        }
    };
    let state = match status.protection.state {
        ProtectionState::Protected => Text::new("protected", "보호 중"),
        ProtectionState::Starting => Text::new("starting", "시작하는 중"),
        ProtectionState::Degraded => Text::new("DEGRADED", "저하됨"),
        ProtectionState::Fenced => Text::new(
            "FENCED: a newer epoch took over",
            "차단됨: 더 새로운 에포크가 인수",
        ),
        ProtectionState::Stopped => Text::new("STOPPED", "중지됨"),
    };
    let lost = status
        .protection
        .rpo_secs
        .map_or(Text::new("not known", "알 수 없음"), number::duration);
    let (site, at) = (&status.active, day(status.at));
    Text::new(
        format!("{}; at {site}; would lose {} now ({at})", state.en, lost.en),
        format!(
            "{}. {site} 사이트, 지금 손실 예상 {} ({at})",
            state.ko, lost.ko
        ),
    )
}

fn told(run: Option<&Run>) -> Text {
    let Some(run) = run else {
        return Text::new("none is recorded", "기록 없음");
    };
    let end = match (run.is_whole(), run.seconds()) {
        (true, Some(seconds)) => number::duration(seconds),
        (true, None) => Text::new("completed, not measured", "완료, 측정값 없음"),
        (false, _) => Text::new("DID NOT COMPLETE", "완료하지 못함"),
    };
    let (day, from, to) = (day(run.at), &run.from, &run.to);
    Text::new(
        format!("{day}, {from} → {to}: {}", end.en),
        format!("{day}, {from} → {to}: {}", end.ko),
    )
}

fn verified(all: &Known<Vec<Verification>>) -> Text {
    match all {
        Err(why) => Text::new(
            format!("not known: {}", why.en),
            format!("알 수 없음: {}", why.ko),
        ),
        Ok(records) => match records.iter().max_by_key(|r| r.at) {
            None => Text::new("none is recorded", "기록 없음"),
            Some(record) => {
                let (day, id) = (day(record.at), &record.snapshot);
                let result = match record.passed {
                    Some(true) => Text::new("passed", "통과"),
                    Some(false) => Text::new("FAILED", "실패"),
                    None => Text::new("result not known", "결과 알 수 없음"),
                };
                Text::new(
                    format!("{day}, {id}: {}", result.en),
                    format!("{day}, {id}: {}", result.ko),
                )
            }
        },
    }
}

/// The assessments that were given, with their verdicts.
fn given(facts: &Facts<'_>) -> Option<Section> {
    if facts.assessed.is_empty() {
        return None;
    }
    let mut table = Table::new(
        Text::new("Assessments given", "입력된 진단"),
        vec![
            Column::text(Text::new("Assessment", "진단")),
            Column::text(Text::new("Result", "결과")),
        ],
    );
    for each in &facts.assessed {
        let verdict = &each.report.verdict;
        table.rows.push(vec![
            each.report.title.clone().into(),
            Cell::toned(verdict.headline.clone(), verdict.tone),
        ]);
    }
    Some(Section::new(
        Text::new("Assessments", "진단 결과"),
        vec![Block::Table(table)],
    ))
}

/// Where the two figures that come from answers are from.
fn notes(facts: &Facts<'_>) -> Vec<Note> {
    facts.assessed("cost").iter().map(|_| Note {
        text: Text::new(
            "Resources and licence layers come from the answers of the cost assessment; its own report lists every figure that is not yours",
            "자원과 라이선스 계층은 비용 산정의 답변에서 가져왔습니다. 귀 기관의 값이 아닌 수치는 비용 산정 보고서에 모두 적혀 있습니다",
        ),
        source: "V 7, DR 10".to_owned(),
    }).collect()
}
