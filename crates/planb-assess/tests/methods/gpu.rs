//! `gpu` against V 8.2 and W 12.

use crate::support::{outcome, rules};
use proptest::prelude::*;
use serde_json::{Value, json};

fn run(workloads: &str) -> Value {
    let text = format!("  pricePerMonth: 1000\n  imageTagsOnly: yes\n  workloads:\n{workloads}");
    outcome("gpu", &text)
}

fn one(pods: u32, whole: &str, isolated: &str) -> Value {
    run(&format!(
        "    - {{ name: w, pods: {pods}, wholeGpu: {whole}, isolated: {isolated} }}\n"
    ))
}

#[test]
fn the_documents_figures_are_the_defaults() {
    let rules = rules("gpu");
    assert_eq!(rules["utilisationBefore"], json!({ "low": 20, "high": 30 }));
    assert_eq!(rules["utilisationAfter"], json!({ "low": 60, "high": 80 }));
    // An A100 has seven slices, ten pods take turns on one GPU.
    assert_eq!(one(7, "no", "yes")["gpus"], json!({ "mig": 1 }));
    assert_eq!(one(8, "no", "yes")["gpus"], json!({ "mig": 2 }));
    assert_eq!(one(10, "no", "no")["gpus"], json!({ "timeSlicing": 1 }));
    assert_eq!(one(11, "no", "no")["gpus"], json!({ "timeSlicing": 2 }));
    assert_eq!(one(3, "yes", "yes")["gpus"], json!({ "whole": 3 }));
}

#[test]
fn workloads_of_one_mode_share_gpus() {
    let found =
        run("    - { name: a, pods: 4, wholeGpu: no }\n    - { name: b, pods: 5, wholeGpu: no }\n");
    assert_eq!(found["gpusShared"], 1);
    assert_eq!(found["gpusWhole"], 9);
    assert_eq!(
        (&found["costShared"], &found["costWhole"]),
        (&json!(1000.0), &json!(9000.0))
    );
}

/// Vector stores need a backup of their own (W 12): without one it is said.
#[test]
fn a_vector_store_without_a_backup_is_a_gap() {
    let with = |backup: &str| {
        let workloads = "    - { name: w, pods: 2, wholeGpu: no }\n";
        let text =
            format!("  pricePerMonth: 1\n  imageTagsOnly: yes\n{backup}  workloads:\n{workloads}");
        outcome("gpu", &text)
    };
    assert_ne!(
        with("  vectorStoreBackup: no\n"),
        with("  vectorStoreBackup: yes\n")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn sharing_never_needs_more_and_more_pods_never_need_fewer(pods in 1u32..500, whole: bool, isolated: bool) {
        let word = |yes: bool| if yes { "yes" } else { "no" };
        let gpus = |pods: u32| one(pods, word(whole), word(isolated))["gpusShared"].as_u64().expect("a number");
        prop_assert!(gpus(pods) <= u64::from(pods));
        prop_assert!(gpus(pods + 1) >= gpus(pods));
    }
}
