//! `active-active` against DR 2.2.1.

use crate::support::{outcome, rules};
use serde_json::json;

fn one(cells: &str) -> serde_json::Value {
    let text = format!("  workloads:\n    - {{ name: w{cells} }}\n");
    outcome("active-active", &text)["workloads"][0].clone()
}

#[test]
fn the_structures_are_four_and_in_order() {
    let rules = rules("active-active");
    let structures = rules["structures"].as_array().expect("a list").iter();
    let ids: Vec<_> = structures.map(|s| s["id"].clone()).collect();
    assert_eq!(ids, ["declarative", "stateless", "mesh", "gitops"]);
}

#[test]
fn all_four_or_it_is_not_ready() {
    let all = ", declarative: yes, stateless: yes, mesh: yes, gitops: yes";
    assert_eq!(one(all)["ready"], true);
    for id in ["declarative", "stateless", "mesh", "gitops"] {
        let without = one(&all.replace(&format!("{id}: yes"), &format!("{id}: no")));
        assert_eq!(without["ready"], false, "{id}");
        assert_eq!(without["next"], id);
        let unknown = one(&all.replace(&format!(", {id}: yes"), ""));
        assert_eq!(unknown["ready"], false, "unknown {id} is not yes");
        assert_eq!(unknown["unknown"], json!([id]));
    }
}

/// "A platform without a mesh: multi-cluster routing is next; platform and mesh
/// without GitOps: ApplicationSet is next."
#[test]
fn the_next_step_follows_the_document() {
    let no_mesh = ", declarative: yes, stateless: yes, mesh: no, gitops: no";
    assert_eq!(one(no_mesh)["next"], "mesh");
    let no_gitops = ", declarative: yes, stateless: yes, mesh: yes, gitops: no";
    assert_eq!(one(no_gitops)["next"], "gitops");
}

#[test]
fn the_poc_most_workloads_wait_for_comes_first_and_a_mesh_needs_a_network() {
    let text = "  workloads:
    - { name: a, declarative: yes, stateless: yes, mesh: no, gitops: yes }
    - { name: b, declarative: yes, stateless: yes, mesh: no, gitops: no }
    - { name: c, declarative: no, stateless: no, mesh: no, gitops: no }
";
    let found = outcome("active-active", text);
    let mesh = json!({ "structure": "mesh", "unblocks": 2, "blanks": 3 });
    assert_eq!(found["next"][0], mesh);
    assert_eq!(found["networkFirst"], true);
    let reached = format!("  podsReachEachOther: yes\n{text}");
    assert_eq!(outcome("active-active", &reached)["networkFirst"], false);
}
