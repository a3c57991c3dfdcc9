//! The tables of a report for a spreadsheet. What a spreadsheet would take for
//! a formula is made a text.

use super::tables;
use crate::report::{Block, Cell, Column, Report, Table};
use planb_model::{Lang, Text};

/// The main table alone, with the verdict on each of its rows so that it is still
/// there after sorting, filtering and joining files; or everything that has rows under its title.
pub(super) fn render(report: &Report, lang: Lang) -> String {
    let mut all: Vec<Table> = tables::of_tiles(&report.tiles).into_iter().collect();
    for section in &report.sections {
        let blocks = section.blocks.iter();
        all.extend(blocks.filter_map(|block| match block {
            Block::Table(table) => Some(table.clone()),
            Block::Chart(chart) => Some(tables::of_chart(chart)),
            Block::Facts(facts) => Some(tables::of_facts(&section.title, facts)),
            Block::Findings(findings) => Some(tables::of_findings(&section.title, findings)),
            Block::List(items) => Some(tables::of_list(&section.title, items)),
            Block::Paragraph(_) | Block::Code(_) => None,
        }));
    }
    // Excel reads a file as UTF-8 only when it begins with this mark.
    let mut out = String::from('\u{feff}');
    if let Some(main) = all.iter().find(|t| t.main) {
        table(&mut out, &judged(main, report), lang);
        return out;
    }
    let verdict = &report.verdict;
    line(
        &mut out,
        [
            report.title.get(lang),
            verdict.headline.get(lang),
            verdict.reason.get(lang),
        ]
        .into_iter(),
    );
    for each in &all {
        out.push_str("\r\n");
        line(&mut out, [each.title.get(lang)].into_iter());
        table(&mut out, each, lang);
    }
    out
}

/// The table with the verdict in two columns of its own. One without rows gets a
/// row for it.
fn judged(main: &Table, report: &Report) -> Table {
    let mut table = main.clone();
    if table.rows.is_empty() {
        table.rows.push(vec![Cell::from(""); main.columns.len()]);
    }
    table.columns.extend([
        Column::text(Text::new("Verdict", "판정")),
        Column::text(Text::new("Reason of the verdict", "판정 이유")),
    ]);
    let verdict = &report.verdict;
    for row in &mut table.rows {
        row.extend([&verdict.headline, &verdict.reason].map(|text| text.clone().into()));
    }
    table
}

fn table(out: &mut String, table: &Table, lang: Lang) {
    line(out, table.columns.iter().map(|c| c.title.get(lang)));
    for row in &table.rows {
        line(out, row.iter().map(|c| c.text.get(lang)));
    }
}

fn line<'a>(out: &mut String, cells: impl Iterator<Item = &'a str>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&quoted(&guard(cell)));
    }
    out.push_str("\r\n");
}

/// Puts `'` before what a spreadsheet would take for a formula. Plain numbers
/// stay numbers.
pub fn guard(cell: &str) -> String {
    let risky = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if risky && cell.parse::<f64>().is_err() {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r', ';', '\t']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_texts_and_numbers_stay() {
        for (cell, safe) in [
            ("=1+1", "'=1+1"),
            ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
            ("-2+3", "'-2+3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("-12.5", "-12.5"),
            ("a=1", "a=1"),
        ] {
            assert_eq!(guard(cell), safe);
        }
    }
}
