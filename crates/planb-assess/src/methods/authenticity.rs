//! `authenticity`: is it cloud native, a bridge, or virtualisation (W 2.1, 6.2,
//! 7, 11.2)?
//!
//! Three criteria decide. At every stage that was reached each needs a yes with
//! evidence; manifests give evidence of their own, which beats a bare claim and
//! contradicts a false one. What nobody shows is not proven, and what is not
//! proven is never called cloud native.

mod evidence;
mod judge;
mod side;
mod tell;

use crate::answers::Complaint;
use crate::method::{Assess, Inputs};
use crate::report::{Report, Tone};
use crate::sheet::Sheet;
use jiff::civil::Date;
use planb_model::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The method.
pub struct Authenticity;

/// Its rules.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rules {
    criteria: Vec<CriterionRule>,
    elements: Vec<Element>,
    layers: Vec<Layer>,
    bridge: Clause,
    containerise_first: Clause,
    public: Clause,
}

/// One criterion: the two columns of the document's table, and our clauses.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CriterionRule {
    id: Criterion,
    label: Text,
    virtualisation: Text,
    cloud_native: Text,
    rfp: Text,
    acceptance: Text,
}

/// One element of the CNCF definition.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Element {
    id: String,
    label: Text,
    solves: Text,
}

/// One layer an order can have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    id: String,
    label: Text,
    delivers: Text,
}

/// What goes into a request for proposals, and into the acceptance.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    rfp: Text,
    acceptance: Text,
}

/// One of the three criteria.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Criterion {
    /// A change replaces the image.
    ImmutableImage,
    /// The target is declared and kept.
    DeclarativeDeployment,
    /// Failures and load are answered without people.
    AutomaticOrchestration,
}

/// One of the three stages, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// The proposal: architecture.
    Proposal,
    /// In the middle: shown live.
    MidProject,
    /// Acceptance: a failure is induced.
    Acceptance,
}

/// All stages.
const STAGES: [Stage; 3] = [Stage::Proposal, Stage::MidProject, Stage::Acceptance];

/// The answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answers {
    system: String,
    as_of: Option<Date>,
    stage: Stage,
    immutable_image: Claims,
    declarative_deployment: Claims,
    automatic_orchestration: Claims,
    bridge: BridgeAnswers,
    #[serde(default)]
    elements: BTreeMap<String, bool>,
    os_before: Option<f64>,
    os_after: Option<f64>,
    verifiable: Option<bool>,
    #[serde(default)]
    scope: Scope,
    #[serde(default)]
    metrics: Metrics,
    public_sector: bool,
    #[serde(default)]
    public: Public,
}

/// What is said about one criterion, stage by stage.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Claims {
    proposal: Option<bool>,
    #[serde(default)]
    proposal_evidence: String,
    mid_project: Option<bool>,
    #[serde(default)]
    mid_project_evidence: String,
    acceptance: Option<bool>,
    #[serde(default)]
    acceptance_evidence: String,
}

/// What is said about virtual machines on Kubernetes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BridgeAnswers {
    used: bool,
    rewrite_by: Option<Date>,
    temporary: Option<bool>,
    acceptance_tied: Option<bool>,
}

/// What the order covers.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scope {
    #[serde(default)]
    layers: Vec<String>,
    out_stated: Option<bool>,
    #[serde(default)]
    after: String,
    already_containers: Option<bool>,
    one_acceptance: Option<bool>,
}

/// Metrics of containerisation; shares in per cent, times in seconds.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metrics {
    build_success: Option<f64>,
    config_external: Option<bool>,
    restart_and_scale: Option<bool>,
    time_to_recover: Option<f64>,
    workloads_before: Option<f64>,
    workloads_after: Option<f64>,
    operations_moved: Option<Vec<String>>,
}

/// Further points of the public sector.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Public {
    services_split: Option<bool>,
    build_and_operate: Option<bool>,
    downtime: Option<bool>,
    processing_time: Option<bool>,
    capacity: Option<bool>,
}

/// What it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// All three criteria are shown at every stage reached, without VMs.
    CloudNative,
    /// VMs on Kubernetes, with a way out that the plan states.
    Bridge,
    /// A criterion is not met, or VMs are there without a way out.
    Virtualisation,
    /// Nothing speaks against it, and not everything is shown.
    NotProven,
}

/// What comes out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    verdict: Class,
    reasons: Vec<Reason>,
    criteria: Vec<Judged>,
    bridge: BridgeJudged,
    /// What manifests say; empty without manifests.
    evidence: Vec<evidence::Evidence>,
    manifest_files: usize,
    links_skipped: usize,
}

/// One reason of the verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    tone: Tone,
    text: Text,
    source: &'static str,
}

/// One criterion, judged.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    id: Criterion,
    /// One for each stage.
    stages: Vec<Proof>,
    manifests: evidence::Says,
    /// A claim and the manifests differ.
    contradiction: bool,
}

/// How a criterion stands at one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Proof {
    /// The stage is not reached.
    NotYet,
    /// A yes with evidence.
    Shown,
    /// A yes or a blank that the manifests bear out.
    ShownByManifests,
    /// A yes without evidence.
    Claimed,
    /// Nobody says anything.
    Open,
    /// No.
    Absent,
    /// A no, where the manifests show it: one of the two is wrong.
    Differs,
    /// The manifests show the contrary.
    Contradicted,
}

/// The bridge rule, applied.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BridgeJudged {
    /// Whether there are virtual machines, by the answers or by the manifests.
    virtual_machines: bool,
    /// How many the manifests hold.
    in_manifests: usize,
    /// The answers say there are none, and the manifests hold some.
    contradiction: bool,
    /// Conditions that do not hold.
    missing: Vec<Condition>,
    /// Whether it counts as a bridge.
    counts: bool,
}

/// A condition of the bridge rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Condition {
    /// A rewrite by a date.
    RewriteBy,
    /// The date is over.
    RewriteOverdue,
    /// Called temporary.
    Temporary,
    /// Acceptance is tied to it.
    AcceptanceTied,
}

impl Proof {
    fn holds(self) -> bool {
        matches!(self, Proof::Shown | Proof::ShownByManifests)
    }

    fn fails(self) -> bool {
        matches!(self, Proof::Absent | Proof::Contradicted)
    }
}

impl Claims {
    /// What is said at a stage, and the evidence named for it.
    fn at(&self, stage: Stage) -> (Option<bool>, &str) {
        let (claim, evidence) = match stage {
            Stage::Proposal => (self.proposal, &self.proposal_evidence),
            Stage::MidProject => (self.mid_project, &self.mid_project_evidence),
            Stage::Acceptance => (self.acceptance, &self.acceptance_evidence),
        };
        (claim, evidence.trim())
    }
}

impl Answers {
    fn claims(&self, criterion: Criterion) -> &Claims {
        match criterion {
            Criterion::ImmutableImage => &self.immutable_image,
            Criterion::DeclarativeDeployment => &self.declarative_deployment,
            Criterion::AutomaticOrchestration => &self.automatic_orchestration,
        }
    }
}

impl Assess for Authenticity {
    const NAME: &'static str = "authenticity";
    const SHEET: &'static str = include_str!("../../rules/authenticity.yaml");
    type Rules = Rules;
    type Answers = Answers;
    type Outcome = Outcome;

    fn check(rules: &Rules, answers: &Answers) -> Vec<Complaint> {
        let ahead = |(criterion, stage): (Criterion, Stage)| {
            let said = answers.claims(criterion).at(stage).0.is_some();
            (stage > answers.stage && said).then(|| judge::ahead(criterion, stage))
        };
        let criteria = rules.criteria.iter();
        criteria
            .flat_map(|c| STAGES.map(|stage| (c.id, stage)))
            .filter_map(ahead)
            .collect()
    }

    fn evaluate(rules: &Rules, answers: &Answers, inputs: &Inputs) -> Outcome {
        judge::judge(rules, answers, inputs.manifests.as_ref())
    }

    fn report(sheet: &Sheet, rules: &Rules, answers: &Answers, outcome: &Outcome) -> Report {
        tell::report(sheet, rules, answers, outcome)
    }
}
