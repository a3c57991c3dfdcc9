//! `active-active`: workloads × four structures; the blanks are the next
//! proofs of concept (DR 2.2.1). All four, or it falls back to active-standby.

mod tell;

use crate::method::{Assess, Inputs};
use crate::report::Report;
use crate::sheet::Sheet;
use planb_model::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The method.
pub struct ActiveActive;

/// Its rules: the structures in the order they are built.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    structures: Vec<Structure>,
}

/// One structure.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Structure {
    id: String,
    label: Text,
    /// What happens without it.
    without: Text,
    /// The proof of concept that brings it.
    poc: Text,
}

/// The answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answers {
    #[serde(default)]
    pods_reach_each_other: Option<bool>,
    workloads: Vec<Workload>,
}

/// One workload; what is not answered is unknown, which is not yes.
#[derive(Debug, Deserialize)]
pub struct Workload {
    name: String,
    #[serde(flatten)]
    has: BTreeMap<String, bool>,
}

/// What comes out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    workloads: Vec<Readiness>,
    /// Structures by how many workloads lack them, the next one first.
    next: Vec<Poc>,
    /// Whether a mesh is wanted while the pods do not reach each other.
    network_first: bool,
}

/// How far one workload is.
#[derive(Debug, Serialize, PartialEq)]
pub struct Readiness {
    name: String,
    /// All four structures are there.
    ready: bool,
    missing: Vec<String>,
    unknown: Vec<String>,
    /// The structure to bring next.
    next: Option<String>,
}

/// One proof of concept.
#[derive(Debug, Serialize, PartialEq)]
pub struct Poc {
    structure: String,
    /// Workloads it is the next step of.
    unblocks: usize,
    /// Workloads that lack it, or of which nobody knows.
    blanks: usize,
}

impl Assess for ActiveActive {
    const NAME: &'static str = "active-active";
    const SHEET: &'static str = include_str!("../../rules/active-active.yaml");
    type Rules = Rules;
    type Answers = Answers;
    type Outcome = Outcome;

    fn evaluate(rules: &Rules, answers: &Answers, _inputs: &Inputs) -> Outcome {
        let workloads: Vec<Readiness> = answers
            .workloads
            .iter()
            .map(|workload| readiness(rules, workload))
            .collect();
        let mesh_wanted = workloads
            .iter()
            .any(|w| w.missing.iter().any(|m| m == "mesh"));
        Outcome {
            next: next(rules, &workloads),
            network_first: mesh_wanted && answers.pods_reach_each_other != Some(true),
            workloads,
        }
    }

    fn report(_: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
        tell::report(rules, answers, outcome)
    }
}

fn readiness(rules: &Rules, workload: &Workload) -> Readiness {
    let with = |state: Option<bool>| -> Vec<String> {
        let ids = rules.structures.iter().map(|s| &s.id);
        ids.filter(|id| workload.has.get(*id).copied() == state)
            .cloned()
            .collect()
    };
    let (missing, unknown) = (with(Some(false)), with(None));
    let blank = |id: &&String| missing.contains(id) || unknown.contains(id);
    let next = rules.structures.iter().map(|s| &s.id).find(blank).cloned();
    Readiness {
        name: workload.name.clone(),
        ready: next.is_none(),
        missing,
        unknown,
        next,
    }
}

/// The structures that lack somewhere: first those that most workloads wait for.
fn next(rules: &Rules, workloads: &[Readiness]) -> Vec<Poc> {
    let poc = |structure: &Structure| {
        let id = &structure.id;
        let blank = |w: &&Readiness| w.missing.contains(id) || w.unknown.contains(id);
        Poc {
            structure: id.clone(),
            unblocks: workloads
                .iter()
                .filter(|w| w.next.as_ref() == Some(id))
                .count(),
            blanks: workloads.iter().filter(blank).count(),
        }
    };
    let mut pocs: Vec<Poc> = rules.structures.iter().map(poc).collect();
    pocs.retain(|poc| poc.blanks > 0);
    pocs.sort_by_key(|poc| std::cmp::Reverse((poc.unblocks, poc.blanks)));
    pocs
}
