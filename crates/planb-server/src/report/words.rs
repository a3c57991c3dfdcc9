//! Words for phases, steps and moments, in both languages.

use super::html::{Both, both, clip, grouped};
use planb_model::runbook::Phase;

/// Widest identifier that is shown; a step's has at most 63 characters.
pub const ID_CELLS_MAX: usize = 64;

/// Name of a phase; `–` outside the recovery.
pub fn phase(phase: Option<Phase>) -> Both {
    match phase {
        Some(Phase::Detect) => both("Detect", "감지"),
        Some(Phase::Decide) => both("Decide", "결정"),
        Some(Phase::Execute) => both("Execute", "실행"),
        Some(Phase::Traffic) => both("Traffic", "트래픽 전환"),
        None => both("–", "–"),
    }
}

/// What a phase is.
pub fn phase_meaning(phase: Phase) -> Both {
    match phase {
        Phase::Detect => both(
            "until enough observers agreed that the site was lost",
            "충분한 수의 관측자가 사이트 상실에 합의할 때까지",
        ),
        Phase::Decide => both(
            "until the failover was approved",
            "페일오버가 승인될 때까지",
        ),
        Phase::Execute => both(
            "until the service was healthy at the other site",
            "다른 사이트에서 서비스가 정상 기동할 때까지",
        ),
        Phase::Traffic => both(
            "until the first good answer was seen from outside",
            "외부에서 첫 정상 응답이 확인될 때까지",
        ),
    }
}

/// CSS class of a phase.
pub fn phase_class(phase: Option<Phase>) -> &'static str {
    match phase {
        Some(Phase::Detect) => "detect",
        Some(Phase::Decide) => "decide",
        Some(Phase::Execute) => "execute",
        Some(Phase::Traffic) => "traffic",
        None => "outside",
    }
}

/// Words for a step or moment; one that is not known keeps its identifier.
pub fn moment(id: &str) -> Both {
    planb_model::moment::name(id).map_or_else(
        || both(&clip(id, ID_CELLS_MAX), &clip(id, ID_CELLS_MAX)),
        |name| both(&name.en, &name.ko),
    )
}

/// The facts of a step for people: `rows 12,408 · snapshot true`. What is no JSON
/// object stays as it is.
pub fn detail(text: &str) -> String {
    let Ok(serde_json::Value::Object(facts)) = serde_json::from_str(text) else {
        return text.to_owned();
    };
    let facts: Vec<String> = facts
        .iter()
        .map(|(k, v)| format!("{k} {}", fact(v)))
        .collect();
    facts.join(" · ")
}

fn fact(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Number(number) => {
            number.as_u64().map_or_else(|| number.to_string(), grouped)
        }
        other => other.to_string(),
    }
}
