//! One HTML file that needs nothing else: no script, no font, no network. It
//! prints to A4 and follows the reader's light or dark scheme.

mod style;

use super::inline::{Part, parts};
use super::width::columns;
use super::{Options, cited, colon, more_rows, sign, spoken, svg, tables, words};
use crate::report::{Block, Cell, Chart, Column, Finding, Report, Section, Table, Tile, Tone};
use planb_model::Lang;

/// Rows of one table in a page; ten thousand would be three hundred sheets.
const ROWS_MAX: usize = 500;
/// Rows of a table that is kept on one sheet of paper.
const ROWS_UNCUT_MAX: usize = 16;
/// Columns of a table that is set smaller on paper: a browser shrinks the whole
/// document to what does not fit.
const WIDE_COLUMNS_MIN: usize = 9;
/// Widest state, in columns, that is kept on one line: `not met`.
const STATE_COLUMNS_MAX: usize = 9;
/// Widest name, in columns, that is kept on one line.
const NAME_COLUMNS_MAX: usize = 24;

pub(super) fn render(report: &Report, options: &Options) -> String {
    let lang = options.lang;
    let mut page = String::with_capacity(64 * 1024);
    head(&mut page, report, options);
    page.push_str("<main>");
    let verdict = &report.verdict;
    page.push_str(&format!(
        "<div class=\"banner {}\"><span class=\"sign\" role=\"img\" aria-label=\"{}\">{}</span><div><strong>{}</strong><p>{}</p></div></div>",
        class(verdict.tone),
        spoken(verdict.tone).get(lang),
        sign(verdict.tone),
        rich(verdict.headline.get(lang)),
        rich(verdict.reason.get(lang))
    ));
    if !report.tiles.is_empty() {
        let tiles: String = report.tiles.iter().map(|t| tile(t, lang)).collect();
        page.push_str(&format!("<div class=\"cards\">{tiles}</div>"));
    }
    for each in &report.sections {
        section(&mut page, each, lang);
    }
    notes(&mut page, report, lang);
    page.push_str(&format!(
        "</main><footer><p>{}: {} · PlanB · {}</p><p class=\"documents\">{}</p></footer></body></html>\n",
        words(lang).source,
        escape(&cited(&report.source, lang)),
        match lang {
            Lang::En => "This file is complete: it loads nothing from anywhere.",
            Lang::Ko => "이 파일은 외부에서 아무것도 불러오지 않는 단일 파일입니다.",
        },
        escape(words(lang).documents)
    ));
    page
}

fn head(page: &mut String, report: &Report, options: &Options) {
    let lang = options.lang;
    let title = escape(report.title.get(lang));
    let kind = match (lang, report.is_document()) {
        (Lang::En, false) => "assessment",
        (Lang::Ko, false) => "진단 보고서",
        (Lang::En, true) => "report",
        (Lang::Ko, true) => "보고서",
    };
    page.push_str(&format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>PlanB · {title}</title><style>{}</style></head><body>\
         <header><div><p class=\"brand\">PlanB <span>{kind}</span></p><h1>{title}</h1><p class=\"when\">{}</p></div></header>",
        lang.tag(),
        style::CSS,
        escape(&options.date)
    ));
}

fn tile(tile: &Tile, lang: Lang) -> String {
    format!(
        "<article class=\"card\"><h2>{}</h2><p class=\"figure {}\">{}</p><p class=\"note\">{}{}</p></article>",
        escape(tile.title.get(lang)),
        class(tile.tone),
        escape(tile.value.get(lang)),
        match tile.tone {
            Tone::Plain => String::new(),
            tone => format!("{}&nbsp;", sign_of(tone, lang)),
        },
        rich(tile.note.get(lang))
    )
}

fn section(page: &mut String, section: &Section, lang: Lang) {
    page.push_str(&format!(
        "<section><h2>{}</h2>",
        escape(section.title.get(lang))
    ));
    if let Some(lead) = &section.lead {
        page.push_str(&format!("<p class=\"lead\">{}</p>", rich(lead.get(lang))));
    }
    for each in &section.blocks {
        block(page, each, lang);
    }
    page.push_str("</section>");
}

fn block(page: &mut String, block: &Block, lang: Lang) {
    match block {
        Block::Paragraph(text) => page.push_str(&format!("<p>{}</p>", rich(text.get(lang)))),
        Block::List(items) => {
            let items: String = items
                .iter()
                .map(|i| format!("<li>{}</li>", rich(i.get(lang))))
                .collect();
            page.push_str(&format!("<ul>{items}</ul>"));
        }
        Block::Facts(facts) => {
            let row = |(name, value): &(planb_model::Text, planb_model::Text)| {
                format!(
                    "<tr><th scope=\"row\">{}</th><td>{}</td></tr>",
                    rich(name.get(lang)),
                    rich(value.get(lang))
                )
            };
            let rows: String = facts.iter().map(row).collect();
            page.push_str(&format!(
                "<table class=\"facts short\"><tbody>{rows}</tbody></table>"
            ));
        }
        Block::Table(rows) => table(page, rows, lang),
        Block::Findings(findings) => {
            page.push_str("<ul class=\"findings\">");
            findings.iter().for_each(|f| finding(page, f, lang));
            page.push_str("</ul>");
        }
        Block::Chart(chart) => figure(page, chart, lang),
        Block::Code(code) => page.push_str(&format!(
            "<pre><code>{}</code></pre>",
            lines(code.get(lang))
        )),
    }
}

/// A drawing, and its figures for those who cannot see it or want the numbers.
fn figure(page: &mut String, chart: &Chart, lang: Lang) {
    let svg::Drawn { title, picture } = svg::draw(chart, lang);
    page.push_str(&format!(
        "<figure class=\"chart\"><figcaption>{title}</figcaption><div class=\"picture\" tabindex=\"0\">{picture}</div>\
         <details class=\"data\"><summary>{}</summary>",
        words(lang).figures
    ));
    table(page, &tables::of_chart(chart), lang);
    page.push_str("</details></figure>");
}

fn finding(page: &mut String, finding: &Finding, lang: Lang) {
    page.push_str(&format!(
        "<li>{}<div><strong>{}</strong>{}<span>{}</span>",
        sign_of(finding.tone, lang),
        rich(finding.subject.get(lang)),
        colon(finding, lang),
        rich(finding.reason.get(lang))
    ));
    if let Some(source) = &finding.source {
        page.push_str(&format!(
            " <span class=\"source\">{}</span>",
            escape(&cited(source, lang))
        ));
    }
    if let Some(action) = &finding.action {
        page.push_str(&format!(
            "<p class=\"action\">{}: {}</p>",
            words(lang).action,
            rich(action.get(lang))
        ));
    }
    page.push_str("</div></li>");
}

fn table(page: &mut String, table: &Table, lang: Lang) {
    // What fits on a sheet is not cut; longer tables repeat their head.
    let short = match table.rows.len() {
        0..=ROWS_UNCUT_MAX => " short",
        _ => "",
    };
    let from = usize::from(table.grouped);
    let heads = table.columns.get(from..).unwrap_or_default();
    let wide = if heads.len() >= WIDE_COLUMNS_MIN {
        " wide"
    } else {
        ""
    };
    page.push_str(&format!(
        "<div class=\"scroll{short}{wide}\" tabindex=\"0\"><table class=\"grid\"><caption>{}</caption><thead><tr>",
        escape(table.title.get(lang))
    ));
    for column in heads {
        let class = if column.figures {
            " class=\"figures\""
        } else {
            ""
        };
        let title = escape(column.title.get(lang));
        page.push_str(&format!("<th scope=\"col\"{class}>{title}</th>"));
    }
    page.push_str("</tr></thead>");
    if !table.grouped {
        page.push_str("<tbody>");
    }
    let mut group: Option<&Cell> = None;
    for (at, row) in table.rows.iter().take(ROWS_MAX).enumerate() {
        if table.grouped && group != row.first() {
            if group.is_some() {
                page.push_str("</tbody>");
            }
            group = row.first();
            let name = group.map_or(String::new(), |cell| said(cell, lang));
            let width = heads.len();
            page.push_str(&format!(
                "<tbody><tr class=\"group\"><th scope=\"rowgroup\" colspan=\"{width}\">{name}</th></tr>"
            ));
        }
        page.push_str(if table.is_total(at) {
            "<tr class=\"total\">"
        } else {
            "<tr>"
        });
        let cells = row.iter().skip(from).zip(heads).enumerate();
        for (at, (cell, column)) in cells {
            let class = class_of(cell, column, at == 0, lang);
            page.push_str(&format!("<td{class}>{}</td>", said(cell, lang)));
        }
        page.push_str("</tr>");
    }
    if !table.grouped || group.is_some() {
        page.push_str("</tbody>");
    }
    page.push_str("</table></div>");
    if table.rows.len() > ROWS_MAX {
        let more = more_rows(table.rows.len() - ROWS_MAX);
        page.push_str(&format!("<p class=\"note\">{}</p>", escape(more.get(lang))));
    }
}

/// Figures stand to the right; a short name or a date is not broken at its hyphens.
fn class_of(cell: &Cell, column: &Column, is_first: bool, lang: Lang) -> &'static str {
    let text = cell.text.get(lang);
    let is_whole = !text.contains(' ') || text.starts_with(|c: char| c.is_ascii_digit());
    let is_name = is_first && columns(text) <= NAME_COLUMNS_MAX && is_whole;
    match (column.figures, is_name) {
        (true, _) => " class=\"figures\"",
        (false, true) => " class=\"name\"",
        (false, false) => "",
    }
}

fn said(cell: &Cell, lang: Lang) -> String {
    // An arrow does not begin a line.
    let text = rich(cell.text.get(lang)).replace(" → ", "&nbsp;→ ");
    match cell.tone {
        Tone::Plain => text,
        tone => {
            let whole = if columns(cell.text.get(lang)) <= STATE_COLUMNS_MAX {
                " whole"
            } else {
                ""
            };
            format!(
                "{}&nbsp;<span class=\"{}{whole}\">{text}</span>",
                sign_of(tone, lang),
                class(tone)
            )
        }
    }
}

fn notes(page: &mut String, report: &Report, lang: Lang) {
    if report.notes.is_empty() {
        return;
    }
    let words = words(lang);
    page.push_str(&format!(
        "<section class=\"notes\"><h2>{}</h2><p class=\"lead\">{}</p><ul>",
        words.notes, words.illustrative
    ));
    for note in &report.notes {
        page.push_str(&format!(
            "<li>{} <span class=\"source\">{}</span></li>",
            rich(note.text.get(lang)),
            escape(&cited(&note.source, lang))
        ));
    }
    page.push_str("</ul></section>");
}

/// The sign of a tone, with a word for it.
fn sign_of(tone: Tone, lang: Lang) -> String {
    format!(
        "<span class=\"mark {}\" role=\"img\" aria-label=\"{}\">{}</span>",
        class(tone),
        spoken(tone).get(lang),
        sign(tone)
    )
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Good => "good",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
        Tone::Unknown => "unknown",
    }
}

/// Escapes text for HTML content and quoted attributes; see [`super::clean`].
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in super::clean(text).chars() {
        push(&mut out, c);
    }
    out
}

/// Like [`escape`], with what stands between backticks as code.
fn rich(text: &str) -> String {
    let part = |part: Part<'_>| match part {
        Part::Words(words) => escape(words),
        Part::Code(code) => format!("<code>{}</code>", escape(code)),
    };
    parts(text).into_iter().map(part).collect()
}

/// Like [`escape`], with line ends kept.
fn lines(text: &str) -> String {
    text.lines().map(escape).collect::<Vec<_>>().join("\n")
}

fn push(out: &mut String, c: char) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        c => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_direction_marks_do_not_get_through() {
        assert_eq!(escape("<a b=\"'&\">"), "&lt;a b=&quot;&#39;&amp;&quot;&gt;");
        assert_eq!(rich("run `a<b>`"), "run <code>a&lt;b&gt;</code>");
        assert_eq!(escape("a\u{202e}b\0c\nd"), "a\u{fffd}b\u{fffd}c d");
    }

    #[test]
    fn what_is_read_as_one_is_not_broken() {
        let class = |text: &str| {
            let column = Column::text(planb_model::Text::same("Time"));
            class_of(&text.into(), &column, true, Lang::En)
        };
        assert_eq!(class("2026-11-27 14:15"), " class=\"name\"");
        assert_eq!(class("civil-portal"), " class=\"name\"");
        assert_eq!(class("a sentence of words"), "");
        let state = |text: &str| {
            let text = planb_model::Text::same(text);
            said(&Cell::toned(text, Tone::Bad), Lang::En)
        };
        assert!(state("not met").contains("class=\"bad whole\""));
        assert!(!state("open, the most important one").contains("whole"));
        assert!(said(&"seoul → busan".into(), Lang::En).contains("seoul&nbsp;→ busan"));
    }

    #[test]
    fn a_table_of_many_columns_is_set_smaller_on_paper() {
        let columns = |count: usize| {
            let one = |_| Column::text(planb_model::Text::same("x"));
            let all = (0..count).map(one).collect();
            let mut page = String::new();
            let title = planb_model::Text::same("t");
            table(&mut page, &Table::new(title, all), Lang::En);
            page
        };
        assert!(columns(WIDE_COLUMNS_MIN).contains("scroll short wide"));
        assert!(!columns(WIDE_COLUMNS_MIN - 1).contains(" wide"));
        assert!(style::CSS.contains(".wide table{"));
    }
}
