//! Text for a terminal.

use super::width::{UNBROKEN, columns, longest_word, pad, wrap};
use super::{Options, cited, clean, colon, more_rows, sign, tables, words};
use crate::report::{Block, Cell, Finding, Report, Table, Tone};
use planb_model::Lang;

/// Rows of one table on a terminal.
const ROWS_MAX: usize = 60;
/// Narrowest and widest text that can be read.
const COLUMNS: std::ops::RangeInclusive<usize> = 40..=140;
/// Longest word that keeps its column wide: an address or a digest may be cut.
const WORD_COLUMNS_MAX: usize = 28;
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
                let widths = [first, self.width - first - GAP];
                for (name, value) in facts {
                    let cells = [name, value].map(|text| clean(text.get(lang)));
                    self.row(&cells, &widths, &[false, false]);
                }
            }
            Block::Table(table) => self.table(table),
            Block::Findings(findings) => findings.iter().for_each(|f| self.finding(f)),
            Block::Chart(chart) => self.table(&tables::of_chart(chart)),
            Block::Code(code) => code.get(lang).lines().for_each(|line| {
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
        let Some(widths) = widths(&head, &rows, self.width) else {
            return self.cards(table, &head, &rows);
        };
        let figures: Vec<bool> = table.columns.iter().map(|c| c.figures).collect();
        self.row(&head, &widths, &figures);
        let rule: Vec<String> = widths.iter().map(|w| "-".repeat(*w)).collect();
        self.line(&rule.join("  "));
        for row in &rows {
            self.row(row, &widths, &figures);
        }
        self.left_out(table);
    }

    /// A table whose words do not fit side by side: each row as a point with its
    /// cells below each other. Cells without text are left out.
    fn cards(&mut self, table: &Table, head: &[String], rows: &[Vec<String>]) {
        for row in rows {
            let cells = head.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
            for (index, (title, cell)) in cells.enumerate() {
                let said = if title.is_empty() {
                    cell.clone()
                } else {
                    format!("{title}: {cell}")
                };
                if index == 0 {
                    self.point("-", &said);
                } else {
                    self.text("    ", &said);
                }
            }
        }
        self.left_out(table);
    }

    fn left_out(&mut self, table: &Table) {
        if table.rows.len() > ROWS_MAX {
            let more = more_rows(table.rows.len() - ROWS_MAX);
            self.text("", more.get(self.lang));
        }
    }

    /// One row; cells that do not fit go on below.
    fn row(&mut self, cells: &[String], widths: &[usize], figures: &[bool]) {
        let wrapped: Vec<Vec<String>> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| wrap(cell, *width))
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

fn said(cell: &Cell, lang: Lang) -> String {
    let text = clean(cell.text.get(lang));
    match cell.tone {
        Tone::Plain => text,
        tone => format!("{}{UNBROKEN}{text}", sign(tone)),
    }
}

/// Widths of the columns: what they need, or a share of what there is, the
/// widest giving first. None gets narrower than its longest word; nothing when
/// that is not possible.
fn widths(head: &[String], rows: &[Vec<String>], width: usize) -> Option<Vec<usize>> {
    let mut widths = vec![0; head.len()];
    let mut least = vec![0; head.len()];
    for row in std::iter::once(head).chain(rows.iter().map(Vec::as_slice)) {
        for (index, cell) in row.iter().enumerate().take(head.len()) {
            widths[index] = widths[index].max(columns(cell));
            least[index] = least[index].max(longest_word(cell).min(WORD_COLUMNS_MAX));
        }
    }
    let room = width.saturating_sub(GAP * widths.len().saturating_sub(1));
    if least.iter().sum::<usize>() > room {
        return None;
    }
    while widths.iter().sum::<usize>() > room {
        let can_give = widths.iter_mut().zip(&least).filter(|(w, l)| **w > **l);
        let (widest, _) = can_give.max_by_key(|(w, _)| **w)?;
        *widest -= 1;
    }
    Some(widths)
}
