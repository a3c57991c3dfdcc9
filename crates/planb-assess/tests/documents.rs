//! Documents: what was not measured is never good, a missing quarter is seen,
//! and every text is in both languages.

#[path = "support/translation.rs"]
mod translation;

use jiff::Timestamp;
use planb_assess::documents::{Run, Verification, of_drill};
use planb_assess::documents::{board, cost, drill};
use planb_assess::method::AnswersFile;
use planb_assess::report::{Block, Tone};
use planb_assess::{Assessed, Inputs, answers, find};
use planb_model::plan::{self, ServicePlan};
use planb_model::{Lang, Text};
use serde_json::Value as Json;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// A failover of `day` that took `rto` seconds and lost `lost` writes.
fn run(day: &str, rto: f64, lost: u64) -> Run {
    let json = serde_json::json!({
        "rto_seconds": rto,
        "phases": { "detect_seconds": rto / 2.0, "decide_seconds": 0.0, "execute_seconds": rto / 2.0, "traffic_seconds": 0.0 },
        "rpo_seconds": 0.2, "acknowledged": 100, "recovered": 100 - lost, "lost": lost,
        "failback": { "rto_seconds": 0.5, "lost": 0 }, "verified": true, "report": "",
        "setup": { "service": "orders", "from": "seoul", "to": "busan", "database": "sqlite", "vault": "local",
            "database_bytes": 1, "objective_rto_seconds": 900.0, "objective_rpo_seconds": 300.0,
            "version": "0", "machine": "", "started_at": format!("{day}T00:00:00Z") },
        "timeline": [], "probe": [],
    });
    of_drill(&serde_json::from_value(json).expect("a drill"))
}

fn service() -> ServicePlan {
    let text = plan::template(Lang::En);
    plan::parse(text, "planb.yaml")
        .expect("the template")
        .remove(0)
}

fn drills(plan: &ServicePlan, runs: Vec<Run>, verifications: Vec<Verification>) -> Assessed {
    drill::report(drill::Facts {
        service: "orders",
        objectives: &plan.objectives,
        runs,
        verifications: Ok(verifications),
        now: at("2026-11-27T00:00:00Z"),
    })
}

fn quarters(assessed: &Assessed) -> Vec<(String, bool)> {
    let all = assessed.outcome["quarters"].as_array().expect("quarters");
    let one = |q: &Json| {
        let name = q["quarter"].as_str().unwrap_or_default().to_owned();
        (name, q["isMissed"] == true)
    };
    all.iter().map(one).collect()
}

#[test]
fn a_quarter_without_a_drill_is_seen_and_the_open_one_is_no_fault() {
    let plan = service();
    let report = drills(
        &plan,
        vec![run("2026-02-10", 5.0, 0), run("2026-07-01", 4.0, 0)],
        vec![],
    );
    let expected = [
        ("2025 Q4", false),
        ("2026 Q1", false),
        ("2026 Q2", true),
        ("2026 Q3", false),
        ("2026 Q4", false),
    ];
    let expected = expected.map(|(name, missed)| (name.to_owned(), missed));
    assert_eq!(quarters(&report), expected);
    assert_eq!(report.report.verdict.tone, Tone::Warn);
    // A verified snapshot is part of a drill, so the quarter is not missed.
    let record = Verification {
        snapshot: "s".to_owned(),
        at: at("2026-05-01T00:00:00Z"),
        passed: Some(true),
        seconds: None,
        rows: None,
        not_checked: vec![],
        signed: false,
    };
    let failed = Verification {
        passed: Some(false),
        ..record.clone()
    };
    let runs = || vec![run("2026-02-10", 5.0, 0), run("2026-07-01", 4.0, 0)];
    assert!(
        !quarters(&drills(&plan, runs(), vec![record]))
            .iter()
            .any(|(_, missed)| *missed)
    );
    assert!(
        quarters(&drills(&plan, runs(), vec![failed]))
            .iter()
            .any(|(_, missed)| *missed)
    );
}

#[test]
fn what_was_not_measured_is_not_kept() {
    let plan = service();
    let none = drills(&plan, vec![], vec![]);
    assert_eq!(none.report.verdict.tone, Tone::Unknown);
    assert!(none.report.tiles.iter().all(|t| t.tone != Tone::Good));
    let mut broken = run("2026-11-01", 5.0, 0);
    broken.state = planb_model::execution::ExecutionState::Failed;
    assert_eq!(
        drills(&plan, vec![broken], vec![]).report.verdict.tone,
        Tone::Bad
    );
    let mut odd = run("2026-11-01", 5.0, 0);
    odd.phases[0].1 = f64::NAN;
    assert_eq!(
        drills(&plan, vec![odd], vec![]).report.verdict.tone,
        Tone::Unknown
    );
    let slow = run("2026-11-01", 1e6, 0);
    assert_eq!(
        drills(&plan, vec![slow], vec![]).report.verdict.tone,
        Tone::Bad
    );
    let good = run("2026-11-01", 5.0, 0);
    assert_eq!(
        drills(&plan, vec![good], vec![]).report.verdict.tone,
        Tone::Good
    );
}

fn example(name: &str) -> Assessed {
    let method = find(name).expect("a method");
    let sheet = method.sheet(method.data).expect("reads");
    let text = answers::write(name, &sheet, &answers::example(&sheet, Lang::En), Lang::En);
    assert_eq!(answers::method_of(&text).as_deref(), Some(name));
    let file = AnswersFile {
        text: &text,
        name: "example",
        form: answers::Form::Yaml,
    };
    method
        .assess(&sheet, &file, &Inputs::default())
        .unwrap_or_else(|e| panic!("{name}: {e:?}"))
}

fn board_of(plan: &ServicePlan, runs: Vec<Run>, assessed: Vec<Assessed>) -> Assessed {
    board::report(board::Facts {
        plan,
        status: Err(Text::new("no control plane", "컨트롤 플레인 없음")),
        runs,
        verifications: Err(Text::new("away", "응답 없음")),
        review: plan::review(plan),
        assessed,
        now: at("2026-11-27T00:00:00Z"),
    })
}

#[test]
fn the_board_sees_what_is_not_known() {
    let plan = service();
    let report = board_of(&plan, vec![], vec![]).report;
    assert_eq!(report.verdict.tone, Tone::Unknown);
    assert!(
        report.tiles.iter().all(|t| t.tone == Tone::Unknown),
        "{:?}",
        report.tiles
    );
    let Block::Findings(qualities) = &report.sections[1].blocks[0] else {
        panic!("qualities");
    };
    assert_eq!(qualities.len(), 4);
    assert!(
        qualities.iter().all(|q| q.tone == Tone::Unknown),
        "{qualities:?}"
    );
}

#[test]
fn the_board_sees_what_was_measured_and_given() {
    let plan = service();
    let given = vec![
        example("cost"),
        example("images"),
        example("operating-model"),
    ];
    let assessed = board_of(&plan, vec![run("2026-11-01", 5.0, 0)], given);
    let tiles: Vec<&str> = assessed
        .report
        .tiles
        .iter()
        .map(|t| t.value.en.as_str())
        .collect();
    // DR 10: 40-70 of 100, three layers; the example has 61 servers of 100.
    assert_eq!(tiles, ["5 s", "0.2 s", "61 of 100", "3 today"]);
    // Five items of the example's agenda are open.
    assert_eq!(assessed.outcome["decisionsOpen"], 5);
    assert!(assessed.outcome["risks"].as_u64() > Some(0));
}

#[test]
fn the_cost_report_has_the_customers_figures() {
    let text = serde_json::to_string(&cost::report(example("cost"), true)).expect("JSON");
    for figure in ["\"$463\"", "\"$5\"", "\"$204\"", "\"$0.28\""] {
        assert!(text.contains(figure), "{figure}");
    }
    let day = 204.0 / 730.0 * 24.0;
    assert!(text.contains(&format!("${day:.2}")));
    assert!(text.contains("Every answer in this report is an example"));
    let own = serde_json::to_string(&cost::report(example("cost"), false)).expect("JSON");
    assert!(!own.contains("Every answer in this report is an example"));
}

#[test]
fn every_text_of_every_document_is_in_both_languages() {
    let plan = service();
    let runs = || vec![run("2026-02-10", 1e6, 3), run("2026-11-01", 5.0, 0)];
    let methods = planb_assess::METHODS;
    let examples = methods.iter().map(|m| example(m.name)).collect();
    // Names of the plan and of the example's answers.
    let mut given = ["orders", "seoul", "busan", "data.vault", "health"]
        .map(str::to_owned)
        .to_vec();
    for method in methods {
        let sheet = method.sheet(method.data).expect("reads");
        for lang in [Lang::En, Lang::Ko] {
            let example = Json::Object(answers::example(&sheet, lang));
            given.extend(translation::strings(&example));
        }
    }
    for assessed in [
        drills(&plan, runs(), vec![]),
        drills(&plan, vec![], vec![]),
        board_of(&plan, vec![], vec![]),
        board_of(&plan, runs(), examples),
        cost::report(example("cost"), true),
    ] {
        let json = serde_json::to_value(&assessed.report).expect("JSON");
        let found = translation::faults(&json, &assessed.report.method, &given);
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}
