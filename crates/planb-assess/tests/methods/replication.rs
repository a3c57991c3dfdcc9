//! `replication` against the tables of DR 4.

use crate::support::{assess, outcome, said};
use planb_assess::report::Block;
use planb_model::{Text, plan};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const CATEGORIES: [&str; 4] = ["sync", "cdc", "distributed-sql", "nosql"];

/// One workload; `more` are fields of the file or of the workload.
fn chosen(kind: &str, new: bool, sla: (bool, bool), head: &str, more: &str) -> Json {
    let word = |b| if b { "yes" } else { "no" };
    let text = format!(
        "  thirdSite: yes\n{head}  workloads:\n    - {{ name: one, type: {kind}, new: {}, readAtOnce: {}, writeAlone: {}{more} }}\n",
        word(new),
        word(sla.0),
        word(sla.1)
    );
    outcome("replication", &text)["workloads"][0].clone()
}

fn candidates(kind: &str, new: bool, sla: (bool, bool)) -> Vec<String> {
    let all = chosen(kind, new, sla, "", "");
    serde_json::from_value(all["candidates"].clone()).expect("there")
}

#[test]
fn every_cell_of_the_matrix() {
    // R: recommended, N: recommended if new, P: possible, -: no.
    for (kind, row) in [
        ("transaction", ["R", "-", "N", "-"]),
        ("session", ["-", "R", "P", "R"]),
        ("log", ["-", "R", "-", "R"]),
        ("analytics", ["-", "R", "N", "R"]),
    ] {
        for new in [false, true] {
            let expected: Vec<&str> = CATEGORIES
                .iter()
                .zip(row)
                .filter(|(_, cell)| *cell == "R" || *cell == "N" && new)
                .map(|(category, _)| *category)
                .collect();
            assert_eq!(
                candidates(kind, new, (false, false)),
                expected,
                "{kind} new={new}"
            );
        }
        // Only when the SLA leaves nothing recommended does "possible" count.
        let strong = candidates(kind, false, (true, false));
        assert_eq!(
            strong.contains(&"distributed-sql".to_owned()),
            row[2] == "P",
            "{kind}"
        );
    }
}

/// A table of the workbook, in English.
fn table(title: &str) -> Vec<Vec<String>> {
    let text = "  thirdSite: yes\n  workloads:\n    - { name: a, type: log, new: no, readAtOnce: no, writeAlone: no }\n";
    let report = assess("replication", text).expect("there").report;
    let section = report
        .sections
        .iter()
        .find(|s| s.title.en == title)
        .expect("there");
    let json = serde_json::to_value(&section.blocks[0]).expect("there");
    let rows = json["content"]["rows"].as_array().expect("there");
    let cell = |c: &Json| c["text"]["en"].as_str().expect("there").to_owned();
    rows.iter()
        .map(|r| r.as_array().expect("there").iter().map(cell).collect())
        .collect()
}

#[test]
fn the_tables_of_the_workbook_say_what_the_document_says() {
    assert_eq!(
        table("The matrix"),
        [
            [
                "Transaction",
                "recommended",
                "no (conflicts)",
                "recommended if new",
                "no (no transactions over several keys)"
            ],
            [
                "Session",
                "no (latency)",
                "recommended",
                "possible (too much for it)",
                "recommended"
            ],
            [
                "Log, event",
                "no (write rate)",
                "recommended",
                "no (too heavy to run)",
                "recommended"
            ],
            [
                "Analytics",
                "no (its writes do not suit it)",
                "recommended (as feed)",
                "recommended if new",
                "recommended"
            ],
        ]
    );
}

#[test]
fn the_categories_are_those_of_the_document() {
    let categories = table("What each category brings");
    assert_eq!(
        categories[1],
        [
            "Consistency",
            "strong",
            "eventual",
            "global strong",
            "per query (LOCAL_QUORUM … EACH_QUORUM)"
        ]
    );
    assert_eq!(
        categories[2],
        ["RPO", "0", "ms to minutes (lag)", "0", "seconds"]
    );
    assert_eq!(
        categories[3],
        [
            "Write latency",
            "plus the round trip",
            "local",
            "medium",
            "low"
        ]
    );
    assert_eq!(
        categories[4],
        [
            "When cut off",
            "refuses writes without quorum; needs a third site",
            "both sites write",
            "the minority stops",
            "both sites write"
        ]
    );
    assert_eq!(
        categories[5],
        [
            "Conflicts",
            "none",
            "a policy is needed",
            "none",
            "LWW or the application"
        ]
    );
    assert_eq!(
        categories[6],
        ["Difficulty", "medium", "medium to high", "high", "medium"]
    );
    assert_eq!(
        table("Conflicts")[0],
        ["Automation", "full", "full", "low to medium"]
    );
}

#[test]
fn the_documents_own_examples() {
    // A new membership payment service starts as distributed SQL.
    assert_eq!(
        chosen("transaction", true, (true, false), "", "")["category"],
        "distributed-sql"
    );
    // An existing shop's cart has CDC and NoSQL on the agenda.
    assert_eq!(
        candidates("session", false, (false, false)),
        ["cdc", "nosql"]
    );
    // Existing transactions: synchronous first.
    assert_eq!(
        chosen("transaction", false, (true, false), "", "")["category"],
        "sync"
    );
}

#[test]
fn ties_go_by_skills_and_stay_ties_without() {
    let by = |skills: &str| chosen("session", false, (false, false), skills, "");
    assert_eq!(by("")["state"], "tie");
    assert_eq!(by("  skills: [relational]\n")["category"], "cdc");
    assert_eq!(by("  skills: [nosql]\n")["category"], "nosql");
    assert_eq!(by("  skills: [relational, nosql]\n")["state"], "tie");
}

#[test]
fn both_questions_yes_is_a_contradiction_for_every_type() {
    for kind in ["transaction", "session", "log", "analytics"] {
        let one = chosen(kind, true, (true, true), "  skills: [relational]\n", "");
        assert_eq!(
            (one["state"].as_str(), one["category"].as_str()),
            (Some("sla-contradiction"), Some("")),
            "{kind}"
        );
    }
}

#[test]
fn an_sla_against_the_type_fits_nothing() {
    assert_eq!(
        chosen("transaction", false, (false, true), "", "")["state"],
        "no-fit"
    );
    assert_eq!(
        chosen("log", false, (true, false), "", "")["state"],
        "no-fit"
    );
}

#[test]
fn every_kind_of_data_has_its_policy() {
    for (policy, data) in [
        ("lww", ["cache", "counter", "time-series", ""].as_slice()),
        ("crdt", &["likes", "tags", "catalogue", "session"]),
        ("business", &["payment", "stock", "member", "audit"]),
    ] {
        for data in data.iter().filter(|d| !d.is_empty()) {
            let one = chosen(
                "log",
                false,
                (false, true),
                "  skills: [relational]\n",
                &format!(", conflictData: {data}"),
            );
            assert_eq!(one["policy"], policy, "{data}");
        }
    }
    let open = chosen("log", false, (false, true), "  skills: [relational]\n", "");
    assert_eq!(
        (open["policyOpen"].clone(), open["policy"].clone()),
        (json!(true), json!(""))
    );
    let none = chosen("transaction", false, (true, false), "", "");
    assert_eq!(
        (none["policyOpen"].clone(), none["policy"].clone()),
        (json!(false), json!(""))
    );
}

#[test]
fn what_is_not_kept_is_said() {
    let warned = |head: &str, more: &str| {
        chosen("transaction", false, (true, false), head, more)["warnings"].clone()
    };
    assert_eq!(warned("", ", rpo: 0s, addedWriteMs: 15"), json!([]));
    assert_eq!(warned("", ", addedWriteMs: 14"), json!(["too-slow"]));
    assert_eq!(warned("  roundTripMs: 8\n", ", addedWriteMs: 8"), json!([]));
    let cdc = |more: &str| {
        chosen(
            "log",
            false,
            (false, false),
            "  skills: [relational]\n",
            more,
        )["warnings"]
            .clone()
    };
    assert_eq!(
        (cdc(", rpo: 299s"), cdc(", rpo: 5m")),
        (json!(["rpo-not-kept"]), json!([]))
    );
    let text = "  thirdSite: no\n  workloads:\n    - { name: a, type: transaction, new: no, readAtOnce: yes, writeAlone: no }\n";
    assert_eq!(
        outcome("replication", text)["workloads"][0]["warnings"],
        json!(["no-third-site"])
    );
}

/// The `data:` blocks of a report, as an English reader sees them.
fn blocks(answers: &str) -> Vec<String> {
    let blocks = blocks_in_both(answers).into_iter();
    blocks.map(|block| block.en).collect()
}

fn blocks_in_both(answers: &str) -> Vec<Text> {
    let report = assess("replication", answers)
        .unwrap_or_else(|r| panic!("{}", said(&r)))
        .report;
    let blocks = report.sections.into_iter().flat_map(|s| s.blocks);
    let code = blocks.filter_map(|block| match block {
        Block::Code(text) => Some(text),
        _ => None,
    });
    code.collect()
}

/// A plan whose `data:` is `block` and whose RPO is `rpo`.
fn plan_with(block: &str, rpo: &str) -> String {
    let indented: String = block.lines().map(|l| format!("  {l}\n")).collect();
    format!(
        "apiVersion: planb.dev/v1\nkind: Service\nmetadata: {{ name: one }}\nspec:\n  grade: 2\n  objectives: {{ rto: 15m, rpo: {rpo} }}\n  sites:\n    - {{ name: seoul, role: primary, database: {{ url: \"sqlite:/a.db\" }}, workload: {{ start: {{ command: [./a] }} }}, health: \"http://10.0.11.10:8080/healthz\", origin: \"http://10.0.11.10:8080\" }}\n    - {{ name: busan, role: standby, database: {{ url: \"sqlite:/b.db\" }}, workload: {{ start: {{ command: [./b] }} }}, health: \"http://10.1.11.10:8080/healthz\", origin: \"http://10.1.11.10:8080\" }}\n{indented}  traffic: {{ edge: {{ listen: \"127.0.0.1:8080\" }} }}\n"
    )
}

#[test]
fn every_block_is_read_by_planb_and_keeps_the_objective() {
    for rpo in ["1s", "5s", "1m", "5m", "24h"] {
        let answers = format!(
            "  thirdSite: yes\n  vault: s3://bucket/x\n  workloads:\n    - {{ name: one, type: transaction, new: no, readAtOnce: yes, writeAlone: no, rpo: {rpo} }}\n"
        );
        let blocks = blocks(&answers);
        assert_eq!(blocks.len(), 1);
        let text = plan_with(&blocks[0], rpo);
        let plans = plan::parse(&text, "planb.yaml")
            .unwrap_or_else(|e| panic!("{}", e.render(planb_model::Lang::En)));
        let data = &plans[0].data;
        assert_eq!(data.vault.url, "s3://bucket/x");
        assert!(
            data.flush_interval * 5 <= plans[0].objectives.rpo,
            "{rpo}: {:?}",
            data.flush_interval
        );
        assert!(data.canary_interval * 5 <= plans[0].objectives.rpo, "{rpo}");
    }
}

#[test]
fn a_block_is_the_same_in_both_languages_and_its_comment_is_not() {
    let answers = "  thirdSite: yes\n  workloads:\n    - { name: one, type: transaction, new: no, readAtOnce: no, writeAlone: no, rpo: 0s }\n    - { name: two, type: log, new: no, readAtOnce: no, writeAlone: yes, rpo: 1m }\n";
    let blocks = blocks_in_both(answers);
    assert!(!blocks.is_empty());
    for block in &blocks {
        let parts = [&block.en, &block.ko].map(|text| text.split_once('\n').expect("lines"));
        assert_eq!(parts[0].1, parts[1].1);
        assert!(parts.iter().all(|(comment, _)| comment.starts_with("# ")));
        let words = block.en.contains("own replication");
        assert_eq!(
            words,
            block.ko.contains("자체 복제가 지킵니다"),
            "{block:?}"
        );
        assert!(!block.ko.contains("own replication"), "{block:?}");
    }
    assert!(blocks.iter().any(|block| block.ko.contains("RPO 0")));
}

#[test]
fn a_name_cannot_write_into_the_block() {
    let answers = "  thirdSite: yes\n  workloads:\n    - { name: \"a\\ndata: {}\", type: transaction, new: no, readAtOnce: yes, writeAlone: no, rpo: 1m }\n";
    let blocks = blocks(answers);
    assert_eq!(blocks[0].matches("\ndata:").count(), 1, "{}", blocks[0]);
}

#[test]
fn an_address_that_is_no_vault_is_refused() {
    for vault in [
        "ftp://x/y",
        "az://",
        "backups",
        "\"az://a b\"",
        "'s3://a\"b'",
    ] {
        let text = format!(
            "  thirdSite: yes\n  vault: {vault}\n  workloads:\n    - {{ name: a, type: log, new: no, readAtOnce: no, writeAlone: no }}\n"
        );
        let refusal = assess("replication", &text).expect_err("refused");
        assert!(
            said(&refusal).contains("answers:4:10 (vault)"),
            "{}",
            said(&refusal)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// A longer objective never brings a new warning, and asking more of the SLA
    /// never brings back a category.
    #[test]
    fn asking_less_never_hurts(kind in 0..4usize, new: bool, rpo in 0..600u32, more in 0..600u32) {
        let kind = ["transaction", "session", "log", "analytics"][kind];
        let head = "  skills: [relational]\n";
        let warned = |rpo: u32| chosen(kind, new, (false, false), head, &format!(", rpo: {rpo}s"))["warnings"].as_array().expect("there").len();
        prop_assert!(warned(rpo + more) <= warned(rpo));
        let free = candidates(kind, new, (false, false));
        let alone = candidates(kind, new, (false, true));
        prop_assert!(alone.iter().all(|c| free.contains(c)));
    }
}
