//! `images` against DR 3.2.2, 3.2.3, 7.1 and 7.2.1.

use crate::support::{assess, outcome, rules, said};
use proptest::prelude::*;
use serde_json::{Value, json};

fn answers(more: &str, group: &str) -> String {
    format!(
        "  agenda: []\n{more}  images:\n    - {{ name: g, {group}, perDay: 10, meanSize: 100 }}\n"
    )
}

fn route(more: &str, group: &str) -> Value {
    outcome("images", &answers(more, group))["groups"][0].clone()
}

#[test]
fn the_agenda_has_seven_items_and_admission_is_the_most_important() {
    let rules = rules("images");
    let agenda = rules["agenda"].as_array().expect("a list");
    let ids: Vec<_> = agenda.iter().map(|a| a["id"].clone()).collect();
    let seven = [
        "truthSite",
        "changeRights",
        "variables",
        "ociInRfp",
        "signing",
        "admission",
        "isms",
    ];
    assert_eq!(ids, seven);
    let important = agenda.iter().filter(|a| a["mostImportant"] == true);
    let important: Vec<_> = important.map(|a| a["id"].clone()).collect();
    assert_eq!(important, ["admission"]);
}

#[test]
fn every_cell_of_the_pattern_table_is_in_the_rules() {
    let rules = rules("images");
    let patterns = rules["patterns"].as_array().expect("a list").iter();
    let cells: Vec<Value> = patterns
        .map(|p| json!([p["id"], p["truth"]["en"], p["conflict"], p["burden"]]))
        .collect();
    let expected = [
        json!(["push", "very clear", "none", "low"]),
        json!(["pull", "clear", "none", "low"]),
        json!(["twoWay", "shared", "policy", "high"]),
        json!(["cache", "clear", "none", "medium"]),
    ];
    assert_eq!(cells, expected);
}

#[test]
fn the_pattern_follows_who_builds_then_the_network_then_the_line() {
    let push = route("", "builtAt: one, network: direct");
    assert_eq!(push["pattern"], "push");
    let pull = route("", "builtAt: one, network: direct, lineUnstable: yes");
    assert_eq!(pull["pattern"], "pull");
    let dmz = route("  outageSla: 24h\n", "builtAt: one, network: separated");
    assert_eq!(
        (&dmz["pattern"], &dmz["throughGateway"]),
        (&json!("pull"), &json!(true))
    );
    let both = route("  conflict: blockTag\n", "builtAt: both, network: direct");
    assert_eq!(
        (&both["pattern"], &both["conflictOpen"]),
        (&json!("twoWay"), &json!(false))
    );
    let open = route("", "builtAt: both, network: direct");
    assert_eq!(open["conflictOpen"], true);
    let cache = route("", "builtAt: one, network: direct, lineDear: yes");
    assert_eq!(cache["pattern"], "push", "a cache is never alone");
    assert_eq!(cache["withCache"], true);
}

#[test]
fn a_gateway_needs_the_outage_it_has_to_bridge() {
    let text = answers("", "builtAt: one, network: separated");
    let refusal = assess("images", &text).expect_err("no outage");
    assert!(said(&refusal).contains("outageSla"), "{}", said(&refusal));
    let sized = answers("  outageSla: 12h\n", "builtAt: one, network: separated");
    // Half a day × 10 images × 100 MiB.
    assert_eq!(outcome("images", &sized)["gatewayMib"], 500.0);
    let direct = answers("  outageSla: 12h\n", "builtAt: one, network: direct");
    assert_eq!(outcome("images", &direct)["gatewayMib"], Value::Null);
}

#[test]
fn without_admission_nothing_is_kept_out() {
    let mut items: Vec<&str> = vec![
        "truthSite",
        "changeRights",
        "variables",
        "ociInRfp",
        "signing",
        "isms",
    ];
    let file = |items: &[&str]| {
        let lines: String = items
            .iter()
            .map(|i| format!("    - {{ item: {i}, decision: done }}\n"))
            .collect();
        format!(
            "  agenda:\n{lines}  period: event\n  trigger: push\n  scope: all\n  conflict: blockTag\n  images:\n    - {{ name: g, builtAt: one, network: direct, perDay: 1, meanSize: 1 }}\n"
        )
    };
    let report = assess("images", &file(&items)).expect("complete").report;
    assert_eq!(report.verdict.headline.en, "Nothing is kept out yet");
    items.push("admission");
    let report = assess("images", &file(&items)).expect("complete").report;
    assert_eq!(report.verdict.headline.en, "Everything is decided");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_gateway_grows_with_outage_rate_and_size(hours in 1u32..100, rate in 1u32..50, size in 1u32..900) {
        let room = |hours: u32, rate: u32, size: u32| {
            let text = format!("  agenda: []\n  outageSla: {hours}h\n  images:\n    - {{ name: g, builtAt: one, network: separated, perDay: {rate}, meanSize: {size} }}\n");
            outcome("images", &text)["gatewayMib"].as_f64().expect("a size")
        };
        let base = room(hours, rate, size);
        prop_assert!(room(hours + 1, rate, size) > base);
        prop_assert!(room(hours, rate + 1, size) > base);
        prop_assert!(room(hours, rate, size + 1) > base);
    }
}
