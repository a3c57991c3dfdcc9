//! Markdown, for repositories and wikis.

use super::{Options, clean, more_rows, sign, tables, words};
use crate::report::{Block, Finding, Report, Table, Tone};
use planb_model::Lang;

/// Rows of one table in a page.
const ROWS_MAX: usize = 500;

pub(super) fn render(report: &Report, options: &Options) -> String {
    let lang = options.lang;
    let words = words(lang);
    let mut out = format!("# {}\n\n", escape(report.title.get(lang)));
    if !options.date.is_empty() {
        out.push_str(&format!("{}\n\n", escape(&options.date)));
    }
    let verdict = &report.verdict;
    out.push_str(&format!(
        "> **{} {}**\n>\n> {}\n\n",
        sign(verdict.tone),
        escape(verdict.headline.get(lang)),
        escape(verdict.reason.get(lang))
    ));
    for tile in &report.tiles {
        out.push_str(&format!(
            "- **{}**: {} ({})\n",
            escape(tile.title.get(lang)),
            escape(tile.value.get(lang)),
            escape(tile.note.get(lang))
        ));
    }
    for section in &report.sections {
        out.push_str(&format!("\n## {}\n\n", escape(section.title.get(lang))));
        if let Some(lead) = &section.lead {
            out.push_str(&format!("{}\n\n", escape(lead.get(lang))));
        }
        for each in &section.blocks {
            block(&mut out, each, lang);
        }
    }
    if !report.notes.is_empty() {
        out.push_str(&format!(
            "\n## {}\n\n{}\n\n",
            words.notes, words.illustrative
        ));
        for note in &report.notes {
            out.push_str(&format!(
                "- {} [{}]\n",
                escape(note.text.get(lang)),
                escape(&note.source)
            ));
        }
    }
    out.push_str(&format!(
        "\n{}: {}\n\n{}\n",
        words.source,
        escape(&report.source),
        words.documents
    ));
    out
}

fn block(out: &mut String, block: &Block, lang: Lang) {
    match block {
        Block::Paragraph(text) => out.push_str(&format!("{}\n\n", escape(text.get(lang)))),
        Block::List(items) => {
            for item in items {
                out.push_str(&format!("- {}\n", escape(item.get(lang))));
            }
            out.push('\n');
        }
        Block::Facts(facts) => {
            for (name, value) in facts {
                out.push_str(&format!(
                    "- **{}**: {}\n",
                    escape(name.get(lang)),
                    escape(value.get(lang))
                ));
            }
            out.push('\n');
        }
        Block::Table(rows) => table(out, rows, lang),
        Block::Findings(findings) => {
            for each in findings {
                finding(out, each, lang);
            }
            out.push('\n');
        }
        Block::Chart(chart) => table(out, &tables::of_chart(chart), lang),
        Block::Code(code) => out.push_str(&format!("```yaml\n{}\n```\n\n", code.trim_end())),
    }
}

fn finding(out: &mut String, finding: &Finding, lang: Lang) {
    out.push_str(&format!(
        "- {} **{}**: {}",
        sign(finding.tone),
        escape(finding.subject.get(lang)),
        escape(finding.reason.get(lang))
    ));
    if let Some(action) = &finding.action {
        out.push_str(&format!(
            " {}: {}",
            words(lang).action,
            escape(action.get(lang))
        ));
    }
    if let Some(source) = &finding.source {
        out.push_str(&format!(" [{}]", escape(source)));
    }
    out.push('\n');
}

fn table(out: &mut String, table: &Table, lang: Lang) {
    out.push_str(&format!("**{}**\n\n|", escape(table.title.get(lang))));
    for column in &table.columns {
        out.push_str(&format!(" {} |", escape(column.title.get(lang))));
    }
    out.push_str("\n|");
    for column in &table.columns {
        out.push_str(if column.figures { "---:|" } else { "---|" });
    }
    out.push('\n');
    for row in table.rows.iter().take(ROWS_MAX) {
        out.push('|');
        for cell in row {
            let mark = match cell.tone {
                Tone::Plain => String::new(),
                tone => format!("{} ", sign(tone)),
            };
            out.push_str(&format!(" {mark}{} |", escape(cell.text.get(lang))));
        }
        out.push('\n');
    }
    if table.rows.len() > ROWS_MAX {
        out.push_str(&format!(
            "\n{}\n",
            more_rows(table.rows.len() - ROWS_MAX).get(lang)
        ));
    }
    out.push('\n');
}

/// What is a sign of Markdown or HTML loses its meaning.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        if matches!(
            c,
            '|' | '*' | '_' | '`' | '[' | ']' | '<' | '>' | '#' | '\\' | '~'
        ) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
