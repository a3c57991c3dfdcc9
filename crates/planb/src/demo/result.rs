//! Turns what was measured into figures, and shows them.

use super::ledger::Comparison;
use super::watch::{OutsideProbe, Stopwatch};
use super::{PRIMARY, SERVICE, STANDBY};
use crate::cli::{DemoArgs, DemoDatabase, DemoVault};
use crate::error::{CliError, CliResult};
use crate::output;
use planb_model::drill::{DrillResult, DrillSetup, FailbackResult, PhaseSeconds, TimelineEntry};
use planb_model::execution::{JournalEntry, Trigger};
use planb_model::runbook::{Action, Phase};
use planb_model::status::{ExecutionHistory, ExecutionStatus};
use planb_model::{Lang, Text};
use std::time::Duration;

/// Everything that was measured.
pub struct Moved<'a> {
    pub watch: Stopwatch,
    pub args: &'a DemoArgs,
    /// Fault onset.
    pub onset: Duration,
    /// First good answer from the new site.
    pub back_at: Duration,
    /// When the failback began.
    pub leave: Duration,
    pub database_bytes: u64,
    pub objectives: planb_model::plan::Objectives,
    pub failover: ExecutionHistory,
    pub compared: Comparison,
    pub failback: ExecutionHistory,
    pub home: Comparison,
    pub probe: &'a OutsideProbe,
}

/// Puts the result together; the report's path is set later.
pub fn assemble(moved: Moved<'_>) -> CliResult<DrillResult> {
    let onset = moved.onset.as_secs_f64();
    let rto_seconds = moved.back_at.as_secs_f64() - onset;
    let (phases, moments) = phases(&moved)?;
    let mut timeline = moments;
    timeline.extend(steps(&moved, &moved.failover.status, true));
    timeline.extend(steps(&moved, &moved.failback.status, false));
    timeline.sort_by(|a, b| a.at_seconds.total_cmp(&b.at_seconds));
    let lost_since = moved.compared.oldest_lost_at;
    Ok(DrillResult {
        rto_seconds,
        phases,
        rpo_seconds: lost_since.map_or(0.0, |at| (onset - at.as_secs_f64()).max(0.0)),
        acknowledged: moved.compared.expected,
        recovered: moved.compared.recovered,
        lost: moved.compared.lost,
        failback: FailbackResult {
            rto_seconds: moved.probe.longest_gap(moved.leave).as_secs_f64(),
            lost: moved.home.lost,
        },
        verified: is_verified(&moved.compared) && is_verified(&moved.home),
        report: String::new(),
        execution: Some(moved.failover.status.execution.id.clone()),
        setup: setup(&moved),
        timeline,
        probe: moved.probe.samples(moved.onset),
    })
}

/// Every expected row was looked for, and there was something to look for.
fn is_verified(compared: &Comparison) -> bool {
    compared.expected > 0 && compared.recovered + compared.lost == compared.expected
}

/// Splits the RTO at the verdict, the approval and the healthy service.
fn phases(moved: &Moved<'_>) -> CliResult<(PhaseSeconds, Vec<TimelineEntry>)> {
    let onset = moved.onset.as_secs_f64();
    let after_onset = |moment| moved.watch.seconds_at(moment) - onset;
    let Trigger::Detector { declared_at, .. } = &moved.failover.status.execution.trigger else {
        return Err(CliError::io(
            "measure",
            "측정",
            "nobody detected the outage",
        ));
    };
    let verdict = after_onset(*declared_at);
    let approved = moved
        .failover
        .journal
        .iter()
        .find(|r| matches!(r.entry, JournalEntry::Approved { .. }))
        .map(|r| after_onset(r.at))
        .ok_or_else(|| CliError::io("measure", "측정", "nobody approved the failover"))?;
    let healthy = step_end(&moved.failover.status, |a| {
        matches!(a, Action::CheckHealth { .. })
    })
    .map(after_onset)
    .ok_or_else(|| CliError::io("measure", "측정", "health was never checked"))?;
    let back = moved.back_at.as_secs_f64() - onset;
    let moment = |at_seconds, id: &str, phase| TimelineEntry {
        at_seconds,
        until_seconds: None,
        phase,
        id: id.to_owned(),
        detail: String::new(),
        failover: true,
    };
    let phases = PhaseSeconds {
        detect_seconds: verdict,
        decide_seconds: approved - verdict,
        execute_seconds: healthy - approved,
        traffic_seconds: back - healthy,
    };
    let moments = vec![
        moment(0.0, "fault", None),
        moment(verdict, "verdict", Some(Phase::Detect)),
        moment(approved, "approval", Some(Phase::Decide)),
        moment(back, "back", Some(Phase::Traffic)),
    ];
    Ok((phases, moments))
}

fn step_end(status: &ExecutionStatus, wanted: impl Fn(&Action) -> bool) -> Option<jiff::Timestamp> {
    let step = status
        .execution
        .runbook
        .steps
        .iter()
        .find(|s| wanted(&s.action))?;
    status.steps.get(&step.id)?.ended_at
}

fn steps(moved: &Moved<'_>, status: &ExecutionStatus, failover: bool) -> Vec<TimelineEntry> {
    let onset = moved.onset.as_secs_f64();
    let runbook = &status.execution.runbook;
    let entry = |step: &planb_model::runbook::Step| {
        let seen = status.steps.get(&step.id)?;
        let started = moved.watch.seconds_at(seen.started_at?) - onset;
        let facts = seen.facts.as_ref().filter(|f| !f.is_null());
        Some(TimelineEntry {
            at_seconds: started,
            until_seconds: seen.ended_at.map(|at| moved.watch.seconds_at(at) - onset),
            phase: failover.then_some(step.phase),
            id: step.id.to_string(),
            detail: facts.map(ToString::to_string).unwrap_or_default(),
            failover,
        })
    };
    runbook.steps.iter().filter_map(entry).collect()
}

fn setup(moved: &Moved<'_>) -> DrillSetup {
    DrillSetup {
        service: SERVICE.to_owned(),
        from: PRIMARY.to_owned(),
        to: STANDBY.to_owned(),
        database: match moved.args.database {
            DemoDatabase::Sqlite => "sqlite",
            DemoDatabase::Mariadb => "mariadb",
        }
        .to_owned(),
        vault: match moved.args.vault {
            DemoVault::Local => "local",
            DemoVault::Azurite => "azurite",
        }
        .to_owned(),
        database_bytes: moved.database_bytes,
        objective_rto_seconds: moved.objectives.rto.as_secs_f64(),
        objective_rpo_seconds: moved.objectives.rpo.as_secs_f64(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        machine: machine(),
        started_at: moved.watch.started_at(),
    }
}

/// Operating system, processor and cores.
fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|l| l.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{}, {cpu}, {cores} cores", std::env::consts::OS)
}

/// Shows the result to a person.
pub fn show(result: &DrillResult, lang: Lang) {
    let lines = [
        rto_line(result),
        phases_line(result),
        rpo_line(result),
        Text::new(
            format!(
                "failback: {:.2} s without an answer, {} lost",
                result.failback.rto_seconds, result.failback.lost
            ),
            format!(
                "페일백: 응답 없음 {:.2}초, 손실 {}건",
                result.failback.rto_seconds, result.failback.lost
            ),
        ),
        Text::new(
            format!("report: {}", result.report),
            format!("보고서: {}", result.report),
        ),
    ];
    for line in lines {
        output::data(line.get(lang));
    }
}

fn rto_line(result: &DrillResult) -> Text {
    let (rto, objective) = (result.rto_seconds, result.setup.objective_rto_seconds);
    Text::new(
        format!("RTO {rto:.2} s from fault onset, seen from outside (objective {objective:.0} s)"),
        format!("RTO {rto:.2}초: 장애 발생부터 외부에서 확인한 복구까지 (목표 {objective:.0}초)"),
    )
}

fn phases_line(result: &DrillResult) -> Text {
    let phases = &result.phases;
    let (detect, decide) = (phases.detect_seconds, phases.decide_seconds);
    let (execute, traffic) = (phases.execute_seconds, phases.traffic_seconds);
    Text::new(
        format!(
            "  detect {detect:.2} s  decide {decide:.2} s  execute {execute:.2} s  \
             traffic {traffic:.2} s"
        ),
        format!(
            "  감지 {detect:.2}초  결정 {decide:.2}초  실행 {execute:.2}초  트래픽 {traffic:.2}초"
        ),
    )
}

fn rpo_line(result: &DrillResult) -> Text {
    let (rpo, objective) = (result.rpo_seconds, result.setup.objective_rpo_seconds);
    let (acknowledged, recovered, lost) = (result.acknowledged, result.recovered, result.lost);
    let verified = if result.verified {
        Text::new("every row compared", "모든 행 비교 완료")
    } else {
        Text::new("NOT VERIFIED", "검증되지 않음")
    };
    Text::new(
        format!(
            "RPO {rpo:.2} s (objective {objective:.0} s): {acknowledged} orders acknowledged, \
             {recovered} recovered, {lost} lost; {}",
            verified.en
        ),
        format!(
            "RPO {rpo:.2}초 (목표 {objective:.0}초): 접수 확인 {acknowledged}건, \
             복구 {recovered}건, 손실 {lost}건; {}",
            verified.ko
        ),
    )
}
