//! `recovery-path` against the tables of DR 6 and the paths of W 13.

use crate::support::{assess, assess_with, outcome, said};
use planb_assess::{Inputs, measured};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const GIVEN: &str = "  imagesAtOther: yes\n  dataAtOther: yes\n  timesMeasured: yes\n  callOutInRoi: yes\n  drillRunsWhole: yes\n";

fn with(more: &str) -> Json {
    outcome("recovery-path", &format!("{GIVEN}{more}  runs: 4000\n"))
}

fn seconds(outcome: &Json, path: &str, key: &str) -> f64 {
    outcome[path][key].as_f64().expect("a number")
}

#[test]
fn the_totals_of_both_tables() {
    let outcome = with("");
    let ends = |path: &str| {
        (
            seconds(&outcome, path, "shortestSeconds"),
            seconds(&outcome, path, "longestSeconds"),
        )
    };
    // The document prints 5.5 h as the shorter total; its own rows add up to 6.
    assert_eq!(ends("virtualised"), (6.0 * 3600.0, 17.0 * 3600.0));
    assert_eq!(ends("cloudNative"), (2.0 * 60.0, 9.0 * 60.0));
    // A real event takes two to three times the drill.
    assert_eq!(ends("virtualisedRealEvent"), (12.0 * 3600.0, 51.0 * 3600.0));
    let people = |path: &str| {
        (
            outcome[path]["stepsWithPeople"].clone(),
            outcome[path]["steps"].clone(),
        )
    };
    assert_eq!(people("virtualised"), (json!(6), json!(7)));
    assert_eq!(people("cloudNative"), (json!(1), json!(3)));
}

#[test]
fn every_step_of_both_tables_counts_with_its_own_time() {
    // The document's times in hours and minutes; each step is set to zero in turn.
    let seven = [
        ("findBackup", 0.5, 1.0),
        ("hardware", 1.0, 3.0),
        ("bootOs", 0.5, 1.0),
        ("middleware", 1.0, 2.0),
        ("applications", 1.0, 4.0),
        ("loadData", 1.0, 3.0),
        ("network", 1.0, 3.0),
    ];
    for (step, low, high) in seven {
        let outcome = with(&format!("  virtualised: {{ {step}: 0s }}\n"));
        assert_eq!(
            seconds(&outcome, "virtualised", "shortestSeconds"),
            (6.0 - low) * 3600.0,
            "{step}"
        );
        assert_eq!(
            seconds(&outcome, "virtualised", "longestSeconds"),
            (17.0 - high) * 3600.0,
            "{step}"
        );
    }
    for (step, low, high) in [
        ("trigger", 0.5, 5.0),
        ("sync", 1.0, 3.0),
        ("switch", 0.5, 1.0),
    ] {
        let outcome = with(&format!("  cloudNative: {{ {step}: 0s }}\n"));
        assert_eq!(
            seconds(&outcome, "cloudNative", "shortestSeconds"),
            (2.0 - low) * 60.0,
            "{step}"
        );
        assert_eq!(
            seconds(&outcome, "cloudNative", "longestSeconds"),
            (9.0 - high) * 60.0,
            "{step}"
        );
    }
}

#[test]
fn the_core_objective_of_four_hours_is_kept_by_three_steps_only() {
    let outcome = with("");
    assert_eq!(seconds(&outcome, "virtualised", "shareWithinRto"), 0.0);
    assert_eq!(seconds(&outcome, "cloudNative", "shareWithinRto"), 1.0);
}

#[test]
fn data_takes_part_only_when_it_is_slower_than_the_application() {
    let fast = with("  dataSwitch: 30s\n");
    assert_eq!(seconds(&fast, "cloudNative", "longestSeconds"), 540.0);
    let slow = with("  dataSwitch: 20m\n");
    assert_eq!(
        seconds(&slow, "cloudNative", "shortestSeconds"),
        30.0 + 1200.0 + 30.0
    );
}

#[test]
fn a_call_out_costs_three_to_five_weekdays_of_six_roles() {
    // Two hours exactly: six roles, 100 an hour.
    let fixed = "  realEventFactorLow: 1\n  realEventFactorHigh: 1\n  hourlyCost: 100\n  callOutsPerYear: 4\n  virtualised: { findBackup: 2h, hardware: 0s, bootOs: 0s, middleware: 0s, applications: 0s, loadData: 0s, network: 0s }\n";
    let cost = with(fixed)["callOut"].clone();
    assert_eq!(
        (
            cost["virtualisedLow"].as_f64(),
            cost["virtualisedHigh"].as_f64()
        ),
        (Some(3600.0), Some(6000.0))
    );
    assert_eq!(
        (cost["yearlyLow"].as_f64(), cost["yearlyHigh"].as_f64()),
        (Some(14400.0), Some(24000.0))
    );
    assert_eq!(with("")["callOut"], Json::Null);
}

#[test]
fn preconditions_that_are_missing_are_no_success() {
    for missing in ["imagesAtOther", "dataAtOther"] {
        let text = format!(
            "{}  runs: 1000\n",
            GIVEN.replace(&format!("{missing}: yes"), &format!("{missing}: no"))
        );
        let assessed = assess("recovery-path", &text).unwrap_or_else(|r| panic!("{}", said(&r)));
        assert_eq!(assessed.outcome["preconditionsHold"], false);
        assert_eq!(
            serde_json::to_value(assessed.report.verdict.tone).expect("JSON"),
            "bad",
            "{missing}"
        );
    }
}

#[test]
fn a_seed_says_everything() {
    assert_eq!(with("  seed: 7\n"), with("  seed: 7\n"));
    assert_ne!(with("  seed: 7\n"), with("  seed: 8\n"));
}

#[test]
fn a_measured_drill_stands_beside_the_simulation() {
    let drill = r#"{ "rto_seconds": 240.0, "rpo_seconds": 0.4, "acknowledged": 1, "recovered": 1, "lost": 0, "verified": true, "report": "r.html",
        "phases": { "detect_seconds": 90, "decide_seconds": 30, "execute_seconds": 110, "traffic_seconds": 10 },
        "failback": { "rto_seconds": 1, "lost": 0 }, "timeline": [], "probe": [],
        "setup": { "service": "orders", "from": "seoul", "to": "busan", "database": "mariadb", "vault": "azurite", "database_bytes": 1,
          "objective_rto_seconds": 900, "objective_rpo_seconds": 300, "version": "0", "machine": "m", "started_at": "2026-11-20T00:00:00Z" } }"#;
    let inputs = Inputs {
        facts: None,
        measured: measured::read(drill).expect("a drill"),
        ..Inputs::default()
    };
    let run = |more: &str| {
        assess_with(
            "recovery-path",
            &format!("{GIVEN}{more}  runs: 4000\n"),
            &inputs,
        )
        .unwrap_or_else(|r| panic!("{}", said(&r)))
    };
    let kept = run("");
    assert_eq!(kept.outcome["measured"][0]["withinRto"], true);
    let share = kept.outcome["measured"][0]["simulatedShareBelow"]
        .as_f64()
        .expect("a share");
    assert!(share > 0.05 && share < 0.5, "240 s of 120–540 s: {share}");
    let tone = |assessed: &planb_assess::Assessed| {
        serde_json::to_value(assessed.report.verdict.tone).expect("JSON")
    };
    assert_eq!(tone(&kept), "good");
    // Without any measured time nothing is more than computed.
    assert_eq!(
        tone(
            &assess("recovery-path", &format!("{GIVEN}  runs: 1000\n"))
                .unwrap_or_else(|r| panic!("{}", said(&r)))
        ),
        "warn"
    );
    let unverified = drill.replace("\"verified\": true", "\"verified\": false");
    let unverified = Inputs {
        facts: None,
        measured: measured::read(&unverified).expect("a drill"),
        ..Inputs::default()
    };
    let text = format!("{GIVEN}  runs: 1000\n");
    let lost = assess_with("recovery-path", &text, &unverified);
    assert_eq!(
        tone(&lost.unwrap_or_else(|r| panic!("{}", said(&r)))),
        "bad"
    );
    let missed = run("  rto: 3m\n");
    assert_eq!(missed.outcome["measured"][0]["withinRto"], false);
    assert_eq!(tone(&missed), "bad");
}

#[test]
fn what_holds_no_measured_failover_is_refused() {
    for text in ["", "{}", "[1]", "{\"rto_seconds\": 1}"] {
        assert!(measured::read(text).is_err(), "{text}");
    }
    assert_eq!(measured::read("[]"), Ok(Vec::new()));
}

#[test]
fn impossible_times_and_numbers_are_refused_with_their_place() {
    for (line, place) in [
        (
            "  virtualised: { network: 3h..1h }",
            "answers:8:27 (virtualised.network)",
        ),
        (
            "  virtualised: { network: 90 }",
            "answers:8:27 (virtualised.network)",
        ),
        ("  runs: 5", "answers:8:9 (runs)"),
        ("  roles: -1", "answers:8:10 (roles)"),
        ("  callOutFactorHigh: 2", "answers:8:22 (callOutFactorHigh)"),
    ] {
        let refusal = assess("recovery-path", &format!("{GIVEN}{line}\n")).expect_err(line);
        assert!(said(&refusal).contains(place), "{line}: {}", said(&refusal));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    /// A step that takes longer never makes any percentile shorter.
    #[test]
    fn longer_steps_never_help(low in 0..120u32, width in 0..120u32, more in 0..120u32) {
        let at = |low: u32, high: u32| with(&format!("  cloudNative: {{ sync: {low}s..{high}s }}\n"));
        let (short, long) = (at(low, low + width), at(low + more, low + width + more));
        for key in ["p5Seconds", "p50Seconds", "p95Seconds", "p99Seconds"] {
            prop_assert!(seconds(&long, "cloudNative", key) >= seconds(&short, "cloudNative", key) - 1e-9);
        }
        let share = |o: &Json| seconds(o, "cloudNative", "shareWithinRto");
        prop_assert!(share(&long) <= share(&short));
    }
}
