//! `traffic` against the table and the three combinations of DR 2.2.2.

use crate::support::{outcome, rules};
use proptest::prelude::*;
use serde_json::{Value, json};

fn workload(delay: &str, session: &str, external: &str, progressive: &str, skill: &str) -> Value {
    let text = format!(
        "  workloads:\n    - {{ name: w, toleratedDelay: {delay}, session: {session}, externalSessions: {external}, progressive: {progressive}, skill: {skill} }}\n"
    );
    outcome("traffic", &text)["workloads"][0].clone()
}

#[test]
fn every_cell_of_the_table_is_in_the_rules() {
    let rules = rules("traffic");
    let layers = rules["layers"].as_array().expect("a list");
    let cells: Vec<Value> = layers
        .iter()
        .map(|l| {
            json!([
                l["id"],
                l["delaySecondsMin"],
                l["session"],
                l["burden"]["en"]
            ])
        })
        .collect();
    // Minutes to hours, seconds, under a second.
    let expected = [
        json!(["dns", 60, "weak", "low"]),
        json!(["loadBalancer", 1, "medium", "medium"]),
        json!(["mesh", 0, "strong", "high"]),
    ];
    assert_eq!(cells, expected);
}

#[test]
fn the_three_combinations_of_the_document() {
    let simple = workload("5m", "weak", "no", "no", "dns");
    assert_eq!(simple["stack"], json!(["dns"]));
    assert_eq!(simple["conditions"], json!([]));

    let sticky = workload("10s", "strong", "yes", "no", "loadBalancer");
    assert_eq!(sticky["stack"], json!(["dns", "loadBalancer"]));
    assert_eq!(sticky["conditions"], json!([]));

    let canary = workload("10s", "weak", "yes", "yes", "mesh");
    assert_eq!(canary["stack"], json!(["dns", "loadBalancer", "mesh"]));
    assert_eq!(canary["because"], json!(["progressive"]));
}

#[test]
fn what_is_not_there_yet_is_a_condition_not_a_lower_layer() {
    let sessions = workload("10s", "strong", "no", "no", "loadBalancer");
    assert_eq!(sessions["layer"], "loadBalancer");
    assert_eq!(sessions["conditions"], json!(["externalSessions"]));

    let delay = workload("0.5s", "weak", "no", "no", "dns");
    assert_eq!(delay["layer"], "mesh");
    assert_eq!(delay["conditions"], json!(["skill"]));

    let with_mesh = workload("10s", "strong", "no", "no", "mesh");
    assert_eq!(with_mesh["layer"], "mesh");
    assert_eq!(with_mesh["conditions"], json!([]));
}

fn rank(layer: &Value) -> u8 {
    match layer.as_str() {
        Some("dns") => 0,
        Some("loadBalancer") => 1,
        _ => 2,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_shorter_delay_never_lowers_the_layer(
        a in 1u32..600, b in 1u32..600, session in 0usize..3, skill in 0usize..3, progressive: bool,
    ) {
        let session = ["weak", "medium", "strong"][session];
        let skill = ["dns", "loadBalancer", "mesh"][skill];
        let progressive = if progressive { "yes" } else { "no" };
        let layer = |seconds: u32| {
            let chosen = workload(&format!("{seconds}s"), session, "yes", progressive, skill);
            rank(&chosen["layer"])
        };
        prop_assert!(layer(a.min(b)) >= layer(a.max(b)));
    }
}
