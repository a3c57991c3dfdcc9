//! Text for a terminal.

use super::width::{clip, columns, pad, wrap};
use super::{Options, cited, clean, colon, more_rows, sign, tables, words};
use crate::report::{Block, Cell, Finding, Report, Table, Tone};
use planb_model::Lang;

/// Rows of one table on a terminal.
const ROWS_MAX: usize = 60;
/// Narrowest and widest text that can be read.
const COLUMNS: std::ops::RangeInclusive<usize> = 40..=140;
/// Between two columns of a table.
const GAP: usize = 2;

pub(super) fn render(report: &Report, options: &Options) -> String {
    let lang = options.lang;
    let width = options.columns.clamp(*COLUMNS.start(), *COLUMNS.end());
    let words = words(lang);
    let mut page = Page {
        out: String::new(),
        width,
        lang,
    };
    page.line(&clean(report.title.get(lang)));
    page.line(&"=".repeat(columns(report.title.get(lang)).min(width)));
    let verdict = &report.verdict;
    page.line("");
    page.text(
        "",
        &format!("{} {}", sign(verdict.tone), verdict.headline.get(lang)),
    );
    page.text("  ", verdict.reason.get(lang));
    page.line("");
    for tile in &report.tiles {
        let title = clean(tile.title.get(lang));
        let value = clean(tile.value.get(lang));
        page.text(
            "",
            &format!(
                "{} {title}: {value} ({})",
                sign(tile.tone),
                tile.note.get(lang)
            ),
        );
    }
    for section in &report.sections {
        page.heading(section.title.get(lang));
        if let Some(lead) = &section.lead {
            page.text("", lead.get(lang));
            page.line("");
        }
        for each in &section.blocks {
            page.block(each);
        }
    }
    if !report.notes.is_empty() {
        page.heading(words.notes);
        page.text("", words.illustrative);
        for note in &report.notes {
            page.point(
                "-",
                &format!("{} [{}]", note.text.get(lang), cited(&note.source, lang)),
            );
        }
    }
    page.line("");
    page.text(
        "",
        &format!("{}: {}", words.source, cited(&report.source, lang)),
    );
    page.text("", words.documents);
    page.out
}

struct Page {
    out: String,
    width: usize,
    lang: Lang,
}

impl Page {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn heading(&mut self, title: &str) {
        self.line("");
        self.line(&clean(title));
        self.line(&"-".repeat(columns(title).min(self.width)));
    }

    /// Wrapped text behind `indent`.
    fn text(&mut self, indent: &str, text: &str) {
        for line in wrap(&clean(text), self.width - columns(indent)) {
            self.line(&format!("{indent}{line}"));
        }
    }

    /// Wrapped text behind a sign.
    fn point(&mut self, sign: &str, text: &str) {
        for (index, line) in wrap(&clean(text), self.width - 2).iter().enumerate() {
            let lead = if index == 0 { sign } else { " " };
            self.line(&format!("{lead} {line}"));
        }
    }

    fn block(&mut self, block: &Block) {
        let lang = self.lang;
        match block {
            Block::Paragraph(text) => self.text("", text.get(lang)),
            Block::List(items) => items
                .iter()
                .for_each(|item| self.point("-", item.get(lang))),
            Block::Facts(facts) => {
                let widest = facts.iter().map(|(name, _)| columns(name.get(lang))).max();
                let first = widest.unwrap_or(0).min(self.width / 2);
                for (name, value) in facts {
                    let name = pad(&clip(&clean(name.get(lang)), first), first, false);
                    let lines = wrap(&clean(value.get(lang)), self.width - first - GAP);
                    for (index, line) in lines.iter().enumerate() {
                        let lead = if index == 0 {
                            name.clone()
                        } else {
                            " ".repeat(first)
                        };
                        self.line(&format!("{lead}  {line}"));
                    }
                }
            }
            Block::Table(table) => self.table(table),
            Block::Findings(findings) => findings.iter().for_each(|f| self.finding(f)),
            Block::Chart(chart) => self.table(&tables::of_chart(chart)),
            Block::Code(code) => code.lines().for_each(|line| {
                let line = format!("    {line}");
                self.line(&line);
            }),
        }
        self.line("");
    }

    fn finding(&mut self, finding: &Finding) {
        let lang = self.lang;
        let source = finding
            .source
            .as_ref()
            .map_or(String::new(), |s| format!(" [{}]", cited(s, lang)));
        let subject = finding.subject.get(lang);
        let reason = finding.reason.get(lang);
        let colon = colon(finding, lang);
        let said = format!("{subject}{colon}{reason}{source}");
        self.point(sign(finding.tone), &said);
        if let Some(action) = &finding.action {
            self.text(
                "    ",
                &format!("{}: {}", words(lang).action, action.get(lang)),
            );
        }
    }

    fn table(&mut self, table: &Table) {
        let lang = self.lang;
        self.text("", table.title.get(lang));
        let shown = &table.rows[..table.rows.len().min(ROWS_MAX)];
        let head: Vec<String> = table
            .columns
            .iter()
            .map(|c| clean(c.title.get(lang)))
            .collect();
        let rows: Vec<Vec<String>> = shown
            .iter()
            .map(|row| row.iter().map(|cell| said(cell, lang)).collect())
            .collect();
        let widths = widths(&head, &rows, self.width);
        let figures: Vec<bool> = table.columns.iter().map(|c| c.figures).collect();
        self.row(&head, &widths, &figures);
        let rule: Vec<String> = widths.iter().map(|w| "-".repeat(*w)).collect();
        self.line(&rule.join("  "));
        for row in &rows {
            self.row(row, &widths, &figures);
        }
        if table.rows.len() > ROWS_MAX {
            self.text("", more_rows(table.rows.len() - ROWS_MAX).get(lang));
        }
    }

    /// One row; cells that do not fit go on below.
    fn row(&mut self, cells: &[String], widths: &[usize], figures: &[bool]) {
        let wrapped: Vec<Vec<String>> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| wrap_cell(cell, *width))
            .collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        for index in 0..height {
            let line: Vec<String> = wrapped
                .iter()
                .zip(widths.iter().zip(figures))
                .map(|(lines, (width, right))| {
                    pad(lines.get(index).map_or("", String::as_str), *width, *right)
                })
                .collect();
            self.line(&line.join("  "));
        }
    }
}

/// Wraps a cell; its column may be narrower than `wrap` goes.
fn wrap_cell(cell: &str, width: usize) -> Vec<String> {
    wrap(cell, width)
        .into_iter()
        .flat_map(|line| {
            let mut rest = line;
            let mut out = Vec::new();
            while columns(&rest) > width {
                let head = clip(&rest, width.max(2));
                rest.drain(..head.len());
                out.push(head);
            }
            out.push(rest);
            out
        })
        .collect()
}

fn said(cell: &Cell, lang: Lang) -> String {
    let text = clean(cell.text.get(lang));
    match cell.tone {
        Tone::Plain => text,
        tone => format!("{} {text}", sign(tone)),
    }
}

/// Widths of the columns: what they need, or a share of what there is, the
/// widest giving first.
fn widths(head: &[String], rows: &[Vec<String>], width: usize) -> Vec<usize> {
    let mut widths: Vec<usize> = head.iter().map(|h| columns(h)).collect();
    for row in rows {
        for (needed, cell) in widths.iter_mut().zip(row) {
            *needed = (*needed).max(columns(cell));
        }
    }
    let room = width.saturating_sub(GAP * widths.len().saturating_sub(1));
    while widths.iter().sum::<usize>() > room {
        let Some(widest) = widths.iter_mut().max().filter(|w| **w > 4) else {
            break;
        };
        *widest -= 1;
    }
    widths
}
