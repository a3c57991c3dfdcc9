//! `operating-model` against V 12.1.

use crate::support::{assess, outcome, rules};
use serde_json::{Value, json};

const YES_NO: [(&str, &str); 11] = [
    ("declarative", "yes"),
    ("immutableImages", "yes"),
    ("autoscaling", "yes"),
    ("oneSurface", "yes"),
    ("restContainerisable", "yes"),
    ("newOnVmsNeeded", "no"),
    ("monitoringSame", "yes"),
    ("securityOnce", "yes"),
    ("haDuplicated", "no"),
    ("kubevirtAbsorbs", "yes"),
    ("licenceOutlook", "growing"),
];

/// A complete file in which everything is as it should be, except for `change`.
fn file(change: (&str, &str), recovery: &str) -> String {
    let mut text = String::new();
    let figures = [
        ("specialShare", "18%"),
        ("hypervisorShare", "20%"),
        ("teams", "VM 6"),
    ];
    for (id, good) in YES_NO.iter().chain(&figures) {
        let today = if *id == change.0 { change.1 } else { good };
        text.push_str(&format!(
            "  {id}:\n    today: \"{today}\"\n    evidence: doc\n    owner: me\n"
        ));
    }
    format!("{text}  recovery: {recovery}\n")
}

fn judged(id: &str, today: &str) -> Value {
    let found = outcome("operating-model", &file((id, today), "[]"));
    let items = found["items"].as_array().expect("a list").clone();
    items
        .into_iter()
        .find(|item| item["id"] == id)
        .expect("judged")
}

#[test]
fn there_are_fourteen_items() {
    let rules = rules("operating-model");
    assert_eq!(rules["items"].as_array().expect("a list").len(), 14);
}

#[test]
fn a_good_file_has_no_gaps() {
    let found = assess("operating-model", &file(("", ""), "[]")).expect("complete");
    assert_eq!(found.report.verdict.headline.en, "No gaps");
}

#[test]
fn what_is_not_as_it_should_be_needs_an_aim() {
    for (id, good) in YES_NO.iter().filter(|(_, good)| *good != "growing") {
        let bad = if *good == "yes" { "no" } else { "yes" };
        assert_eq!(judged(id, bad)["state"], "bad", "{id}");
        assert_eq!(judged(id, bad)["gaps"], json!(["target"]), "{id}");
        assert_eq!(judged(id, "partly")["state"], "partly", "{id}");
        assert_eq!(judged(id, good)["gaps"], json!([]), "{id}");
    }
    assert_eq!(judged("specialShare", "31%")["state"], "bad");
    assert_eq!(judged("specialShare", "30%")["state"], "good");
    assert_eq!(judged("hypervisorShare", "21%")["state"], "bad");
}

#[test]
fn two_recovery_authorities_are_refused() {
    let recovery = "[ { name: a, by: [kubernetes] }, { name: b, by: [hypervisor, kubernetes] } ]";
    let found = assess("operating-model", &file(("", ""), recovery)).expect("complete");
    assert_eq!(found.outcome["doubleRecovery"], json!(["b"]));
    assert_eq!(
        found.report.verdict.headline.en,
        "More than one recovery authority: 1 workload"
    );
}
