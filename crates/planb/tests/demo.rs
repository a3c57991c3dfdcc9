//! The demo as a user runs it, in its four set-ups: what it measures must be
//! whole and must add up.

mod common;

use common::planb;
use serde_json::Value;
use std::path::Path;

fn run(arguments: &[&str]) -> Value {
    let dir = tempfile::tempdir().expect("a directory");
    run_in(&dir.path().join("work"), arguments)
}

fn run_in(work: &Path, arguments: &[&str]) -> Value {
    let output = planb()
        .args(["demo", "--json", "--size-mb", "1", "--rate", "50", "--dir"])
        .arg(work)
        .args(arguments)
        .output()
        .expect("the demo runs");
    assert!(
        output.status.success(),
        "{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let result: Value = serde_json::from_slice(&output.stdout).expect("one JSON object on stdout");
    check(&result);
    result
}

fn check(result: &Value) {
    assert_eq!(result["verified"], true, "{result}");
    assert_eq!(result["failback"]["lost"], 0, "{result}");
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let phases = &result["phases"];
    let names = [
        "detect_seconds",
        "decide_seconds",
        "execute_seconds",
        "traffic_seconds",
    ];
    let sum: f64 = names.iter().map(|name| number(&phases[*name])).sum();
    assert!(
        (sum - number(&result["rto_seconds"])).abs() < 1e-6,
        "phases add up: {result}"
    );
    for name in names {
        assert!(number(&phases[name]) >= 0.0, "{name}: {result}");
    }
    let count = |name: &str| result[name].as_u64().expect("a count");
    assert_eq!(count("recovered") + count("lost"), count("acknowledged"));
    assert!(
        count("acknowledged") > 5_000,
        "the preloaded orders count: {result}"
    );
    let lost_seconds = number(&result["rpo_seconds"]);
    assert_eq!(count("lost") == 0, lost_seconds == 0.0, "{result}");
    let report = std::fs::read_to_string(result["report"].as_str().expect("a path"));
    assert!(report.expect("the report").contains("<svg"));
    let statuses: Vec<u64> = result["probe"]
        .as_array()
        .expect("samples")
        .iter()
        .filter_map(|s| s["status"].as_u64())
        .collect();
    assert!(statuses.contains(&503), "users saw the maintenance page");
}

#[test]
fn sqlite_and_a_local_vault() {
    let dir = tempfile::tempdir().expect("a directory");
    let work = dir.path().join("work");
    let result = run_in(&work, &[]);
    // The run is in the history, too: the report has it once, from the fault on.
    let file = dir.path().join("result.json");
    let mut older = result.clone();
    older
        .as_object_mut()
        .expect("an object")
        .remove("execution");
    for written in [&result, &older] {
        std::fs::write(&file, written.to_string()).expect("written");
        let output = planb()
            .args(["report", "drill", "--format", "json", "-f"])
            .arg(work.join("planb.yaml"))
            .arg("--state")
            .arg(work.join("state"))
            .arg("--drill")
            .arg(&file)
            .output()
            .expect("the report is made");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let runs = report["outcome"]["runs"].as_array().expect("runs");
        assert_eq!(runs.len(), 2, "failover and failback: {report}");
        let rto = result["rto_seconds"].as_f64().expect("a time");
        let seconds = runs.iter().filter_map(|run| run["rtoSeconds"].as_f64());
        let measured = seconds.filter(|s| (s - rto).abs() < 1e-6);
        assert_eq!(measured.count(), 1, "{report}");
    }
}

#[test]
fn mariadb_and_azurite() {
    let result = run(&["--database", "mariadb", "--vault", "azurite"]);
    assert_eq!(result["setup"]["database"], "mariadb");
}
