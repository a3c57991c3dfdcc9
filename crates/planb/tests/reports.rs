//! `planb report` with files of measured runs: what is none is refused.

mod common;

use common::Stage;
use serde_json::json;
use std::process::Output;

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What `planb demo --json` prints for a failover of `service`.
fn drill(service: &str, to: &str) -> String {
    json!({
        "rto_seconds": 5.0, "rpo_seconds": 0.2, "acknowledged": 9, "recovered": 9, "lost": 0,
        "phases": { "detect_seconds": 5.0, "decide_seconds": 0.0, "execute_seconds": 0.0, "traffic_seconds": 0.0 },
        "failback": { "rto_seconds": 1.0, "lost": 0 }, "verified": true, "report": "", "timeline": [], "probe": [],
        "setup": { "service": service, "from": "seoul", "to": to, "database": "sqlite", "vault": "local", "database_bytes": 1,
            "objective_rto_seconds": 900.0, "objective_rpo_seconds": 300.0, "version": "0", "machine": "m",
            "started_at": "2026-11-20T12:00:00Z" }
    })
    .to_string()
}

#[test]
fn a_file_that_is_no_run_of_this_service_is_refused_with_its_reason() {
    let stage = Stage::new("approve");
    let zip = stage.dir.path().join("evidence.zip");
    let reports: [&[&str]; 4] = [
        &["report", "drill"],
        &["report", "board"],
        &[
            "report",
            "evidence",
            "--plan",
            "planb.yaml",
            "-o",
            "evidence.zip",
        ],
        &["assess", "compliance", "--plan", "planb.yaml", "--no-vault"],
    ];
    let cases = [
        ("not JSON".to_owned(), "expected"),
        ("{}".to_owned(), "missing field"),
        ("[]".to_owned(), "it is a history"),
        (drill("payments", "busan"), "of service payments"),
        (drill("orders", "jeju"), "from seoul to jeju"),
    ];
    for (text, reason) in cases {
        std::fs::write(stage.dir.path().join("run.json"), text).expect("written");
        for report in reports {
            let output = stage.run(&[report, &["--drill", "run.json"]].concat());
            let said = err(&output);
            assert_eq!(output.status.code(), Some(3), "{report:?}: {said}");
            for needle in ["PB-REPORT-RUN", "run.json", reason] {
                assert!(said.contains(needle), "{report:?}: {needle}: {said}");
            }
            assert!(output.stdout.is_empty() && !zip.exists(), "{report:?}");
        }
    }
    std::fs::write(stage.dir.path().join("run.json"), drill("orders", "busan")).expect("written");
    for report in [reports[0], reports[1], reports[3]] {
        let output = stage.run(&[report, &["--drill", "run.json"]].concat());
        assert_eq!(
            output.status.code(),
            Some(0),
            "{report:?}: {}",
            err(&output)
        );
    }
}
