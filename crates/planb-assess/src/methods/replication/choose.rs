//! The choice for one workload: the SLA first, then the matrix, then the ties.

use super::{Answers, Category, Fit, Rules, Workload, YesNo};
use serde::Serialize;

/// What is chosen for one workload, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Choice {
    /// The workload.
    pub name: String,
    /// How it came out.
    pub state: State,
    /// The category that is recommended; empty when there is none.
    pub category: String,
    /// Categories the matrix and the SLA leave, in the order of the matrix.
    pub candidates: Vec<String>,
    /// The policy for conflicts; empty when none is needed or none can be named.
    pub policy: String,
    /// Whether a policy must be agreed that cannot be named yet.
    pub policy_open: bool,
    /// What the choice does not keep.
    pub warnings: Vec<Warning>,
}

/// How a choice came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// One category is left.
    Chosen,
    /// Several are left and no skill decides.
    Tie,
    /// The SLA asks for both, which cannot be: agree it anew.
    SlaContradiction,
    /// The SLA asks for what the type of workload should not have.
    NoFit,
}

/// What a choice does not keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Warning {
    /// A majority needs a third site, and there is none.
    NoThirdSite,
    /// The round trip is longer than what a write may take.
    TooSlow,
    /// The lag may be longer than the RPO.
    RpoNotKept,
}

/// Chooses for one workload.
pub fn choose(rules: &Rules, answers: &Answers, workload: &Workload) -> Choice {
    let mut choice = Choice {
        name: workload.name.clone(),
        state: State::SlaContradiction,
        category: String::new(),
        candidates: Vec::new(),
        policy: String::new(),
        policy_open: false,
        warnings: Vec::new(),
    };
    if workload.read_at_once && workload.write_alone {
        return choice;
    }
    let left = candidates(rules, workload);
    choice.candidates = left.iter().map(|c| c.id.clone()).collect();
    let Some(category) = decide(rules, answers, workload, &left) else {
        choice.state = if left.is_empty() {
            State::NoFit
        } else {
            State::Tie
        };
        return choice;
    };
    choice.state = State::Chosen;
    choice.category.clone_from(&category.id);
    choice.warnings = warnings(answers, workload, category);
    if category.conflict_policy == YesNo::Yes {
        match policy(rules, workload) {
            Some(id) => choice.policy = id.to_owned(),
            None => choice.policy_open = true,
        }
    }
    choice
}

fn fit(rules: &Rules, workload: &Workload, category: &Category) -> Fit {
    let row = rules.matrix.get(&workload.kind);
    row.and_then(|row| row.get(&category.id))
        .map_or(Fit::No, |place| place.fit)
}

/// What the two questions of the SLA leave of the matrix. What is merely
/// possible counts only when nothing recommended is left.
fn candidates<'r>(rules: &'r Rules, workload: &Workload) -> Vec<&'r Category> {
    let keeps_sla = |category: &&Category| {
        let readable = !workload.read_at_once || category.read_at_once == YesNo::Yes;
        let writable = !workload.write_alone || category.write_alone == YesNo::Yes;
        readable && writable
    };
    let with = |wanted: &dyn Fn(Fit) -> bool| -> Vec<&'r Category> {
        let all = rules.categories.iter().filter(keeps_sla);
        all.filter(|c| wanted(fit(rules, workload, c))).collect()
    };
    let recommended = with(&|fit| fit == Fit::Yes || fit == Fit::New && workload.new);
    if recommended.is_empty() {
        with(&|fit| fit == Fit::Possible)
    } else {
        recommended
    }
}

/// The tie rules: a new system takes what is recommended for new ones; else the
/// skills at hand decide.
fn decide<'r>(
    rules: &Rules,
    answers: &Answers,
    workload: &Workload,
    left: &[&'r Category],
) -> Option<&'r Category> {
    if let [only] = left {
        return Some(only);
    }
    let for_new = left.iter().find(|c| fit(rules, workload, c) == Fit::New);
    if let Some(category) = for_new {
        return Some(category);
    }
    let skilled: Vec<_> = left
        .iter()
        .filter(|c| answers.skills.contains(&c.skill))
        .collect();
    match skilled[..] {
        [only] => Some(only),
        _ => None,
    }
}

fn warnings(answers: &Answers, workload: &Workload, category: &Category) -> Vec<Warning> {
    let mut out = Vec::new();
    if category.quorum == YesNo::Yes && !answers.third_site {
        out.push(Warning::NoThirdSite);
    }
    let waits = category.waits == YesNo::Yes;
    if waits
        && workload
            .added_write_ms
            .is_some_and(|most| answers.round_trip_ms > most)
    {
        out.push(Warning::TooSlow);
    }
    if workload
        .rpo
        .is_some_and(|rpo| rpo < category.rpo_seconds_worst)
    {
        out.push(Warning::RpoNotKept);
    }
    out
}

fn policy<'r>(rules: &'r Rules, workload: &Workload) -> Option<&'r str> {
    let data = workload.conflict_data.as_ref()?;
    let policy = rules.policies.iter().find(|p| p.data.contains(data))?;
    Some(&policy.id)
}
