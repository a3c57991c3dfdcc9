//! `compliance` against DR 9 and 6.2.2: every requirement, every kind of
//! evidence, and what is stale or was not seen.

use crate::support::rules;
use jiff::{SignedDuration, Timestamp};
use planb_assess::answers::Form;
use planb_assess::facts::{Audit, Facts};
use planb_assess::method::AnswersFile;
use planb_assess::report::Tone;
use planb_assess::{Assessed, Inputs, find};
use planb_model::drill::DrillResult;
use planb_model::recovery::Record;
use planb_model::status::ExecutionStatus;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const PLAN: &str = "
apiVersion: planb.dev/v1
kind: Service
metadata: { name: orders }
spec:
  grade: 1
  objectives: { rto: 15m, rpo: 5m }
  sites:
    - { name: seoul, role: primary, database: { url: 'sqlite:/a/orders.db' }, workload: { observe: {} }, health: 'http://10.0.0.1:80/h', origin: 'http://10.0.0.1:80' }
    - { name: busan, role: standby, database: { url: 'sqlite:/b/orders.db' }, workload: { observe: {} }, health: 'http://10.0.0.2:80/h', origin: 'http://10.0.0.2:80' }
  data:
    vault: { url: 'file:///vault' }
    retention: { immutableFor: 14d }
  traffic: { edge: { listen: '127.0.0.1:8080' } }
  failover: { mode: approve }
";

fn now() -> Timestamp {
    "2026-11-27T00:00:00Z".parse().expect("a time")
}

fn days_ago(days: i64) -> Timestamp {
    now() - SignedDuration::from_hours(24 * days)
}

/// A switchover that completed `days` ago, asked for by `who`, approved by `by`.
fn execution(days: i64, who: &str, by: Option<&str>) -> ExecutionStatus {
    let at = days_ago(days);
    let step = json!({
        "id": "compare", "action": { "kind": "compareDatabases", "from": "seoul", "to": "busan" },
        "needs": [], "resume": "retry", "undo": { "kind": "nothing" }, "phase": "execute", "deadlineSecs": 60
    });
    let status = json!({
        "execution": {
            "id": "move-1", "hash": "abc", "openedAt": at,
            "runbook": { "kind": "switchover", "service": "orders", "from": "seoul", "to": "busan", "basedOn": 1, "epoch": 2, "steps": [step] },
            "trigger": { "kind": "operator", "who": who }
        },
        "state": "completed", "approvedBy": by, "updatedAt": at,
        "steps": { "compare": { "state": "completed", "attempts": 1, "startedAt": at, "endedAt": at, "facts": null, "error": null, "code": null } },
        "phases": { "execute": 90.0 }
    });
    serde_json::from_value(status).expect("a status")
}

fn record(days: i64, passed: bool, problems: &[&str]) -> Record {
    let record = json!({
        "format": 1, "service": "orders", "kind": "verification", "snapshot": "s", "writtenAt": days_ago(days),
        "passed": passed, "body": { "problems": problems, "integrity": [] }
    });
    serde_json::from_value(record).expect("a record")
}

fn drill(days: i64, rto: f64, lost: u64) -> DrillResult {
    let result = json!({
        "rto_seconds": rto, "rpo_seconds": 0.0, "acknowledged": 10, "recovered": 10 - lost, "lost": lost,
        "phases": { "detect_seconds": 0.0, "decide_seconds": 0.0, "execute_seconds": rto, "traffic_seconds": 0.0 },
        "failback": { "rto_seconds": 1.0, "lost": 0 }, "verified": true, "report": "", "timeline": [], "probe": [],
        "setup": { "service": "orders", "from": "seoul", "to": "busan", "database": "sqlite", "vault": "local", "database_bytes": 1,
            "objective_rto_seconds": 900.0, "objective_rpo_seconds": 300.0, "version": "0", "machine": "m", "started_at": days_ago(days) }
    });
    serde_json::from_value(result).expect("a drill")
}

/// Everything that can be seen without a vault is there and good.
fn good() -> Facts {
    let plan = planb_model::plan::parse(PLAN, "planb.yaml")
        .expect("a plan")
        .remove(0);
    Facts {
        plan: Some(plan),
        executions: Some(vec![execution(10, "sujin@ops", Some("minho@ops"))]),
        audit: Audit::Whole {
            log: "planb.dev/audit/x".to_owned(),
            entries: 9,
            newest_at: days_ago(10),
        },
        points: Some(Vec::new()),
        records: Some(vec![record(20, true, &[])]),
        ..Facts::none(now())
    }
}

fn judge_with(facts: Facts, policy: &dyn Fn(&str) -> String, answers: &str) -> Json {
    assess(facts, policy, answers).outcome
}

fn assess(facts: Facts, policy: &dyn Fn(&str) -> String, answers: &str) -> Assessed {
    let method = find("compliance").expect("a method");
    let sheet = method
        .sheet(&policy(method.data))
        .expect("the policy reads");
    let text = format!("assess: compliance\nanswers:\n{answers}");
    let file = AnswersFile {
        text: &text,
        name: "answers",
        form: Form::Yaml,
    };
    let inputs = Inputs {
        facts: Some(Box::new(facts)),
        ..Inputs::default()
    };
    method.assess(&sheet, &file, &inputs).expect("judged")
}

fn judge(facts: Facts) -> Json {
    judge_with(facts, &str::to_owned, "  documents: []\n")
}

/// State of the evidence of one kind, wherever it is asked for.
fn seen(outcome: &Json, need: &str) -> String {
    let all = outcome["requirements"].as_array().expect("a list").iter();
    let mut states = all
        .flat_map(|r| r["evidence"].as_array().expect("a list"))
        .filter(|seen| seen["need"] == need)
        .map(|seen| seen["state"].as_str().expect("a state").to_owned());
    let first = states.next().expect("asked for");
    assert!(
        need == "document" || states.all(|state| state == first),
        "{need}"
    );
    first
}

fn state(outcome: &Json, requirement: &str) -> String {
    let all = outcome["requirements"].as_array().expect("a list");
    let found = all
        .iter()
        .find(|r| r["requirement"] == requirement)
        .expect("there");
    found["state"].as_str().expect("a state").to_owned()
}

// DR 9: the act's own four and "built beforehand"; the guideline; the road
// map; six areas; the four domains of ISMS-P and audit records; DR 6.2.2: four.
const REQUIREMENTS: [(&str, &[&str]); 6] = [
    (
        "egov-49",
        &[
            "egov-built",
            "egov-plan",
            "egov-objectives",
            "egov-backup",
            "egov-drills",
        ],
    ),
    (
        "mois",
        &[
            "mois-grade",
            "mois-time",
            "mois-drills",
            "mois-records",
            "mois-cyber",
            "mois-loss",
        ],
    ),
    ("dpg", &["dpg-steps", "dpg-score"]),
    (
        "nia",
        &[
            "nia-runtime",
            "nia-orchestration",
            "nia-cicd",
            "nia-observability",
            "nia-security",
            "nia-dr",
        ],
    ),
    (
        "isms-p-dr",
        &[
            "ismsp-plan",
            "ismsp-backup",
            "ismsp-drills",
            "ismsp-cyber",
            "ismsp-records",
        ],
    ),
    (
        "isms-p-four",
        &[
            "ismsp-integrity",
            "ismsp-point",
            "ismsp-duties",
            "ismsp-trail",
        ],
    ),
];

#[test]
fn every_requirement_of_the_documents_is_there() {
    let rules = rules("compliance");
    let documents = rules["documents"].as_array().expect("a list");
    let list: Vec<(String, Vec<String>)> = documents
        .iter()
        .map(|d| {
            let requirements = d["requirements"].as_array().expect("a list").iter();
            let ids = requirements.map(|r| r["id"].as_str().expect("an id").to_owned());
            (d["id"].as_str().expect("an id").to_owned(), ids.collect())
        })
        .collect();
    let expected: Vec<(String, Vec<String>)> = REQUIREMENTS
        .iter()
        .map(|(id, ids)| {
            (
                (*id).to_owned(),
                ids.iter().map(|&id| id.to_owned()).collect(),
            )
        })
        .collect();
    assert_eq!(list, expected);
}

#[test]
fn the_core_grade_asks_four_hours_and_grades_do_not_get_stricter_downwards() {
    let rules = rules("compliance");
    let grades = rules["grades"].as_array().expect("a list");
    assert_eq!(grades.len(), 4);
    assert_eq!(grades[0]["rto"], "4h");
    for grade in &grades[1..] {
        let source = grade["source"]["en"].as_str().expect("a source");
        assert!(source.contains("illustrative"), "{source}");
    }
    let met = |grade: u8| {
        let mut facts = good();
        facts.plan.as_mut().expect("a plan").grade = planb_model::plan::Grade(grade);
        seen(&judge(facts), "objectives-in-grade") == "met"
    };
    assert!((1..4).all(|grade| !met(grade) || met(grade + 1)));
    assert_eq!(rules["drillDaysMax"], 92, "a quarter");
}

/// The run of the journal, seen from outside: its figures, its approval, once.
#[test]
fn a_drill_that_is_in_the_journal_is_one_move() {
    let mut failover = execution(10, "sujin@ops", Some("minho@ops"));
    failover.execution.runbook.kind = planb_model::runbook::RunbookKind::Failover;
    let id = failover.execution.id.clone();
    let mut facts = good();
    facts.executions = Some(vec![failover]);
    let evidence = |facts: Facts| judge(facts).to_string();
    assert!(evidence(facts.clone()).contains("move-1 took 1 min 30 s"));
    facts.drills = vec![drill(10, 61.0, 0)];
    facts.drills[0].execution = Some(id);
    let merged = evidence(facts.clone());
    assert!(merged.contains("move-1 took 1 min 1 s"), "{merged}");
    assert!(merged.contains("move-1: the data was compared"), "{merged}");
    // Another run is another move, and the newer one of the two counts.
    facts.drills[0] = drill(9, 62.0, 0);
    let newer = evidence(facts);
    assert!(newer.contains("seoul → busan took 1 min 2 s"), "{newer}");
    assert!(newer.contains("of 2026-11-17; move-1"), "{newer}");
}

#[test]
fn good_evidence_is_met_and_what_was_not_seen_is_missing() {
    let outcome = judge(good());
    for need in [
        "plan",
        "second-site",
        "objectives",
        "objectives-in-grade",
        "observers",
        "approval-mode",
        "immutable",
        "verification-recent",
        "clean-point",
        "drill-recent",
        "drill-in-objective",
        "drill-in-grade",
        "drill-verified",
        "drill-recorded",
        "audit-whole",
        "approvals-recorded",
        "two-persons",
    ] {
        assert_eq!(seen(&outcome, need), "met", "{need}");
    }
    assert_eq!(seen(&outcome, "encrypted"), "notMet");
    assert_eq!(
        seen(&outcome, "snapshot-recent"),
        "notMet",
        "an empty vault"
    );
    assert_eq!(seen(&outcome, "document"), "missing");
    let blind = judge(Facts {
        executions: None,
        audit: Audit::Unseen,
        points: None,
        records: None,
        ..good()
    });
    for need in [
        "snapshot-recent",
        "snapshot-signed",
        "verification-recent",
        "clean-point",
        "drill-recent",
        "drill-verified",
        "drill-recorded",
        "audit-whole",
        "approvals-recorded",
        "two-persons",
    ] {
        assert_eq!(seen(&blind, need), "missing", "{need}");
    }
}

#[test]
fn nothing_met_has_no_tick() {
    let tone = |facts| {
        let assessed = assess(facts, &str::to_owned, "  documents: []\n");
        let tiles = assessed.report.tiles.into_iter();
        let mut met = tiles.filter(|tile| tile.title.en == "met");
        let met = met.next().expect("a tile");
        (met.value.en == "0", met.tone)
    };
    assert_eq!(tone(Facts::none(now())), (true, Tone::Plain));
    assert_eq!(tone(good()), (false, Tone::Good));
}

#[test]
fn evidence_older_than_a_quarter_is_stale_and_of_the_future_is_none() {
    for (days, expected) in [(92, "met"), (93, "stale"), (-2, "missing")] {
        let facts = Facts {
            executions: Some(vec![execution(days, "a", Some("b"))]),
            records: Some(vec![record(days, true, &[])]),
            ..good()
        };
        let outcome = judge(facts);
        for need in [
            "drill-recent",
            "drill-verified",
            "drill-in-grade",
            "verification-recent",
            "clean-point",
        ] {
            assert_eq!(seen(&outcome, need), expected, "{need} {days}");
        }
        assert_eq!(state(&outcome, "mois-drills"), expected);
    }
}

#[test]
fn the_newest_drill_and_restore_decide_and_a_bad_one_is_no_evidence() {
    let with = |drills: Vec<DrillResult>| Facts {
        drills,
        executions: Some(Vec::new()),
        ..good()
    };
    let lost = judge(with(vec![drill(30, 60.0, 0), drill(3, 60.0, 1)]));
    assert_eq!(seen(&lost, "drill-verified"), "notMet");
    assert_eq!(
        seen(&lost, "drill-recorded"),
        "missing",
        "a report is no journal"
    );
    let slow = judge(with(vec![drill(3, 901.0, 0)]));
    assert_eq!(seen(&slow, "drill-in-objective"), "notMet");
    assert_eq!(seen(&slow, "drill-in-grade"), "met", "four hours");
    let mut other = drill(3, 60.0, 0);
    other.setup.service = "payments".to_owned();
    assert_eq!(
        seen(&judge(with(vec![other])), "drill-recent"),
        "missing",
        "another service"
    );
    let failed = judge(Facts {
        records: Some(vec![record(9, true, &[]), record(1, false, &[])]),
        ..good()
    });
    assert_eq!(seen(&failed, "verification-recent"), "notMet");
    let odd = judge(Facts {
        records: Some(vec![record(1, true, &["rows"])]),
        ..good()
    });
    assert_eq!(seen(&odd, "clean-point"), "missing");
    let broken = judge(Facts {
        audit: Audit::Broken {
            why: "x".to_owned(),
        },
        ..good()
    });
    assert_eq!(seen(&broken, "audit-whole"), "notMet");
}

#[test]
fn one_person_is_no_separation_of_duties() {
    for (who, by, recorded, two) in [
        ("a", Some("b"), "met", "met"),
        ("a", Some("a"), "met", "notMet"),
        ("a", Some("automatic"), "met", "notMet"),
        ("a", None, "notMet", "notMet"),
    ] {
        let outcome = judge(Facts {
            executions: Some(vec![execution(1, who, by)]),
            ..good()
        });
        assert_eq!(seen(&outcome, "approvals-recorded"), recorded, "{by:?}");
        assert_eq!(seen(&outcome, "two-persons"), two, "{by:?}");
    }
    let mut automatic = good();
    automatic.plan.as_mut().expect("a plan").failover.mode =
        planb_model::plan::FailoverMode::Automatic;
    assert_eq!(seen(&judge(automatic), "approval-mode"), "notMet");
}

#[test]
fn a_document_counts_when_its_file_was_read_and_is_young_enough() {
    let answers = |date: &str| {
        format!(
            "  documents:\n    - {{ requirement: mois-loss, file: minutes.pdf, date: \"{date}\" }}\n"
        )
    };
    let mut facts = good();
    let judged = |facts: &Facts, date: &str| {
        state(
            &judge_with(facts.clone(), &str::to_owned, &answers(date)),
            "mois-loss",
        )
    };
    assert_eq!(
        judged(&facts, "2026-09-15"),
        "missing",
        "named, and not there"
    );
    facts
        .files
        .insert("minutes.pdf".to_owned(), "ab".repeat(32));
    assert_eq!(judged(&facts, "2026-09-15"), "met");
    assert_eq!(judged(&facts, "2025-09-15"), "stale");
    assert_eq!(judged(&facts, "2027-09-15"), "missing", "of the future");
}

#[test]
fn an_edited_policy_is_what_is_judged_by() {
    let strict = |data: &str| {
        data.replace("rto: 4h", "rto: 10m")
            .replace("drillDaysMax: 92", "drillDaysMax: 5")
    };
    let outcome = judge_with(good(), &strict, "  documents: []\n");
    assert_eq!(seen(&outcome, "objectives-in-grade"), "notMet");
    assert_eq!(seen(&outcome, "drill-recent"), "stale");
    assert_eq!(outcome["gradeRto"], 600);
}

proptest! {
    #[test]
    fn waiting_never_makes_anything_met(days in 0i64..400, more in 1i64..400) {
        let rank = |outcome: &Json| -> Vec<bool> {
            let all = outcome["requirements"].as_array().expect("a list").iter();
            all.map(|r| r["state"] == "met").collect()
        };
        let at = |days: i64| Facts { now: now() + SignedDuration::from_hours(24 * days), ..good() };
        let (before, after) = (rank(&judge(at(days))), rank(&judge(at(days + more))));
        prop_assert!(before.iter().zip(&after).all(|(before, after)| *before || !*after));
    }
}
