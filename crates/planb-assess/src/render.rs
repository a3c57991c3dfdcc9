//! Reports as text, JSON, Markdown, CSV and HTML.

mod csv;
mod html;
mod inline;
mod markdown;
mod svg;
mod tables;
mod text;
mod width;

pub use csv::guard;
pub use width::{columns, wrap};

use crate::method::Assessed;
use crate::report::{Finding, Tone};
use planb_model::{Lang, Text};

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For a terminal.
    Text,
    /// For machines; both languages, and the outcome as data.
    Json,
    /// For repositories and wikis.
    Markdown,
    /// The tables, for a spreadsheet.
    Csv,
    /// One file that needs nothing else.
    Html,
}

/// What a renderer has to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// The language; JSON has both.
    pub lang: Lang,
    /// Columns of the terminal.
    pub columns: usize,
    /// The day it is made, as people read it; left out when empty.
    pub date: String,
}

/// Writes a report.
pub fn render(assessed: &Assessed, format: Format, options: &Options) -> String {
    match format {
        Format::Text => text::render(&assessed.report, options),
        Format::Json => json(assessed),
        Format::Markdown => markdown::render(&assessed.report, options),
        Format::Csv => csv::render(&assessed.report, options.lang),
        Format::Html => html::render(&assessed.report, options),
    }
}

/// The schema of the JSON output; it grows and never changes a meaning.
const JSON_SCHEMA: &str = "planb.assess/v1";
/// The same for documents.
const JSON_SCHEMA_DOCUMENT: &str = "planb.report/v1";

fn json(assessed: &Assessed) -> String {
    let whole = serde_json::json!({
        "schema": if assessed.report.is_document() { JSON_SCHEMA_DOCUMENT } else { JSON_SCHEMA },
        "method": assessed.report.method,
        "outcome": assessed.outcome,
        "report": assessed.report,
    });
    let mut text = serde_json::to_string_pretty(&whole).unwrap_or_default();
    text.push('\n');
    text
}

/// A tone in a word, for those who hear a page.
fn spoken(tone: Tone) -> Text {
    match tone {
        Tone::Plain => Text::new("note", "참고"),
        Tone::Good => Text::new("good", "양호"),
        Tone::Warn => Text::new("attention", "주의"),
        Tone::Bad => Text::new("problem", "문제"),
        Tone::Unknown => Text::new("not known", "알 수 없음"),
    }
}

/// The sign of a tone: a meaning is never in a colour alone.
fn sign(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "·",
        Tone::Good => "✓",
        Tone::Warn => "!",
        Tone::Bad => "✕",
        Tone::Unknown => "?",
    }
}

/// Words every renderer uses.
struct Words {
    source: &'static str,
    notes: &'static str,
    action: &'static str,
    illustrative: &'static str,
    /// Opens the figures of a drawing.
    figures: &'static str,
    /// What the letters of the sources stand for.
    documents: &'static str,
}

fn words(lang: Lang) -> Words {
    match lang {
        Lang::En => Words {
            source: "Source",
            notes: "Illustrative figures and their sources",
            action: "To do",
            figures: "Figures as a table",
            illustrative: "These figures come from documents, not from your own systems. Put in your own before you decide.",
            documents: "W: white paper on cases and adoption. V: white paper on virtualisation and cloud native. D: adoption slides. DR: white paper on cloud native DR for public institutions. P: the customer's multi-cloud design.",
        },
        Lang::Ko => Words {
            source: "출처",
            notes: "예시적 수치와 출처",
            action: "조치",
            figures: "수치를 표로 보기",
            illustrative: "아래 수치는 문서에서 가져온 것이며 귀 기관의 실측값이 아닙니다. 결정하기 전에 자체 수치로 바꾸십시오.",
            documents: "W: 사례와 도입 전략 백서. V: 가상화와 클라우드 네이티브 백서. D: 도입 안내 슬라이드. DR: 공공기관 클라우드 네이티브 DR 백서. P: 고객의 멀티클라우드 설계서.",
        },
    }
}

/// What stands between subject and reason of a finding: nothing after a question
/// mark, and nothing when there is no reason.
fn colon(finding: &Finding, lang: Lang) -> &'static str {
    let subject = finding.subject.get(lang);
    match () {
        () if finding.reason.get(lang).is_empty() => "",
        () if subject.ends_with(['?', ':']) => " ",
        () => ": ",
    }
}

/// Text without what could move a cursor or turn the reading direction.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// A source in the language of the report: names of documents stay, words do not.
pub(crate) fn cited(source: &str, lang: Lang) -> String {
    /// What stands in `source:` lines besides letters and numbers.
    const WORDS: [(&str, &str); 5] = [
        (" (cost)", "(비용)"),
        (" (operations)", "(운영)"),
        (" (backup)", "(백업)"),
        (" item ", " 문항 "),
        (" items ", " 문항 "),
    ];
    match lang {
        Lang::En => source.to_owned(),
        Lang::Ko => WORDS
            .iter()
            .fold(source.to_owned(), |said, (en, ko)| said.replace(en, ko)),
    }
}

/// What is left out of a table, in words.
fn more_rows(count: usize) -> Text {
    Text::new(
        format!("{count} more rows; --format csv has all of them"),
        format!("{count}행 생략. --format csv에 모두 들어 있습니다"),
    )
}
