//! What counts as evidence of each kind, one file per place it is found in.
//! Whatever was not seen is missing, whatever is too old is stale, whatever is
//! dated later than now is nothing.

mod drills;
mod plan;
mod records;
mod vault;

use super::{Answers, Need, Requirement, Rules, Seen, State};
use crate::facts::Facts;
use crate::number;
use jiff::Timestamp;
use planb_model::Text;
use planb_model::plan::ServicePlan;

const DAY_SECS: i64 = 86_400;

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
        Some(facts) if need == Need::Document => {
            records::document(requirement, rules, answers, facts)
        }
        Some(facts) if need == Need::AuditWhole => records::audit(facts),
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
        Need::Plan
        | Need::SecondSite
        | Need::Objectives
        | Need::ObjectivesInGrade
        | Need::Observers
        | Need::ApprovalMode
        | Need::Encrypted
        | Need::Immutable => plan::look(need, rules, plan),
        Need::SnapshotRecent | Need::SnapshotSigned => vault::snapshot(need, facts, plan),
        Need::VerificationRecent | Need::CleanPoint => {
            vault::verification(need, rules, facts, plan)
        }
        Need::ApprovalsRecorded | Need::TwoPersons => records::approvals(need, facts, plan),
        _ => drills::look(need, rules, facts, plan),
    }
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
