//! Tables of the drill report.

use super::{Facts, against, phase_name, time_or_not};
use crate::documents::quarters::{Kept, Quarter};
use crate::documents::{Begins, Known, Run, RunKind, Verification, day, minute};
use crate::number;
use crate::report::{Block, Cell, Column, Section, Table, Tone};
use planb_model::Text;
use planb_model::execution::{ExecutionState, StepState};
use planb_model::runbook::RunbookKind;

/// Steps shown of one run.
const STEPS_SHOWN_MAX: usize = 40;

/// One row per quarter; a missing one is seen.
pub fn cadence(quarters: &[Quarter]) -> Section {
    let mut table = Table::new(
        Text::new("Drills by quarter", "분기별 훈련"),
        vec![
            Column::text(Text::new("Quarter", "분기")),
            Column::figures(Text::new("Failovers", "페일오버")),
            Column::figures(Text::new("Planned moves", "계획된 이동")),
            Column::figures(Text::new("Snapshots restored", "스냅샷 복원 검증")),
            Column::text(Text::new("State", "상태")),
        ],
    );
    for quarter in quarters {
        let (tone, state) = kept(quarter.state);
        table.rows.push(vec![
            quarter.name().into(),
            quarter.failovers.to_string().into(),
            quarter.moves.to_string().into(),
            quarter.verified.to_string().into(),
            Cell::toned(state, tone),
        ]);
    }
    Section::new(Text::new("Every quarter", "분기마다"), vec![Block::Table(table)]).lead(Text::new(
        "A drill every quarter, or more often (DR 9); a real failover every quarter (P, operations). Quarters in UTC.",
        "분기마다 또는 더 자주 훈련합니다(DR 9). 분기마다 실제로 페일오버합니다(P, 운영). 분기는 UTC 기준입니다.",
    ))
}

fn kept(state: Kept) -> (Tone, Text) {
    match state {
        Kept::Yes => (Tone::Good, Text::new("failed over", "페일오버 훈련함")),
        Kept::InPart => (
            Tone::Warn,
            Text::new("in part: nothing failed over", "일부만: 페일오버 없음"),
        ),
        Kept::Missed => (Tone::Bad, Text::new("MISSING", "누락")),
        Kept::Open => (Tone::Warn, Text::new("still to be done", "아직 하지 않음")),
        Kept::NoRecord => (
            Tone::Unknown,
            Text::new("before the first record", "첫 기록 이전"),
        ),
    }
}

fn kind(kind: RunKind) -> Text {
    match kind {
        RunKind::Drill => Text::new("drill, seen from outside", "훈련(외부에서 관측)"),
        RunKind::Move(RunbookKind::Failover) => Text::new("failover", "페일오버"),
        RunKind::Move(RunbookKind::Switchover) => Text::new("switchover", "계획 전환"),
        RunKind::Move(RunbookKind::Failback) => Text::new("failback", "페일백"),
    }
}

fn state(run: &Run) -> Cell {
    use ExecutionState as S;
    let (tone, text) = match run.state {
        S::Completed => (Tone::Good, Text::new("completed", "완료")),
        S::CompletedWithExceptions => (
            Tone::Warn,
            Text::new("completed with exceptions", "예외와 함께 완료"),
        ),
        S::Failed => (Tone::Bad, Text::new("failed", "실패")),
        S::Canceled => (Tone::Bad, Text::new("given up", "취소")),
        S::Pending | S::InProgress | S::PendingManualApproval => {
            (Tone::Unknown, Text::new("not ended", "진행 중"))
        }
        S::PausedByFailedStep | S::PausedByOperator => {
            (Tone::Warn, Text::new("paused", "일시 중지"))
        }
    };
    Cell::toned(text, tone)
}

fn begins(begins: Begins) -> Text {
    match begins {
        Begins::Fault => Text::new("the fault", "장애 순간"),
        Begins::FirstFailure => Text::new("first failed look", "첫 관측 실패"),
        Begins::Command => Text::new("the command", "명령"),
    }
}

/// Who let it run.
fn approved(run: &Run) -> Text {
    match run.approved_by.as_deref() {
        None => Text::same("–"),
        Some("automatic") => Text::new("automatic, by the plan", "자동(계획에 따름)"),
        Some(by) => Text::same(by),
    }
}

/// Every run, the newest first.
pub fn runs(facts: &Facts<'_>, shown: usize) -> Section {
    let mut table = Table::new(
        Text::new("Runs, the newest first", "실행 기록(최근 것부터)"),
        [
            Column::text(Text::new("Time (UTC)", "시각(UTC)")),
            Column::text(Text::new("What", "종류")),
            Column::text(Text::new("From, to", "이동")),
            Column::text(Text::new("End", "결과")),
            Column::figures(Text::new("Recovery time", "복구 시간")),
            Column::text(Text::new("Counted from", "측정 시작")),
            Column::figures(Text::new("Recovery point", "복구 시점")),
            Column::figures(Text::new("Lost of compared", "손실/대조")),
            Column::text(Text::new("Approved by", "승인")),
        ]
        .to_vec(),
    );
    for run in facts.runs.iter().rev().take(shown) {
        let (rto, rpo) = run.promised.unwrap_or((
            facts.objectives.rto.as_secs_f64(),
            facts.objectives.rpo.as_secs_f64(),
        ));
        // A recovery time is promised for failovers.
        let tone = |seconds, promised| match run.is_failover() {
            true => against(seconds, promised),
            false => Tone::Plain,
        };
        let compared = run
            .compared
            .map_or(Text::new("not compared", "대조 안 함"), |c| {
                Text::same(format!(
                    "{} / {}",
                    number::grouped(c.lost),
                    number::grouped(c.count)
                ))
            });
        table.rows.push(vec![
            minute(run.at).into(),
            kind(run.kind).into(),
            format!("{} → {}", run.from, run.to).into(),
            state(run),
            Cell::toned(time_or_not(run.seconds()), tone(run.seconds(), rto)),
            begins(run.begins).into(),
            Cell::toned(time_or_not(run.rpo_seconds), tone(run.rpo_seconds, rpo)),
            compared.into(),
            approved(run).into(),
        ]);
    }
    let mut section = Section::new(Text::new("Runs", "실행"), Vec::new());
    if table.rows.is_empty() {
        let none = Text::new("Nothing was run yet.", "아직 실행한 적이 없습니다.");
        section.blocks.push(Block::Paragraph(none));
    } else {
        section.blocks.push(Block::Table(table));
    }
    section.blocks.extend(left_out(facts.runs.len(), shown));
    section
}

fn left_out(all: usize, shown: usize) -> Option<Block> {
    let more = all.checked_sub(shown).filter(|more| *more > 0)?;
    Some(Block::Paragraph(Text::new(
        format!("{more} older ones are not shown."),
        format!("이전 {more}건은 생략했습니다."),
    )))
}

/// Step times of the newest failover beside those of the one before it.
pub fn steps(all: &[Run], newest: &Run) -> Option<Section> {
    if newest.steps.is_empty() {
        return None;
    }
    let before = all
        .iter()
        .rev()
        .filter(|r| r.is_failover() && !r.steps.is_empty())
        .find(|r| r.at < newest.at);
    let mut table = Table::new(
        Text::new(
            format!("Steps of {}", day(newest.at)),
            format!("{} 단계별 시간", day(newest.at)),
        ),
        vec![
            Column::text(Text::new("Step", "단계")),
            Column::text(Text::new("Part", "구간")),
            Column::text(Text::new("End", "결과")),
            Column::figures(Text::new("Tries", "시도")),
            Column::figures(Text::new("Took", "소요 시간")),
            Column::figures(Text::new("The time before", "직전 실행")),
        ],
    );
    for step in newest.steps.iter().take(STEPS_SHOWN_MAX) {
        let same = before.and_then(|run| run.steps.iter().find(|s| s.id == step.id));
        let (tone, end) = step_state(step.state);
        table.rows.push(vec![
            planb_model::moment::name(&step.id)
                .unwrap_or_else(|| Text::same(&step.id))
                .into(),
            phase_name(step.phase).into(),
            Cell::toned(end, tone),
            step.attempts.to_string().into(),
            time_or_not(step.seconds).into(),
            same.and_then(|s| s.seconds)
                .map_or(Text::same("–"), |s| time_or_not(Some(s)))
                .into(),
        ]);
    }
    Some(Section::new(
        Text::new(
            "Step times of the newest failover",
            "최근 페일오버의 단계별 시간",
        ),
        vec![Block::Table(table)],
    ))
}

fn step_state(state: StepState) -> (Tone, Text) {
    match state {
        StepState::Completed => (Tone::Good, Text::new("completed", "완료")),
        StepState::Failed => (Tone::Bad, Text::new("failed", "실패")),
        StepState::Skipped => (Tone::Warn, Text::new("skipped", "건너뜀")),
        StepState::Unknown => (Tone::Unknown, Text::new("not known", "확인 불가")),
        StepState::Canceled => (Tone::Plain, Text::new("not begun", "시작 안 함")),
        StepState::NotStarted | StepState::Running | StepState::PendingApproval => {
            (Tone::Unknown, Text::new("not ended", "진행 중"))
        }
    }
}

/// Snapshots that were restored and looked at.
pub fn records(all: &Known<Vec<Verification>>, shown: usize) -> Section {
    let section = Section::new(
        Text::new("Snapshots restored and looked at", "스냅샷 복원 검증 기록"),
        Vec::new(),
    );
    let said = |section: Section, text: Text| Section {
        blocks: vec![Block::Paragraph(text)],
        ..section
    };
    let records = match all {
        Err(why) => {
            return said(
                section,
                Text::new(
                    format!("Not known: {}", why.en),
                    format!("알 수 없음: {}", why.ko),
                ),
            );
        }
        Ok(records) if records.is_empty() => {
            return said(
                section,
                Text::new(
                    "No snapshot was ever verified. `planb verify` does it.",
                    "검증한 스냅샷이 없습니다. `planb verify`로 검증합니다.",
                ),
            );
        }
        Ok(records) => records,
    };
    let mut table = Table::new(
        Text::new("Records, the newest first", "검증 기록(최근 것부터)"),
        vec![
            Column::text(Text::new("Day", "날짜")),
            Column::text(Text::new("Snapshot", "스냅샷")),
            Column::text(Text::new("Result", "결과")),
            Column::figures(Text::new("Took", "소요 시간")),
            Column::figures(Text::new("Rows compared", "대조한 행")),
            Column::text(Text::new("Signed", "서명")),
            Column::text(Text::new("Not checked", "확인하지 못한 것")),
        ],
    );
    for record in records.iter().rev().take(shown) {
        table.rows.push(record_row(record));
    }
    let mut blocks = vec![Block::Table(table)];
    blocks.extend(left_out(records.len(), shown));
    Section { blocks, ..section }
}

fn record_row(record: &Verification) -> Vec<Cell> {
    let (tone, result) = match record.passed {
        Some(true) => (Tone::Good, Text::new("passed", "통과")),
        Some(false) => (Tone::Bad, Text::new("FAILED", "실패")),
        None => (Tone::Unknown, Text::new("not known", "확인 불가")),
    };
    let signed = match record.signed {
        true => Text::new("by a pinned key", "지정된 키로 서명"),
        false => Text::new("not checked", "미확인"),
    };
    let rows = record
        .rows
        .map_or(Text::same("–"), |rows| Text::same(number::grouped(rows)));
    vec![
        day(record.at).into(),
        record.snapshot.clone().into(),
        Cell::toned(result, tone),
        record
            .seconds
            .map_or(Text::same("–"), number::duration)
            .into(),
        rows.into(),
        signed.into(),
        record.not_checked.join("; ").into(),
    ]
}
