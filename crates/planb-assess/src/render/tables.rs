//! Figures, tiles and findings as tables, for the formats that have nothing else.

use super::{cited, spoken};
use crate::number;
use crate::report::{
    Bars, Cell, Chart, Column, Curves, Finding, Mark, Table, Tile, Timeline, Tornado,
};
use planb_model::{Lang, Text};

/// The headline figures; nothing when there is none.
pub fn of_tiles(tiles: &[Tile]) -> Option<Table> {
    let columns = vec![
        Column::text(Text::new("Figure", "지표")),
        Column::figures(Text::new("Value", "값")),
        Column::text(Text::new("Note", "설명")),
    ];
    let mut table = Table::new(Text::new("Headline figures", "주요 수치"), columns);
    let row = |tile: &Tile| {
        let texts = [&tile.title, &tile.value, &tile.note];
        texts.map(|text| Cell::from(text.clone())).to_vec()
    };
    table.rows = tiles.iter().map(row).collect();
    (!tiles.is_empty()).then_some(table)
}

/// Names and values.
pub fn of_facts(title: &Text, facts: &[(Text, Text)]) -> Table {
    let columns = vec![
        Column::text(Text::new("Name", "이름")),
        Column::text(Text::new("Value", "값")),
    ];
    let mut table = Table::new(title.clone(), columns);
    let rows = facts
        .iter()
        .map(|(name, value)| vec![name.clone().into(), value.clone().into()]);
    table.rows.extend(rows);
    table
}

/// What was looked at, with its state in a word.
pub fn of_findings(title: &Text, findings: &[Finding]) -> Table {
    let columns = vec![
        Column::text(Text::new("State", "상태")),
        Column::text(Text::new("What", "항목")),
        Column::text(Text::new("Why", "내용")),
        Column::text(Text::new("To do", "조치")),
        Column::text(Text::new("Source", "출처")),
    ];
    let mut table = Table::new(title.clone(), columns);
    let row = |finding: &Finding| {
        vec![
            spoken(finding.tone).into(),
            finding.subject.clone().into(),
            finding.reason.clone().into(),
            finding.action.clone().unwrap_or(Text::same("")).into(),
            finding
                .source
                .as_deref()
                .map_or(Text::same(""), sourced)
                .into(),
        ]
    };
    table.rows = findings.iter().map(row).collect();
    table
}

/// A source in both languages.
fn sourced(source: &str) -> Text {
    let [en, ko] = [Lang::En, Lang::Ko].map(|lang| cited(source, lang));
    Text::new(en, ko)
}

/// Points, one a row.
pub fn of_list(title: &Text, items: &[Text]) -> Table {
    let mut table = Table::new(
        title.clone(),
        vec![Column::text(Text::new("Point", "항목"))],
    );
    table.rows = items.iter().map(|item| vec![item.clone().into()]).collect();
    table
}

/// The table that says what `chart` draws.
pub fn of_chart(chart: &Chart) -> Table {
    match chart {
        Chart::Bars(bars) => of_bars(bars),
        Chart::Tornado(tornado) => of_tornado(tornado),
        Chart::Timeline(line) => of_timeline(line),
        Chart::Curves(curves) => of_curves(curves),
    }
}

fn of_bars(bars: &Bars) -> Table {
    let mut columns = vec![Column::text(Text::new("Item", "항목"))];
    let series = bars.series.iter();
    columns.extend(series.map(|s| Column::figures(joined(s, &bars.unit))));
    let mut table = Table::new(bars.title.clone(), columns);
    for row in &bars.rows {
        let mut cells = vec![Cell::from(row.label.clone())];
        cells.extend(row.values.iter().map(|v| Cell::from(number::money(*v))));
        table.rows.push(cells);
    }
    table
}

fn of_tornado(tornado: &Tornado) -> Table {
    let columns = vec![
        Column::text(Text::new("Input", "입력값")),
        Column::figures(Text::new("Low", "낮게")),
        Column::figures(joined(&Text::new("Result", "결과"), &tornado.unit)),
        Column::figures(Text::new("High", "높게")),
        Column::figures(joined(&Text::new("Result", "결과"), &tornado.unit)),
    ];
    let mut table = Table::new(tornado.title.clone(), columns);
    for swing in &tornado.inputs {
        table.rows.push(vec![
            swing.label.clone().into(),
            swing.low_input.clone().into(),
            number::money(swing.low).into(),
            swing.high_input.clone().into(),
            number::money(swing.high).into(),
        ]);
    }
    table
}

fn of_timeline(line: &Timeline) -> Table {
    let columns = vec![
        Column::text(Text::new("Lane", "구분")),
        Column::text(Text::new("Step", "단계")),
        Column::figures(Text::new("From", "시작")),
        Column::figures(Text::new("To", "끝")),
        Column::text(Text::new("People", "사람의 개입")),
    ];
    let mut table = Table::new(line.title.clone(), columns).grouped();
    for lane in &line.lanes {
        for span in &lane.spans {
            table.rows.push(vec![
                lane.label.clone().into(),
                span.label.clone().into(),
                number::duration(span.from).into(),
                number::duration(span.to).into(),
                yes_no(span.by_people).into(),
            ]);
        }
    }
    marks(&mut table, &line.marks, 2);
    table
}

fn of_curves(curves: &Curves) -> Table {
    let mut columns = vec![Column::text(Text::new("Share of cases", "경우의 비율"))];
    let labels = curves.curves.iter();
    columns.extend(labels.map(|c| Column::figures(c.label.clone())));
    let mut table = Table::new(curves.title.clone(), columns);
    for share in [0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99] {
        let mut cells = vec![Cell::from(number::percent(share * 100.0))];
        cells.extend(curves.curves.iter().map(|curve| {
            let reached = curve.points.iter().find(|(_, s)| *s >= share);
            let value = reached.or(curve.points.last());
            Cell::from(value.map_or(Text::same("–"), |(v, _)| number::duration(*v)))
        }));
        table.rows.push(cells);
    }
    marks(&mut table, &curves.marks, 1);
    table
}

/// The upright lines, as rows with their place in column `at`.
fn marks(table: &mut Table, marks: &[Mark], at: usize) {
    for mark in marks {
        let mut cells = vec![Cell::from(""); table.columns.len()];
        cells[0] = mark.label.clone().into();
        cells[at] = number::duration(mark.at).into();
        table.rows.push(cells);
    }
}

/// `Cost (USD)`.
fn joined(title: &Text, unit: &Text) -> Text {
    Text::new(
        format!("{} ({})", title.en, unit.en),
        format!("{} ({})", title.ko, unit.ko),
    )
}

fn yes_no(yes: bool) -> Text {
    if yes {
        Text::new("yes", "예")
    } else {
        Text::new("no", "아니요")
    }
}
