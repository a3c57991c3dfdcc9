//! `triage`: each workload becomes a container, moves as a VM into Kubernetes,
//! or stays a VM (V 11, V 12.2.1).
//!
//! The document contradicts itself on real-time and multi-tenant workloads. The
//! order here settles it: extreme latency first, then isolation, then the ties
//! to a kernel, then everything else.

mod decide;
mod tell;

pub use decide::Verdict;

use crate::answers::Complaint;
use crate::method::{Assess, Inputs};
use crate::report::Report;
use crate::sheet::Sheet;
use jiff::civil::Date;
use planb_model::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The method.
pub struct Triage;

/// Its rules.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rules {
    kernel_predicates: Vec<String>,
    containerisable_expected: Share,
    classes: Vec<ClassRule>,
    runtimes: BTreeMap<String, Text>,
}

/// A share in per cent.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    min: f64,
    max: f64,
}

/// One class: what it is called and what the next twelve months bring.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassRule {
    id: Class,
    label: Text,
    condition: Text,
    actions: Vec<Text>,
}

/// What becomes of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// It becomes a container.
    Modernise,
    /// It moves as a VM into Kubernetes, for a while.
    Kubevirt,
    /// It stays a VM.
    Keep,
    /// An answer is missing that decides.
    Undecided,
}

/// The answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answers {
    #[serde(default)]
    exit_ratio: Option<f64>,
    #[serde(default)]
    exit_by: Option<Date>,
    workloads: Vec<Workload>,
}

/// One workload. What is not answered is unknown, which is neither yes nor no.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workload {
    name: String,
    #[serde(default)]
    owner: String,
    extreme_latency: Option<bool>,
    isolation: Option<Isolation>,
    overhead_tolerable: Option<bool>,
    review_accepts_kubevirt: Option<bool>,
    /// The other predicates, by name.
    #[serde(flatten)]
    predicates: BTreeMap<String, bool>,
}

/// What an audit demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// Nothing.
    None,
    /// A kernel boundary.
    Sandbox,
    /// A hypervisor.
    Hypervisor,
}

/// What comes out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    counts: BTreeMap<Class, usize>,
    /// Share of the decided workloads that become containers, in per cent.
    containerisable_percent: Option<f64>,
    /// Whether ratio and date of the way out of KubeVirt are stated, where needed.
    exit_stated: bool,
    exit_ratio_percent: Option<f64>,
    exit_by: Option<Date>,
    workloads: Vec<Verdict>,
}

impl Assess for Triage {
    const NAME: &'static str = "triage";
    const SHEET: &'static str = include_str!("../../rules/triage.yaml");
    type Rules = Rules;
    type Answers = Answers;
    type Outcome = Outcome;

    fn check(_rules: &Rules, answers: &Answers) -> Vec<Complaint> {
        let nameless = |(index, _): (usize, &Workload)| Complaint {
            field: format!("workloads[{index}].name"),
            message: Text::new("a workload without a name", "이름 없는 워크로드입니다"),
            hint: Text::new("give each its own name", "서로 다른 이름을 붙이세요"),
        };
        let workloads = answers.workloads.iter().enumerate();
        workloads
            .filter(|(_, w)| w.name.is_empty())
            .map(nameless)
            .collect()
    }

    fn evaluate(rules: &Rules, answers: &Answers, _inputs: &Inputs) -> Outcome {
        let workloads: Vec<Verdict> = answers
            .workloads
            .iter()
            .map(|workload| decide::judge(rules, workload))
            .collect();
        let mut counts = BTreeMap::new();
        for class in [
            Class::Modernise,
            Class::Kubevirt,
            Class::Keep,
            Class::Undecided,
        ] {
            counts.insert(class, workloads.iter().filter(|w| w.class == class).count());
        }
        let decided = workloads.len() - counts[&Class::Undecided];
        let share = counts[&Class::Modernise] as f64 / decided as f64 * 100.0;
        let stated = answers.exit_ratio.is_some() && answers.exit_by.is_some();
        Outcome {
            containerisable_percent: (decided > 0).then_some(share),
            exit_stated: stated || counts[&Class::Kubevirt] == 0,
            exit_ratio_percent: answers.exit_ratio,
            exit_by: answers.exit_by,
            counts,
            workloads,
        }
    }

    fn report(sheet: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
        tell::report(sheet, rules, answers, outcome)
    }
}
