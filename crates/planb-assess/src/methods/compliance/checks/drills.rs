//! Evidence of moves: drills that were measured, and those of the journal.

use super::{Look, dated, met, missing, not_met, time};
use crate::facts::Facts;
use crate::methods::compliance::moves::{self, Move};
use crate::methods::compliance::{Need, Rules, State, grade};
use planb_model::Text;
use planb_model::plan::ServicePlan;
use std::time::Duration;

/// The newest move, by what `need` asks of it.
pub(super) fn look(need: Need, rules: &Rules, facts: &Facts, plan: &ServicePlan) -> Look {
    let moves = moves::all(facts, plan);
    let recorded = need == Need::DrillRecorded;
    let Some(newest) = moves.iter().find(|drill| drill.recorded || !recorded) else {
        return missing("no drill was seen", "훈련 기록이 없음");
    };
    let age = dated(
        newest.at,
        facts.now,
        f64::from(rules.drill_days_max),
        "drill",
        "훈련",
    );
    let (state, text) = outcome(need, rules, plan, newest);
    let text = Text::new(
        format!("{}; {}", age.1.en, text.en),
        format!("{}, {}", age.1.ko, text.ko),
    );
    (state.max(age.0), text)
}

fn outcome(need: Need, rules: &Rules, plan: &ServicePlan, drill: &Move) -> Look {
    let name = &drill.name;
    if !drill.whole {
        return not_met(format!("{name} did not complete"), format!("{name} 미완료"));
    }
    let within = |rto: Duration, rpo: Duration| {
        let rto_fits = drill.rto_secs <= rto.as_secs_f64();
        let rpo_fits = drill.rpo_secs.is_none_or(|secs| secs <= rpo.as_secs_f64());
        let took = time(drill.rto_secs);
        let text = Text::new(
            format!("{name} took {}", took.en),
            format!("{name} {} 소요", took.ko),
        );
        (
            if rto_fits && rpo_fits {
                State::Met
            } else {
                State::NotMet
            },
            text,
        )
    };
    match need {
        Need::DrillInObjective => within(plan.objectives.rto, plan.objectives.rpo),
        Need::DrillInGrade => match grade(rules, plan.grade.0) {
            Some(rule) => within(rule.rto, rule.rpo),
            None => missing(
                "the policy has no such grade",
                "정책 파일에 해당 등급이 없음",
            ),
        },
        Need::DrillVerified => match drill.verified {
            Some(true) => met(
                format!("{name}: the data was compared"),
                format!("{name}: 데이터 비교 완료"),
            ),
            Some(false) => not_met(
                format!("{name}: data was lost or not compared"),
                format!("{name}: 데이터 유실 또는 미비교"),
            ),
            None => missing(
                format!("{name}: nothing compared the data"),
                format!("{name}: 데이터를 비교하지 않음"),
            ),
        },
        _ => met(name.clone(), name.clone()),
    }
}
