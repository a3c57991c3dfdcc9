//! The figures as cards, and the table of what was run.

use super::html::{Both, both, bytes, escape, grouped, seconds};
use super::verdict::{adds_up, keeps};
use planb_model::drill::DrillResult;

struct Card {
    title: Both,
    figure: String,
    unit: Both,
    /// Whether it is as promised, and the words for it.
    state: (bool, Both),
    note: Both,
}

/// Four cards: RTO, RPO, orders, failback.
pub fn cards(result: &DrillResult) -> String {
    let cards = [
        time_card(
            both("Recovery time (RTO)", "복구 시간(RTO)"),
            result.rto_seconds,
            result.setup.objective_rto_seconds,
        ),
        time_card(
            both("Recovery point (RPO)", "복구 시점(RPO)"),
            result.rpo_seconds,
            result.setup.objective_rpo_seconds,
        ),
        orders_card(result),
        failback_card(result),
    ];
    let cards: String = cards.iter().map(card).collect();
    format!("<div class=\"cards\">{cards}</div>")
}

fn card(card: &Card) -> String {
    let (good, words) = &card.state;
    let (class, sign) = if *good {
        ("good", "✓")
    } else {
        ("bad", "✕")
    };
    format!(
        "<article class=\"card\"><h3>{}</h3><p class=\"figure\">{} <small>{}</small></p>\
         <p class=\"state {class}\"><span aria-hidden=\"true\">{sign}</span> {words}</p><p class=\"note\">{}</p></article>",
        card.title,
        escape(&card.figure),
        card.unit,
        card.note
    )
}

fn time_card(title: Both, measured: f64, promised: f64) -> Card {
    let state = if keeps(measured, promised) {
        (true, both("objective met", "목표 달성"))
    } else {
        (false, both("objective missed", "목표 미달성"))
    };
    Card {
        title,
        figure: seconds(measured),
        unit: both("s", "초"),
        state,
        note: both(
            &format!("objective: at most {} s", seconds(promised)),
            &format!("목표: {}초 이내", seconds(promised)),
        ),
    }
}

fn orders_card(result: &DrillResult) -> Card {
    let note = both(
        &format!(
            "{} acknowledged, {} recovered",
            grouped(result.acknowledged),
            grouped(result.recovered)
        ),
        &format!(
            "접수 {}건, 복구 {}건",
            grouped(result.acknowledged),
            grouped(result.recovered)
        ),
    );
    Card {
        title: both("Orders lost", "손실된 주문"),
        figure: grouped(result.lost),
        unit: both("orders", "건"),
        state: compared(result),
        note,
    }
}

fn compared(result: &DrillResult) -> (bool, Both) {
    if !result.verified || result.acknowledged == 0 {
        (false, both("not all compared", "전체 대조되지 않음"))
    } else if !adds_up(result) {
        (false, both("does not add up", "합계 불일치"))
    } else {
        (true, both("every order compared", "전 건 대조 완료"))
    }
}

fn failback_card(result: &DrillResult) -> Card {
    let back = &result.failback;
    let state = match (result.verified, back.lost) {
        (false, _) => (false, both("not verified", "검증되지 않음")),
        (true, 0) => (true, both("nothing lost", "손실 없음")),
        (true, lost) => (
            false,
            both(
                &format!("{} orders lost", grouped(lost)),
                &format!("{}건 손실", grouped(lost)),
            ),
        ),
    };
    Card {
        title: both("Failback", "페일백"),
        figure: seconds(back.rto_seconds),
        unit: both("s", "초"),
        state,
        note: both(
            "without a good answer, seen from outside",
            "외부에서 정상 응답이 없던 시간",
        ),
    }
}

/// What was run, as a table.
pub fn setup(result: &DrillResult) -> String {
    let setup = &result.setup;
    let rows = [
        (both("Service", "서비스"), setup.service.clone()),
        (
            both("Site that was killed", "강제 종료한 사이트"),
            setup.from.clone(),
        ),
        (
            both("Site that took over", "인계받은 사이트"),
            setup.to.clone(),
        ),
        (both("Database", "데이터베이스"), setup.database.clone()),
        (
            both(
                "Size of the database at the fault",
                "장애 시점의 데이터베이스 크기",
            ),
            bytes(setup.database_bytes),
        ),
        (both("Vault", "볼트"), setup.vault.clone()),
        (both("Machine", "실행 장비"), setup.machine.clone()),
        (both("PlanB", "PlanB 버전"), setup.version.clone()),
        (both("Began at", "시작 시각"), setup.started_at.to_string()),
    ];
    let rows: String = rows
        .iter()
        .map(|(title, value)| {
            format!(
                "<tr><th scope=\"row\">{title}</th><td>{}</td></tr>",
                escape(value)
            )
        })
        .collect();
    format!("<table class=\"setup\"><tbody>{rows}</tbody></table>")
}
