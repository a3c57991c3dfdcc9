//! Evidence in the plan file.

use super::{Look, met, missing, not_met, time};
use crate::methods::compliance::{Need, Rules, State, grade};
use crate::number;
use planb_model::Text;
use planb_model::plan::{FailoverMode, ServicePlan};
use std::time::Duration;

/// Observers below this number cannot outvote one that is cut off.
const OBSERVERS_MIN: usize = 3;

/// Looks for `need`; objectives are what is left of this family.
pub(super) fn look(need: Need, rules: &Rules, plan: &ServicePlan) -> Look {
    match need {
        Need::Plan => met(
            format!("service {}, without errors", plan.name),
            format!("서비스 {}, 오류 없음", plan.name),
        ),
        Need::SecondSite => {
            let (one, two) = (&plan.primary.name, &plan.standby.name);
            met(format!("{one} and {two}"), format!("사이트 {one}, {two}"))
        }
        Need::Observers => observers(plan),
        Need::ApprovalMode => match plan.failover.mode {
            FailoverMode::Automatic => not_met(
                "failover needs nobody's approval",
                "승인 없이 자동으로 페일오버",
            ),
            FailoverMode::Approve => met("failover waits for an approval", "승인 후 페일오버"),
            FailoverMode::Manual => met("a person starts a failover", "사람이 페일오버를 시작"),
        },
        Need::Encrypted => match plan.data.vault.recipients.len() {
            0 => not_met("the vault is not encrypted", "볼트가 암호화되지 않음"),
            keys => met(
                format!("encrypted to {}", number::counted(keys, "key", "keys")),
                format!("키 {keys}개로 암호화"),
            ),
        },
        Need::Immutable => match plan.data.retention.map(|r| r.immutable_for) {
            Some(locked) if !locked.is_zero() => {
                let locked = time(locked.as_secs_f64());
                met(
                    format!("objects locked for {}", locked.en),
                    format!("{} 동안 삭제 금지", locked.ko),
                )
            }
            _ => not_met(
                "nothing keeps objects from being deleted",
                "객체 삭제를 막는 설정이 없음",
            ),
        },
        _ => objectives(need, rules, plan),
    }
}

fn objectives(need: Need, rules: &Rules, plan: &ServicePlan) -> Look {
    let (rto, rpo) = (plan.objectives.rto, plan.objectives.rpo);
    let said = |(rto, rpo): (Duration, Duration)| {
        let (rto, rpo) = (time(rto.as_secs_f64()), time(rpo.as_secs_f64()));
        Text::new(
            format!("RTO {}, RPO {}", rto.en, rpo.en),
            format!("목표 RTO {}, RPO {}", rto.ko, rpo.ko),
        )
    };
    let own = said((rto, rpo));
    if need == Need::Objectives {
        return (State::Met, own);
    }
    let Some(rule) = grade(rules, plan.grade.0) else {
        return missing(
            "the policy has no such grade",
            "정책 파일에 해당 등급이 없음",
        );
    };
    let asked = said((rule.rto, rule.rpo));
    let state = if rto <= rule.rto && rpo <= rule.rpo {
        State::Met
    } else {
        State::NotMet
    };
    let text = Text::new(
        format!("{}; grade {} asks {}", own.en, plan.grade.0, asked.en),
        format!("{}. {}등급 {}", own.ko, plan.grade.0, asked.ko),
    );
    (state, text)
}

fn observers(plan: &ServicePlan) -> Look {
    let (count, quorum) = (plan.health.observers.len(), plan.health.promote_quorum);
    let text = Text::new(
        format!("{count} observers, quorum {quorum}"),
        format!("관측자 {count}개, 정족수 {quorum}"),
    );
    let state = if count >= OBSERVERS_MIN && quorum > 1 {
        State::Met
    } else {
        State::NotMet
    };
    (state, text)
}
