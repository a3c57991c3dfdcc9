//! Which area is decided, open, early or waiting, and in which order.

use super::{Answers, Area, Decision, Gap, Judged, Outcome, Rules, State, Trial};
use std::collections::BTreeSet;

pub(super) fn judge(rules: &Rules, answers: &Answers) -> Outcome {
    let mut areas: Vec<Judged> = rules
        .areas
        .iter()
        .map(|area| of_area(rules, answers, area))
        .collect();
    // Stable: within a step the order of the rules holds.
    areas.sort_by_key(|area| area.step);
    let agenda = areas.iter().filter(|a| a.state == State::Open);
    Outcome {
        agenda: agenda.map(|a| a.id.clone()).collect(),
        passed: passed(rules, &answers.trial),
        areas,
    }
}

fn of_area(rules: &Rules, answers: &Answers, area: &Area) -> Judged {
    let nothing = Decision::default();
    let of = |id: &str| answers.areas.get(id).unwrap_or(&nothing);
    let decision = of(&area.id);
    let blocks = |id: &&String| {
        let other = of(id);
        let later = matches!((other.on, decision.on), (Some(theirs), Some(ours)) if theirs > ours);
        other.chosen.is_none() || (decision.chosen.is_some() && later)
    };
    let before = before(rules, &area.id);
    let waits_for: Vec<String> = before.iter().filter(blocks).cloned().collect();
    let state = match (decision.chosen.is_some(), waits_for.is_empty()) {
        (true, true) => State::Decided,
        (true, false) => State::Early,
        (false, true) => State::Open,
        (false, false) => State::Waiting,
    };
    let recommended = recommended(area, &answers.size);
    Judged {
        id: area.id.clone(),
        step: step(rules, &area.id),
        state,
        gaps: gaps(decision, &recommended),
        recommended,
        chosen: decision.chosen.clone(),
        waits_for,
    }
}

/// The options recommended for an institution of this size.
fn recommended(area: &Area, size: &str) -> Vec<String> {
    let fits = area
        .recommended
        .iter()
        .filter(|r| r.size.as_deref().is_none_or(|s| s == size));
    fits.map(|r| r.option.clone()).collect()
}

fn gaps(decision: &Decision, recommended: &[String]) -> Vec<Gap> {
    let Some(chosen) = &decision.chosen else {
        return Vec::new();
    };
    let blank = |text: &Option<String>| text.as_deref().is_none_or(|t| t.trim().is_empty());
    let lacking = [
        (
            Gap::Reason,
            !recommended.contains(chosen) && blank(&decision.why),
        ),
        (Gap::Day, decision.on.is_none()),
        (Gap::Decider, blank(&decision.by)),
    ];
    let lacking = lacking.into_iter().filter(|(_, lacks)| *lacks);
    lacking.map(|(gap, _)| gap).collect()
}

/// Everything `id` rests on, directly or not; itself when the rules go in a circle.
pub(super) fn before(rules: &Rules, id: &str) -> BTreeSet<String> {
    let needs = |id: &str| {
        let area = rules.areas.iter().find(|a| a.id == id);
        area.map(|a| a.needs.clone()).unwrap_or_default()
    };
    let mut found = BTreeSet::new();
    let mut next = needs(id);
    while let Some(one) = next.pop() {
        if found.insert(one.clone()) {
            next.extend(needs(&one));
        }
    }
    found
}

/// 1 more than the longest chain below it. Rules in a circle were refused.
fn step(rules: &Rules, id: &str) -> usize {
    let area = rules.areas.iter().find(|a| a.id == id);
    let needs = area.map(|a| a.needs.as_slice()).unwrap_or_default();
    1 + needs.iter().map(|n| step(rules, n)).max().unwrap_or(0)
}

fn passed(rules: &Rules, trial: &Trial) -> Option<bool> {
    let line = &rules.pass_line;
    let each = [
        trial.rto.map(|s| s < line.rto_seconds_below),
        trial.resources_saved.map(|p| p >= line.resources_saved_min),
        trial.policy_passed,
    ];
    if each.contains(&Some(false)) {
        return Some(false);
    }
    each.iter().all(Option::is_some).then_some(true)
}
