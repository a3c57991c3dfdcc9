//! Evidence of what was written down: approvals, the audit log, documents.

use super::{Look, dated, met, missing, not_met};
use crate::facts::{Audit, Facts};
use crate::methods::compliance::{Answers, Need, Requirement, Rules};
use crate::number;
use jiff::Timestamp;
use jiff::civil::Date;
use planb_model::Text;
use planb_model::execution::Trigger;
use planb_model::plan::ServicePlan;
use planb_model::status::ExecutionStatus;

/// Who approved the moves of the journal.
pub(super) fn approvals(need: Need, facts: &Facts, plan: &ServicePlan) -> Look {
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
            format!(
                "{}, each approved",
                number::counted(count, "execution", "executions")
            ),
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

/// The audit log.
pub(super) fn audit(facts: &Facts) -> Look {
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

/// A document of the user.
pub(super) fn document(
    requirement: &Requirement,
    rules: &Rules,
    answers: &Answers,
    facts: &Facts,
) -> Look {
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
