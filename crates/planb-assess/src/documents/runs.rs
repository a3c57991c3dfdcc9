//! Measured runs: executions of the history, and drills with an outside probe.

use crate::same_run;
use jiff::Timestamp;
use planb_model::drill::DrillResult;
use planb_model::execution::{ExecutionState, StepState, Trigger};
use planb_model::runbook::{Phase, RunbookKind};
use planb_model::status::ExecutionStatus;
use std::time::Duration;

/// The order of a recovery.
const PHASES: [Phase; 4] = [Phase::Detect, Phase::Decide, Phase::Execute, Phase::Traffic];

/// What was run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunKind {
    /// A move the control plane carried out.
    Move(RunbookKind),
    /// A failover whose fault and outage were seen by an outside probe.
    Drill,
}

/// Where the recovery time is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// The fault itself.
    Fault,
    /// The first observation that failed.
    FirstFailure,
    /// The command of an operator.
    Command,
}

/// Writes that were compared one by one, or rows of both databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    /// How many.
    pub count: u64,
    /// Of those, missing or different afterwards.
    pub lost: u64,
}

/// One measured run.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The execution, or `drill`.
    pub id: String,
    /// The service.
    pub service: String,
    /// What was run.
    pub kind: RunKind,
    /// The site it left.
    pub from: String,
    /// The site it went to.
    pub to: String,
    /// When it began.
    pub at: Timestamp,
    /// Where it ended; a drill is [`ExecutionState::Completed`] only when every
    /// write was compared.
    pub state: ExecutionState,
    /// Seconds by phase, as far as they were measured.
    pub phases: Vec<(Phase, f64)>,
    /// Where the first phase begins.
    pub begins: Begins,
    /// Seconds of writes that were lost, or at most lost. See [`data_age`].
    pub rpo_seconds: Option<f64>,
    /// What was compared afterwards.
    pub compared: Option<Compared>,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// Its steps, in their order.
    pub steps: Vec<StepTime>,
    /// What was promised when it ran, in seconds: recovery time, recovery point.
    pub promised: Option<(f64, f64)>,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepTime {
    /// Its name.
    pub id: String,
    /// The part of the recovery it counts for.
    pub phase: Phase,
    /// From the beginning of its last attempt to its end.
    pub seconds: Option<f64>,
    /// How often it was begun.
    pub attempts: u32,
    /// How it ended.
    pub state: StepState,
}

impl Run {
    /// Whether it got to its end. What is not known to have ended well did not.
    pub fn is_whole(&self) -> bool {
        self.state == ExecutionState::Completed
    }

    /// Whether the service left a lost site: the run a recovery time is for.
    pub fn is_failover(&self) -> bool {
        matches!(
            self.kind,
            RunKind::Drill | RunKind::Move(RunbookKind::Failover)
        )
    }

    /// The recovery time, in seconds; `None` when it did not end or a time is odd.
    pub fn seconds(&self) -> Option<f64> {
        let odd = |s: f64| !s.is_finite() || s < 0.0;
        if !self.is_whole() || self.phases.is_empty() || self.phases.iter().any(|(_, s)| odd(*s)) {
            return None;
        }
        Some(self.phases.iter().map(|(_, s)| s).sum())
    }
}

/// Reads a drill with an outside probe (`planb demo --json`).
pub fn of_drill(drill: &DrillResult) -> Run {
    let (phases, setup) = (drill.phases, &drill.setup);
    let steps = drill.timeline.iter().filter(|e| e.failover);
    Run {
        id: "drill".to_owned(),
        service: setup.service.clone(),
        kind: RunKind::Drill,
        from: setup.from.clone(),
        to: setup.to.clone(),
        at: setup.started_at,
        state: if drill.verified {
            ExecutionState::Completed
        } else {
            ExecutionState::CompletedWithExceptions
        },
        phases: vec![
            (Phase::Detect, phases.detect_seconds),
            (Phase::Decide, phases.decide_seconds),
            (Phase::Execute, phases.execute_seconds),
            (Phase::Traffic, phases.traffic_seconds),
        ],
        begins: Begins::Fault,
        rpo_seconds: Some(drill.rpo_seconds).filter(|s| s.is_finite() && *s >= 0.0),
        compared: drill.verified.then_some(Compared {
            count: drill.acknowledged,
            lost: drill.lost,
        }),
        approved_by: None,
        steps: steps
            .filter_map(|entry| {
                let until = entry.until_seconds?;
                Some(StepTime {
                    id: entry.id.clone(),
                    phase: entry.phase.unwrap_or(Phase::Execute),
                    seconds: Some(until - entry.at_seconds).filter(|s| s.is_finite()),
                    attempts: 1,
                    state: StepState::Completed,
                })
            })
            .collect(),
        promised: Some((setup.objective_rto_seconds, setup.objective_rpo_seconds)),
    }
}

/// Every run once: the executions of a history, and the drills that are not
/// among them. Where a drill measured an execution, its figures count from the
/// fault; identity, approval and steps are those of the history.
pub fn all_runs(executions: &[ExecutionStatus], drills: Vec<DrillResult>) -> Vec<Run> {
    let mut runs: Vec<Run> = executions.iter().map(of_execution).collect();
    for drill in same_run::each_once(drills) {
        let measured = of_drill(&drill);
        let found = same_run::execution_of(&drill, executions);
        let recorded = found.and_then(|status| {
            let id = status.execution.id.as_str();
            runs.iter_mut().find(|run| run.id == id)
        });
        match recorded {
            Some(run) => *run = merged(run, measured),
            None => runs.push(measured),
        }
    }
    runs
}

/// One run that was recorded and measured. It is whole only where both say so.
fn merged(recorded: &Run, measured: Run) -> Run {
    Run {
        id: recorded.id.clone(),
        at: recorded.at,
        state: if recorded.is_whole() {
            measured.state
        } else {
            recorded.state
        },
        approved_by: recorded.approved_by.clone(),
        steps: recorded.steps.clone(),
        ..measured
    }
}

/// Reads an execution of the history.
pub fn of_execution(status: &ExecutionStatus) -> Run {
    let execution = &status.execution;
    let runbook = &execution.runbook;
    let phase = |phase| Some((phase, *status.phases.get(&phase)?));
    Run {
        id: execution.id.to_string(),
        service: runbook.service.to_string(),
        kind: RunKind::Move(runbook.kind),
        from: runbook.from.to_string(),
        to: runbook.to.to_string(),
        at: execution.opened_at,
        state: status.state,
        phases: PHASES.into_iter().filter_map(phase).collect(),
        begins: match execution.trigger {
            Trigger::Detector { .. } => Begins::FirstFailure,
            Trigger::Operator { .. } => Begins::Command,
        },
        rpo_seconds: data_age(status),
        compared: compared(status),
        approved_by: status.approved_by.clone(),
        steps: runbook
            .steps
            .iter()
            .filter_map(|step| {
                let seen = status.steps.get(&step.id)?;
                let took = seen.ended_at.zip(seen.started_at);
                Some(StepTime {
                    id: step.id.to_string(),
                    phase: step.phase,
                    seconds: took.map(|(end, start)| end.duration_since(start).as_secs_f64()),
                    attempts: seen.attempts,
                    state: seen.state,
                })
            })
            .collect(),
        promised: None,
    }
}

/// The most that was lost by a failover the detector began: from the newest
/// canary in the restored data to the first observation that failed. A move
/// both sites took part in loses nothing when their rows were compared.
fn data_age(status: &ExecutionStatus) -> Option<f64> {
    if let Some(compared) = compared(status) {
        return (compared.lost == 0).then_some(0.0);
    }
    let Trigger::Detector {
        first_failure_at, ..
    } = &status.execution.trigger
    else {
        return None;
    };
    let facts = status.steps.values().filter_map(|s| s.facts.as_ref());
    let canaries = facts.filter_map(|f| f.get("canaryWrittenAt")?.as_str()?.parse().ok());
    let newest: Timestamp = canaries.max()?;
    let age: Duration = first_failure_at.duration_since(newest).try_into().ok()?;
    Some(age.as_secs_f64())
}

/// Rows that were found equal in both databases before the move ended.
fn compared(status: &ExecutionStatus) -> Option<Compared> {
    let step = status
        .steps
        .iter()
        .find(|(id, _)| id.as_str() == "compare-databases");
    let (_, step) = step.filter(|(_, s)| s.state == StepState::Completed)?;
    let count = step.facts.as_ref()?.get("rows")?.as_u64()?;
    Some(Compared { count, lost: 0 })
}
