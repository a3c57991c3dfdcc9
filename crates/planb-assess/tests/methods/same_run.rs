//! A run that was recorded and measured counts once, and two runs count twice.

use jiff::Timestamp;
use planb_assess::documents::{RunKind, all_runs};
use planb_assess::measured::Runs;
use planb_assess::same_run::execution_of;
use planb_model::drill::DrillResult;
use planb_model::execution::ExecutionState;
use planb_model::status::ExecutionStatus;
use serde_json::{Value as Json, json};

fn at(minute: i64) -> Timestamp {
    let noon: Timestamp = "2026-11-20T12:00:00Z".parse().expect("a time");
    noon + jiff::SignedDuration::from_mins(minute)
}

/// A move of `orders` that was opened at `minute` and took 90 s.
fn execution(id: &str, kind: &str, from: &str, minute: i64) -> ExecutionStatus {
    let to = if from == "seoul" { "busan" } else { "seoul" };
    let status = json!({
        "execution": {
            "id": id, "hash": "abc", "openedAt": at(minute),
            "runbook": { "kind": kind, "service": "orders", "from": from, "to": to, "basedOn": 1, "epoch": 2, "steps": [] },
            "trigger": { "kind": "operator", "who": "sujin" }
        },
        "state": "completed", "approvedBy": "minho", "updatedAt": at(minute),
        "steps": {}, "phases": { "execute": 90.0 }
    });
    serde_json::from_value(status).expect("a status")
}

/// A drill of four minutes that began at `minute` and recovered after 60 s.
fn drill_with(minute: i64, execution: Option<&str>, verified: bool) -> DrillResult {
    let mut result = json!({
        "rto_seconds": 60.0, "rpo_seconds": 0.2, "acknowledged": 9, "recovered": 9, "lost": 0,
        "phases": { "detect_seconds": 5.0, "decide_seconds": 0.0, "execute_seconds": 55.0, "traffic_seconds": 0.0 },
        "failback": { "rto_seconds": 1.0, "lost": 0 }, "verified": verified, "report": "", "timeline": [],
        "probe": [{ "at_seconds": -120.0, "status": 200, "site": null }, { "at_seconds": 120.0, "status": 200, "site": null }],
        "setup": { "service": "orders", "from": "seoul", "to": "busan", "database": "sqlite", "vault": "local", "database_bytes": 1,
            "objective_rto_seconds": 900.0, "objective_rpo_seconds": 300.0, "version": "0", "machine": "m", "started_at": at(minute) }
    });
    if let (Some(id), Some(map)) = (execution, result.as_object_mut()) {
        map.insert("execution".to_owned(), Json::from(id));
    }
    serde_json::from_value(result).expect("a drill")
}

fn drill(minute: i64, execution: Option<&str>) -> DrillResult {
    drill_with(minute, execution, true)
}

/// Two drills and a real failover in between, with their ways back.
fn history() -> Vec<ExecutionStatus> {
    vec![
        execution("e6", "failback", "busan", 303),
        execution("e5", "failover", "seoul", 301),
        execution("e4", "failback", "busan", 200),
        execution("e3", "failover", "seoul", 100),
        execution("e2", "failback", "busan", 3),
        execution("e1", "failover", "seoul", 1),
    ]
}

#[test]
fn a_drill_is_matched_by_its_execution_or_by_its_time() {
    let all = history();
    let found = |drill: &DrillResult| execution_of(drill, &all).map(|s| s.execution.id.to_string());
    let id = |id: &str| Some(id.to_owned());
    assert_eq!(found(&drill(0, Some("e1"))), id("e1"));
    assert_eq!(found(&drill(0, None)), id("e1"));
    assert_eq!(found(&drill(300, None)), id("e5"));
    // It says which one it was, and that is not there: the clock does not count.
    assert_eq!(found(&drill(0, Some("e9"))), None);
    // Before it began, or long after it ended, is another run; so is a move back.
    assert_eq!(found(&drill(2, None)), None);
    assert_eq!(found(&drill(80, None)), None);
    assert_eq!(found(&drill(0, Some("e2"))), None);
    let mut other = drill(0, None);
    other.setup.service = "payments".to_owned();
    assert_eq!(found(&other), None);
}

#[test]
fn a_report_has_every_run_once_with_the_figures_of_the_drill() {
    let given = vec![drill(0, None), drill(300, Some("e5")), drill(900, None)];
    let repeated = [given.clone(), given].concat();
    let runs = all_runs(&history(), repeated);
    let failovers: Vec<&str> = runs
        .iter()
        .filter(|run| run.is_failover())
        .map(|run| run.id.as_str())
        .collect();
    assert_eq!(failovers, ["e5", "e3", "e1", "drill"]);
    assert_eq!(runs.len(), 7, "the ways back stay");
    let first = runs.iter().find(|run| run.id == "e1").expect("there");
    assert_eq!(first.kind, RunKind::Drill);
    assert_eq!(first.seconds(), Some(60.0));
    assert_eq!(first.approved_by.as_deref(), Some("minho"));
    let alone = runs.iter().find(|run| run.id == "e3").expect("there");
    assert_eq!(alone.seconds(), Some(90.0));
}

#[test]
fn a_run_is_whole_only_where_the_history_and_the_drill_say_so() {
    let state = |state, verified| {
        let mut all = history();
        all[5].state = state;
        let runs = all_runs(&all, vec![drill_with(0, Some("e1"), verified)]);
        let run = runs.into_iter().find(|run| run.id == "e1");
        run.expect("there").is_whole()
    };
    assert!(state(ExecutionState::Completed, true));
    assert!(!state(ExecutionState::Completed, false));
    assert!(!state(ExecutionState::Failed, true));
}

#[test]
fn files_of_a_simulation_hold_every_failover_once() {
    let listed = serde_json::to_string(&history()).expect("JSON");
    let measured = |execution| serde_json::to_string(&drill(0, execution)).expect("JSON");
    let mut runs = Runs::default();
    for file in [listed.clone(), measured(Some("e1")), measured(None), listed] {
        runs.add(Runs::read(&file).expect("reads"));
    }
    let seconds: Vec<f64> = runs.measured().iter().map(|m| m.seconds).collect();
    assert_eq!(seconds, [60.0, 90.0, 90.0], "e1 as measured, e5, e3");
}
