//! Recovery times that were measured: results of drills (`planb demo --json`)
//! and past executions (`planb history --json`).

use crate::same_run;
use planb_model::drill::DrillResult;
use planb_model::execution::ExecutionState;
use planb_model::runbook::{Phase, RunbookKind};
use planb_model::status::{ExecutionHistory, ExecutionStatus};
use serde::Serialize;
use serde_json::Value as Json;

/// One measured failover.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// What it was: a service and a day, or an execution.
    pub name: String,
    /// From the fault, or from the first failed observation, to the end.
    pub seconds: f64,
    /// Parts of it, in order.
    pub phases: Vec<(Phase, f64)>,
    /// Whether the fault itself was the beginning; a control plane only knows
    /// the first failed observation.
    pub from_fault: bool,
    /// Whether every acknowledged write was compared and found again; `None`
    /// when the file does not tell.
    pub verified: Option<bool>,
}

/// What files with measured failovers hold.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Runs {
    /// Drills that were watched from outside.
    pub drills: Vec<DrillResult>,
    /// Executions of a history.
    pub executions: Vec<ExecutionStatus>,
}

impl Runs {
    /// Reads a file.
    ///
    /// # Errors
    /// It is neither of the two.
    pub fn read(text: &str) -> Result<Self, String> {
        let json: Json = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let mut runs = Self::default();
        if json.get("rto_seconds").is_some() {
            let drill = DrillResult::from_json(text.as_bytes()).map_err(|e| e.to_string())?;
            runs.drills.push(drill);
        } else if json.get("journal").is_some() {
            let one = ExecutionHistory::from_json(text.as_bytes()).map_err(|e| e.to_string())?;
            runs.executions.push(one.status);
        } else {
            runs.executions =
                ExecutionStatus::list_from_json(text.as_bytes()).map_err(|e| e.to_string())?;
        }
        Ok(runs)
    }

    /// Adds what another file holds; an execution that is known already is not
    /// added again.
    pub fn add(&mut self, other: Self) {
        self.drills.extend(other.drills);
        for status in other.executions {
            let id = &status.execution.id;
            if !self
                .executions
                .iter()
                .any(|known| known.execution.id == *id)
            {
                self.executions.push(status);
            }
        }
    }

    /// Every failover once: as its drill measured it, where there is one.
    pub fn measured(self) -> Vec<Measured> {
        let drills = same_run::each_once(self.drills);
        let known: Vec<&str> = drills
            .iter()
            .filter_map(|drill| same_run::execution_of(drill, &self.executions))
            .map(|status| status.execution.id.as_str())
            .collect();
        let rest = self.executions.iter().filter_map(of_execution);
        let rest = rest.filter(|(id, _)| !known.contains(id)).map(|(_, m)| m);
        drills.iter().map(of_drill).chain(rest).collect()
    }
}

/// Reads one file with measured failovers. Executions that are not failovers or
/// did not complete are left out: they say nothing about a recovery time.
///
/// # Errors
/// The file is neither of the two, or what it holds is no time.
pub fn read(text: &str) -> Result<Vec<Measured>, String> {
    let all = Runs::read(text)?.measured();
    let odd = |m: &Measured| {
        !m.seconds.is_finite() || m.phases.iter().any(|(_, s)| !(*s >= 0.0 && s.is_finite()))
    };
    match all.iter().find(|m| odd(m)) {
        Some(measured) => Err(format!("{}: a time that is none", measured.name)),
        None => Ok(all),
    }
}

fn of_drill(drill: &DrillResult) -> Measured {
    let phases = drill.phases;
    Measured {
        name: format!(
            "{} {}",
            drill.setup.service,
            drill.setup.started_at.strftime("%Y-%m-%d")
        ),
        seconds: drill.rto_seconds,
        phases: vec![
            (Phase::Detect, phases.detect_seconds),
            (Phase::Decide, phases.decide_seconds),
            (Phase::Execute, phases.execute_seconds),
            (Phase::Traffic, phases.traffic_seconds),
        ],
        from_fault: true,
        verified: Some(drill.verified && drill.lost == 0),
    }
}

/// A failover that completed, by its execution.
fn of_execution(status: &ExecutionStatus) -> Option<(&str, Measured)> {
    let done = matches!(
        status.state,
        ExecutionState::Completed | ExecutionState::CompletedWithExceptions
    );
    if status.execution.runbook.kind != RunbookKind::Failover || !done {
        return None;
    }
    let phases: Vec<(Phase, f64)> = [Phase::Detect, Phase::Decide, Phase::Execute, Phase::Traffic]
        .into_iter()
        .filter_map(|phase| Some((phase, *status.phases.get(&phase)?)))
        .collect();
    let opened = status.execution.opened_at.strftime("%Y-%m-%d");
    let measured = Measured {
        name: format!("{} {opened}", status.execution.id),
        seconds: phases.iter().map(|(_, s)| s).sum(),
        phases,
        from_fault: false,
        verified: None,
    };
    Some((status.execution.id.as_str(), measured))
}
