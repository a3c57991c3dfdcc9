//! The cost report: standby, failover, total cost and what moves it, from the
//! answers of the `cost` assessment.

use crate::Assessed;
use crate::number;
use crate::report::{Block, Cell, Column, Note, Section, Table};
use planb_model::Text;
use serde_json::Value as Json;

/// Hours of the failovers whose price is shown: one hour, one drill day of the
/// plan's default (16 h a year are four drills), a day, a month.
const FAILOVER_HOURS: [(f64, &str, &str); 4] = [
    (1.0, "one hour", "1시간"),
    (4.0, "a drill of 4 hours", "4시간 훈련"),
    (24.0, "a day", "하루"),
    (730.0, "a month (730 hours)", "한 달(730시간)"),
];
/// Moves of the exchange rate that are shown, in per cent.
const RATE_MOVES: [f64; 5] = [-20.0, -10.0, 0.0, 10.0, 20.0];

/// The report of what `cost` found. `illustrated` when the answers are the
/// documents' own examples.
pub fn report(mut assessed: Assessed, illustrated: bool) -> Assessed {
    let outcome = &assessed.outcome;
    let mut sections = vec![failover(outcome)];
    sections.extend(exchange(outcome));
    let report = &mut assessed.report;
    let at = report.sections.len().min(1);
    report.sections.splice(at..at, sections);
    "report-cost".clone_into(&mut report.method);
    report.title = Text::new("Cost of the standby site", "대기 사이트 비용 보고서");
    if illustrated {
        report.notes.insert(
            0,
            Note {
                text: Text::new(
                    "Every answer in this report is an example: the customer's design and made-up amounts, not your contracts",
                    "이 보고서의 답변은 모두 예시입니다. 고객 설계서의 값과 임의의 금액이며 귀 기관의 계약이 아닙니다",
                ),
                source: "P (cost)".to_owned(),
            },
        );
    }
    assessed
}

fn figure(outcome: &Json, path: &str) -> Option<f64> {
    outcome.pointer(path)?.as_f64().filter(|v| v.is_finite())
}

fn usd(value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "" };
    let size = value.abs();
    if size < 1_000.0 && size.fract() != 0.0 {
        return format!("{sign}${size:.2}");
    }
    format!("{sign}${}", number::money(size))
}

/// What a failover costs while it lasts.
fn failover(outcome: &Json) -> Section {
    let monthly = figure(outcome, "/standby/failoverMonthly").unwrap_or_default();
    let hourly = figure(outcome, "/standby/failoverHourly").unwrap_or_default();
    let mut table = Table::new(
        Text::new(
            "A failover, while it lasts",
            "페일오버가 지속되는 동안의 비용",
        ),
        vec![
            Column::text(Text::new("How long", "지속 시간")),
            Column::figures(Text::new(
                "On top of the standby",
                "대기 비용에 더하는 금액",
            )),
        ],
    );
    for (hours, en, ko) in FAILOVER_HOURS {
        let whole = (hours - 730.0).abs() < f64::EPSILON;
        let cost = if whole { monthly } else { hours * hourly };
        table
            .rows
            .push(vec![Text::new(en, ko).into(), usd(cost).into()]);
    }
    Section::new(
        Text::new("What a failover costs", "페일오버 비용"),
        vec![Block::Table(table)],
    )
    .lead(Text::new(
        "The standby site is paid for all the time, the rest only while the service runs there.",
        "대기 사이트는 항상, 나머지는 그곳에서 서비스하는 동안에만 비용이 듭니다.",
    ))
}

/// What a dearer or cheaper dollar does to a year of keeping.
fn exchange(outcome: &Json) -> Option<Section> {
    let tenth = figure(outcome, "/tco/exchangeExposure")?;
    let mut table = Table::new(
        Text::new(
            "Licences of a year, in local currency",
            "현행 유지 라이선스의 연간 변동(원화)",
        ),
        vec![
            Column::figures(Text::new("The dollar moves by", "환율 변동")),
            Column::figures(Text::new("Difference a year", "연간 차이")),
        ],
    );
    for move_percent in RATE_MOVES {
        let difference = tenth * move_percent / 10.0;
        let sign = if difference > 0.0 { "+" } else { "" };
        let percent = if move_percent > 0.0 { "+" } else { "" };
        let shown = number::percent(move_percent);
        table.rows.push(vec![
            Cell::from(Text::new(
                format!("{percent}{}", shown.en),
                format!("{percent}{}", shown.ko),
            )),
            Cell::from(format!("{sign}{}", number::money(difference))),
        ]);
    }
    Some(
        Section::new(
            Text::new("Exchange rate", "환율 영향"),
            vec![Block::Table(table)],
        )
        .lead(Text::new(
            "Only the share of the licences that is paid in foreign currency moves.",
            "외화로 지급하는 라이선스 비율만큼만 변동합니다.",
        )),
    )
}
