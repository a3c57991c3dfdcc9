//! Who comes after whom.

use super::Violation;
use planb_model::StepId;
use planb_model::runbook::{Action, Runbook, Step};
use std::collections::{BTreeMap, BTreeSet};

/// The steps with everything that must be completed before each.
pub(super) struct Graph<'a> {
    runbook: &'a Runbook,
    before: BTreeMap<&'a StepId, BTreeSet<&'a StepId>>,
}

impl<'a> Graph<'a> {
    /// Fails when the steps do not make a graph without circles.
    pub(super) fn new(runbook: &'a Runbook) -> Result<Self, Vec<Violation>> {
        let mut broken = Vec::new();
        let mut ids = BTreeSet::new();
        for step in &runbook.steps {
            if !ids.insert(&step.id) {
                broken.push(Violation::DuplicateStep(step.id.clone()));
            }
        }
        for step in &runbook.steps {
            for need in step.needs.iter().filter(|n| !ids.contains(n)) {
                broken.push(Violation::MissingNeed(step.id.clone(), need.clone()));
            }
        }
        if !broken.is_empty() {
            return Err(broken);
        }
        // Takes steps whose needs are all taken until none is left.
        let mut before: BTreeMap<&StepId, BTreeSet<&StepId>> = BTreeMap::new();
        let mut left: Vec<&Step> = runbook.steps.iter().collect();
        while !left.is_empty() {
            let count = left.len();
            left.retain(|step| {
                if !step.needs.iter().all(|n| before.contains_key(n)) {
                    return true;
                }
                let mut all: BTreeSet<&StepId> = step.needs.iter().collect();
                for need in &step.needs {
                    all.extend(before.get(need).into_iter().flatten().copied());
                }
                before.insert(&step.id, all);
                false
            });
            if left.len() == count {
                let ids = left.iter().map(|s| s.id.clone()).collect();
                return Err(vec![Violation::Cycle(ids)]);
            }
        }
        Ok(Self { runbook, before })
    }

    /// Whether `step` can only start after some step of which `is` holds.
    pub(super) fn is_after(&self, step: &Step, is: impl Fn(&Action) -> bool) -> bool {
        let before = self.before.get(&step.id);
        self.runbook
            .steps
            .iter()
            .any(|s| is(&s.action) && before.is_some_and(|b| b.contains(&s.id)))
    }
}
