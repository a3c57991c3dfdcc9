//! The five formats say the same: every word and figure of a report stands in
//! each of them, and each is well formed.

#[path = "support/page.rs"]
mod page;
use planb_assess::answers::{self, Form};
use planb_assess::documents::cost;
use planb_assess::method::AnswersFile;
use planb_assess::render::{Format, Options, columns, guard, render};
use planb_assess::report::{Block, Cell, Report, Table, Tone};
use planb_assess::{Assessed, Inputs, METHODS, find};
use planb_model::{Lang, Text};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

const LANGUAGES: [Lang; 2] = [Lang::En, Lang::Ko];

fn example(name: &str, lang: Lang) -> Assessed {
    let method = find(name).expect("a method");
    let sheet = method.sheet(method.data).expect("reads");
    let text = answers::write(name, &sheet, &answers::example(&sheet, lang), lang);
    let file = AnswersFile {
        text: &text,
        name: "example",
        form: Form::Yaml,
    };
    method
        .assess(&sheet, &file, &Inputs::default())
        .unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"))
}

/// Every method's example, and a document.
fn all(lang: Lang) -> Vec<Assessed> {
    let mut all: Vec<Assessed> = METHODS.iter().map(|m| example(m.name, lang)).collect();
    all.push(cost::report(example("cost", lang), true));
    all
}

fn written(assessed: &Assessed, format: Format, lang: Lang) -> String {
    let options = Options {
        lang,
        columns: 140,
        date: "2026-11-27".to_owned(),
    };
    render(assessed, format, &options)
}

/// Every text of a report that is not in a table.
fn texts(report: &Report) -> Vec<&Text> {
    let verdict = &report.verdict;
    let mut all = vec![&report.title, &verdict.headline, &verdict.reason];
    for tile in &report.tiles {
        all.extend([&tile.title, &tile.value, &tile.note]);
    }
    for section in &report.sections {
        all.push(&section.title);
        all.extend(&section.lead);
        for block in &section.blocks {
            match block {
                Block::Paragraph(text) => all.push(text),
                Block::List(items) => all.extend(items),
                Block::Facts(facts) => all.extend(facts.iter().flat_map(|(n, v)| [n, v])),
                Block::Findings(findings) => {
                    for finding in findings {
                        all.extend([&finding.subject, &finding.reason]);
                        all.extend(&finding.action);
                    }
                }
                Block::Table(_) | Block::Chart(_) | Block::Code(_) => {}
            }
        }
    }
    all.extend(report.notes.iter().map(|note| &note.text));
    all
}

fn tables(report: &Report) -> Vec<&Table> {
    let blocks = report.sections.iter().flat_map(|s| &s.blocks);
    let tables = blocks.filter_map(|block| match block {
        Block::Table(table) => Some(table),
        _ => None,
    });
    tables.collect()
}

/// Without spaces and backticks: formats break lines and mark code.
fn bare(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && *c != '`')
        .collect()
}

#[test]
fn json_holds_what_the_others_write() {
    for assessed in all(Lang::En) {
        let json: Json =
            serde_json::from_str(&written(&assessed, Format::Json, Lang::En)).expect("JSON");
        // Read as the file was: the last digit of a number may move once.
        let read = |text: Result<String, _>| -> Json {
            serde_json::from_str(&text.expect("JSON")).expect("reads")
        };
        let report = read(serde_json::to_string(&assessed.report));
        assert_eq!(json["report"], report, "{}", assessed.report.method);
        assert_eq!(
            json["outcome"],
            read(serde_json::to_string(&assessed.outcome))
        );
        assert!(json["outcome"].as_object().is_some_and(|o| !o.is_empty()));
    }
}

#[test]
fn pages_hold_every_text_and_figure() {
    for lang in LANGUAGES {
        for assessed in all(lang) {
            let report = &assessed.report;
            let html = bare(&page::text(&written(&assessed, Format::Html, lang)));
            // Backslashes before signs are Markdown's; no text here has its own.
            let markdown = bare(&written(&assessed, Format::Markdown, lang)).replace('\\', "");
            let text = bare(&written(&assessed, Format::Text, lang));
            for said in texts(report) {
                let said = bare(said.get(lang));
                for (format, whole) in [("html", &html), ("md", &markdown), ("text", &text)] {
                    assert!(whole.contains(&said), "{} {format}: {said}", report.method);
                }
            }
            let cells = tables(report).into_iter().flat_map(|t| &t.rows).flatten();
            for cell in cells {
                let said = bare(cell.text.get(lang));
                assert!(html.contains(&said), "{} html: {said}", report.method);
                assert!(markdown.contains(&said), "{} md: {said}", report.method);
            }
        }
    }
}

/// Cells of a text table stand in columns, and go on below: read downwards.
#[test]
fn terminal_tables_hold_every_cell_in_its_column() {
    for lang in LANGUAGES {
        for assessed in all(lang) {
            let text = written(&assessed, Format::Text, lang);
            for table in tables(&assessed.report) {
                let found = read_columns(&text, table, lang);
                for (at, column) in found.iter().enumerate() {
                    let said = |cell: &Cell| {
                        let sign = match cell.tone {
                            Tone::Plain => "",
                            Tone::Good => "✓",
                            Tone::Warn => "!",
                            Tone::Bad => "✕",
                            Tone::Unknown => "?",
                        };
                        format!("{sign}{}", bare(cell.text.get(lang)))
                    };
                    let wanted: String = table.rows.iter().map(|row| said(&row[at])).collect();
                    let title = &table.columns[at].title;
                    let title = title.get(lang);
                    assert_eq!(
                        *column, wanted,
                        "{} {title}\n{text}",
                        assessed.report.method
                    );
                }
            }
        }
    }
}

/// Where words do not fit side by side, the cells of a row stand below each other.
#[test]
fn no_word_is_broken_on_a_terminal_of_80_columns() {
    for lang in LANGUAGES {
        for assessed in all(lang) {
            let options = Options {
                lang,
                columns: 80,
                date: String::new(),
            };
            let text = render(&assessed, Format::Text, &options);
            let widest = text.lines().map(columns).max();
            assert!(widest <= Some(80), "{}\n{text}", assessed.report.method);
            let mut left: BTreeMap<&str, i32> = BTreeMap::new();
            for word in text.split_whitespace() {
                *left.entry(word).or_default() += 1;
            }
            let rows = tables(&assessed.report).into_iter();
            let cells = rows.flat_map(|table| table.rows.iter().take(60)).flatten();
            for cell in cells {
                let words = cell.text.get(lang).split_whitespace();
                for word in words.filter(|word| columns(word) <= 28) {
                    let count = left.entry(word).or_default();
                    *count -= 1;
                    assert!(*count >= 0, "{}: {word}\n{text}", assessed.report.method);
                }
            }
        }
    }
}

#[test]
fn rows_that_add_up_stand_out() {
    let cost = example("cost", Lang::En);
    let totals = tables(&cost.report).into_iter().flat_map(|table| {
        let rows = table.totals.iter().map(|at| &table.rows[*at]);
        rows.map(|row| row.iter().map(|cell| cell.text.en.as_str()).collect())
    });
    let totals: Vec<Vec<&str>> = totals.collect();
    assert!(totals.len() >= 4, "{totals:?}");
    let html = written(&cost, Format::Html, Lang::En);
    let markdown = written(&cost, Format::Markdown, Lang::En);
    assert_eq!(
        html.matches("<tr class=\"total\">").count(),
        totals.len(),
        "and no other row"
    );
    assert!(html.contains(".total td{font-weight:600"));
    for row in totals {
        let last = row.last().expect("a cell");
        assert!(row.contains(&"total"), "{row:?}");
        assert!(markdown.contains(&format!("| **total** | **{last}**")) || row.len() > 2);
        let found = html.split("<tr class=\"total\">").skip(1);
        let mut found = found.filter_map(|rest| rest.split_once("</tr>"));
        assert!(found.any(|(cells, _)| cells.contains(last)), "{row:?}");
    }
}

/// What stands in each column below the rule of `table`.
fn read_columns(text: &str, table: &Table, lang: Lang) -> Vec<String> {
    let title = table.title.get(lang);
    let is_rule = |line: &str| {
        line.starts_with("--") && line.chars().all(|c| matches!(c, '-' | ' ')) && {
            let spans = line.split("  ").count();
            spans == table.columns.len()
        }
    };
    let mut lines = text
        .lines()
        .skip_while(|line| *line != title)
        .skip_while(|line| !is_rule(line));
    let rule = lines
        .next()
        .unwrap_or_else(|| panic!("no table {title}\n{text}"));
    let mut spans = Vec::new();
    let mut from = 0;
    for dashes in rule.split("  ") {
        spans.push((from, from + dashes.len()));
        from += dashes.len() + 2;
    }
    let mut out = vec![String::new(); spans.len()];
    for line in lines.take_while(|line| !line.is_empty()) {
        for (column, (from, to)) in out.iter_mut().zip(&spans) {
            column.push_str(&bare(&between(line, *from, *to)));
        }
    }
    out
}

/// The columns `from..to` of a terminal line; Hangul takes two.
fn between(line: &str, from: usize, to: usize) -> String {
    let mut at = 0;
    let mut out = String::new();
    for c in line.chars() {
        if (from..to).contains(&at) {
            out.push(c);
        }
        at += columns(&c.to_string());
    }
    out
}

/// Rows of a CSV file (RFC 4180).
fn read_csv(text: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let (mut row, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quoted) {
            ('"', true) if chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            ('"', _) => quoted = !quoted,
            (',', false) => row.push(std::mem::take(&mut cell)),
            ('\r', false) => {}
            ('\n', false) => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            (c, _) => cell.push(c),
        }
    }
    assert!(!quoted && cell.is_empty(), "a quote without end");
    rows
}

#[test]
fn spreadsheets_hold_every_row() {
    for lang in LANGUAGES {
        for assessed in all(lang) {
            let report = &assessed.report;
            let rows = read_csv(&written(&assessed, Format::Csv, lang));
            let verdict = [&report.verdict.headline, &report.verdict.reason];
            let verdict = verdict.map(|text| guard(text.get(lang)));
            let main = tables(report).into_iter().find(|t| t.main);
            let wanted: Vec<&Table> = main.map_or_else(|| tables(report), |main| vec![main]);
            for row in wanted.iter().flat_map(|t| &t.rows) {
                let mut row: Vec<String> = row.iter().map(|c| guard(c.text.get(lang))).collect();
                // Sorted, filtered or joined with others, a row keeps the verdict.
                row.extend(main.iter().flat_map(|_| verdict.clone()));
                assert!(rows.contains(&row), "{}: {row:?}", report.method);
            }
            for cell in rows.iter().flatten() {
                let risky = cell.starts_with(['=', '+', '-', '@']);
                assert!(!risky || cell.parse::<f64>().is_ok(), "{cell}");
            }
            if main.is_some() {
                let width = rows[0].len();
                assert!(rows.iter().all(|r| r.len() == width), "{}", report.method);
                let names: BTreeSet<&String> = rows[0].iter().collect();
                assert_eq!(names.len(), width, "{}: {:?}", report.method, rows[0]);
                continue;
            }
            for said in texts(report).iter().take(3 + 3 * report.tiles.len()) {
                let said = guard(said.get(lang));
                assert!(rows.iter().flatten().any(|c| *c == said), "{said}");
            }
        }
    }
}

#[test]
fn markdown_tables_are_whole() {
    for lang in LANGUAGES {
        for assessed in all(lang) {
            let text = written(&assessed, Format::Markdown, lang);
            let mut width = 0;
            let mut rows = 0;
            for line in text.lines() {
                if !line.starts_with('|') {
                    width = 0;
                    continue;
                }
                let bars = line.replace("\\|", "").matches('|').count();
                if width == 0 {
                    width = bars;
                }
                assert_eq!(bars, width, "{}: {line}", assessed.report.method);
                assert!(line.ends_with('|'), "{line}");
                rows += 1;
            }
            assert!(rows > 2, "{}", assessed.report.method);
        }
    }
}

#[test]
fn html_is_well_formed_and_loads_nothing() {
    for lang in LANGUAGES {
        for assessed in all(lang) {
            let html = written(&assessed, Format::Html, lang);
            let method = &assessed.report.method;
            assert_eq!(page::faults(&html), Vec::<String>::new(), "{method}");
            assert!(html.contains(&format!("<html lang=\"{}\">", lang.tag())));
            let title = assessed.report.title.get(lang);
            assert!(html.contains(&format!("<title>PlanB · {title}</title>")));
            assert_eq!(page::loads(&html), Vec::<String>::new(), "{method}");
            assert!(html.contains("default-src 'none'"));
            // Figures are named, and their numbers can be read.
            let count = |what: &str| html.matches(what).count();
            assert_eq!(count("<figure"), count("<svg"), "{method}");
            assert_eq!(count("<figure"), count("<details"), "{method}");
        }
    }
}

#[test]
fn fonts_have_hangul_on_every_system() {
    let html = written(&example("gpu", Lang::Ko), Format::Html, Lang::Ko);
    for font in [
        "Apple SD Gothic Neo",
        "Malgun Gothic",
        "Noto Sans KR",
        "Noto Sans CJK KR",
    ] {
        assert!(html.contains(font), "{font}");
    }
    // Hangul breaks between words, never inside of one because a column is narrow.
    let css = html.split_once("[lang=ko] body{").expect("a rule").1;
    let css = css.split_once('}').expect("its end").0;
    assert!(css.contains("word-break:keep-all"), "{css}");
    assert!(!css.contains("overflow-wrap:anywhere"), "{css}");
}
