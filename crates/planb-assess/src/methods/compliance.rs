//! `compliance`: law and policy, requirement by requirement, with the evidence
//! that was seen for each, or that there is none (DR 9, 6.2.2).

mod checks;
mod moves;
mod tell;

use crate::method::{Assess, Inputs};
use crate::report::Report;
use crate::sheet::Sheet;
use planb_model::Text;
use planb_model::plan::duration_of;
use serde::{Deserialize, Deserializer, Serialize};
use std::time::Duration;

/// The method.
pub struct Compliance;

/// The policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rules {
    /// A drill or a verification that is older is no evidence, in days.
    drill_days_max: u32,
    /// A document that is older is no evidence, in days.
    document_days_max: u32,
    grades: Vec<GradeRule>,
    documents: Vec<Document>,
}

/// What a grade asks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct GradeRule {
    grade: u8,
    name: Text,
    #[serde(deserialize_with = "span")]
    rto: Duration,
    #[serde(deserialize_with = "span")]
    rpo: Duration,
    source: Text,
}

/// A law or a guideline.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    id: String,
    title: Text,
    source: String,
    requirements: Vec<Requirement>,
}

/// One thing it asks for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Requirement {
    id: String,
    text: Text,
    /// What has to be seen; all of it.
    needs: Vec<Need>,
    source: String,
    action: Text,
}

/// One kind of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// A plan file without errors.
    Plan,
    /// Another site in it.
    SecondSite,
    /// RTO and RPO in it.
    Objectives,
    /// RTO and RPO within those of the grade.
    ObjectivesInGrade,
    /// Three observers and a quorum above one.
    Observers,
    /// A person approves a failover.
    ApprovalMode,
    /// The vault is encrypted.
    Encrypted,
    /// What is in the vault cannot be deleted for some time.
    Immutable,
    /// A recent snapshot in the vault.
    SnapshotRecent,
    /// The newest snapshot is signed by a pinned key.
    SnapshotSigned,
    /// A recent restore of a snapshot that was compared.
    VerificationRecent,
    /// A recent restore that found no sign of tampering.
    CleanPoint,
    /// A recent move of the service.
    DrillRecent,
    /// … within the objectives of the plan.
    DrillInObjective,
    /// … within the time of the grade.
    DrillInGrade,
    /// … after which the data was compared.
    DrillVerified,
    /// … that is in the journal.
    DrillRecorded,
    /// The audit log is as it was signed.
    AuditWhole,
    /// Every move has an approval in the journal.
    ApprovalsRecorded,
    /// Somebody else approved than asked for it.
    TwoPersons,
    /// A document of the user.
    Document,
}

/// The answers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    #[serde(default)]
    documents: Vec<Named>,
}

/// A document for a requirement.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    requirement: String,
    file: String,
    /// `YYYY-MM-DD`.
    date: String,
}

/// How far something is met. The order is how much is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// Evidence was seen.
    Met,
    /// There is evidence, and it is too old.
    Stale,
    /// No evidence was seen.
    Missing,
    /// What was seen says that it is not so.
    NotMet,
}

/// What was seen, or was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// What was looked for.
    pub need: Need,
    /// How it is.
    pub state: State,
    /// Where: plan file, journal, audit log, drill report, vault, document.
    pub place: Text,
    /// What was seen.
    pub text: Text,
}

/// One requirement, judged.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    document: String,
    requirement: String,
    state: State,
    evidence: Vec<Seen>,
}

/// What comes out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    service: Option<String>,
    grade: Option<u8>,
    /// In seconds.
    grade_rto: Option<u64>,
    /// In seconds.
    grade_rpo: Option<u64>,
    met: usize,
    requirements: Vec<Judged>,
}

impl Assess for Compliance {
    const NAME: &'static str = "compliance";
    const SHEET: &'static str = include_str!("../../rules/compliance.yaml");
    type Rules = Rules;
    type Answers = Answers;
    type Outcome = Outcome;

    fn evaluate(rules: &Rules, answers: &Answers, inputs: &Inputs) -> Outcome {
        let facts = inputs.facts.as_deref();
        let judged = |document: &Document, requirement: &Requirement| {
            let seen = |need: &Need| checks::look(*need, requirement, rules, answers, facts);
            let evidence: Vec<Seen> = requirement.needs.iter().map(seen).collect();
            // Nothing to look for is nothing seen.
            let state = evidence.iter().map(|seen| seen.state).max();
            Judged {
                document: document.id.clone(),
                requirement: requirement.id.clone(),
                state: state.unwrap_or(State::Missing),
                evidence,
            }
        };
        let of = |document: &'_ Document| -> Vec<Judged> {
            let all = document.requirements.iter();
            all.map(|requirement| judged(document, requirement))
                .collect()
        };
        let requirements: Vec<Judged> = rules.documents.iter().flat_map(of).collect();
        let plan = facts.and_then(|facts| facts.plan.as_ref());
        let grade = plan.and_then(|plan| grade(rules, plan.grade.0));
        Outcome {
            service: plan.map(|plan| plan.name.to_string()),
            grade: plan.map(|plan| plan.grade.0),
            grade_rto: grade.map(|grade| grade.rto.as_secs()),
            grade_rpo: grade.map(|grade| grade.rpo.as_secs()),
            met: requirements
                .iter()
                .filter(|r| r.state == State::Met)
                .count(),
            requirements,
        }
    }

    fn report(_sheet: &Sheet, rules: &Rules, _answers: &Answers, outcome: &Outcome) -> Report {
        tell::report(rules, outcome)
    }
}

/// The row of a grade.
fn grade(rules: &Rules, grade: u8) -> Option<&GradeRule> {
    rules.grades.iter().find(|rule| rule.grade == grade)
}

fn span<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    duration_of(&text).map_err(|e| serde::de::Error::custom(e.message.en))
}

/// Files the answers name: the command reads them.
pub fn files(answers: &serde_json::Value) -> Vec<String> {
    let documents = answers["documents"].as_array();
    let names = documents.into_iter().flatten();
    names
        .filter_map(|document| Some(document["file"].as_str()?.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Audit, Facts};

    #[test]
    fn nothing_is_met_when_nothing_was_seen() {
        let facts = Facts::none("2026-11-27T00:00:00Z".parse().expect("a time"));
        assert_eq!(facts.audit, Audit::Unseen);
        let sheet = Sheet::read(Compliance::SHEET).expect("reads");
        let rules: Rules = sheet.rules().expect("rules");
        let answers = Answers {
            documents: Vec::new(),
        };
        for facts in [None, Some(Box::new(facts))] {
            let inputs = Inputs {
                facts,
                ..Inputs::default()
            };
            let outcome = Compliance::evaluate(&rules, &answers, &inputs);
            assert_eq!(outcome.met, 0);
            assert!(
                outcome
                    .requirements
                    .iter()
                    .all(|r| r.state == State::Missing)
            );
        }
    }
}
