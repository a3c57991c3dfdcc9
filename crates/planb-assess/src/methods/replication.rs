//! `replication`: four categories for four types of workload, two questions
//! about the SLA, and what is done about conflicts (DR 4).

mod choose;
mod plan;
mod tell;

use crate::answers::Complaint;
use crate::method::{Assess, Inputs};
use crate::report::Report;
use crate::sheet::Sheet;
use planb_model::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use choose::Choice;

/// The method.
pub struct Replication;

/// Its rules.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    categories: Vec<Category>,
    matrix: BTreeMap<String, BTreeMap<String, Place>>,
    policies: Vec<Policy>,
}

/// One way data gets to the other site.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Category {
    id: String,
    label: Text,
    products: Text,
    consistency: Text,
    rpo: Text,
    rpo_seconds_worst: f64,
    latency: Text,
    cut_off: Text,
    conflicts: Text,
    difficulty: Text,
    /// The skill that makes it the easier one; empty for none at hand.
    skill: String,
    read_at_once: YesNo,
    write_alone: YesNo,
    /// Whether a write waits for the other site.
    waits: YesNo,
    /// Whether it needs a majority, and so a third site.
    quorum: YesNo,
    conflict_policy: YesNo,
}

/// A word of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum YesNo {
    Yes,
    No,
}

/// A cell of the matrix.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    fit: Fit,
    #[serde(default)]
    why: Option<Text>,
}

/// How a category suits a type of workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fit {
    Yes,
    New,
    Possible,
    No,
}

/// What is done when two sites wrote the same.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    id: String,
    label: Text,
    automation: Text,
    fit: Text,
    form: Text,
    data: Vec<String>,
}

/// The answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answers {
    third_site: bool,
    #[serde(default)]
    skills: Vec<String>,
    round_trip_ms: f64,
    vault: String,
    workloads: Vec<Workload>,
}

/// One workload.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Workload {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    new: bool,
    read_at_once: bool,
    write_alone: bool,
    /// In seconds.
    rpo: Option<f64>,
    added_write_ms: Option<f64>,
    conflict_data: Option<String>,
}

/// What comes out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    workloads: Vec<Choice>,
}

impl Assess for Replication {
    const NAME: &'static str = "replication";
    const SHEET: &'static str = include_str!("../../rules/replication.yaml");
    type Rules = Rules;
    type Answers = Answers;
    type Outcome = Outcome;

    fn check(_rules: &Rules, answers: &Answers) -> Vec<Complaint> {
        let known = ["file:///", "az://", "s3://", "gs://"];
        let fine = known.iter().any(|scheme| {
            answers
                .vault
                .strip_prefix(scheme)
                .is_some_and(|rest| !rest.is_empty())
        }) && !answers
            .vault
            .contains(|c: char| c.is_control() || c.is_whitespace() || c == '"');
        let bad = Complaint {
            field: "vault".to_owned(),
            message: Text::new("not the address of a vault", "볼트 주소가 아닙니다"),
            hint: Text::new(
                "write `az://container/prefix`, `s3://bucket/prefix`, `gs://bucket/prefix` or `file:///path`",
                "`az://컨테이너/접두사`, `s3://버킷/접두사`, `gs://버킷/접두사`, `file:///경로` 중 하나로 적으세요",
            ),
        };
        if fine { Vec::new() } else { vec![bad] }
    }

    fn evaluate(rules: &Rules, answers: &Answers, _inputs: &Inputs) -> Outcome {
        let choose = |workload| choose::choose(rules, answers, workload);
        Outcome {
            workloads: answers.workloads.iter().map(choose).collect(),
        }
    }

    fn report(sheet: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
        tell::report(sheet, rules, answers, outcome)
    }
}
