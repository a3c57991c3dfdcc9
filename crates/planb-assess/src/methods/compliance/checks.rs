//! What counts as evidence of each kind. Whatever was not seen is missing,
//! whatever is too old is stale, whatever is dated later than now is nothing.

use super::moves::{self, Move};
use super::{Answers, Need, Requirement, Rules, Seen, State, grade};
use crate::facts::{Audit, Facts};
use crate::number;
use jiff::Timestamp;
use jiff::civil::Date;
use planb_model::Text;
use planb_model::execution::Trigger;
use planb_model::plan::{FailoverMode, ServicePlan};
use planb_model::recovery::SignatureState;
use planb_model::status::ExecutionStatus;
use std::time::Duration;

const DAY_SECS: i64 = 86_400;
/// A snapshot may be this many intervals old: one is being taken.
const SNAPSHOT_INTERVALS_MAX: u32 = 2;
/// Observers below this number cannot outvote one that is cut off.
const OBSERVERS_MIN: usize = 3;

/// How it is, and what was seen.
type Look = (State, Text);

/// Looks for `need`.
pub(super) fn look(
    need: Need,
    requirement: &Requirement,
    rules: &Rules,
    answers: &Answers,
    facts: Option<&Facts>,
) -> Seen {
    let (state, text) = match facts {
        None => missing("nothing was looked at", "아무것도 확인하지 않음"),
        Some(facts) if need == Need::Document => document(requirement, rules, answers, facts),
        Some(facts) if need == Need::AuditWhole => audit(facts),
        Some(facts) => match &facts.plan {
            None => missing("no plan file was read", "계획 파일을 읽지 않음"),
            Some(plan) => of_plan(need, rules, facts, plan),
        },
    };
    Seen {
        need,
        state,
        place: place(need),
        text,
    }
}

fn place(need: Need) -> Text {
    match need {
        Need::Plan
        | Need::SecondSite
        | Need::Objectives
        | Need::ObjectivesInGrade
        | Need::Observers
        | Need::ApprovalMode
        | Need::Encrypted
        | Need::Immutable => Text::new("plan file", "계획 파일"),
        Need::SnapshotRecent
        | Need::SnapshotSigned
        | Need::VerificationRecent
        | Need::CleanPoint => Text::new("vault", "볼트"),
        Need::DrillRecent | Need::DrillInObjective | Need::DrillInGrade | Need::DrillVerified => {
            Text::new("journal, drill report", "저널, 훈련 보고서")
        }
        Need::DrillRecorded | Need::ApprovalsRecorded | Need::TwoPersons => {
            Text::new("journal", "저널")
        }
        Need::AuditWhole => Text::new("audit log", "감사 로그"),
        Need::Document => Text::new("document", "문서"),
    }
}

fn of_plan(need: Need, rules: &Rules, facts: &Facts, plan: &ServicePlan) -> Look {
    match need {
        Need::Plan => met(
            format!("service {}, without errors", plan.name),
            format!("서비스 {}, 오류 없음", plan.name),
        ),
        Need::SecondSite => {
            let (one, two) = (&plan.primary.name, &plan.standby.name);
            met(format!("{one} and {two}"), format!("사이트 {one}, {two}"))
        }
        Need::Objectives | Need::ObjectivesInGrade => objectives(need, rules, plan),
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
                format!("encrypted to {keys} key(s)"),
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
        Need::SnapshotRecent | Need::SnapshotSigned => snapshot(need, facts, plan),
        Need::VerificationRecent | Need::CleanPoint => verification(need, rules, facts, plan),
        Need::ApprovalsRecorded | Need::TwoPersons => approvals(need, facts, plan),
        _ => drill(need, rules, facts, plan),
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

fn snapshot(need: Need, facts: &Facts, plan: &ServicePlan) -> Look {
    let Some(points) = &facts.points else {
        return missing("the vault was not looked at", "볼트를 확인하지 않음");
    };
    let whole = points.iter().filter(|point| point.damage.is_none());
    let Some(newest) = whole
        .filter_map(|point| point.facts.as_ref())
        .max_by_key(|f| f.taken_at)
    else {
        return not_met("there is no whole snapshot", "온전한 스냅샷이 없음");
    };
    if need == Need::SnapshotSigned {
        return match newest.signature {
            SignatureState::Valid => met(
                "the newest snapshot is signed by a trusted key",
                "최신 스냅샷이 신뢰하는 키로 서명됨",
            ),
            SignatureState::Unchecked => missing(
                "it is signed; no key was given to check it with",
                "서명은 있으나 확인할 키가 지정되지 않음",
            ),
            SignatureState::Unsigned => not_met(
                "the newest snapshot is not signed",
                "최신 스냅샷에 서명이 없음",
            ),
        };
    }
    let most = plan.data.snapshot_interval * SNAPSHOT_INTERVALS_MAX;
    let days = most.as_secs_f64() / DAY_SECS as f64;
    dated(
        newest.taken_at,
        facts.now,
        days,
        "newest snapshot",
        "최신 스냅샷",
    )
}

fn verification(need: Need, rules: &Rules, facts: &Facts, plan: &ServicePlan) -> Look {
    let Some(records) = &facts.records else {
        return missing("the vault was not looked at", "볼트를 확인하지 않음");
    };
    let records = records.iter().filter(|record| record.service == plan.name);
    let Some(newest) = records.max_by_key(|record| record.written_at) else {
        return missing(
            "no snapshot was ever restored to be looked at",
            "복원해 확인한 스냅샷이 없음",
        );
    };
    let passed = newest.passed == Some(true);
    if !passed {
        return not_met(
            "the newest restore did not pass",
            "최신 복원 검증이 통과하지 못함",
        );
    }
    let list = |key: &str| newest.body[key].as_array().map(Vec::len);
    if need == Need::CleanPoint && (list("problems") != Some(0) || list("integrity") != Some(0)) {
        return missing(
            "the restore does not say that nothing was wrong",
            "복원 기록에 이상 없음이 확인되지 않음",
        );
    }
    let days = f64::from(rules.drill_days_max);
    dated(
        newest.written_at,
        facts.now,
        days,
        "restored and compared",
        "복원 후 비교",
    )
}

fn drill(need: Need, rules: &Rules, facts: &Facts, plan: &ServicePlan) -> Look {
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

fn approvals(need: Need, facts: &Facts, plan: &ServicePlan) -> Look {
    let Some(executions) = &facts.executions else {
        return missing("the journal was not looked at", "저널을 확인하지 않음");
    };
    let of_service = |status: &&ExecutionStatus| status.execution.runbook.service == plan.name;
    let begun = executions
        .iter()
        .filter(of_service)
        .filter(|status| !status.steps.values().all(|s| s.attempts == 0));
    let begun: Vec<&ExecutionStatus> = begun.collect();
    if begun.is_empty() {
        return missing("nothing was ever moved", "이동 이력이 없음");
    }
    let count = begun.len();
    let fits = |status: &&&ExecutionStatus| match (&status.approved_by, &status.execution.trigger) {
        (None, _) => false,
        (Some(_), _) if need == Need::ApprovalsRecorded => true,
        (Some(by), _) if by == "automatic" => false,
        (Some(by), Trigger::Operator { who }) => by != who,
        (Some(_), Trigger::Detector { .. }) => true,
    };
    match begun.iter().find(|status| !fits(status)) {
        None => met(
            format!("{count} execution(s), each approved"),
            format!("실행 {count}건 모두 승인 기록 있음"),
        ),
        Some(status) => {
            let id = &status.execution.id;
            not_met(
                format!("{id} was not approved by a second person"),
                format!("{id}: 다른 사람의 승인이 없음"),
            )
        }
    }
}

fn audit(facts: &Facts) -> Look {
    match &facts.audit {
        Audit::Unseen => missing(
            "the audit log was not looked at",
            "감사 로그를 확인하지 않음",
        ),
        Audit::Broken { why } => not_met(
            format!("it is not what was signed: {why}"),
            format!("서명된 내용과 다름: {why}"),
        ),
        Audit::Whole { entries, .. } => met(
            format!("{entries} entries, each as it was signed"),
            format!("항목 {entries}개 모두 서명된 그대로"),
        ),
    }
}

fn document(requirement: &Requirement, rules: &Rules, answers: &Answers, facts: &Facts) -> Look {
    let named = answers
        .documents
        .iter()
        .find(|d| d.requirement == requirement.id);
    let Some(named) = named else {
        return missing("no document is named", "지정된 문서가 없음");
    };
    let file = &named.file;
    let Some(hash) = facts.files.get(file) else {
        return missing(
            format!("{file} could not be read"),
            format!("{file} 파일을 읽을 수 없음"),
        );
    };
    let Some(at) = midnight(&named.date) else {
        return missing(
            format!("{file} has no date"),
            format!("{file}의 날짜가 없음"),
        );
    };
    let short = hash.get(..12).unwrap_or(hash);
    let (state, text) = dated(
        at,
        facts.now,
        f64::from(rules.document_days_max),
        file,
        file,
    );
    let text = Text::new(
        format!("{}, SHA-256 {short}…", text.en),
        format!("{}, SHA-256 해시 {short}…", text.ko),
    );
    (state, text)
}

fn midnight(date: &str) -> Option<Timestamp> {
    let date: Date = date.parse().ok()?;
    let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp())
}

/// Whether something of `at` is young enough.
fn dated(at: Timestamp, now: Timestamp, days_max: f64, en: &str, ko: &str) -> Look {
    let age = now.as_second() - at.as_second();
    let day = at.strftime("%Y-%m-%d");
    let text = Text::new(format!("{en} of {day}"), format!("{ko}, 날짜 {day}"));
    // A day of grace: dates are local, and clocks differ.
    if age < -DAY_SECS {
        return missing(
            format!("{}, which is not yet", text.en),
            format!("{}: 미래 날짜", text.ko),
        );
    }
    let fresh = age as f64 <= days_max * DAY_SECS as f64;
    (if fresh { State::Met } else { State::Stale }, text)
}

fn time(seconds: f64) -> Text {
    number::duration(seconds)
}

fn met(en: impl Into<String>, ko: impl Into<String>) -> Look {
    (State::Met, Text::new(en, ko))
}

fn missing(en: impl Into<String>, ko: impl Into<String>) -> Look {
    (State::Missing, Text::new(en, ko))
}

fn not_met(en: impl Into<String>, ko: impl Into<String>) -> Look {
    (State::NotMet, Text::new(en, ko))
}
