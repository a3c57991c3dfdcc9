//! Markdown, for repositories and wikis.

use super::inline::{Part, parts};
use super::{Options, cited, clean, colon, more_rows, sign, tables, words};
use crate::report::{Block, Finding, Report, Table, Tone};
use planb_model::Lang;

/// Rows of one table in a page.
const ROWS_MAX: usize = 500;

pub(super) fn render(report: &Report, options: &Options) -> String {
    let lang = options.lang;
    let words = words(lang);
    let mut out = format!("# {}\n\n", escape(report.title.get(lang)));
    if !options.date.is_empty() {
        out.push_str(&format!("{}\n\n", line(&options.date)));
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
            out.push_str(&format!("{}\n\n", line(lead.get(lang))));
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
                line(note.text.get(lang)),
                escape(&cited(&note.source, lang))
            ));
        }
    }
    out.push_str(&format!(
        "\n{}: {}\n\n{}\n",
        words.source,
        escape(&cited(&report.source, lang)),
        words.documents
    ));
    out
}

fn block(out: &mut String, block: &Block, lang: Lang) {
    match block {
        Block::Paragraph(text) => out.push_str(&format!("{}\n\n", line(text.get(lang)))),
        Block::List(items) => {
            for item in items {
                out.push_str(&format!("- {}\n", line(item.get(lang))));
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
        Block::Code(code) => {
            let code = code.get(lang);
            let fence = fence(code);
            out.push_str(&format!("{fence}yaml\n{}\n{fence}\n\n", code.trim_end()));
        }
    }
}

fn finding(out: &mut String, finding: &Finding, lang: Lang) {
    out.push_str(&format!(
        "- {} **{}**{}{}",
        sign(finding.tone),
        escape(finding.subject.get(lang)),
        colon(finding, lang),
        escape(finding.reason.get(lang))
    ));
    if let Some(action) = &finding.action {
        out.push_str(&format!(
            " → {}: {}",
            words(lang).action,
            escape(action.get(lang))
        ));
    }
    if let Some(source) = &finding.source {
        out.push_str(&format!(" [{}]", escape(&cited(source, lang))));
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
    for (at, row) in table.rows.iter().take(ROWS_MAX).enumerate() {
        out.push('|');
        for cell in row {
            let mark = match cell.tone {
                Tone::Plain => String::new(),
                tone => format!("{} ", sign(tone)),
            };
            let text = escape(cell.text.get(lang));
            let bold = if table.is_total(at) && !text.is_empty() {
                "**"
            } else {
                ""
            };
            out.push_str(&format!(" {mark}{bold}{text}{bold} |"));
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

/// A fence that nothing inside of `code` closes.
fn fence(code: &str) -> String {
    let mut ticks = 3;
    while code.contains(&"`".repeat(ticks)) {
        ticks += 1;
    }
    "`".repeat(ticks)
}

/// What is a sign of Markdown or HTML loses its meaning; what stands between
/// backticks is code in both.
fn escape(text: &str) -> String {
    let text = clean(text);
    let mut out = String::with_capacity(text.len());
    for part in parts(&text) {
        match part {
            // A bar would end the cell of a table, a backslash would be shown.
            Part::Code(code) if !code.contains(['|', '\\']) => {
                out.push_str(&format!("`{code}`"));
            }
            Part::Code(code) => plain(&mut out, &format!("`{code}`")),
            Part::Words(words) => plain(&mut out, words),
        }
    }
    out
}

fn plain(out: &mut String, text: &str) {
    for c in text.chars() {
        if matches!(
            c,
            '|' | '*' | '_' | '`' | '[' | ']' | '<' | '>' | '#' | '\\' | '~' | '&'
        ) {
            out.push('\\');
        }
        out.push(c);
    }
}

/// Like [`escape`], for what begins a line: a sign there would make a list, a
/// rule or a title of it.
fn line(text: &str) -> String {
    let text = escape(text);
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let after = text[digits..].chars().next();
    if digits == 0 && matches!(after, Some('-' | '+' | '=')) {
        return format!("\\{text}");
    }
    if (1..10).contains(&digits) && matches!(after, Some('.' | ')')) {
        let (number, rest) = text.split_at(digits);
        let rest_is_text = rest[1..].starts_with(|c: char| !c.is_whitespace());
        return if rest_is_text {
            text
        } else {
            format!("{number}\\{rest}")
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_user_wrote_becomes_markdown() {
        for (given, written) in [
            ("a|b", "a\\|b"),
            (
                "*a* _b_ [c](d) <e> #f ~g~",
                "\\*a\\* \\_b\\_ \\[c\\](d) \\<e\\> \\#f \\~g\\~",
            ),
            ("a &amp; b", "a \\&amp; b"),
            ("run `planb up`", "run `planb up`"),
            ("`a|b`", "\\`a\\|b\\`"),
            ("`a", "\\`a"),
        ] {
            assert_eq!(escape(given), written, "{given}");
        }
        for (given, written) in [
            ("- a", "\\- a"),
            ("+12 %", "\\+12 %"),
            ("2. a", "2\\. a"),
            ("2.5 s", "2.5 s"),
            ("a - b", "a - b"),
        ] {
            assert_eq!(line(given), written, "{given}");
        }
        assert_eq!(escape("-20 %"), "-20 %");
        assert_eq!(fence("a\n```\nb"), "````");
    }
}
