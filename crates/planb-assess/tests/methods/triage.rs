//! `triage` against V 11 and V 12.2.1, in the order that settles their
//! contradictions.

use crate::support::{assess, outcome, run, said};
use planb_assess::answers::Form;
use planb_assess::{Inputs, Refusal};
use proptest::prelude::*;
use serde_json::Value as Json;

const TIES: [&str; 5] = [
    "kernelModule",
    "driver",
    "realTimeOs",
    "windowsBound",
    "osBound",
];

/// One workload with everything answered no, and `changes` over it.
fn workload(name: &str, changes: &[(&str, &str)]) -> String {
    let mut fields: Vec<(&str, &str)> = vec![("extremeLatency", "no"), ("isolation", "none")];
    fields.extend(TIES.map(|tie| (tie, "no")));
    for (field, value) in changes {
        fields.retain(|(f, _)| f != field);
        fields.push((field, value));
    }
    let fields: Vec<String> = fields
        .iter()
        .filter(|(_, v)| !v.is_empty())
        .map(|(f, v)| format!("{f}: {v}"))
        .collect();
    format!("    - {{ name: {name}, {} }}\n", fields.join(", "))
}

fn judged(changes: &[(&str, &str)]) -> Json {
    let text = format!("  workloads:\n{}", workload("one", changes));
    outcome("triage", &text)["workloads"][0].clone()
}

/// `class runtime rule` of one workload.
fn short(changes: &[(&str, &str)]) -> String {
    let one = judged(changes);
    let part = |key: &str| one[key].as_str().expect("there").to_owned();
    format!("{} {} {}", part("class"), part("runtime"), part("rule"))
}

#[test]
fn every_row_of_the_three_classes() {
    assert_eq!(short(&[]), "modernise runc d");
    for tie in TIES {
        assert_eq!(short(&[(tie, "yes")]), "kubevirt kubevirt c", "{tie}");
    }
    assert_eq!(short(&[("extremeLatency", "yes")]), "keep vm a");
}

#[test]
fn isolation_is_settled_by_overhead_then_review() {
    let isolated = |more: &[(&str, &str)]| {
        let mut changes = vec![("isolation", "hypervisor")];
        changes.extend(more);
        short(&changes)
    };
    assert_eq!(
        isolated(&[("overheadTolerable", "yes")]),
        "modernise kata b"
    );
    assert_eq!(
        short(&[("isolation", "sandbox"), ("overheadTolerable", "yes")]),
        "modernise gvisor b"
    );
    for stuck in [("overheadTolerable", "no"), ("kernelModule", "yes")] {
        assert_eq!(
            isolated(&[stuck, ("reviewAcceptsKubevirt", "yes")]),
            "kubevirt kubevirt b",
            "{stuck:?}"
        );
        assert_eq!(
            isolated(&[stuck, ("reviewAcceptsKubevirt", "no")]),
            "keep vm b",
            "{stuck:?}"
        );
    }
}

#[test]
fn the_contradiction_about_real_time_is_settled_and_all_predicates_are_printed() {
    // Real time with extreme latency stays; real time alone moves.
    let both = judged(&[
        ("extremeLatency", "yes"),
        ("kernelModule", "yes"),
        ("realTimeOs", "yes"),
    ]);
    assert_eq!(both["class"], "keep");
    assert_eq!(
        both["fired"],
        serde_json::json!(["extremeLatency", "kernelModule", "realTimeOs"])
    );
    assert_eq!(short(&[("realTimeOs", "yes")]), "kubevirt kubevirt c");
}

#[test]
fn what_is_unknown_is_never_containerisable() {
    let needs = |changes: &[(&str, &str)]| {
        let one = judged(changes);
        assert_eq!(one["class"], "undecided");
        one["needs"].clone()
    };
    assert_eq!(
        needs(&[("extremeLatency", "")]),
        serde_json::json!(["extremeLatency"])
    );
    assert_eq!(
        needs(&[("isolation", "")]),
        serde_json::json!(["isolation"])
    );
    assert_eq!(needs(&[("driver", "")]), serde_json::json!(["driver"]));
    assert_eq!(
        needs(&[("isolation", "hypervisor")]),
        serde_json::json!(["overheadTolerable"])
    );
    assert_eq!(
        needs(&[("isolation", "hypervisor"), ("overheadTolerable", "no")]),
        serde_json::json!(["reviewAcceptsKubevirt"])
    );
    // One tie is enough, whatever the others are.
    assert_eq!(
        short(&[("driver", ""), ("osBound", "yes")]),
        "kubevirt kubevirt c"
    );
}

#[test]
fn kubevirt_needs_a_ratio_and_a_date() {
    let moved = workload("one", &[("driver", "yes")]);
    let stated = |head: &str| {
        outcome("triage", &format!("{head}  workloads:\n{moved}"))["exitStated"].clone()
    };
    assert_eq!(stated(""), false);
    assert_eq!(stated("  exitRatio: 80%\n"), false);
    assert_eq!(stated("  exitRatio: 80%\n  exitBy: 2028-12\n"), true);
    let stays = format!("  workloads:\n{}", workload("one", &[]));
    assert_eq!(outcome("triage", &stays)["exitStated"], true);
}

#[test]
fn bad_inventories_are_refused_with_their_place() {
    let twice = format!("  workloads:\n{}{}", workload("a", &[]), workload("a", &[]));
    let refusal = assess("triage", &twice).expect_err("refused");
    assert!(
        said(&refusal).contains("answers:5:15 (workloads[1].name)"),
        "{}",
        said(&refusal)
    );
    let csv = "name,isolation,driver\na,hypervizor,no\n,none,maybe\n";
    let refusal = run("triage", csv, Form::Csv, &Inputs::default()).expect_err("refused");
    let text = said(&refusal);
    for needle in [
        "answers:2:3 (workloads[0].isolation)",
        "did you mean `hypervisor`?",
        "answers:3:7",
    ] {
        assert!(text.contains(needle), "{needle} in {text}");
    }
    let csv = "name,isolated\na,no\n";
    let text = said(&run("triage", csv, Form::Csv, &Inputs::default()).expect_err("refused"));
    assert!(
        text.contains("answers:1:6") && text.contains("a heading that is no field"),
        "{text}"
    );
}

#[test]
fn csv_and_yaml_give_the_same() {
    let csv = "이름;extremeLatency;isolation;kernelModule;driver;realTimeOs;windowsBound;osBound\n\
               one;아니요;없음;no;no;no;Y;no\n";
    let from_csv = run("triage", csv, Form::Csv, &Inputs::default());
    let from_csv = from_csv.unwrap_or_else(|r| panic!("{}", said(&r))).outcome;
    assert_eq!(from_csv["workloads"][0], judged(&[("windowsBound", "yes")]));
}

#[test]
fn a_missing_name_is_missing() {
    let csv = "name,driver\n,no\n";
    match run("triage", csv, Form::Csv, &Inputs::default()) {
        Err(Refusal::Missing(missing)) => assert_eq!(
            (missing[0].field.as_str(), missing[0].line),
            ("workloads[0].name", 2)
        ),
        other => panic!("{other:?}"),
    }
}

fn rank(class: &str) -> u8 {
    ["modernise", "kubevirt", "keep"]
        .iter()
        .position(|c| *c == class)
        .expect("there") as u8
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// One more obstacle never brings a workload nearer to containers, as long
    /// as no isolation is in play (which has its own order).
    #[test]
    fn obstacles_never_help(ties: [bool; 5], latency: bool, more in 0..6usize) {
        let answers = |ties: [bool; 5], latency: bool| {
            let word = |b| if b { "yes" } else { "no" };
            let mut changes: Vec<(&str, &str)> = TIES.iter().zip(ties).map(|(t, b)| (*t, word(b))).collect();
            changes.push(("extremeLatency", word(latency)));
            judged(&changes)["class"].as_str().expect("there").to_owned()
        };
        let (mut worse, mut worse_latency) = (ties, latency);
        if more < 5 { worse[more] = true } else { worse_latency = true }
        prop_assert!(rank(&answers(worse, worse_latency)) >= rank(&answers(ties, latency)));
    }
}
