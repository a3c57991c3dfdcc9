//! The verdict, worked out from the figures. Unknown is not success: a run that
//! was not compared whole proves nothing, however good its times look.

use super::html::{Both, both, grouped, seconds};
use planb_model::drill::DrillResult;

/// What the figures prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: not every acknowledged order was compared, or there was none.
    Unproven,
    /// Compared whole, and something that was promised was not kept.
    Missed,
    /// Compared whole, and every promise kept.
    Kept,
}

/// Whether a measured time keeps its promise. What is no number keeps none.
pub fn keeps(measured: f64, promised: f64) -> bool {
    measured.is_finite() && promised.is_finite() && measured <= promised
}

/// Whether the orders found and not found are all the orders there are.
pub fn adds_up(result: &DrillResult) -> bool {
    result.recovered.checked_add(result.lost) == Some(result.acknowledged)
}

/// The verdict over one run.
pub fn of(result: &DrillResult) -> Verdict {
    let setup = &result.setup;
    if !result.verified || result.acknowledged == 0 || !adds_up(result) {
        Verdict::Unproven
    } else if keeps(result.rto_seconds, setup.objective_rto_seconds)
        && keeps(result.rpo_seconds, setup.objective_rpo_seconds)
        && result.failback.lost == 0
    {
        Verdict::Kept
    } else {
        Verdict::Missed
    }
}

/// The banner at the top of the report.
pub fn banner(result: &DrillResult) -> String {
    let (class, sign, title) = match of(result) {
        Verdict::Unproven => (
            "bad",
            "✕",
            both(
                "Not verified: these figures prove nothing",
                "검증되지 않음: 아래 수치는 근거로 쓸 수 없습니다",
            ),
        ),
        Verdict::Missed => (
            "warn",
            "!",
            both(
                "Verified, but an objective was missed",
                "검증 완료, 그러나 목표를 지키지 못했습니다",
            ),
        ),
        Verdict::Kept => (
            "good",
            "✓",
            both(
                "Verified: every objective was met",
                "검증 완료: 모든 목표를 달성했습니다",
            ),
        ),
    };
    format!(
        "<div class=\"banner {class}\" role=\"status\"><span class=\"sign\" aria-hidden=\"true\">{sign}</span>\
         <div><strong>{title}</strong><p>{}</p></div></div>",
        explanation(result)
    )
}

fn explanation(result: &DrillResult) -> Both {
    let all = grouped(result.acknowledged);
    if result.acknowledged == 0 {
        return both(
            "No order was acknowledged before the fault, so there was nothing to compare.",
            "장애 전에 접수 확인된 주문이 없어 대조할 대상이 없었습니다.",
        );
    }
    if !result.verified {
        return both(
            &format!(
                "Not every one of the {all} acknowledged orders was compared after both moves. Find out why and run it again."
            ),
            &format!(
                "접수 확인된 주문 {all}건을 두 번의 전환 뒤에 모두 대조하지는 못했습니다. 원인을 확인하고 다시 실행하세요."
            ),
        );
    }
    if !adds_up(result) {
        return both(
            "Recovered and lost orders do not add up to the acknowledged ones. This is a defect of the measurement.",
            "복구 건수와 손실 건수의 합이 접수 건수와 다릅니다. 측정 과정에 결함이 있습니다.",
        );
    }
    let time = seconds(result.rto_seconds);
    let en = match result.lost {
        0 => format!(
            "All {all} acknowledged orders were compared one by one; none was lost. Service returned after {time} s."
        ),
        lost => format!(
            "All {all} acknowledged orders were compared one by one; {} were lost. Service returned after {time} s.",
            grouped(lost)
        ),
    };
    let ko = match result.lost {
        0 => format!(
            "접수 확인된 주문 {all}건을 한 건씩 대조했고 손실은 없었습니다. 서비스는 {time}초 만에 재개되었습니다."
        ),
        lost => format!(
            "접수 확인된 주문 {all}건을 한 건씩 대조했고 {}건이 손실되었습니다. 서비스는 {time}초 만에 재개되었습니다.",
            grouped(lost)
        ),
    };
    let back = result.failback.lost;
    if back == 0 {
        return both(&en, &ko);
    }
    both(
        &format!(
            "{en} The failback lost {} orders, which a planned move must never do.",
            grouped(back)
        ),
        &format!(
            "{ko} 페일백 과정에서 {}건이 손실되었습니다. 계획 전환에서는 있어서는 안 되는 일입니다.",
            grouped(back)
        ),
    )
}
