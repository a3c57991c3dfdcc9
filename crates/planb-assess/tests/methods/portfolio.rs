//! `portfolio` against DR 10.2.1 and V 12.2.

use crate::support::{assess, outcome, rules, run, said};
use planb_assess::Inputs;
use planb_assess::answers::Form;
use planb_assess::report::Tone;
use proptest::prelude::*;
use serde_json::{Value, json};

/// One service: name, category, then more fields.
fn service(name: &str, category: &str, more: &str) -> String {
    let grade = if more.contains("grade:") {
        ""
    } else {
        ", grade: 3"
    };
    let state = if more.contains("state:") {
        ""
    } else {
        ", state: waiting"
    };
    let more = if more.is_empty() {
        String::new()
    } else {
        format!(", {more}")
    };
    format!("    - {{ name: {name}, category: {category}{grade}{state}{more} }}\n")
}

fn found(head: &str, services: &[String]) -> Value {
    outcome(
        "portfolio",
        &format!("{head}  services:\n{}", services.concat()),
    )
}

fn names(found: &Value) -> Value {
    let waves = found["waves"].as_array().expect("a list");
    json!(
        waves
            .iter()
            .map(|w| w["services"].clone())
            .collect::<Vec<_>>()
    )
}

#[test]
fn every_group_moves_in_the_order_of_the_document() {
    let order: Vec<Value> = rules("portfolio")["groups"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|g| g["label"]["ko"].clone())
        .collect();
    assert_eq!(
        json!(order),
        json!(["신규 시스템", "분석", "세션", "트랜잭션"])
    );
    let all = found(
        "",
        &[
            service("t", "transaction", ""),
            service("s", "session", ""),
            service("a", "analytics", ""),
            service("n", "transaction", "new: yes"),
            service("l", "log", ""),
            service("f", "none", ""),
        ],
    );
    assert_eq!(names(&all), json!([["n"], ["a", "l", "f"], ["s"], ["t"]]));
}

#[test]
fn figures_of_the_documents_are_the_rules() {
    let rules = rules("portfolio");
    assert_eq!(rules["drillDaysMax"], 92);
    assert_eq!(rules["coreRtoSecondsMax"], 4 * 3600);
    let marks = json!({ "tcoPercentMax": -30, "densityFactorMin": 3, "leadTimeSecondsMax": 3600, "mttrPercentMax": 50 });
    assert_eq!(rules["benchmarks"], marks);
}

#[test]
fn nothing_moves_before_what_it_depends_on() {
    let all = found(
        "",
        &[
            service("new-app", "none", "new: yes, dependsOn: ledger"),
            service("ledger", "transaction", ""),
            service("stats", "analytics", "dependsOn: done-already"),
            service("done-already", "transaction", "state: moved"),
            service("on-vm", "session", "state: keep"),
            service("cart", "session", "dependsOn: on-vm"),
        ],
    );
    assert_eq!(
        names(&all),
        json!([["stats"], ["cart"], ["ledger"], ["new-app"]])
    );
    assert_eq!(all["services"][0]["heldBy"], "ledger");
    assert_eq!(all["services"][0]["wave"], 4);
    assert_eq!(all["services"][4]["wave"], Value::Null);
}

#[test]
fn ordinary_grades_move_first_and_a_wave_is_no_larger_than_can_be_done() {
    let services = [
        service("core", "analytics", "grade: 1"),
        service("plain", "analytics", "grade: 4"),
        service("mid", "analytics", "grade: 2"),
    ];
    assert_eq!(
        names(&found("", &services)),
        json!([["plain", "mid", "core"]])
    );
    assert_eq!(
        names(&found("  waveMax: 2\n", &services)),
        json!([["plain", "mid"], ["core"]])
    );
}

#[test]
fn circles_are_reported_with_what_they_hold_back() {
    let text = format!(
        "  services:\n{}",
        [
            service("a", "session", "dependsOn: b"),
            service("b", "session", "dependsOn: c"),
            service("c", "session", "dependsOn: a"),
            service("me", "log", "dependsOn: me"),
            service("after", "log", "dependsOn: a"),
            service("free", "log", ""),
        ]
        .concat()
    );
    let all = assess("portfolio", &text).expect("complete");
    assert_eq!(all.outcome["cycles"], json!([["a", "b", "c"], ["me"]]));
    assert_eq!(names(&all.outcome), json!([["free"]]));
    assert_eq!(
        all.report.verdict.headline.en,
        "Services wait for each other: there is no order"
    );
    let said = serde_json::to_string(&all.report).expect("JSON");
    assert!(said.contains("wait for such a circle"), "{said}");
}

#[test]
fn progress_is_met_only_when_it_was_measured() {
    let of = |more: &str| {
        found("  asOf: 2027-06-30\n", &[service("x", "log", more)])["services"][0]["progress"]
            .clone()
    };
    let aims = "rtoTarget: 1h, rpoTarget: 1m";
    let day = "drilledOn: 2027-06-01";
    assert_eq!(of(""), "noTarget");
    assert_eq!(of("rtoTarget: 1h, rtoMeasured: 1m"), "noTarget");
    assert_eq!(of(aims), "unmeasured");
    assert_eq!(of(&format!("{aims}, rtoMeasured: 1h, {day}")), "unmeasured");
    assert_eq!(
        of(&format!("{aims}, rtoMeasured: 1h, rpoMeasured: 1m, {day}")),
        "met"
    );
    assert_eq!(
        of(&format!(
            "{aims}, rtoMeasured: 3601s, rpoMeasured: 1m, {day}"
        )),
        "missed"
    );
    assert_eq!(of(&format!("{aims}, rpoMeasured: 61s, {day}")), "missed");
    // Quarterly drills: 92 days are recent, 93 are not; no day is not recent either.
    let both = format!("{aims}, rtoMeasured: 1m, rpoMeasured: 1s");
    assert_eq!(of(&format!("{both}, drilledOn: 2027-03-30")), "met");
    assert_eq!(of(&format!("{both}, drilledOn: 2027-03-29")), "stale");
    assert_eq!(of(&both), "stale");
    let undated = found("", &[service("x", "log", &both)]);
    assert_eq!(undated["services"][0]["progress"], "met");
}

#[test]
fn nothing_measured_is_not_told_as_nothing_missed() {
    let tone = |more: &str| {
        let answers = format!("  services:\n{}", service("a", "transaction", more));
        let assessed = assess("portfolio", &answers).unwrap_or_else(|r| panic!("{}", said(&r)));
        let mut tiles = assessed.report.tiles.into_iter();
        let tile = tiles.find(|tile| tile.title.en == "Targets missed");
        tile.map(|tile| tile.tone)
    };
    assert_eq!(tone("rtoTarget: 1h, rpoTarget: 1m"), Some(Tone::Plain));
}

#[test]
fn core_services_need_four_hours() {
    let of = |more: &str| {
        found("", &[service("x", "log", more)])["services"][0]["coreTargetMissing"].clone()
    };
    assert_eq!(of("grade: 1"), true);
    assert_eq!(of("grade: 1, rtoTarget: 4h"), false);
    assert_eq!(of("grade: 1, rtoTarget: 4.01h"), true);
    assert_eq!(of("grade: 2"), false);
}

#[test]
fn the_way_out_of_kubevirt_needs_ratio_and_date_and_keeps_them() {
    let services = [
        service("a", "log", "state: bridge"),
        service("b", "log", "state: moved, wasBridge: yes"),
        service("c", "log", "state: moved"),
    ];
    let exit = |head: &str| found(head, &services)["exit"].clone();
    assert_eq!(exit("")["stated"], false);
    assert_eq!(exit("  exitRatio: 80%\n")["stated"], false);
    let stated = exit("  exitRatio: 80%\n  exitBy: 2027-12\n  asOf: 2027-12-31\n");
    assert_eq!(
        (
            &stated["stated"],
            &stated["ratioPercent"],
            &stated["overdue"]
        ),
        (&json!(true), &json!(50.0), &json!(false))
    );
    assert_eq!(
        exit("  exitRatio: 80%\n  exitBy: 2027-12\n  asOf: 2028-01-01\n")["overdue"],
        true
    );
    assert_eq!(
        exit("  exitRatio: 50%\n  exitBy: 2027-12\n  asOf: 2028-01-01\n")["overdue"],
        false
    );
}

#[test]
fn figures_for_the_board_are_compared_with_the_cases() {
    let level = |id: &str, kpi: &str| {
        let all = found(&format!("  kpi: {{ {kpi} }}\n"), &[service("x", "log", "")]);
        let kpis = all["kpis"].as_array().expect("a list").clone();
        kpis.into_iter().find(|k| k["id"] == id).expect("there")["level"].clone()
    };
    for (id, kpi, expected) in [
        ("tco", "tcoBefore: 100, tcoNow: 70", "reached"),
        ("tco", "tcoBefore: 100, tcoNow: 71", "better"),
        ("tco", "tcoBefore: 100, tcoNow: 101", "noBetter"),
        ("density", "densityBefore: 10, densityNow: 30", "reached"),
        ("density", "densityBefore: 10, densityNow: 29", "better"),
        ("density", "densityBefore: 10, densityNow: 9", "noBetter"),
        ("leadTime", "leadTimeBefore: 3d, leadTimeNow: 1h", "reached"),
        ("leadTime", "leadTimeBefore: 3d, leadTimeNow: 2h", "better"),
        ("mttr", "mttrBefore: 2h, mttrNow: 1h", "reached"),
        ("mttr", "mttrBefore: 2h, mttrNow: 61m", "better"),
        ("reversible", "reversible: 92%", "told"),
        ("drift", "driftBefore: 9, driftNow: 3", "better"),
        ("drift", "driftNow: 3", "told"),
        ("drift", "reversible: 92%", "missing"),
    ] {
        assert_eq!(level(id, kpi), expected, "{kpi}");
    }
}

#[test]
fn bad_inventories_are_refused_with_their_line() {
    let head = "name,grade,category,state,dependsOn,rtoTarget,drilledOn,wasBridge\n";
    let refused = |rows: &str| {
        said(
            &run(
                "portfolio",
                &format!("{head}{rows}"),
                Form::Csv,
                &Inputs::default(),
            )
            .expect_err("refused"),
        )
    };
    for (rows, needles) in [
        (
            "a,1,log,waiting,bb,,,\nb,1,log,waiting,,,,\n",
            [
                "answers:2:17 (services[0].dependsOn)",
                "there is no service `bb`",
            ],
        ),
        (
            "a,1,log,waiting,,,,\na,2,log,waiting,,,,\n",
            ["answers:3:1 (services[1].name)", "already used on line 2"],
        ),
        (
            "a,5,log,waiting,,,,\n",
            ["answers:2:3 (services[0].grade)", "5 is not possible here"],
        ),
        (
            "a,1,log,waiting,,-3m,,\n",
            [
                "answers:2:18 (services[0].rtoTarget)",
                "not a time with its unit",
            ],
        ),
        (
            "a,1,log,waiting,,,,yes\n",
            ["(services[0].wasBridge)", "not begun, and yet"],
        ),
    ] {
        let text = refused(rows);
        for needle in needles {
            assert!(text.contains(needle), "{needle} in {text}");
        }
    }
    let late = format!(
        "  asOf: 2027-01-01\n  services:\n{}",
        service("a", "log", "drilledOn: 2027-01-02")
    );
    let text = said(&assess("portfolio", &late).expect_err("refused"));
    assert!(
        text.contains("a drill after the day of the inventory"),
        "{text}"
    );
}

#[test]
fn csv_and_yaml_give_the_same() {
    let csv = "이름;등급(1 핵심 … 4 일반);데이터 유형;상태;RTO 목표;rpoTarget\none;2;트랜잭션;미착수;1시간;0초\n";
    let csv = run("portfolio", csv, Form::Csv, &Inputs::default())
        .unwrap_or_else(|r| panic!("{}", said(&r)));
    let yaml = found(
        "",
        &[service(
            "one",
            "transaction",
            "grade: 2, rtoTarget: 1h, rpoTarget: 0s",
        )],
    );
    assert_eq!(csv.outcome, yaml);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Whatever the graph: every service that moves is in one wave after all it
    /// needs, or behind a circle; and one more dependency never moves one forward.
    #[test]
    fn waves_respect_dependencies(edges in proptest::collection::vec((0..8usize, 0..8usize), 0..12), more in (0..8usize, 0..8usize)) {
        let kinds = ["log", "session", "transaction", "none"];
        let plan = |edges: &[(usize, usize)]| {
            let services: Vec<String> = (0..8).map(|at| {
                let needs: Vec<String> = edges.iter().filter(|(from, _)| *from == at).map(|(_, to)| format!("s{to}")).collect();
                service(&format!("s{at}"), kinds[at % 4], &format!("dependsOn: \"{}\"", needs.join("; ")))
            }).collect();
            found("", &services)
        };
        let stage = |found: &Value, at: usize| found["services"][at]["wave"].as_u64();
        let before = plan(&edges);
        for (from, to) in &edges {
            if let Some(wave) = stage(&before, *from) {
                prop_assert!(stage(&before, *to).expect("in a wave") < wave);
            }
        }
        let cyclic = (0..8).any(|at| stage(&before, at).is_none());
        prop_assert_eq!(cyclic, !before["cycles"].as_array().expect("a list").is_empty());
        let mut longer = edges.clone();
        longer.push(more);
        let after = plan(&longer);
        let alone = |found: &Value| (0..8).filter(|at| stage(found, *at).is_some()).count();
        prop_assert!(alone(&after) <= alone(&before));
        if let (Some(new), Some(needed)) = (stage(&after, more.0), stage(&after, more.1)) {
            prop_assert!(new > needed);
        }
    }

    /// A slower recovery never counts as more.
    #[test]
    fn slower_is_never_better(target in 1..100u32, measured in 0..120u32, more in 0..60u32) {
        let met = |minutes: u32| {
            let fields = format!("rtoTarget: {target}m, rpoTarget: 1m, rtoMeasured: {minutes}m, rpoMeasured: 0s");
            found("", &[service("x", "log", &fields)])["services"][0]["progress"] == "met"
        };
        prop_assert!(met(measured) || !met(measured + more));
        prop_assert_eq!(met(measured), measured <= target);
    }
}
